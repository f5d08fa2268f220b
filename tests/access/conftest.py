"""Who the tests of access are about."""

import pytest

from tests.people import make_person, make_team
from vault.access.models import Team, User
from vault.access.roles import Role


@pytest.fixture
def team(db) -> Team:
    """Return a team."""
    return make_team()


@pytest.fixture
def supervisor(team: Team) -> User:
    """Return a supervisor of the team."""
    return make_person(Role.SUPERVISOR, teams=[team])


@pytest.fixture
def dpo(db) -> User:
    """Return a data protection officer."""
    return make_person(Role.DPO)


@pytest.fixture
def administrator(db) -> User:
    """Return an administrator."""
    return make_person(Role.ADMINISTRATOR)
