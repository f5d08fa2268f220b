"""An organisation in which every door of the vault has something to open to. It needs a database of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.test import Client
from django.urls import reverse

from audit import export, sequencer
from audit.actor import Actor, ActorKind
from audit.events import EventFilters
from audit.models import AuditEvent, Leaf
from recordings.key_approvals import DATA_KEY_EXPORT
from recordings.models import KeyWork, Recording, StoredKey
from retention import clock_guard, erasure, holds, policies, sweep
from retention.models import ClockDoubt, Ground, Hold, RetentionPolicy
from retention.periods import Period
from retention.policies import Terms
from tests.journeys.house import House, furnish
from tests.people import SETTING_UP, client_of, client_with_token, make_person
from vault import clock
from vault.access import tokens
from vault.access.models import SignIn, User
from vault.access.roles import Role, permissions_of
from vault.access.second_person import GRANT_ROLE
from vault.approvals import asking
from vault.approvals.models import Approval
from vault.crypto.container import CopyKind
from vault.permissions import Permission

REASON = "The caller asked for it a second time"


@dataclass
class World:
    """An organisation in which every door has something to open to."""

    house: House
    people: dict[Role, User]
    policy: RetentionPolicy
    recording: Recording
    clients: dict[Role, Client] = field(default_factory=dict)
    ids: dict[str, Any] = field(default_factory=dict)

    def client(self, role: Role) -> Client:
        """Return somebody of this role, signed in; the integration by its token."""
        if role not in self.clients:
            self.clients[role] = (
                client_with_token(*permissions_of(role))
                if role is Role.INTEGRATION
                else client_of(self.people[role])
            )
        return self.clients[role]

    def actor(self, role: Role) -> Actor:
        """Return them as use cases see them."""
        person = self.people[role]
        return Actor(
            kind=ActorKind.PERSON,
            id=person.pk,
            role=role,
            name=person.name,
            access_point="test",
            session=str(SignIn.objects.filter(user=person).latest("started_at").pk),
            teams=frozenset({self.house.team.pk}),
            permissions=permissions_of(role),
        )

    def somebody(self, role: Role = Role.AGENT) -> User:
        """Make one more person, with a session."""
        person = make_person(role, teams=[self.house.team])
        client_of(person)
        return person

    def call(self) -> Recording:
        """Take in one more call."""
        return self.house.bring_in()

    def erased(self) -> Recording:
        """Take in a call, and erase it."""
        recording = self.call()
        erasure.erase_recording(
            recording.pk, ground=Ground.REQUEST, actor=self.actor(Role.DPO), now=clock.now()
        )
        return recording

    def granted(self) -> tuple[Client, Recording, str]:
        """Let the supervisor listen to one more call; return who, what and the token."""
        client, recording = self.client(Role.SUPERVISOR), self.call()
        answer = client.post(
            reverse("recordings-api:grants", args=[recording.pk]),
            {"purpose": "quality", "reason": REASON},
            content_type="application/json",
        )
        return client, recording, answer.json()["token"]

    def asked(self, by: Role = Role.ADMINISTRATOR) -> Approval:
        """Ask for a second person, about one more agent."""
        return asking.ask(
            GRANT_ROLE,
            str(self.somebody().pk),
            parameters={"role": "dpo"},
            reason=REASON,
            actor=self.actor(by),
            now=clock.now(),
        )

    def hold(self, place: Callable[..., Hold] = holds.place_hold) -> Hold:
        """Put a hold on one more call."""
        return place(self.call().pk, reason=REASON, actor=self.actor(Role.DPO), now=clock.now())

    def asked_for_eyes(self) -> Approval:
        """Let the DPO ask for the data key of one more call, which only they will see."""
        copy = self.call().renditions.get(kind=CopyKind.ORIGINAL)
        return asking.ask(
            DATA_KEY_EXPORT, str(copy.pk), reason=REASON, actor=self.actor(Role.DPO), now=clock.now()
        )

    def certified(self) -> UUID:
        """Erase a call, and let the sweep finish it; return its id."""
        if "certified" not in self.ids:
            recording = self.erased()
            for _round in range(2):
                sweep.run(actor=Actor.system("test"), now=clock.now())
            number_all()
            self.ids["certified"] = recording.pk
        return self.ids["certified"]

    def key(self) -> str:
        """Return a key that something lives on, with no work under way."""
        KeyWork.objects.filter(finished_at__isnull=True).update(finished_at=clock.now())
        stored = StoredKey.objects.filter(recording_id=self.recording.pk, kek__startswith="audio-")
        return stored.values_list("kek", flat=True)[0]

    def doubt_clock(self) -> None:
        """Let the vault doubt its clock."""
        ClockDoubt.objects.create(because="forward", off_by_s=9_000, began_at=clock.now())

    def token(self) -> UUID:
        """Make one more service token."""
        made = tokens.create_token(
            "telephone exchange",
            scopes=[Permission.RECORDING_INGEST],
            lifetime=timedelta(days=30),
            actor=SETTING_UP,
            now=clock.now(),
        )
        return made.token.pk

    def made_policy(self) -> RetentionPolicy:
        """Put one more policy in force: of calls that never come."""
        terms = Terms(
            "More", "legitimate_interests", "A reason.", Period(50, "years"), queue=f"queue {uuid4().hex[:6]}"
        )
        return policies.create_policy(terms, actor=self.actor(Role.DPO), now=clock.now())

    def package(self) -> Any:
        """Order an export of the trail, and have it made."""
        ordered = export.request_export(
            format="jsonl",
            filters=EventFilters(target_id=str(self.recording.pk)),
            with_personal=False,
            actor=self.actor(Role.DPO),
            now=clock.now(),
        )
        number_all()
        assert export.run_waiting(now=clock.now())
        return ordered


def make_world() -> World:
    """Make it, in a database of its own."""
    house = furnish()
    found = {
        Role.AGENT: house.agent,
        Role.SUPERVISOR: house.supervisor,
        Role.DPO: house.dpo,
        Role.ADMINISTRATOR: house.administrator,
        Role.REVIEWER: make_person(Role.REVIEWER, teams=[house.team]),
    }
    client_of(house.dpo)
    terms = Terms("All calls", "legitimate_interests", "A reason.", Period(50, "years"))
    dpo = Actor(kind=ActorKind.PERSON, id=house.dpo.pk, role=Role.DPO, permissions=permissions_of(Role.DPO))
    policy = policies.create_policy(terms, actor=dpo, now=clock.now())
    clock_guard.check(actor=Actor.system("test"))
    world = World(house, found, policy, house.bring_in())
    for role in (*found, Role.INTEGRATION):
        world.client(role)
    world.ids = {
        "recording_id": world.recording.pk,
        "person_id": house.agent.pk,
        "team_id": house.team.pk,
        "token_id": world.token(),
        "policy_id": policy.policy_id,
        "approval_id": world.asked().pk,
        "event_id": AuditEvent.objects.latest("recorded_at").pk,
    }
    return world


def number_all() -> None:
    """Number everything that is committed, however long other programs' transactions hold it up."""
    until = time.monotonic() + 60
    while Leaf.objects.count() < AuditEvent.objects.count():
        assert time.monotonic() < until, "the sequencer does not get on"
        sequencer.sequence_once(now=clock.now())
