"""The sequencer as a process: it keeps up, yields to nobody but the dead, and stops when told."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from audit.actor import Actor
from audit.models import AuditEvent, Leaf
from tests.audit.conftest import attacker, record
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


def test_a_second_one_takes_over_when_the_first_is_killed(fresh_database):
    with running(fresh_database) as first, running(fresh_database):
        record(SYSTEM)
        wait_until(all_numbered)
        first.kill()
        record(SYSTEM)

        wait_until(all_numbered)


def test_it_stops_rather_than_sign_a_changed_tree(fresh_database):
    record(SYSTEM)
    with running(fresh_database) as process:
        wait_until(all_numbered)
        with attacker(fresh_database) as owner:
            owner.execute("UPDATE audit_leaf SET hash = sha256('x')")
        record(SYSTEM)

        assert process.wait(timeout=30) == 1
        assert b"does not match checkpoint 1" in process.stderr.read()
