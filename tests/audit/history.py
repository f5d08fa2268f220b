"""A trail that is years old, made today: events recorded now, moved by the database's owner to when they say they were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from django.db import connection, transaction

from audit import trail
from audit.actions import Action
from audit.actor import Actor
from tests.audit.conftest import CALL, sequence
from tests.conftest import FreshDatabase
from vault import clock

TABLES = ("event", "addendum", "leaf", "tile", "checkpoint", "removedmonth")


def months_ago(count: int) -> datetime:
    """Return when the month began that many months before this one."""
    now = clock.now()
    years, month = divmod(now.year * 12 + now.month - 1 - count, 12)
    return datetime(years, month + 1, 1, tzinfo=UTC)


@contextmanager
def owner_of(database: FreshDatabase) -> Iterator[psycopg.Connection[Any]]:
    """Give the database to its owner, with the trail's triggers off for so long."""
    with psycopg.connect(database.environment["DATABASE_OWNER_URL"]) as owner:
        for table in TABLES:
            owner.execute(f"ALTER TABLE audit_{table} DISABLE TRIGGER USER")
        yield owner
        for table in TABLES:
            owner.execute(f"ALTER TABLE audit_{table} ENABLE TRIGGER USER")


def write_history(database: FreshDatabase, actor: Actor, *, months: tuple[int, ...] = (62, 61, 60)) -> None:
    """Leave five events in each of some months, the last at its very end, and one on each of the last ten days."""
    moments = []
    for month in months:
        begins, ends = months_ago(month), months_ago(month - 1)
        moments += [begins + timedelta(days=day) for day in range(4)] + [ends - timedelta(microseconds=1)]
    moments += [clock.now() - timedelta(days=day) for day in range(10, 0, -1)]
    for at in moments:
        with transaction.atomic():
            trail.record(Action.RECORDING_VIEWED, actor=actor, target=CALL, at=at, state="active")
    with owner_of(database) as owner:
        for (month,) in owner.execute(
            "SELECT DISTINCT date_trunc('month', recorded AT TIME ZONE 'UTC') FROM audit_event,"
            " LATERAL unnest(ARRAY[occurred_at, occurred_at + interval '1 microsecond']) AS recorded"
        ).fetchall():
            for table in ("audit_event", "audit_addendum"):
                owner.execute("SELECT audit_make_partition(%s, %s::timestamp)", [table, month])
        # What was recorded at the very end of a month came into the table of the next.
        owner.execute("UPDATE audit_event SET recorded_at = occurred_at + interval '1 microsecond'")
        owner.execute(
            "UPDATE audit_addendum AS addendum SET recorded_at = event.recorded_at"
            " FROM audit_event AS event WHERE event.id = event_id"
        )
    sequence()


def let_a_day_pass(database: FreshDatabase) -> None:
    """Have the last removal happened yesterday."""
    with owner_of(database) as owner:
        owner.execute("UPDATE audit_removedmonth SET removed_at = removed_at - interval '1 day'")


def partitions() -> list[str]:
    """Return the months of which there are tables of events."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT replace(right(inhrelid::regclass::text, 7), '_', '-') FROM pg_inherits"
            " WHERE inhparent = 'audit_event'::regclass ORDER BY 1"
        )
        return [month for (month,) in cursor.fetchall()]
