"""How long the trail is kept: whole months go when their time is over, and the tree of their hashes stays.

What decides is the database: its clock, and a function of its owner's that checks everything again. The event that
says what went stands in the tree, so whoever checks the rest can tell a removed month from a loss.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypedDict

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db import Error as DatabaseProblem
from django.db.models import Exists, OuterRef

from audit import checkpoints, subjects, trail
from audit.actions import Action, Outcome
from audit.actor import Actor, Ref
from audit.models import AuditEvent, Check, Checkpoint, Export, Leaf, RemovedMonth
from vault import clock

log = structlog.get_logger("audit.months")

# A connection that has written lives no longer than this without ending; what it wrote before is looked for so far.
_LONGEST_WRITER = timedelta(days=62)
_LOCK = 7_214_003  # any number that all who read the whole trail agree on
_FORGET_LOOKUPS = (
    "DELETE FROM audit_lookup USING audit_event AS event"
    " WHERE event_id = event.id AND recorded_at >= %s AND recorded_at < %s"
)
_NOT_NOW = ("55000", "55P03")  # what the function refuses, and a lock that others held too long


@dataclass(frozen=True, slots=True)
class Removal:
    """What an event says of a month that went: which records, and how many writers went on after them."""

    month: str
    first: int
    last: int
    events: int
    writers: int
    numbers: int

    @property
    def ends(self) -> datetime:
        """When the month was over."""
        return _add_months(_begins(self.month), 1)


class _SomebodyReads(Exception):
    """A package or a check is being made of what would go."""


class Kept(TypedDict):
    """What ``audit/_kept.html`` says: how long the trail is kept, and which months are gone."""

    keep_months: int
    gone_months: int
    gone_since: str
    gone_until: str


def remove_due(*, actor: Actor) -> int:
    """Remove the oldest month if its time is over; return how many events went.

    One month a day at most; what stands against it is logged, and asked again by the next run.
    """
    month = _oldest()
    if month is None or _add_months(_begins(month), 1 + settings.AUDIT_KEEP_MONTHS) > clock.database_now():
        return 0
    newest = checkpoints.newest()
    if newest is None:
        return 0
    try:
        return _remove(month, newest, actor=actor)
    except _SomebodyReads:
        return 0
    except DatabaseProblem as problem:
        cause = problem.__cause__
        if getattr(cause, "sqlstate", "") not in _NOT_NOW:
            raise
        log.warning("a month of the trail is not removed now", month=month, why=str(cause).split("\n")[0])
        return 0


def may_read_all() -> bool:
    """Say whether reading the whole trail may begin, within the transaction that notes that it has begun.

    Until that has committed no month goes, and then it waits for who reads. It may not while the event of a removal
    is not numbered yet, a matter of seconds: what was removed would look like a loss.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_LOCK])
    numbered = Leaf.objects.filter(event_id=OuterRef("event_id"))
    return not RemovedMonth.objects.filter(~Exists(numbered)).exists()


def removed() -> list[str]:
    """Return the months that are gone, oldest first."""
    return list(RemovedMonth.objects.order_by("month").values_list("month", flat=True))


def is_removed(month: str) -> bool:
    """Say whether a month is gone."""
    return RemovedMonth.objects.filter(month=month).exists()


def told_removals() -> list[Removal]:
    """Return what events say was removed, in their order, the newest perhaps not numbered yet.

    What they cannot rightly say, of records behind themselves or of a month just over, is left out.
    """
    return [removal for _event, removal in _told(DEFAULT_DB_ALIAS)]


def remove_again(*, using: str) -> list[str]:
    """Remove the months whose removal a backup did not know, within a transaction of the owner's; return which.

    The events that came back say what went, and the tree proves them; the months themselves the backup still held.
    Their masters are left to whoever calls this: a trigger keeps them until it has committed.
    """
    known, gone = set(RemovedMonth.objects.using(using).values_list("month", flat=True)), []
    with connections[using].cursor() as cursor:
        for event, removal in _told(using):
            month = removal.month
            if month in known:
                continue
            cursor.execute(_FORGET_LOOKUPS, _span(month))
            for table in ("audit_event", "audit_addendum"):
                cursor.execute(f"DROP TABLE IF EXISTS {table}_{month.replace('-', '_')}")
            RemovedMonth.objects.using(using).create(
                month=month,
                first=removal.first,
                last=removal.last,
                events=removal.events,
                event_id=event.id,
                removed_at=event.recorded_at,
            )
            known.add(month)
            gone.append(month)
    return gone


