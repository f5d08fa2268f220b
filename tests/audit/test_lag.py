"""Events that wait too long for their checkpoint: an alarm that names its cause, and one event at each end."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from audit import lag
from audit.actor import Actor
from tests.audit.conftest import record, sequence
from tests.trail import events
from vault import clock
from vault.jobs.models import Heartbeat

pytestmark = pytest.mark.usefixtures("fresh_database")
SYSTEM = Actor.system("test")
ENDS = ("trail.fell_behind", "trail.caught_up")


def watch() -> int:
    return lag.watch(actor=SYSTEM, now=clock.now())


def test_falling_behind_and_catching_up_are_told_once_each(monkeypatch):
    monkeypatch.setattr(lag, "TOO_LONG", timedelta(0))
    record(SYSTEM)
    assert [watch(), watch()] == [1, 1]
    sequence()

    assert [watch(), watch()] == [0, 1]  # what caught up is itself an event that waits
    assert [event.action for event in events(*ENDS)] == [*ENDS, ENDS[0]]
    assert events(*ENDS)[0].body["facts"]["why"] == "sequencer-not-running"


def test_the_transaction_that_holds_everything_up_is_named(fresh_database, monkeypatch):
    monkeypatch.setattr(lag, "TOO_LONG", timedelta(0))
    now = clock.now()
    Heartbeat.objects.create(job=lag.JOB, started_at=now, finished_at=now)
    with psycopg.connect(fresh_database.environment["DATABASE_URL"], application_name="slow-report") as slow:
        slow.execute("SELECT pg_current_xact_id()")

        cause = lag.find_cause(now)
        with psycopg.connect(fresh_database.environment["DATABASE_OWNER_URL"]) as owner:
            row = owner.execute(
                "SELECT application_name FROM pg_stat_activity WHERE pid = %s", [cause.pid]
            ).fetchone()

    # Another program's transaction on the same server may be older still; then that one is to blame.
    assert cause.code == "long-transaction"
    assert row == (cause.application,)


def test_a_sequencer_that_runs_and_is_not_held_up_is_only_behind(monkeypatch):
    now = clock.now()
    Heartbeat.objects.create(job=lag.JOB, started_at=now, finished_at=now)
    monkeypatch.setattr(lag, "_long_transaction", lambda: None)

    assert lag.find_cause(now).code == "sequencer-behind"
    assert lag.find_cause(now + timedelta(minutes=1)).code == "sequencer-not-running"
