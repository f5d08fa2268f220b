"""Forms of the recordings pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from recordings.models import BasisStatus, Party, PartyRole, Purpose, Recording
from recordings.playback import LONGEST_REASON, SHORTEST_REASON
from recordings.wording import BASES, PARTIES, STATUSES, purpose_name


class ListenForm(forms.Form):
    """What a call is opened for. The use case checks it again; this says it beside the field."""

    purpose = forms.SlugField(max_length=40, error_messages={"required": _("Choose what it is for.")})
    reason = forms.CharField(
        min_length=SHORTEST_REASON,
        max_length=LONGEST_REASON,
        error_messages={
            "required": _("Say it in one sentence."),
            "min_length": _("Say it in at least %(limit_value)d characters."),
        },
    )

    def clean_reason(self) -> str:
        """Count words, not spaces."""
        reason = " ".join(self.cleaned_data["reason"].split())
        if len(reason) < SHORTEST_REASON:
            raise forms.ValidationError(
                _("Say it in at least %(limit_value)d characters."), params={"limit_value": SHORTEST_REASON}
            )
        return reason


class LawfulBasisForm(forms.Form):
    """An entry for the history of lawful bases."""

    party = forms.TypedChoiceField(label=_("Who"), coerce=int)
    purpose = forms.ChoiceField(label=_("For which purpose"))
    basis = forms.ChoiceField(
        label=_("Lawful basis"), choices=[(key.value, word) for key, word in BASES.items()]
    )
    status = forms.ChoiceField(
        label=_("What happened"),
        choices=[(key.value, word) for key, word in STATUSES.items()],
        widget=forms.RadioSelect,
        initial=BasisStatus.WITHDRAWN,
    )
    method = forms.CharField(
        label=_("How it was said"),
        required=False,
        max_length=40,
        help_text=_("For example: by letter, by e-mail, spoken. No names or numbers."),
    )
    notice_version = forms.CharField(label=_("Version of the notice"), required=False, max_length=40)

    def __init__(self, *args: Any, recording: Recording, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        parties = list(Party.objects.filter(recording=recording).order_by("position"))
        purposes = Purpose.objects.filter(is_active=True).order_by("position", "pk")
        self.fields["party"].choices = [  # type: ignore[attr-defined]
            (party.position, PARTIES[PartyRole(party.role)]) for party in parties
        ]
        # Who calls is who mostly changes their mind.
        callers = [party.position for party in parties if party.role == PartyRole.CUSTOMER]
        self.fields["party"].initial = callers[0] if callers else None
        self.fields["purpose"].choices = [  # type: ignore[attr-defined]
            (purpose.code, purpose_name(purpose)) for purpose in purposes
        ]