def kept() -> Kept:
    """Return what the trail's page says of how long it is kept."""
    gone = removed()
    return Kept(
        keep_months=settings.AUDIT_KEEP_MONTHS,
        gone_months=len(gone),
        gone_since=gone[0] if gone else "",
        gone_until=gone[-1] if gone else "",
    )


@transaction.atomic(durable=True)
def _remove(month: str, newest: Checkpoint, *, actor: Actor) -> int:
    now = clock.database_now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    if any(
        reading.objects.filter(state="running", lease_until__gt=now).exists() for reading in (Export, Check)
    ):
        raise _SomebodyReads
    first, last, events = _records(month)
    writers, numbers = _writers_that_went_on(month)
    event = trail.record(
        Action.TRAIL_MONTH_REMOVED,
        actor=actor,
        target=Ref("trail", settings.AUDIT_ORIGIN),
        at=now,
        month=month,
        first=first,
        last=last,
        events=events,
        writers=writers,
        numbers=numbers,
        policy=f"{settings.AUDIT_KEEP_MONTHS} months",
        tree_size=newest.size,
        root=base64.b64encode(bytes(newest.root)).decode(),
    )
    with connection.cursor() as cursor:
        cursor.execute(_FORGET_LOOKUPS, _span(month))
        cursor.execute("SELECT audit_remove_month(%s, %s)", [month, event.id])
        (gone,) = cursor.fetchone()
    subjects.destroy_month(month)  # a trigger keeps its master until the month is gone
    log.info("a month of the trail was removed", month=month, events=gone)
    return int(gone)


def _told(using: str) -> list[tuple[AuditEvent, Removal]]:
    found = (
        AuditEvent.objects.using(using)
        .filter(action=Action.TRAIL_MONTH_REMOVED.value, outcome=Outcome.DONE.value)
        .order_by("id")
    )
    events = {event.id: event for event in found}
    leaves = Leaf.objects.using(using).filter(event_id__in=events)
    places = dict(leaves.values_list("event_id", "index"))
    read = (
        (event, _read_removal(event, places.get(event_id, float("inf"))))
        for event_id, event in events.items()
    )
    return [(event, removal) for event, removal in read if removal is not None]


def _read_removal(event: AuditEvent, index: float) -> Removal | None:
    facts = event.body.get("facts", {})
    try:
        removal = Removal(**{name: facts[name] for name in Removal.__slots__})
        over_at = _add_months(_begins(removal.month), 13)
        stands = 0 <= removal.first <= removal.last < index and removal.events > 0 <= removal.writers
    except (KeyError, TypeError, ValueError):
        return None
    return removal if stands and over_at <= event.occurred_at else None


def _oldest() -> str | None:
    """Return the oldest month that holds an event."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT right(relname, 7) FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
            " WHERE inhparent = 'audit_event'::regclass ORDER BY relname"
        )
        names = [str(name).replace("_", "-") for (name,) in cursor.fetchall()]
    for month in names:
        since, until = _span(month)
        if AuditEvent.objects.filter(recorded_at__gte=since, recorded_at__lt=until).exists():
            return month
    return None


def _records(month: str) -> tuple[int | None, int | None, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(index), max(index), count(*) FROM audit_event AS event"
            " LEFT JOIN audit_leaf AS leaf ON leaf.event_id = event.id"
            " WHERE event.recorded_at >= %s AND event.recorded_at < %s",
            _span(month),
        )
        first, last, events = cursor.fetchone()
    return first, last, events


def _writers_that_went_on(month: str) -> tuple[int, int]:
    """Return how many writers of the month wrote later too, and how many of their numbers go, in all."""
    since, until = _span(month)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), coalesce(sum(counter - 1), 0)::bigint FROM ("
            " SELECT min(counter) AS counter FROM audit_event WHERE recorded_at >= %s AND recorded_at < %s"
            " AND writer IN (SELECT writer FROM audit_event WHERE recorded_at >= %s AND recorded_at < %s)"
            " GROUP BY writer) AS went_on",
            [until, until + _LONGEST_WRITER, since, until],
        )
        writers, numbers = cursor.fetchone()
    return writers, numbers


def _span(month: str) -> tuple[datetime, datetime]:
    begins = _begins(month)
    return begins, _add_months(begins, 1)


def _begins(month: str) -> datetime:
    return datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)


def _add_months(at: datetime, months: int) -> datetime:
    years, month = divmod(at.month - 1 + months, 12)
    return at.replace(year=at.year + years, month=month + 1)
