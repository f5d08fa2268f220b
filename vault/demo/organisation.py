"""Harbour Vale Energy and its people. Nobody in it exists."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from audit import trail
from audit.actions import Action
from audit.actor import Actor, ActorKind, Ref
from retention import policies
from retention.models import RetentionPolicy
from retention.periods import Period
from retention.policies import Terms
from vault.access import factors, invitations, people, tokens
from vault.access.models import ServiceToken, Team, User
from vault.access.roles import Role, permissions_of
from vault.access.tokens import permissions_of_token
from vault.demo.keepsake import Keepsake
from vault.permissions import Permission

ACCESS_POINT = "command:create_demo"
SYSTEM = Actor.system(ACCESS_POINT)
EXCHANGE = "Telephone exchange"
BILLING, MOVES, ENGINEERS = "Billing North", "Moves and meters", "Engineers on the road"
TEAMS = (BILLING, MOVES, ENGINEERS)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the demo; those who sign in have a password and an authenticator app."""

    name: str
    role: Role
    teams: tuple[str, ...] = ()
    language: str = "en"
    signs_in: bool = True

    @property
    def email(self) -> str:
        """The address to sign in with."""
        return f"{self.name.lower().replace(' ', '.')}@harbourvale.example"


PEOPLE = (
    Person("Ines Verhoeven", Role.SUPERVISOR, (BILLING, MOVES)),
    Person("Sander Prins", Role.SUPERVISOR, (MOVES,)),
    Person("Noor Brandsma", Role.REVIEWER, TEAMS),
    Person("Katrien Maas", Role.DPO),
    Person("Bram Kuiper", Role.ADMINISTRATOR),
    Person("Hannah Whitlock", Role.AGENT, (BILLING,)),
    Person("Marcus Teller", Role.AGENT, (BILLING,), signs_in=False),
    Person("Oliver Penrose", Role.AGENT, (MOVES,), signs_in=False),
    Person("Priya Raman", Role.AGENT, (MOVES,), signs_in=False),
    Person("Thomas Reid", Role.AGENT, (ENGINEERS,), signs_in=False),
    Person("Sanne de Wit", Role.AGENT, (BILLING,), "nl", signs_in=False),
    Person("Ruben Bakker", Role.AGENT, (ENGINEERS,), "nl", signs_in=False),
    Person("Petra Vogel", Role.AGENT, (MOVES,), signs_in=False),
)
DPO = next(person for person in PEOPLE if person.role is Role.DPO)
ADMINISTRATOR = next(person for person in PEOPLE if person.role is Role.ADMINISTRATOR)
STAND_IN = next(person for person in PEOPLE if person.role is Role.REVIEWER)


def make_teams(*, now: datetime) -> dict[str, Team]:
    """Return the teams, made where they are missing."""
    there = {team.name: team for team in Team.objects.filter(name__in=TEAMS)}
    return {name: there.get(name) or people.create_team(name, actor=SYSTEM, now=now) for name in TEAMS}


def make_people(teams: dict[str, Team], keepsake: Keepsake, *, now: datetime) -> dict[str, User]:
    """Return the people by name, invited and enrolled where they are not yet."""
    return {person.name: _make_person(person, teams, keepsake, now) for person in PEOPLE}


def make_policies(teams: dict[str, Team], dpo: Actor, *, now: datetime) -> int:
    """Put the retention policies in force that are not; return how many."""
    there = set(RetentionPolicy.objects.values_list("name", flat=True))
    missing = [terms for terms in _policies() if terms.name not in there]
    for terms in missing:
        policies.create_policy(terms, actor=dpo, now=now)
    return len(missing)


def find_exchange(keepsake: Keepsake, *, now: datetime) -> Actor:
    """Return the telephone exchange, with a token made where there is none in force."""
    token = tokens.find_in_force(keepsake.token, now=now) or _former_token()
    if token is None:
        made = tokens.create_token(
            EXCHANGE,
            scopes=[Permission.RECORDING_INGEST, Permission.LAWFUL_BASIS_RECORD],
            lifetime=timedelta(days=365),
            actor=SYSTEM,
            now=now,
        )
        token, keepsake.token = made.token, made.secret
    return Actor(
        kind=ActorKind.SERVICE,
        id=token.pk,
        role=Role.INTEGRATION.value,
        name=token.name,
        access_point=ACCESS_POINT,
        permissions=permissions_of_token(token),
    )


def as_actor(person: User, team_ids: Iterable[UUID] = ()) -> Actor:
    """Return somebody of the demo as who acts."""
    role = Role(person.role)
    return Actor(
        kind=ActorKind.PERSON,
        id=person.pk,
        role=role.value,
        name=person.name,
        access_point=ACCESS_POINT,
        teams=frozenset(team_ids),
        permissions=permissions_of(role),
    )


def _make_person(person: Person, teams: dict[str, Team], keepsake: Keepsake, now: datetime) -> User:
    user = User.objects.filter(email=person.email).first()
    if user is None:
        invited = people.invite_person(
            person.email,
            name=person.name,
            role=person.role,
            teams=[teams[name].pk for name in person.teams],
            language=person.language,
            actor=SYSTEM,
            now=now,
        )
        user = invited.person
        if person.signs_in:
            invitations.set_password(invited.secret, keepsake.password, actor=SYSTEM, now=now)
            user.refresh_from_db()
    if person.signs_in:
        _enrol(user, person, keepsake, now)
    return user


def _enrol(user: User, person: Person, keepsake: Keepsake, now: datetime) -> None:
    """Make sure that what the demo prints is what signs in."""
    is_known = person.email in keepsake.totp_secrets and factors.is_enrolled(user)
    if is_known and user.check_password(keepsake.password):
        return
    user.set_password(keepsake.password)
    with transaction.atomic(durable=True):
        user.save(update_fields=["password"])
        factors.enrol_totp(user, keepsake.secret_of(person.email))
        invitations.withdraw(user)
        trail.record(
            Action.ACCOUNT_FACTOR_ADDED,
            actor=SYSTEM,
            target=Ref("account", str(user.pk)),
            at=now,
            method="totp",
        )


def _former_token() -> ServiceToken | None:
    """Return the demo's token of an earlier run, whose secret was lost with its file; its calls stay its own."""
    return ServiceToken.objects.filter(name=EXCHANGE, revoked_at__isnull=True).order_by("created_at").first()


def _policies() -> list[Terms]:
    return [
        Terms(
            name="Calls with consent",
            lawful_basis="consent",
            justification="Callers agreed to recording for complaints and quality. Nearly all complaints come "
            "within twelve weeks of a call; after that nothing justifies keeping it.",
            keep_at_most=Period(12, "weeks"),
            basis="consent",
        ),
        Terms(
            name="Agreements by telephone",
            lawful_basis="contract",
            justification="What was agreed on the telephone must be provable while claims from the contract can "
            "be made, at most five years.",
            keep_at_least=Period(1, "years"),
            keep_at_most=Period(5, "years"),
            basis="contract",
        ),
        Terms(
            name="Emergency line",
            lawful_basis="legal_obligation",
            justification="The inspection of gas networks may ask for calls to the emergency line for two years.",
            keep_at_least=Period(6, "months"),
            keep_at_most=Period(2, "years"),
            basis="vital_interests",
        ),
    ]
