"""Who takes part in the tests of recordings: an exchange, two supervisors, the DPO."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from audit.actor import Actor, ActorKind
from recordings.models import Recording
from tests.recordings import calls
from tests.people import INVITED_AT
from vault import storage
from vault.access.models import Membership, Team, User
from vault.access.roles import Role, permissions_of
from vault.permissions import Permission


@pytest.fixture(autouse=True)
def _scheduler(settings) -> None:
    settings.RECORDING_SCHEDULER = "tests.recordings.calls.plan"


@pytest.fixture
def north(db) -> Team:
    return Team.objects.create(name="North")


@pytest.fixture
def south(db) -> Team:
    return Team.objects.create(name="South")


@pytest.fixture
def exchange() -> Actor:
    """A telephone exchange's token."""
    return exchange_actor()


@pytest.fixture
def other_exchange() -> Actor:
    """Another system's token."""
    return exchange_actor()


@pytest.fixture
def stored_objects() -> Callable[[], set[str]]:
    """Tell which objects are in the store."""
    return lambda: {found.name for found in storage.store().listing("objects/")}


def exchange_actor() -> Actor:
    return Actor(
        kind=ActorKind.SERVICE,
        id=uuid4(),
        role=Role.INTEGRATION,
        access_point="api",
        permissions=permissions_of(Role.INTEGRATION),
    )


@pytest.fixture
def ines(north) -> Actor:
    """A supervisor of North."""
    return person("ines@example.org", Role.SUPERVISOR, north)


@pytest.fixture
def sander(south) -> Actor:
    """A supervisor of South."""
    return person("sander@example.org", Role.SUPERVISOR, south)


@pytest.fixture
def katrien(db) -> Actor:
    """The DPO."""
    return person("katrien@example.org", Role.DPO)


@pytest.fixture
def bram(north) -> Actor:
    """An administrator, who is in a team and still finds nothing."""
    return person("bram@example.org", Role.ADMINISTRATOR, north)


@pytest.fixture
def recording(north, exchange) -> Recording:
    """A call of North, kept with the customer's consent."""
    return calls.bring_in(exchange)


def person(email: str, role: Role, *teams: Team) -> Actor:
    """Make somebody with an account and a session."""
    name = email.split("@")[0].title()
    user = User.objects.create(email=email, name=name, role=role, invited_at=INVITED_AT)
    for team in teams:
        Membership.objects.create(user=user, team=team)
    permissions: frozenset[Permission] = permissions_of(role)
    return Actor(
        kind=ActorKind.PERSON,
        id=user.pk,
        role=role,
        name=user.name,
        access_point="web",
        session="session-of-" + user.name,
        teams=frozenset(team.pk for team in teams),
        permissions=permissions,
    )
