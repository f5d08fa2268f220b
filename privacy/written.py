"""Statements and breach reports as JSON (docs/spec/statement.md) and CSV: stable, versioned, for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from audit.events import Coverage
from audit.trail import moment
from privacy.breach import Counted, Report
from privacy.consultations import Consultations, Heard, Seen, Stretch
from privacy.periods import Period
from privacy.statement import Statement

STATEMENT_FORMAT = "callvault-statement/1"
REPORT_FORMAT = "callvault-breach-report/1"
_COLUMNS = (
    "kind",
    "at",
    "recording",
    "purpose",
    "role",
    "what",
    "sent_ms",
    "sent",
    "possibly_sent_ms",
    "possibly_sent",
)


def statement_as_json(stated: Statement, *, controller: str) -> dict[str, Any]:
    """Return a statement as docs/spec/statement.md describes it; names only where they were decided on."""
    named = stated.with_names
    return {
        "format": STATEMENT_FORMAT,
        "event": str(stated.id),
        "made_at": moment(stated.made_at),
        "controller": controller,
        "language": stated.language,
        "about": {"field": stated.field, "masked": stated.masked},
        "period": _period(stated.period),
        "coverage": _coverage(stated.coverage),
        "recordings": [
            {
                "no": recording.no,
                "id": str(recording.id),
                "started_at": moment(recording.started_at),
                "duration_ms": recording.duration_ms,
            }
            for recording in stated.recordings
        ],
        **_consultations(stated.consultations, stated.numbers, named=named),
        "searches": [{"role": role, "count": count} for role, count in stated.searches],
        "statements_before": stated.statements,
        "names_shown": named,
    }


def report_as_json(report: Report) -> dict[str, Any]:
    """Return a breach report as docs/spec/statement.md describes it."""
    return {
        "format": REPORT_FORMAT,
        "event": str(report.id),
        "made_at": moment(report.made_at),
        "about": {
            "kind": report.suspect.kind,
            "id": str(report.suspect.id),
            "session": report.suspect.session or None,
        },
        "period": _period(report.period),
        "coverage": _coverage(report.coverage),
        "affected": {
            "recordings": len(report.recordings),
            "recordings_erased_since": report.people.recordings_unknown,
            "numbers": report.people.numbers,
            "parties_without_number": report.people.without_number,
        },
        "recordings": [
            {
                "no": recording.no,
                "id": str(recording.id),
                "started_at": _moment_or_none(recording.started_at),
                "is_erased": recording.is_erased,
            }
            for recording in report.recordings
        ],
        **_consultations(report.consultations, report.numbers, named=False),
        "lists": _counted(report.lists),
        "searches": _counted(report.searches),
        "trail_pages": _counted(report.trail_pages),
        "taken": [
            {
                "at": moment(one.at),
                "action": one.action,
                "target": {"kind": one.target_kind, "id": one.target_id},
                "events": one.events,
                "sha256": one.sha256,
            }
            for one in report.taken
        ],
    }


def report_as_csv(report: Report) -> str:
    """Return what was sent and shown as rows of CSV: ids, times and codes, nothing that anybody typed."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\r\n")
    rows.writerow(_COLUMNS)
    for heard in report.consultations.heard:
        rows.writerow(
            [
                "heard",
                moment(heard.at),
                heard.recording_id,
                heard.purpose,
                heard.role,
                "",
                heard.sent_ms,
                _stretches(heard.sent),
                heard.possibly_sent_ms,
                _stretches(heard.possibly_sent),
            ]
        )
    for seen in report.consultations.seen:
        rows.writerow(
            ["seen", moment(seen.at), seen.recording_id, seen.purpose, seen.role, seen.what, "", "", "", ""]
        )
    for taken in report.taken:
        rows.writerow(["taken", moment(taken.at), "", "", "", taken.action, "", "", "", ""])
    for what, counted in (
        ("lists", report.lists),
        ("searches", report.searches),
        ("trail-pages", report.trail_pages),
    ):
        rows.writerow(
            ["count", "", "", "", "", f"{what} {counted.pages} rows {counted.rows}", "", "", "", ""]
        )
    return text.getvalue()


def _consultations(done: Consultations, numbers: dict[Any, int], *, named: bool) -> dict[str, Any]:
    return {
        "heard": [_heard(one, numbers[one.recording_id], named=named) for one in done.heard],
        "seen": [_seen(one, numbers[one.recording_id], named=named) for one in done.seen],
        "refused": done.refused,
    }


def _heard(one: Heard, no: int, *, named: bool) -> dict[str, Any]:
    return {
        "recording": no,
        "at": moment(one.at),
        "purpose": one.purpose,
        "role": one.role,
        "sent": _pairs(one.sent),
        "sent_ms": one.sent_ms,
        "possibly_sent": _pairs(one.possibly_sent),
        "possibly_sent_ms": one.possibly_sent_ms,
        "is_open": one.is_open,
    } | ({"name": one.name} if named else {})


def _seen(one: Seen, no: int, *, named: bool) -> dict[str, Any]:
    return {
        "recording": no,
        "at": moment(one.at),
        "what": one.what.value,
        "purpose": one.purpose,
        "role": one.role,
    } | ({"name": one.name} if named else {})


def _pairs(stretches: Sequence[Stretch]) -> list[list[int]]:
    return [[from_ms, to_ms] for from_ms, to_ms in stretches]


def _stretches(stretches: Sequence[Stretch]) -> str:
    return " ".join(f"{from_ms}-{to_ms}" for from_ms, to_ms in stretches)


def _counted(counted: Counted) -> dict[str, int]:
    return {"pages": counted.pages, "rows": counted.rows}


def _period(period: Period) -> dict[str, str | None]:
    return {"since": _moment_or_none(period.since), "until": _moment_or_none(period.until)}


def _coverage(coverage: Coverage) -> dict[str, Any]:
    return {
        "since": _moment_or_none(coverage.since),
        "removed_months": list(coverage.removed_months),
        "erased_recordings": False,
    }


def _moment_or_none(at: datetime | None) -> str | None:
    return moment(at) if at else None
