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

from audit import sequencer, trail
from audit.actions import Action
from audit.actor import Actor, ActorKind, Ref
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


def sequence() -> Checkpoint | None:
    """Number everything that is committed, however long other programs' transactions hold it up."""
    newest, until = None, time.monotonic() + 30
    while Leaf.objects.count() < AuditEvent.objects.count():
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
