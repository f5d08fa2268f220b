"""Who takes part in the tests of a second person, and kinds of which nothing else in the product knows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse

from audit.actor import Actor, Ref
from tests.recordings.conftest import person
from vault.access.models import Team, User
from vault.access.roles import Role
from vault.approvals import asking, kinds
from vault.approvals.kinds import CarriedOut, Described, Kind, Line
from vault.approvals.models import Approval
from vault.errors import Conflict
from vault.permissions import Permission

NOW = datetime(2026, 11, 22, 10, 52, 7, tzinfo=UTC)
REASON = "The lighthouse keeper asked for it twice"


class Painted(Conflict):
    """The fence is painted already."""

    code = "painted"


class PaintFence(Kind):
    """An act with an effect in the database: a team by the name of the target."""

    code = "test.paint"
    title = "Paint the fence"  # type: ignore[assignment]
    explanation = "It will be green."  # type: ignore[assignment]
    ask = Permission.PEOPLE_MANAGE
    decide = Permission.ROLE_DECIDE

    def __init__(self) -> None:
        self.prepared_for: list[str] = []

    def check(self, asked: Approval, *, asker: Actor) -> None:
        if Team.objects.filter(name=asked.target_id).exists():
            raise Painted("Somebody was quicker.")

    def ref(self, asked: Approval) -> Ref:
        return Ref("settings", asked.target_id)

    def describe(self, asked: Approval, *, reader: Actor, now: datetime) -> Described:
        return Described(asked.target_id, (Line("Fence", asked.target_id),))

    def prepare(self, asked: Approval, reason: str) -> str:
        self.prepared_for.append(reason)
        return "green"

    def carry_out(self, asked: Approval, prepared: str, *, actor: Actor, now: datetime) -> str:
        Team.objects.create(name=asked.target_id)
        return prepared


class TellSecret(PaintFence):
    """An act whose result is for the eyes of who asked."""

    code = "test.secret"
    carried_out = CarriedOut.BY_REQUESTER

    def show(self, request: HttpRequest, result: Any) -> HttpResponse:
        return HttpResponse(f"the secret is {result}")


@pytest.fixture(autouse=True)
def fence(monkeypatch) -> PaintFence:
    """Register both kinds for one test."""
    monkeypatch.setattr(kinds, "_registered", dict(kinds._registered))
    paint = PaintFence()
    kinds.register(paint)
    kinds.register(TellSecret())
    return paint


@pytest.fixture
def bram(db) -> Actor:
    """An administrator, who asks."""
    return person("bram@example.org", Role.ADMINISTRATOR)


@pytest.fixture
def katrien(db) -> Actor:
    """A DPO, who decides."""
    return person("katrien@example.org", Role.DPO)


@pytest.fixture
def ines(db) -> User:
    """A supervisor."""
    return User.objects.get(pk=person("ines@example.org", Role.SUPERVISOR).id)


def ask(actor: Actor, code: str = "test.paint", target: str = "North", **more: Any) -> Approval:
    """Ask for something."""
    return asking.ask(code, target, actor=actor, **{"reason": REASON, "now": NOW, **more})
