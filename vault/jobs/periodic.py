"""Declare a periodic job: a Celery task with a heartbeat. When it runs is said in ``vault.celery`` alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog
from celery import shared_task

from vault import clock
from vault.jobs.models import Heartbeat

log = structlog.get_logger("vault.jobs")


def periodic(name: str, **options: Any) -> Callable[[Callable[[], int]], Any]:
    """Make a job of a function that asks the database what is left, does it, and returns how much it did.

    Options are those of a Celery task, such as a time limit of its own.
    """

    def declare(work: Callable[[], int]) -> Any:
        @shared_task(name=name, **options)
        @wraps(work)
        def run() -> None:
            started_at = clock.now()
            beat(name, started_at=started_at)
            try:
                done = work()
            except Exception as error:
                log.error("job failed", job=name, error=type(error).__name__)
                beat(name, failed_at=clock.now(), error=type(error).__name__)
                raise
            beat(name, finished_at=clock.now(), error="", done=done)

        return run

    return declare


def beat(job: str, **facts: Any) -> None:
    """Write a job's life sign."""
    started_at = facts.get("started_at", clock.now())
    Heartbeat.objects.update_or_create(
        job=job, defaults=dict(facts), create_defaults={"started_at": started_at, **facts}
    )
