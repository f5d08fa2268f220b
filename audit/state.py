"""What the trail's page says of the trail itself: checked, anchored, behind, and what is not protected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from audit import check, checkpoints, lag, months, sequencer
from audit.anchors import locked_copy, mail, witnesses, work
from audit.lag import Cause
from vault import clock
from vault.places import is_this_machine

# What a place answers when it holds another history than this database.
_CONTRADICTIONS = frozenset({"fork", "proof-refused", "witness-is-ahead", "copy-differs"})


@dataclass(frozen=True, slots=True)
class AnchorLine:
    """One place as the page shows it."""

    name: str
    size: int
    at: datetime | None
    failing_since: datetime | None
    why: str
    contradicts: bool
    is_here: bool
    is_kept: bool


def state_of_trail() -> dict[str, object]:
    """Return what the page's notices show."""
    newest, last = checkpoints.newest(), check.last_check()
    waiting = sequencer.lag()
    is_late = waiting > lag.TOO_LONG
    anchors = [_line(place) for place in work.places()]
    return {
        "checkpoint": newest,
        "last_check": last,
        "kept": months.kept(),
        "was_whole": last is not None and last.body["facts"].get("whole") is True,
        "last_findings": last.body["facts"].get("findings", 0) if last else 0,
        "anchors": anchors,
        "is_anchored": any(one.is_kept and not one.is_here for one in anchors),
        "is_anchored_here": any(one.is_kept and one.is_here for one in anchors),
        "is_contradicted": any(one.contradicts for one in anchors),
        "is_anchor_failing": any(one.failing_since for one in anchors),
        "is_late": is_late,
        "waiting_s": round(waiting.total_seconds()),
        "late_because": _because(lag.find_cause(clock.now())) if is_late else "",
    }


def _line(place: work.Place) -> AnchorLine:
    row = work.state_of(place)
    return AnchorLine(
        name=_name(place),
        size=row.size if row else 0,
        at=row.worked_at if row else None,
        failing_since=row.failing_since if row else None,
        why=_why(row.why) if row and row.failing_since else "",
        contradicts=row is not None and row.why in _CONTRADICTIONS,
        is_here=place.kind == witnesses.KIND and is_this_machine(place.host),
        is_kept=row is not None and row.worked_at is not None,
    )


def _name(place: work.Place) -> str:
    match place.kind:
        case witnesses.KIND:
            return _("Witness %(name)s at %(host)s") % {"name": place.name, "host": place.host}
        case locked_copy.KIND:
            return _("Locked copy in the bucket %(name)s") % {"name": place.name}
        case mail.KIND:
            return _("Checkpoints by mail")
    return str(place)


def _why(code: str) -> str:
    sentences = {
        "does-not-answer": _("It does not answer."),
        "fork": _("It holds another history than this one. Check the trail before anything else."),
        "proof-refused": _("It does not accept that the trail continues what it holds. Check the trail."),
        "witness-is-ahead": _("It holds more than this database: was the database put back from a backup?"),
        "key-not-known": _("It does not know the log's key: give it what show_log_key prints."),
        "log-not-known": _("It does not know this log: give it what show_log_key prints."),
        "not-cosigned": _("It did not cosign with the key that the settings name."),
        "copy-differs": _("Something else stands in the copy where an object should be."),
        "entries-differ": _("The database lacks entries of the tree, or holds others. Check the trail."),
        "store-unavailable": _(
            "The object store does not take it: does it answer, and has the bucket Object Lock?"
        ),
        "mail-not-taken": _("The mail server does not take it."),
    }
    return sentences.get(code, code)


def _because(cause: Cause) -> str:
    match cause.code:
        case "sequencer-not-running":
            return _("The sequencer is not running: start run_sequencer.")
        case "tree-differs":
            return _("The stored tree is not the one that was signed, so nothing more is signed.")
        case "restored-behind":
            return _(
                "The database does not hold what is anchored outside: it was put back from a backup, or changed."
                " Run restore_trail."
            )
        case "waiting-for-anchor":
            return _("The sequencer waits for an anchor that does not answer; until then it does not sign.")
        case "origin-changed":
            return _("AUDIT_ORIGIN was changed: run restore_trail --new-origin, or set it back.")
        case "long-transaction":
            about = {"pid": cause.pid, "application": cause.application or "?"}
            if cause.age_s is None:
                return _("A long transaction holds everything up: process %(pid)s (%(application)s).") % about
            return _(
                "A long transaction holds everything up: process %(pid)s (%(application)s),"
                " open for %(age)s seconds."
            ) % {**about, "age": cause.age_s}
    return _("The sequencer is running, but behind.")
