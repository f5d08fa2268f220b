"""What the DPO's pages of privacy ask for. A number or a reference comes by POST alone and goes back into no address."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from privacy.breach import Suspect, find_suspect
from privacy.periods import Period
from privacy.statement import LANGUAGES, LONGEST_GROUND, SHORTEST_GROUND, Asked
from recordings import sought
from vault.access.models import ServiceToken, User

_LANGUAGE_NAMES = {"nl": "Nederlands", "en": "English"}


class WantedForm(forms.Form):
    """About whom."""

    wanted = forms.CharField(
        label=_("Telephone number or customer reference"),
        max_length=120,
        help_text=_("See first that it belongs to the person who asks."),
        error_messages={"required": _("Type a telephone number or a customer reference")},
    )


class PeriodForm(forms.Form):
    """From which day until which day, both included; empty means all."""

    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(
        label=_("Until and including"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )

    def period(self) -> Period:
        """Return the period that was asked for."""
        since, until = self.cleaned_data["since"], self.cleaned_data["until"]
        return Period(
            _midnight(since) if since else None, _midnight(until + timedelta(days=1)) if until else None
        )

    def clean(self) -> dict[str, Any]:
        """See that it does not end before it begins."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until < since:
            self.add_error("until", _("The period ends before it begins."))
        return cleaned


class StatementForm(PeriodForm):
    """What the statement is to say, and in which language."""

    wanted = forms.CharField(max_length=120, widget=forms.HiddenInput)
    field_order = ("wanted", "language", "addressee")
    language = forms.ChoiceField(
        label=_("Language of who asked"), choices=[(code, _LANGUAGE_NAMES[code]) for code in LANGUAGES]
    )
    addressee = forms.CharField(
        label=_("Name and address for the letter"),
        required=False,
        max_length=400,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Stands in the letter and is kept nowhere."),
    )
    names = forms.BooleanField(
        label=_("Name the employees"),
        required=False,
        help_text=_("Only where the person cannot use their rights without the names."),
    )
    ground = forms.CharField(
        label=_("Why the employees are named"),
        required=False,
        max_length=LONGEST_GROUND,
        help_text=_("Needed if they are named. Kept in the audit trail, sealed."),
    )

    def clean_ground(self) -> str:
        """Ask for a ground where employees are named."""
        ground = " ".join(str(self.cleaned_data["ground"]).split())
        if self.cleaned_data.get("names") and len(ground) < SHORTEST_GROUND:
            raise forms.ValidationError(
                _("Say it in at least %(least)d characters."), params={"least": SHORTEST_GROUND}
            )
        return ground

    def asked(self, format: str, actor: Actor) -> Asked:
        """Return what is asked for."""
        given = self.cleaned_data
        column = sought.column_of(given["wanted"], actor=actor)
        return Asked(
            **{column: given["wanted"]},
            period=self.period(),
            language=given["language"],
            format=format,
            with_names=given["names"],
            ground=given["ground"],
        )


class BreachForm(PeriodForm):
    """Whose acts are reported, and in which language."""

    who = forms.ChoiceField(label=_("Account or service token"))
    session = forms.CharField(
        label=_("Only this session"),
        required=False,
        max_length=64,
        help_text=_("The session's id, as events of the audit trail have it."),
    )
    language = forms.ChoiceField(
        label=_("Language of the report"), choices=[(code, _LANGUAGE_NAMES[code]) for code in LANGUAGES]
    )
    field_order = ("who", "session", "since", "until", "language")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = User.objects.order_by("name", "pk").values_list("pk", "name", "email")
        tokens = ServiceToken.objects.order_by("name", "pk").values_list("pk", "name")
        who = self.fields["who"]
        assert isinstance(who, forms.ChoiceField)  # noqa: S101 - declared so above
        who.choices = [
            ("", _("Choose one")),
            (_("Accounts"), [(f"account:{key}", f"{name} · {email}") for key, name, email in people]),
            (_("Service tokens"), [(f"token:{key}", name) for key, name in tokens]),
        ]

    def suspect(self) -> Suspect:
        """Return whose acts are reported."""
        kind, _colon, key = self.cleaned_data["who"].partition(":")
        return find_suspect(kind, UUID(key), self.cleaned_data["session"])


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
