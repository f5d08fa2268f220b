"""A use case that no longer records is found: the walk over the doors names at least one of its doors."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from importlib import import_module
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command

from audit import trail
from audit.actions import Action
from audit.models import AuditEvent
from tests import doors
from tests.jobs import COMMANDS, JOBS
from tests.world import World, make_world, number_all
from vault import storage
from vault.access.unrecorded import ROUTES, reasons
from vault.celery import app

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGES = ("audit", "privacy", "recordings", "retention", "vault")
RECORDS = frozenset({"record", "record_disclosure", "record_refusal", "forget"})
# Whose silence the walk does not find, because another event goes with each of its own or because it takes
# something to go wrong, and the test that looks for the event itself.
FOUND_ELSEWHERE: dict[str, str] = {
    "audit.anchors.work": "tests/audit/test_anchors.py",
    "audit.lag": "tests/audit/test_lag.py",
    "audit.months": "tests/audit/test_months.py",
    "audit.restore": "tests/audit/test_restore.py",
    "vault.access.forgetting": "tests/access/test_forgetting.py",
    "recordings.damage": "tests/recordings/test_damage.py",
    "recordings.key_approvals": "tests/recordings/test_key_approvals.py",
    "recordings.key_check": "tests/recordings/test_key_work.py",
    "recordings.management.commands.import_recordings": "tests/recordings/test_import.py",
    "retention.certificate": "tests/retention/test_erasure.py",
    "retention.copies_gone": "tests/retention/test_erasure.py",
    "vault.access.invitations": "tests/access/test_invitations.py",
    "vault.access.refusals": "tests/access/test_refusals.py",
}


def recording_modules() -> set[str]:
    """Return every module that calls one of the trail's functions."""
    return {
        ".".join(path.relative_to(CHECKOUT).with_suffix("").parts)
        for package in PACKAGES
        for path in (CHECKOUT / package).rglob("*.py")
        if "demo" not in path.parts  # made-up people, made by the use cases that are silenced here
        and any(_records(node) for node in ast.walk(ast.parse(path.read_text())))
    }


def _records(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "trail"
        and node.func.attr in RECORDS
    )


@pytest.fixture
def world(fresh_database, own_keyring, settings) -> Iterator[World]:
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"DEFAULT_THROTTLE_CLASSES": []}
    app.loader.import_default_modules()
    made = make_world()
    number_all()
    yield made
    storage.store.cache_clear()


@pytest.fixture
def heard(monkeypatch) -> set[str]:
    """Collect the modules that record."""
    found: set[str] = set()
    real = trail._append

    def append(*args: Any, **kwargs: Any) -> AuditEvent:
        frame = sys._getframe(1)
        while frame.f_globals["__name__"] == "audit.trail" and frame.f_back:
            frame = frame.f_back
        found.add(frame.f_globals["__name__"])
        return real(*args, **kwargs)

    monkeypatch.setattr(trail, "_append", append)
    return found


def silenced() -> SimpleNamespace:
    """Return a trail that records nothing and says nothing of it."""

    def nothing(*args: Any, **kwargs: Any) -> AuditEvent:
        return AuditEvent(id=uuid4(), entry=b"{}")

    silent = dict.fromkeys(RECORDS - {"forget"}, nothing)
    return SimpleNamespace(**(vars(trail) | silent | {"forget": lambda *args, **kwargs: 0}))


def acts(world: World, settings: Any, place: Path) -> dict[str, Callable[[], Callable[[], Any]]]:
    """Return all that the vault does and records, each to be prepared and then done."""

    def command(name: str) -> Callable[[], Any]:
        own = place / name
        own.mkdir(exist_ok=True)
        words = COMMANDS[name](world, own)
        return lambda: call_command(name, *words, stdout=StringIO())

    def job(name: str) -> Callable[[], Any]:
        JOBS[name](world, settings)
        return lambda: app.tasks[name]()

    def door(name: str) -> Callable[[], Any]:
        request = doors.prepare(name, world)
        return lambda: doors.read(request())

    recorded = [name for name in doors.all_doors() if name not in reasons(ROUTES)]
    return (
        {name: partial(door, name) for name in recorded}
        | {name: partial(job, name) for name in JOBS}
        | {name: partial(command, name) for name in COMMANDS}
    )


def test_a_use_case_that_stops_recording_is_found(world, heard, settings, tmp_path, monkeypatch):
    by_module: dict[str, str] = {}
    everything = acts(world, settings, tmp_path)
    for name, prepare in everything.items():
        act = prepare()
        heard.clear()
        act()
        for module in heard if len(heard) == 1 else ():
            by_module.setdefault(module, name)
    unnoticed = []

    for module, name in by_module.items():
        act = everything[name]()
        before = AuditEvent.objects.count()
        with monkeypatch.context() as silent, suppress(Exception):  # breaking is being found, too
            silent.setattr(import_module(module), "trail", silenced())
            act()
        if AuditEvent.objects.count() > before:
            unnoticed.append(f"{module}: {name} records all the same")

    assert not unnoticed, "\n".join(unnoticed)
    assert recording_modules() - by_module.keys() == FOUND_ELSEWHERE.keys()


def test_what_the_walk_does_not_find_is_looked_for_by_name():
    for module, where in FOUND_ELSEWHERE.items():
        code = (CHECKOUT / (module.replace(".", "/") + ".py")).read_text()
        recorded = {Action[name] for name in re.findall(r"\bAction\.([A-Z_]+)", code)}
        if "trail.forget(" in code:
            recorded.add(Action.TRAIL_FORGOTTEN)
        test = (CHECKOUT / where).read_text()

        assert any(f"Action.{each.name}" in test or f'"{each.value}"' in test for each in recorded), module
