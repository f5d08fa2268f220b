"""Which periodic jobs are late, by their heartbeats and the schedule that Celery was given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from celery import current_app

from vault.jobs.models import Heartbeat

GRACE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Job:
    """One scheduled job: its period in seconds and when it last finished."""

    name: str
    period_s: float
    finished_at: datetime | None
    started_at: datetime | None
    error: str

    def is_late(self, now: datetime) -> bool:
        """Say whether three periods and a grace have passed without the job finishing."""
        since = self.finished_at or self.started_at
        return since is not None and now - since > timedelta(seconds=3 * self.period_s) + GRACE


def jobs() -> list[Job]:
    """Return every scheduled job with its last signs of life, by name."""
    beats = Heartbeat.objects.in_bulk()
    return [
        Job(
            name=name,
            period_s=float(entry["schedule"]),
            finished_at=beats[name].finished_at if name in beats else None,
            started_at=beats[name].started_at if name in beats else None,
            error=beats[name].error if name in beats else "",
        )
        for name, entry in sorted(current_app.conf.beat_schedule.items())
    ]


def late_jobs(now: datetime) -> list[Job]:
    """Return the jobs that are late at ``now``."""
    return [job for job in jobs() if job.is_late(now)]
