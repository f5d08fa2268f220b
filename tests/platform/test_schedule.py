"""Periodic jobs: all in the one schedule, each with a heartbeat, and noticed when late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from vault import celery
from vault.jobs import lateness, tasks
from vault.jobs.models import Heartbeat

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_every_job_is_in_the_schedule_and_the_schedule_names_no_other():
    celery.app.loader.import_default_modules()

    declared = {name for name in celery.app.tasks if not name.startswith("celery.")}

    assert declared == celery.SCHEDULE.keys()
    assert {entry["task"] for entry in celery.app.conf.beat_schedule.values()} == declared


def test_what_the_vault_promises_to_do_by_itself_is_scheduled():
    assert {
        "retention.sweep",
        "retention.flush_ledger",
        "recordings.derive_copies",
        "recordings.close_stale_grants",
        "recordings.drop_stale_intakes",
        "recordings.move_keys",
        "audit.make_partitions",
        "audit.run_exports",
        "audit.run_checks",
        "audit.expire_exports",
        "approvals.expire",
        "residency.check",
        "jobs.check_heartbeats",
        "kms.keep_tokens",
    } <= celery.SCHEDULE.keys()


def test_a_job_that_ran_leaves_its_heartbeat(db):
    tasks.check_heartbeats()

    beat = Heartbeat.objects.get(job="jobs.check_heartbeats")
    assert beat.finished_at is not None
    assert beat.finished_at >= beat.started_at
    assert (beat.failed_at, beat.error) == (None, "")


def test_a_job_that_failed_says_so_by_the_class_of_its_error_alone(db, monkeypatch):
    def fail(now):
        raise LookupError("a number that nobody may read: +31 6 12345678")

    monkeypatch.setattr(lateness, "late_jobs", fail)

    with pytest.raises(LookupError):
        tasks.check_heartbeats()

    beat = Heartbeat.objects.get(job="jobs.check_heartbeats")
    assert beat.failed_at is not None
    assert (beat.finished_at, beat.error) == (None, "LookupError")


@pytest.mark.parametrize(("minutes_ago", "late"), [(1, False), (3.9, False), (4.1, True)])
def test_a_job_is_late_after_three_of_its_periods_and_a_minute(db, monkeypatch, minutes_ago, late):
    monkeypatch.setitem(celery.app.conf.beat_schedule["retention.sweep"], "schedule", 60)
    finished_at = NOW - timedelta(minutes=minutes_ago)
    Heartbeat.objects.create(job="retention.sweep", started_at=finished_at, finished_at=finished_at)

    assert ["retention.sweep"] * late == [job.name for job in lateness.late_jobs(NOW)]
