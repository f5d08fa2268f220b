"""The sequencer as a process: it keeps up, yields to nobody but the dead, and stops when told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from audit import sequencer
from audit.actor import Actor
from audit.models import AuditEvent, Checkpoint, Leaf
from tests.audit.conftest import attacker, record, sequence
from vault.jobs.models import Heartbeat

pytestmark = pytest.mark.usefixtures("fresh_database")
CHECKOUT = Path(__file__).resolve().parents[2]
SYSTEM = Actor.system("test")


@contextmanager
def running(database) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run_sequencer"],
        cwd=CHECKOUT,
        env=database.environment | {"DJANGO_SETTINGS_MODULE": "vault.settings"},
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)


def all_numbered() -> bool:
    return Leaf.objects.count() == AuditEvent.objects.count()


def test_it_numbers_what_is_recorded_and_stops_when_told(fresh_database):
    record(SYSTEM)
    with running(fresh_database) as process:
        wait_until(all_numbered)
        record(SYSTEM)
        wait_until(all_numbered)
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=30) == 0

    assert Heartbeat.objects.filter(job="audit.sequencer").exists()


def test_it_outlives_the_loss_of_its_database(monkeypatch):
    """Within this process, so that a lost connection can be arranged: the command itself, told to stop."""
    rounds: list[str] = []

    def lose_it_once(*, now: datetime) -> Checkpoint | None:
        rounds.append("round")
        if len(rounds) == 1:
            raise OperationalError("gone")
        if len(rounds) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return sequence_once(now=now)

    sequence_once = sequencer.sequence_once
    monkeypatch.setattr(sequencer, "sequence_once", lose_it_once)
    record(SYSTEM)
    with signals_restored():
        call_command("run_sequencer")

    assert all_numbered()


def test_it_waits_while_another_one_leads(fresh_database):
    with (
        psycopg.connect(fresh_database.environment["DATABASE_SEQUENCER_URL"], autocommit=True) as other,
        signals_restored(),
    ):
        other.execute("SELECT pg_advisory_lock(%s)", [sequencer.LOCK])
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
        record(SYSTEM)

        call_command("run_sequencer")

    assert not all_numbered()


def test_it_says_that_the_tree_was_changed(fresh_database):
    record(SYSTEM)
    sequence()
    with attacker(fresh_database) as owner:
        owner.execute("UPDATE audit_leaf SET hash = sha256('x')")
    record(SYSTEM)

    with signals_restored(), pytest.raises(CommandError, match="does not match checkpoint 1"):
        call_command("run_sequencer")


@contextmanager
def signals_restored() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_second_one_takes_over_when_the_first_is_killed(fresh_database):
    with running(fresh_database) as first, running(fresh_database):
        record(SYSTEM)
        wait_until(all_numbered)
        first.kill()
        record(SYSTEM)

        wait_until(all_numbered)
