"""What the pages of retention ask for."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from recordings.models import Basis
from retention.erasure import GROUNDS_TO_ORDER
from retention.models import RetentionPolicy, Unit
from retention.periods import Period
from retention.policies import Terms
from vault.access.models import Team

BASIS_NAMES = {
    Basis.CONSENT: _("Consent"),
    Basis.CONTRACT: _("Contract"),
    Basis.LEGAL_OBLIGATION: _("Legal obligation"),
    Basis.VITAL_INTERESTS: _("Vital interests"),
    Basis.PUBLIC_TASK: _("Public task"),
    Basis.LEGITIMATE_INTERESTS: _("Legitimate interests"),
}
_BASES = [(basis.value, name) for basis, name in BASIS_NAMES.items()]
_ANY = [("", _("any"))]


def unit_choices() -> list[tuple[str, Any]]:
    """Return the units a policy may count in: seconds in trials only."""
    return [(unit.value, unit.label) for unit in Unit if unit is not Unit.SECONDS or settings.TRIAL]


class GroundForm(forms.Form):
    """Why a recording is erased now."""

    ground = forms.ChoiceField(
        label=_("Ground"),
        choices=[("", _("Choose")), *((ground.value, ground.label) for ground in GROUNDS_TO_ORDER)],
        help_text=_("It stands in the audit trail and in the proof."),
    )


class PolicyForm(forms.Form):
    """The terms of a policy."""

    name = forms.CharField(label=_("Name"), max_length=120)
    lawful_basis = forms.ChoiceField(label=_("Lawful basis for keeping"), choices=_BASES)
    justification = forms.CharField(
        label=_("Why this long"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("In words that a regulator will read. No names."),
    )
    keep_at_most_count = forms.IntegerField(label=_("Keep at most"), min_value=1)
    keep_at_most_unit = forms.ChoiceField(label=_("Unit"), choices=unit_choices)
    keep_at_least_count = forms.IntegerField(
        label=_("Keep at least"),
        min_value=1,
        required=False,
        help_text=_("Only where a duty to keep exists; nobody can erase a recording before."),
    )
    keep_at_least_unit = forms.ChoiceField(
        label=_("Unit"), choices=lambda: [("", "–"), *unit_choices()], required=False
    )
    team = forms.ModelChoiceField(
        label=_("Team"), queryset=Team.objects.order_by("name", "pk"), required=False, empty_label=_("any")
    )
    queue = forms.CharField(label=_("Queue"), max_length=80, required=False)
    category = forms.CharField(label=_("Category"), max_length=80, required=False)
    basis = forms.ChoiceField(label=_("Lawful basis of the call"), choices=[*_ANY, *_BASES], required=False)

    def clean(self) -> dict[str, Any]:
        """Check that a floor has both a count and a unit."""
        cleaned = super().clean() or {}
        if bool(cleaned.get("keep_at_least_count")) != bool(cleaned.get("keep_at_least_unit")):
            self.add_error("keep_at_least_count", _("Give both a number and a unit, or neither."))
        return cleaned

    def terms(self) -> Terms:
        """Return what was filled in."""
        asked = self.cleaned_data
        at_least = asked["keep_at_least_count"]
        team: Team | None = asked["team"]
        return Terms(
            name=asked["name"],
            lawful_basis=asked["lawful_basis"],
            justification=asked["justification"],
            keep_at_most=Period(asked["keep_at_most_count"], asked["keep_at_most_unit"]),
            keep_at_least=Period(at_least, asked["keep_at_least_unit"]) if at_least else None,
            team_id=team.pk if team else None,
            queue=asked["queue"],
            category=asked["category"],
            basis=asked["basis"],
        )

    @staticmethod
    def initial_of(version: RetentionPolicy) -> dict[str, Any]:
        """Return what a version says, to start a change from."""
        names = (
            "name lawful_basis justification keep_at_most_count keep_at_most_unit keep_at_least_count"
            " keep_at_least_unit queue category basis"
        )
        return {name: getattr(version, name) for name in names.split()} | {"team": version.team_id}


class ReasonForm(forms.Form):
    """Why something is done."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Kept sealed with the recording; it goes when the recording goes."),
    )


class HoldForm(ReasonForm):
    """A legal hold."""

    case = forms.CharField(
        label=_("Case number"), max_length=40, required=False, help_text=_("A number, no names.")
    )
    review_on = forms.DateField(
        label=_("Look at it again on"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )


class NewHoldForm(HoldForm):
    """A legal hold on a recording that is named by its id."""

    recording = forms.UUIDField(
        label=_("Id of the recording"),
        help_text=_("It stands on the recording's page, and is no personal data."),
    )
    field_order = ("recording", "case", "reason", "review_on")

    def recording_id(self) -> UUID:
        """Return the id that was filled in."""
        found: UUID = self.cleaned_data["recording"]
        return found
