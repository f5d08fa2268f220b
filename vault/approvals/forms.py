"""What the pages of a second person ask for."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class AskForm(forms.Form):
    """Why something is asked for."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Whoever decides reads it; it is kept sealed. No names of callers."),
    )


class DecideForm(forms.Form):
    """What who decides has to say."""

    said = forms.CharField(
        label=_("Your words"),
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("The person who asked reads them; kept sealed. Needed to refuse."),
    )
