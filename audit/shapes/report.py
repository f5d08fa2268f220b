"""The trail as a report that people read: a summary, the events in a table, and how to check them, as PDF.

It is a reading copy. What it says stands, provable, in the files beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from audit.actions import GROUPS, Action
from audit.actor import ActorKind
from audit.shapes.lines import About, Line, Tell
from audit.wording import (
    ACTOR_KINDS,
    FACT_NAMES,
    FILTER_NAMES,
    GROUP_NAMES,
    OUTCOME_NAMES,
    TARGETS,
    name_of_action,
    parts_heard,
    say,
)
from vault import pdf

# What one may order, and what is printed where more events came in until the report is made.
MOST_ORDERED = 2_000
MOST_PRINTED = MOST_ORDERED + 100
STYLE = Path(__file__).with_name("report.css")
_ROWS_A_SHEET = 17
_MOST_FACTS = 5
_MOST_PEOPLE = 40


@dataclass(frozen=True, slots=True)
class Row:
    """One event as the table shows it."""

    index: int
    at: str
    who: str
    role: str
    what: str
    details: str
    target: str
    target_id: str
    purpose: str
    outcome: str
    is_done: bool
    origin: str


@dataclass(frozen=True, slots=True)
class Share:
    """One line of the summary: how many events, and how many of them were refused or failed."""

    name: str
    events: int
    refused: int


def make_report(about: About, batches: Iterable[list[Line]], tell: Tell) -> Iterator[bytes]:
    """Yield the report, in the language of who asked."""
    lines = list(islice((line for batch in batches for line in batch), MOST_PRINTED))
    with translation.override(about.language):
        html = render_to_string("audit/report.html", context_of(about, lines))
    yield pdf.print_pdf(html, on_page=lambda page: tell(_ROWS_A_SHEET))


def context_of(about: About, lines: list[Line]) -> dict[str, Any]:
    """Return what the report's template shows, in the language that is on."""
    moments = [_when(line) for line in lines]
    withheld = sum(line.withheld for line in lines)
    return {
        "style": format_html("<style>{}</style>", mark_safe(STYLE.read_text(encoding="utf-8"))),  # noqa: S308 - our own file
        "command": "python3 verify.py PACKAGE.zip",
        "about": about,
        "language": about.language,
        "zone": timezone.get_current_timezone_name(),
        "made_at": _moment(about.made_at),
        "asked_at": _moment(about.asked_at),
        "period": _period(about, moments),
        "filters": _filters(about),
        "first": _moment(min(moments)) if moments else "–",
        "last": _moment(max(moments)) if moments else "–",
        "refused": sum(line.text("outcome") != "done" for line in lines),
        "by_kind": _by_kind(lines),
        "by_person": _by_person(lines)[:_MOST_PEOPLE],
        "more_people": max(0, len(_by_person(lines)) - _MOST_PEOPLE),
        "not_printed": max(0, about.events - len(lines)),
        "withheld_text": _withheld(withheld, about),
        "rows": [_row(line) for line in lines],
    }


def _row(line: Line) -> Row:
    said = say(line.text("action"), line.text("outcome"), by_vault=line.actor.get("kind") == ActorKind.SYSTEM)
    kind, outcome = line.target.get("kind", ""), line.text("outcome")
    target = str(TARGETS.get(kind, kind))
    return Row(
        index=line.index,
        at=_moment(_when(line)),
        who=_who(line),
        role=line.actor.get("role", ""),
        what=said.pattern.replace("{what}", target),
        details=" · ".join(filter(None, _details(line))),
        target=target,
        target_id=line.target.get("id", ""),
        purpose=line.text("purpose"),
        outcome=str(OUTCOME_NAMES.get(outcome, outcome)),
        is_done=outcome == "done",
        origin=" · ".join(filter(None, [line.text("access_point"), line.address])),
    )


def _who(line: Line) -> str:
    kind = line.actor.get("kind", "")
    return line.name or line.actor.get("id") or str(ACTOR_KINDS.get(kind, kind))


def _details(line: Line) -> list[str]:
    facts = line.facts
    code = _("code %(code)s") % {"code": facts["code"]} if "code" in facts else ""
    others = [
        f"{FACT_NAMES[name]}: {value}" for name, value in facts.items() if name in FACT_NAMES and value != ""
    ]
    return [*(f"“{word}”" for word in line.words), parts_heard(facts), code, *others[:_MOST_FACTS]]


def _by_kind(lines: list[Line]) -> list[Share]:
    names = {action.value: _group_of(action) for action in Action}
    return _shares(lines, [names.get(line.text("action"), "") or _("Other") for line in lines])


def _by_person(lines: list[Line]) -> list[Share]:
    return _shares(lines, [_who(line) for line in lines])


def _shares(lines: list[Line], names: list[str]) -> list[Share]:
    events = Counter(names)
    refused = Counter(name for line, name in zip(lines, names, strict=True) if line.text("outcome") != "done")
    return [
        Share(name, count, refused[name])
        for name, count in sorted(events.items(), key=lambda item: (-item[1], item[0]))
    ]


def _group_of(action: Action) -> str:
    found = (str(GROUP_NAMES[name]) for name, actions in GROUPS.items() if action in actions)
    return next(found, "")


def _filters(about: About) -> list[tuple[str, str]]:
    actions = {action.value: name_of_action(action) for action in Action}
    named: dict[str, Mapping[str, object]] = {
        "action": actions,
        "group": GROUP_NAMES,
        "outcome": OUTCOME_NAMES,
    }
    return [
        (str(FILTER_NAMES.get(name, name)), str(named.get(name, {}).get(value, value)))
        for name, value in about.filters.items()
        if name not in ("since", "until")
    ]


def _period(about: About, moments: list[datetime]) -> str:
    since, until = (about.filters.get(name) for name in ("since", "until"))
    words = {
        "since": _moment(datetime.fromisoformat(since)) if since else "",
        "until": _moment(datetime.fromisoformat(until)) if until else "",
    }
    if since and until:
        return _("from %(since)s until %(until)s") % words
    if since:
        return _("from %(since)s") % words
    return _("until %(until)s") % words if until else _("any time")


def _withheld(count: int, about: About) -> str:
    if not count:
        return ""
    if about.with_personal:
        return ngettext(
            "%(count)s passage about people is blank, because they were forgotten.",
            "%(count)s passages about people are blank, because they were forgotten.",
            count,
        ) % {"count": count}
    return ngettext(
        "%(count)s passage about people (names, addresses, reasons) is withheld: nobody gave a ground for it.",
        "%(count)s passages about people (names, addresses, reasons) are withheld: nobody gave a ground for them.",
        count,
    ) % {"count": count}


def _when(line: Line) -> datetime:
    return datetime.fromisoformat(line.text("at"))


def _moment(at: datetime) -> str:
    return date_format(timezone.localtime(at), pgettext("date format: 22 Nov 2026, 10:41:07", "j M Y, H:i:s"))
