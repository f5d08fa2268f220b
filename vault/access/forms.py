"""What the pages of people, teams and tokens ask for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _

from vault.access.models import ROLE_NAMES, Team, User
from vault.access.roles import PEOPLES_ROLES
from vault.permissions import Permission

_ROLES = [(role.value, ROLE_NAMES[role]) for role in PEOPLES_ROLES]
_LIVES = [(30, _("30 days")), (90, _("90 days")), (180, _("Half a year")), (365, _("A year"))]
SCOPES = {
    Permission.RECORDING_INGEST: _("Bring in recordings"),
    Permission.RECORDING_FIND: _("Find the recordings it brought in"),
    Permission.LAWFUL_BASIS_READ: _("Read lawful bases"),
    Permission.LAWFUL_BASIS_RECORD: _("Record lawful bases, and their withdrawal"),
    Permission.METRICS_READ: _("Read metrics"),
}


class ChoosePassword(forms.Form):
    """A new password, typed twice."""

    password = forms.CharField(
        label=_("Password"),
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 12 characters. A sentence is easier to remember than a word."),
    )
    again = forms.CharField(
        label=_("The same again"),
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._person = person

    def clean_password(self) -> str:
        """Check the password against the rules."""
        password: str = self.cleaned_data["password"]
        validate_password(password, self._person)
        return password

    def clean(self) -> dict[str, Any]:
        """Check that both are the same."""
        cleaned = super().clean() or {}
        if {"password", "again"} <= cleaned.keys() and cleaned["password"] != cleaned["again"]:
            self.add_error("again", _("The two passwords differ."))
        return cleaned


class InvitePerson(forms.Form):
    """Who is invited, as what, and into which teams."""

    name = forms.CharField(label=_("Name"), max_length=120)
    email = forms.EmailField(label=_("E-mail at work"), max_length=254)
    role = forms.ChoiceField(label=_("Role"), choices=_ROLES)
    teams = forms.ModelMultipleChoiceField(
        label=_("Teams"),
        queryset=Team.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("A team gives reach: without one, a supervisor or a reviewer sees no call."),
    )
    language = forms.ChoiceField(label=_("Language of mail"), choices=settings.LANGUAGES)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["teams"].queryset = Team.objects.order_by("name", "pk")  # type: ignore[attr-defined]


class ChangeRole(forms.Form):
    """Another role."""

    role = forms.ChoiceField(label=_("Role"), choices=_ROLES)


class ChangeTeams(forms.Form):
    """The teams, all of them."""

    teams = forms.ModelMultipleChoiceField(
        label=_("Teams"),
        queryset=Team.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["teams"].queryset = Team.objects.order_by("name", "pk")  # type: ignore[attr-defined]


class NameTeam(forms.Form):
    """A team's name."""

    name = forms.CharField(label=_("Name of the team"), max_length=80)


class ChooseLanguage(forms.Form):
    """The language in which the vault writes to a person."""

    language = forms.ChoiceField(label=_("Language of mail"), choices=settings.LANGUAGES)


class LifeOfToken(forms.Form):
    """How long a token lives."""

    days = forms.TypedChoiceField(label=_("Expires after"), choices=_LIVES, coerce=int, initial=365)

    @property
    def lifetime(self) -> timedelta:
        """Return the chosen life."""
        return timedelta(days=self.cleaned_data["days"])


class MakeToken(LifeOfToken):
    """A token for another system."""

    name = forms.CharField(
        label=_("What uses it"), max_length=80, help_text=_("For example: telephone exchange, site North.")
    )
    scopes = forms.MultipleChoiceField(
        label=_("It may"),
        choices=[(scope.value, label) for scope, label in SCOPES.items()],
        widget=forms.CheckboxSelectMultiple,
    )
    field_order = ["name", "scopes", "days"]

    @property
    def permissions(self) -> list[Permission]:
        """Return the chosen scopes."""
        return [Permission(scope) for scope in self.cleaned_data["scopes"]]
