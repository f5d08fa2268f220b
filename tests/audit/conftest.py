"""What the tests of the trail share: people, a moment, and a trail that is numbered."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest
from django.db import transaction

from audit import export, sequencer, trail
from audit.actions import Action
from audit.actor import Actor, ActorKind, Ref
from audit.events import EventFilters
from audit.models import AuditEvent, Checkpoint, Leaf
from tests.conftest import FreshDatabase

NOW = datetime(2026, 11, 22, 10, 52, 7, 123456, tzinfo=UTC)
INES = UUID("0193a1b2-0000-7000-8000-000000000001")
CALL = Ref("recording", "0193a1b2-0000-7000-8000-00000000c411")


@pytest.fixture
def ines() -> Actor:
    return Actor(
        kind=ActorKind.PERSON,
        id=INES,
        role="supervisor",
        name="Ines Verhoeven",
        access_point="web",
        address="203.0.113.7",
        request_id="req-1",
    )


def record(actor: Actor, action: Action = Action.RECORDING_VIEWED, target: Ref = CALL, **more) -> AuditEvent:
    """Commit one event."""
    with transaction.atomic():
        return trail.record(action, actor=actor, target=target, at=more.pop("at", NOW), **more)


def record_disclosure(actor: Actor) -> AuditEvent:
    """Commit the event of a disclosure."""
    return trail.record_disclosure(Action.PLAYBACK_WINDOW, actor=actor, target=CALL, at=NOW)


def make_export(
    actor: Actor, *, format: str = "jsonl", filters: EventFilters | None = None, with_personal: bool = False
) -> bytes:
    """Order a package, have it made, and fetch it."""
    asked = export.request_export(
        format=format,
        filters=filters or EventFilters(),
        with_personal=with_personal,
        ground="regulator's request" if with_personal else "",
        actor=actor,
        now=NOW,
    )
    sequence()
    assert export.run_waiting(now=NOW) == 1
    return b"".join(export.download(asked.id, actor=actor, now=NOW).pieces)


def sequence() -> Checkpoint | None:
    """Number everything that is committed, however long other programs' transactions hold it up."""
    newest, until = None, time.monotonic() + 30
    while AuditEvent.objects.exclude(id__in=Leaf.objects.values("event_id")).exists():
        assert time.monotonic() < until, "the sequencer does not get on"
        newest = sequencer.sequence_once(now=NOW) or newest
    return newest


@contextmanager
def attacker(database: FreshDatabase) -> Iterator[psycopg.Connection]:
    """Give the database to somebody who owns it and has switched its triggers off."""
    with psycopg.connect(database.environment["DATABASE_OWNER_URL"]) as owner:
        for table in ("event", "addendum", "leaf", "tile", "checkpoint"):
            owner.execute(f"ALTER TABLE audit_{table} DISABLE TRIGGER USER")
        yield owner
