"""People for tests: accounts, teams, and clients that are signed in with a second factor."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from django.test import Client

from audit.actor import Actor
from vault import clock
from vault.access import factors, tokens
from vault.access.models import Membership, SecondFactor, SignIn, Team, User
from vault.access.roles import Role
from vault.permissions import Permission

PASSWORD = "nine blue lamps under the pier"
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
INVITED_AT = datetime(2026, 11, 1, tzinfo=UTC)  # before anything that a test's clock says
SETTING_UP = Actor.system("command:test")


def make_team(name: str = "") -> Team:
    """Make a team."""
    return Team.objects.create(name=name or f"Team {uuid4().hex[:6]}")


def make_person(role: Role, *, teams: Iterable[Team] = (), name: str = "", enrolled: bool = True) -> User:
    """Make a person with a password and, unless told otherwise, an authenticator app."""
    person = User(
        email=f"{role}-{uuid4().hex[:8]}@example.org",
        name=name or f"{role.title()} Person",
        role=role,
        invited_at=INVITED_AT,
    )
    person.set_password(PASSWORD)
    person.save()
    for team in teams:
        Membership.objects.create(user=person, team=team)
    if enrolled:
        factors.enrol_totp(person, TOTP_SECRET)
    return person


def client_of(person: User, *, enforce_csrf_checks: bool = False) -> Client:
    """Return a client that is signed in as this person, second factor shown."""
    client = Client(enforce_csrf_checks=enforce_csrf_checks)
    client.force_login(person)
    SignIn.objects.filter(user=person, second_factor="").update(second_factor=SecondFactor.TOTP)
    return client


def client_with_token(*scopes: Permission) -> Client:
    """Return a client that sends a service token with these scopes."""
    made = tokens.create_token(
        "telephone exchange", scopes=scopes, lifetime=timedelta(days=30), actor=SETTING_UP, now=clock.now()
    )
    return Client(headers={"Authorization": f"Bearer {made.secret}"})
