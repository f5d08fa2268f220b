"""Celery's wiring: the one schedule of every periodic job.

The schedule is code, not data: nobody switches retention off in a database. A lost message loses nothing,
because each job asks the database what is left to do.
"""

from __future__ import annotations

import os

from celery import Celery, bootsteps
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vault.settings")

app = Celery("vault")
app.config_from_object(settings.CELERY)
app.autodiscover_tasks(
    [
        "vault.jobs",
        "vault.kms",
        "vault.access",
        "vault.approvals",
        "vault.residency",
        "audit",
        "recordings",
        "retention",
    ]
)

# Job name -> every how many seconds.
SCHEDULE: dict[str, int] = {
    "retention.sweep": settings.SWEEP_SECONDS,
    "retention.flush_ledger": min(settings.SWEEP_SECONDS, 15),
    "retention.reschedule": 60,
    "recordings.derive_copies": 10,
    "recordings.close_stale_grants": 60,
    "recordings.drop_stale_intakes": 600,
    "recordings.move_keys": 600,
    "recordings.work_on_keys": 30,
    "retention.make_keys_ahead": 3600,
    "retention.harden_keys": 3600,
    "retention.destroy_passed_keys": 3600,
    "audit.run_exports": 5,
    "audit.run_checks": 5,
    "audit.expire_exports": 600,
    "audit.make_partitions": 86_400,
    "audit.anchor": min(settings.SWEEP_SECONDS, 60),
    "audit.watch": 15,
    "access.forget_expired_sessions": 3600,
    "approvals.expire": 300,
    "kms.keep_tokens": 1200,
    "residency.check": 3600,
    "jobs.check_heartbeats": 60,
}

app.conf.beat_schedule = {
    job: {"task": job, "schedule": seconds, "options": {"expires": max(seconds, 30)}}
    for job, seconds in SCHEDULE.items()
}


class ProveParts(bootsteps.Step):
    """Before a worker takes its first task, and before it has children: do what ``vault.starting`` does."""

    def __init__(self, parent: object, **options: object) -> None:
        from vault import starting  # Django is not set up when this module is loaded

        starting.start("worker")


app.steps["worker"].add(ProveParts)
