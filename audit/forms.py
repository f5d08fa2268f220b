"""What the trail's pages ask: filters, and an order for an export."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.auth import get_user_model
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit import traces
from audit.actions import GROUPS, Action
from audit.actor import Actor
from audit.events import EventFilters
from audit.shapes.formats import FORMATS
from audit.wording import GROUP_NAMES, OUTCOME_NAMES, name_of_action
from vault.errors import Invalid

PERIODS = {"1": 1, "7": 7, "30": 30, "365": 365}


class TrailFilters(forms.Form):
    """What to look for in the trail. Every value is an id, a code or a day: nothing personal in an address."""

    person = forms.TypedChoiceField(label=_("Person"), required=False, coerce=UUID, empty_value=None)
    action = forms.ChoiceField(label=_("What happened"), required=False)
    outcome = forms.ChoiceField(label=_("Outcome"), required=False)
    period = forms.ChoiceField(
        label=_("Period"),
        required=False,
        choices=[
            ("", _("Any time")),
            ("1", _("Last 24 hours")),
            ("7", _("Last 7 days")),
            ("30", _("Last 30 days")),
            ("365", _("Last 12 months")),
        ],
    )
    recording = forms.UUIDField(
        label=_("Recording"),
        required=False,
        error_messages={"invalid": _("Type the id of a recording, as its timeline shows it.")},
    )
    purpose = forms.CharField(label=_("Purpose"), required=False, max_length=64)
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("Until"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    group = forms.ChoiceField(
        required=False, choices=[("", ""), *((name, name) for name in (*GROUPS, "refused"))]
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        people = get_user_model().objects.order_by("name", "pk").values_list("pk", "name")
        choices: dict[str, list[tuple[Any, Any]]] = {
            "person": [("", _("Anyone")), *((str(key), name) for key, name in people)]
        }
        choices["action"] = [("", _("Anything")), *_actions_by_group()]
        choices["outcome"] = [("", _("Any")), *((key, name) for key, name in OUTCOME_NAMES.items())]
        for name, values in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared so above
            field.choices = values
        for field in self.fields.values():
            is_choice = isinstance(field, forms.ChoiceField)
            field.widget.attrs["class"] = "form-select" if is_choice else "form-control"
        self.fields["recording"].widget.attrs["placeholder"] = _("The id of a recording")
        self.fields["purpose"].widget.attrs["placeholder"] = _("Its code, such as complaint")

    def filters(self, now: datetime) -> EventFilters:
        """Return what a valid form looks for."""
        asked = self.cleaned_data
        since = asked["since"] and _midnight(asked["since"])
        if asked["period"]:
            since = now - timedelta(days=PERIODS[asked["period"]])
        return EventFilters(
            person_id=asked["person"],
            recording_id=asked["recording"],
            group=asked["group"],
            action=asked["action"],
            outcome=asked["outcome"],
            purpose=asked["purpose"],
            since=since or None,
            until=_midnight(asked["until"] + timedelta(days=1)) if asked["until"] else None,
        )


class PostedFilters(TrailFilters):
    """The same, and what is personal in itself: it is posted, and stands in no address and no log."""

    number = forms.CharField(
        label=_("Telephone number or customer reference"), required=False, max_length=200
    )
    address = forms.CharField(label=_("Network address"), required=False, max_length=64)

    def __init__(self, *args: object, actor: Actor, now: datetime, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._actor, self._now = actor, now
        self._traces: list[traces.Traces] = []
        for name in ("number", "address"):
            self.fields[name].widget.attrs["autocomplete"] = "off"

    def clean(self) -> dict[str, Any]:
        """Find what the number and the address left in the trail."""
        asked: dict[str, Any] = super().clean() or self.cleaned_data
        if number := asked.get("number"):
            self._find("number", lambda: traces.of_number(number, actor=self._actor))
        if address := asked.get("address"):
            self._find("address", lambda: traces.of_address(address, now=self._now))
        return asked

    def filters(self, now: datetime) -> EventFilters:
        """Return what a valid form looks for."""
        return replace(super().filters(now), traces=tuple(self._traces))

    def _find(self, name: str, find: Callable[[], traces.Traces]) -> None:
        try:
            self._traces.append(find())
        except Invalid as refusal:
            self.add_error(name, gettext(refusal.detail))


class OrderExport(forms.Form):
    """What an export is to hold, beside the filters of the page."""

    format = forms.ChoiceField(
        label=_("Format"),
        choices=[(name, shape.label) for name, shape in FORMATS.items()],
        widget=forms.RadioSelect,
        initial="jsonl",
    )
    with_personal = forms.BooleanField(
        label=_("Show names, addresses and reasons"),
        required=False,
        help_text=_("Otherwise people stand in it under ids only."),
    )
    ground = forms.CharField(
        label=_("Why they are needed"),
        required=False,
        max_length=500,
        help_text=_("Needed if they are shown. Kept with the export's event, sealed."),
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        field = self.fields["format"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared so above
        field.choices = [
            (name, format_html('{}<span class="form-text d-block">{}</span>', shape.label, shape.meant_for))
            for name, shape in FORMATS.items()
        ]

    def add_refusal(self, refusal: Invalid) -> None:
        """Show why the export was not ordered beside the field that can change it.

        :raises Invalid: the same, if no field can.
        """
        field = {"ground": "ground", "too-many-events": "format", "no-printer": "format"}.get(refusal.reason)
        if field is None:
            raise refusal
        self.add_error(field, gettext(refusal.detail))


def _midnight(day: object) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))  # type: ignore[arg-type]


def _actions_by_group() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield what can happen, in words, under the headings that the page's chips bear."""
    left = {action.value: name_of_action(action) for action in Action}
    for group, actions in GROUPS.items():
        names = {action.value: left.pop(action.value) for action in actions if action.value in left}
        yield str(GROUP_NAMES[group]), sorted(names.items(), key=lambda each: each[1])
    yield str(_("Other")), sorted(left.items(), key=lambda each: each[1])
