"""How long events wait for their checkpoint, and why: an alarm while it is too long, an event at each end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction

from audit import sequencer, trail
from audit.actions import Action
from audit.actor import Actor, Ref
from audit.models import AuditEvent
from vault.jobs.models import Heartbeat

TOO_LONG = timedelta(seconds=10)
JOB = "audit.sequencer"
_SILENT_AFTER = timedelta(seconds=30)

# What the sequencer says of itself in its heartbeat, by the class of what holds it up.
_CAUSES = {
    "TreeDiffers": "tree-differs",
    "RestoredBehind": "restored-behind",
    "AnchorSilent": "waiting-for-anchor",
    "OriginChanged": "origin-changed",
}

log = structlog.get_logger("audit.lag")


@dataclass(frozen=True, slots=True)
class Cause:
    """Why events wait: a code, and for a transaction that holds everything up which it is."""

    code: str
    pid: int | None = None
    application: str = ""
    age_s: int | None = None

    def __str__(self) -> str:
        """Return it as a fact of an event."""
        more = {"pid": self.pid, "application": self.application, "age_s": self.age_s}
        return " ".join([self.code, *(f"{name}={value}" for name, value in more.items() if value)])[:200]


def watch(*, actor: Actor, now: datetime) -> int:
    """Raise an alarm while events wait too long; record when it began and when it was over."""
    waiting = sequencer.lag()
    is_behind = waiting > TOO_LONG
    cause = find_cause(now) if is_behind else None
    if cause:
        log.error(
            "events wait for their checkpoint", cause=str(cause), waiting_s=round(waiting.total_seconds())
        )
    if is_behind != _was_behind():
        why: dict[str, Any] = {"why": str(cause)} if cause else {}
        with transaction.atomic(durable=True):
            trail.record(
                Action.TRAIL_FELL_BEHIND if is_behind else Action.TRAIL_CAUGHT_UP,
                actor=actor,
                target=Ref("trail", settings.AUDIT_ORIGIN),
                at=now,
                waiting_s=round(waiting.total_seconds()),
                **why,
            )
    return int(is_behind)


def find_cause(now: datetime) -> Cause:
    """Return why events wait longer than they should."""
    beat = Heartbeat.objects.filter(job=JOB).first()
    if beat and beat.error in _CAUSES:
        return Cause(_CAUSES[beat.error])
    if beat is None or beat.finished_at is None or now - beat.finished_at > _SILENT_AFTER:
        return Cause("sequencer-not-running")
    return _long_transaction() or Cause("sequencer-behind")


def _was_behind() -> bool:
    ends = (Action.TRAIL_FELL_BEHIND.value, Action.TRAIL_CAUGHT_UP.value)
    last = AuditEvent.objects.filter(action__in=ends).order_by("-id").first()
    return last is not None and last.action == Action.TRAIL_FELL_BEHIND.value


def _long_transaction() -> Cause | None:
    """Return the oldest transaction with a number: nothing above it is numbered before it ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT pid, application_name, extract(epoch FROM clock_timestamp() - xact_start)::bigint
            FROM pg_stat_activity
            WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()
              AND coalesce(xact_start < clock_timestamp() - make_interval(secs => %s), true)
            ORDER BY age(backend_xid) DESC LIMIT 1
            """,
            [TOO_LONG.total_seconds()],
        )
        found = cursor.fetchone()
    if found is None:
        return None
    pid, application, age_s = found
    return Cause("long-transaction", pid, application or "", age_s)
