"""Something to do for each periodic job and each command of the vault that records."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from audit import checks, export, trail
from audit.actions import Action, Outcome
from audit.actor import Actor, Ref
from audit.events import EventFilters
from audit.models import Export
from recordings import key_work
from recordings.models import KeyWorkKind, PlaybackGrant, Recording
from retention import policies
from retention.periods import Period
from retention.policies import Terms
from tests.recordings import calls
from tests.world import REASON, World, number_all
from vault import clock, storage
from vault.access.models import SignIn
from vault.access.roles import Role
from vault.access.second_person import GRANT_ROLE
from vault.approvals import asking
from vault.kms import keks as books

HERE = Actor.system("test")
JOBS: dict[str, Callable[[World, Any], Any]] = {}
# What takes something to go wrong, or years to pass; their own tests run them.
JOBS_SEEN_ELSEWHERE = {
    "audit.anchor": "tests/audit/test_anchors.py",
    "audit.remove_months": "tests/audit/test_months.py",
    "audit.watch": "tests/audit/test_lag.py",
}


def job(name: str) -> Callable[[Callable[[World, Any], Any]], Callable[[World, Any], Any]]:
    def register(prepared: Callable[[World, Any], Any]) -> Callable[[World, Any], Any]:
        JOBS[name] = prepared
        return prepared

    return register


@job("retention.sweep")
def _due(world: World, settings: Any) -> None:
    world.erased()


@job("retention.reschedule")
def _changed_policy(world: World, settings: Any) -> None:
    terms = Terms("All calls", "legitimate_interests", "A reason.", Period(30, "years"))
    policies.change_policy(world.policy.policy_id, terms, actor=world.actor(Role.DPO), now=clock.now())


@job("retention.make_keys_ahead")
def _no_keys(world: World, settings: Any) -> None:
    """There are none for months ahead in a new database."""


@job("retention.harden_keys")
def _many_erased(world: World, settings: Any) -> None:
    settings.HARDEN_AFTER_ERASURES = 1
    world.erased()


@job("retention.destroy_passed_keys")
def _passed_month(world: World, settings: Any) -> None:
    books.ensure("audio-2026-01")


@job("recordings.close_stale_grants")
def _stale_grant(world: World, settings: Any) -> None:
    world.granted()
    long_ago = clock.now() - timedelta(hours=2)
    PlaybackGrant.objects.update(granted_at=long_ago, expires_at=long_ago + timedelta(minutes=15))


@job("recordings.move_keys")
def _moved_end(world: World, settings: Any) -> None:
    Recording.objects.filter(pk=world.call().pk).update(planned_month="2061-01")


@job("recordings.work_on_keys")
def _begun(world: World, settings: Any) -> None:
    key_work.begin(world.key(), KeyWorkKind.ROTATE, actor=HERE, now=clock.now())


@job("audit.run_exports")
def _ordered(world: World, settings: Any) -> None:
    export.request_export(
        format="jsonl",
        filters=EventFilters(target_id=str(world.recording.pk)),
        with_personal=False,
        actor=world.actor(Role.DPO),
        now=clock.now(),
    )
    number_all()


@job("audit.run_checks")
def _asked_check(world: World, settings: Any) -> None:
    checks.request_check(actor=world.actor(Role.DPO), now=clock.now())


@job("audit.forget_days")
def _old_address(world: World, settings: Any) -> None:
    long_ago = clock.now() - timedelta(days=settings.AUDIT_ADDRESS_DAYS + 2)
    stranger = Actor.unknown("web", address="203.0.113.7")
    target = Ref("page", "home")
    trail.record_disclosure(
        Action.ACCESS_REFUSED, actor=stranger, target=target, at=long_ago, outcome=Outcome.REFUSED
    )


@job("audit.expire_exports")
def _old_package(world: World, settings: Any) -> None:
    world.package()
    Export.objects.update(expires_at=clock.now() - timedelta(minutes=1))


@job("access.forget_expired_sessions")
def _old_session(world: World, settings: Any) -> None:
    person = world.somebody()
    long_ago = clock.now() - timedelta(days=2)
    SignIn.objects.filter(user=person).update(started_at=long_ago, seen_at=long_ago)


@job("approvals.expire")
def _old_request(world: World, settings: Any) -> None:
    asking.ask(
        GRANT_ROLE,
        str(world.somebody().pk),
        parameters={"role": "dpo"},
        reason=REASON,
        actor=world.actor(Role.ADMINISTRATOR),
        now=clock.now() - timedelta(days=4),
    )


@job("residency.check")
def _elsewhere(world: World, settings: Any) -> None:
    settings.S3_ENDPOINT_URL = settings.S3_ENDPOINT_URL.replace("127.0.0.1", "127.1")
    storage.store.cache_clear()


def folder(world: World, place: Path) -> list[str]:
    place = place / "calls"
    place.mkdir()
    (place / "one.json").write_text(json.dumps(calls.document("one")))
    (place / "one.wav").write_bytes(calls.wav(0.2))
    return [str(place)]


def erased(world: World, place: Path) -> list[str]:
    world.erased()
    return []


COMMANDS: dict[str, Callable[[World, Path], list[str]]] = {
    "create_administrator": lambda world, place: ["new@example.org"],
    "import_recordings": folder,
    "keys": lambda world, place: ["rotate", world.key()],
    "prepare_database": lambda world, place: [],
    "sweep": erased,
}
