"""What the tests of retention share: policies, calls that are due or not, a sweep, a bucket of each test's own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from audit.actor import Actor, ActorKind
from recordings.models import Recording
from retention import policies, sweep
from retention.hold_release import HOLD_RELEASE
from retention.models import Hold, RetentionPolicy
from retention.periods import Period
from retention.policies import Terms
from tests.recordings import calls
from tests.recordings.conftest import person
from tests.stores import empty_store
from vault.access.models import Team
from vault.access.roles import Role, permissions_of
from vault.approvals import asking, deciding
from vault.approvals.models import Approval

NOW = datetime(2026, 11, 22, 10, 52, 7, tzinfo=UTC)
SWEEPER = Actor.system("task:retention.sweep")
LONG_AGO = {
    "started_at": "2026-10-01T10:41:00+02:00",
    "ended_at": "2026-10-01T10:45:38+02:00",
    "direction": "in",
}


@pytest.fixture(autouse=True)
def _empty_store(bucket) -> None:
    empty_store()


@pytest.fixture
def north(db) -> Team:
    return Team.objects.create(name="North")


@pytest.fixture
def exchange() -> Actor:
    """A telephone exchange's token."""
    return exchange_actor()


@pytest.fixture
def katrien(db) -> Actor:
    """The DPO."""
    return person("katrien@example.org", Role.DPO)


@pytest.fixture
def ines(north) -> Actor:
    """A supervisor of North."""
    return person("ines@example.org", Role.SUPERVISOR, north)


@pytest.fixture
def a_week(katrien) -> RetentionPolicy:
    """A policy under which the calls of ``due_call`` should be gone."""
    return make_policy(katrien, keep_at_most=Period(1, "weeks"))


@pytest.fixture
def due(north, exchange, a_week) -> Recording:
    """A recording whose time has come."""
    return due_call(exchange)


@pytest.fixture
def kept(north, exchange, katrien) -> Recording:
    """A recording that is kept for fifty years."""
    make_policy(katrien, keep_at_most=Period(50, "years"))
    return calls.bring_in(exchange)


def exchange_actor() -> Actor:
    """Make an integration's actor."""
    return Actor(
        kind=ActorKind.SERVICE,
        id=uuid4(),
        role=Role.INTEGRATION,
        access_point="api",
        permissions=permissions_of(Role.INTEGRATION),
    )


def terms(**changes: Any) -> Terms:
    """Return the terms of an ordinary policy."""
    said: dict[str, Any] = {
        "name": "Customer service",
        "lawful_basis": "legitimate_interests",
        "justification": "Complaints about a call come in within this time.",
        "keep_at_most": Period(1, "weeks"),
    }
    return Terms(**said | changes)


def make_policy(actor: Actor, **changes: Any) -> RetentionPolicy:
    """Put a policy in force."""
    return policies.create_policy(terms(**changes), actor=actor, now=NOW)


def due_call(actor: Actor, **changes: Any) -> Recording:
    """Take in a call that ended long ago."""
    return calls.bring_in(actor, audio=calls.wav(0.2), said=calls.document(call=LONG_AGO, **changes))


def release(placed: Hold, *, asker: Actor, reason: str = "Settled.") -> Approval:
    """Release a legal hold as it is released: somebody asks, an administrator approves."""
    asked = asking.ask(HOLD_RELEASE, str(placed.pk), reason=reason, actor=asker, now=NOW)
    second = person(f"{uuid4().hex[:8]}@example.org", Role.ADMINISTRATOR)
    return deciding.approve(asked.pk, actor=second, now=NOW)


def run_sweep(**options: Any) -> sweep.Swept:
    """Run the sweep once."""
    return sweep.run(actor=SWEEPER, now=NOW, **options)
