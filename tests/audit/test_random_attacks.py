"""Whatever a superuser does to the trail before the last checkpoint that is held outside is found, and named.

Each attack is done in a transaction of the database's owner, with triggers off; the export that the vault then
writes goes to the verifier with the kept checkpoint, and what no export holds to the vault's own check.
``TRAIL_ATTACKS`` says how many.
"""

from __future__ import annotations

import os
import random  # noqa: TID251 - as in attacks
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest
from django.db import IntegrityError, connection, transaction

from audit import package, trail, verify
from audit.actions import Action
from audit.actor import Actor
from tests.audit.attacks import ATTACKS, KEYS, TABLES, columns_of, find, flip, run
from tests.audit.conftest import CALL, NOW, sequence

MANY = int(os.environ.get("TRAIL_ATTACKS", "120"))
pytestmark = pytest.mark.timeout(120 + MANY)
SEED = os.environ.get("TRAIL_ATTACKS_SEED") or secrets.token_hex(4)


class AtOnce:
    """Do what a pool of threads is given at once."""

    def __init__(self, threads: int) -> None:
        assert threads == 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *what: object) -> None:
        return None

    def submit(self, work: Callable[..., Any], *values: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(work(*values))
        return done


@pytest.fixture
def kept(fresh_database, ines, monkeypatch) -> Iterator[str]:
    """Make a trail of six checkpoints, hand the database to its owner, and keep the last checkpoint."""
    for at in range(300):
        actor = ines if at % 5 == 0 else Actor.system("test")
        with transaction.atomic():
            trail.record(Action.RECORDING_VIEWED, actor=actor, target=CALL, at=NOW, state="active")
        if at % 50 == 49 and at < 299:
            sequence()
    last = sequence()
    monkeypatch.setattr(verify, "ed25519_holds", cache(verify.ed25519_holds))
    # The package is read in this thread, whose transaction holds the attack.
    monkeypatch.setattr(package, "ThreadPoolExecutor", AtOnce)
    monkeypatch.setattr(package, "_hang_up", lambda: None)
    owner = urlsplit(fresh_database.environment["DATABASE_OWNER_URL"])
    before = {name: connection.settings_dict[name] for name in ("USER", "PASSWORD")}
    connection.close()
    connection.settings_dict |= {"USER": owner.username, "PASSWORD": owner.password or ""}
    run("SET idle_in_transaction_session_timeout = 0")  # a busy machine may leave an attack waiting
    for table in TABLES:
        run(f"ALTER TABLE audit_{table} DISABLE TRIGGER USER")
    try:
        yield last.note
    finally:
        connection.close()
        connection.settings_dict |= before


def attacked(
    attack: Callable[[random.Random], set[str]], dice: random.Random, path: Path, kept: str
) -> tuple[set[str], set[str]]:
    """Return how an attack must be named, and how it was; nothing of it stays.

    What the database's own constraints refuse is no attack: then another one of its kind.
    """
    for _ in range(20):
        with suppress(IntegrityError), transaction.atomic():
            named = attack(dice)
            found = find(path, kept, frozenset(named))
            transaction.set_rollback(True)
            return named, found
    raise AssertionError(f"the database refuses {attack}")


def test_random_attacks_are_all_found_and_named(kept, tmp_path):
    assert find(tmp_path / "whole.zip", kept) == set()

    unseen = []
    for number in range(MANY):
        dice = random.Random(f"{SEED} {number}")  # noqa: S311 - as in attacks
        attack = dice.choice(ATTACKS)
        named, found = attacked(attack, dice, tmp_path / "attacked.zip", kept)
        if not found & named:
            unseen.append((number, attack.__name__, sorted(named), sorted(found)))

    assert unseen == [], f"TRAIL_ATTACKS_SEED={SEED}"
    assert find(tmp_path / "whole.zip", kept) == set()


def test_a_change_of_any_column_is_found_and_named(kept, tmp_path):
    unseen = []
    for table in KEYS:
        for column, kind in columns_of(table):
            dice = random.Random(f"{SEED} {table} {column}")  # noqa: S311 - as in attacks
            attack = partial(flip, table, column, kind)
            named, found = attacked(attack, dice, tmp_path / "attacked.zip", kept)
            if not found & named:
                unseen.append((table, column, sorted(named), sorted(found)))

    assert unseen == [], f"TRAIL_ATTACKS_SEED={SEED}"


def test_each_kind_of_attack_is_found_and_named(kept, tmp_path):
    unseen = []
    for attack in dict.fromkeys(ATTACKS):
        dice = random.Random(f"{SEED} {attack.__name__}")  # noqa: S311 - as in attacks
        named, found = attacked(attack, dice, tmp_path / "attacked.zip", kept)
        if not found & named:
            unseen.append((attack.__name__, sorted(named), sorted(found)))

    assert unseen == [], f"TRAIL_ATTACKS_SEED={SEED}"
