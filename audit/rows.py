"""Events as people read them: a row of the timeline, and what a row opens to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from audit.actions import Action
from audit.actor import ActorKind, Ref
from audit.events import AddendumTold, Told
from audit.wording import (
    ACTOR_KINDS,
    ADDENDUM_NAMES,
    FACT_NAMES,
    FIELD_NAMES,
    OTHER_FACT_NAMES,
    OUTCOME_NAMES,
    TARGETS,
    name_of_action,
    parts_heard,
    say,
    time_of_call,
)

_MOST_FACTS = 4
_ID = re.compile(
    "=?[0-9a-f]{8}[0-9a-f-]{24,}"
)  # ids and keyed hashes: a row says that there was one, not which


@dataclass(frozen=True, slots=True)
class Row:
    """One event as the timeline shows it."""

    id: UUID
    index: int | None
    at: datetime
    who: str
    sentence: SafeString
    below: str
    role: str
    icon: str
    tone: str


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that an event says: what it is called, and what it is."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Inside:
    """All that an event says, in words and exactly as it was hashed."""

    fields: list[Field]
    people: list[About]
    entry: str


@dataclass(frozen=True, slots=True)
class About:
    """What an event says about one subject; without fields it was forgotten."""

    subject: str
    fields: list[Field]


def row_of(told: Told) -> Row:
    """Return one event as a row."""
    event = told.event
    said = say(event.action, event.outcome, by_vault=event.actor_kind == ActorKind.SYSTEM)
    return Row(
        id=event.id,
        index=told.index,
        at=event.occurred_at,
        who=_who(told),
        sentence=format_html(said.pattern, what=_what(event.target)),
        below=" · ".join(filter(None, _details(told))),
        role=event.actor_role,
        icon=said.icon,
        tone=said.tone,
    )


def inside_of(told: Told) -> Inside:
    """Return what an event opens to."""
    body = told.event.body
    order = list(FIELD_NAMES)
    names = sorted(body.keys() - {"facts", "addenda"}, key=lambda name: (_place(order, name), name))
    fields = [Field(str(FIELD_NAMES.get(name, name)), _value(name, body[name])) for name in names]
    facts = [Field(_fact_name(name), _value(name, value)) for name, value in body.get("facts", {}).items()]
    return Inside(
        [*fields, *facts],
        [_about(part) for part in told.addenda],
        bytes(told.event.entry).decode(errors="replace"),
    )


def by_day(told: Iterable[Told]) -> list[tuple[date, list[Row]]]:
    """Return events as rows, under the reader's days."""
    rows = map(row_of, told)
    return [
        (day, list(of_day))
        for day, of_day in groupby(rows, key=lambda row: timezone.localtime(row.at).date())
    ]


def _about(part: AddendumTold) -> About:
    words = (part.fields or {}).items()
    return About(part.subject, [Field(str(ADDENDUM_NAMES.get(name, name)), text) for name, text in words])


def _place(order: list[str], name: str) -> int:
    return order.index(name) if name in order else len(order)


def _fact_name(name: str) -> str:
    return str(FACT_NAMES.get(name) or OTHER_FACT_NAMES.get(name) or name)


def _value(name: str, value: Any) -> str:
    if name == "actor":
        kind = value.get("kind", "")
        parts = (str(ACTOR_KINDS.get(kind, kind)), value.get("role", ""), value.get("id", ""))
        return " · ".join(filter(None, parts))
    if name == "target":
        return f"{TARGETS.get(value.get('kind'), value.get('kind'))} · {value.get('id')}"
    if name == "action" and value in set(Action):
        return name_of_action(Action(value))
    if name == "outcome":
        return str(OUTCOME_NAMES.get(value, value))
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if name.endswith("_ms") and isinstance(value, int):
        return _("%(clock)s (%(count)s ms)") % {"clock": time_of_call(value), "count": value}
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _who(told: Told) -> str:
    if told.actor_name:
        return told.actor_name
    if told.is_actor_forgotten:
        return _("Somebody forgotten")
    return str(ACTOR_KINDS.get(told.event.actor_kind, told.event.actor_kind))


def _what(target: Ref) -> SafeString | str:
    name = str(TARGETS.get(target.kind, target.kind))
    if target.kind == "recording":
        return format_html('<a href="{}">{}</a>', reverse("recordings:detail", args=[target.id]), name)
    if target.kind == "account" and _is_uuid(target.id):
        return format_html('<a href="{}">{}</a>', reverse("audit:person", args=[target.id]), name)
    return name


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _details(told: Told) -> list[str]:
    body = told.event.body
    facts = body.get("facts", {})
    words = [
        f"“{text}”"
        for part in told.addenda
        for name, text in (part.fields or {}).items()
        if name not in ("name", "address")
    ]
    code = _("code %(code)s") % {"code": facts["code"]} if "code" in facts else ""
    shown = ((name, _ID.sub("", str(value))) for name, value in facts.items() if name in FACT_NAMES)
    others = [f"{FACT_NAMES[name]}: {text}" for name, text in shown if text]
    place = body.get("access_point", "")
    return [
        *words,
        parts_heard(facts),
        body.get("purpose", ""),
        code,
        *others[:_MOST_FACTS],
        "" if place == "web" else place,
    ]
