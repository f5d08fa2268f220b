"""The job that watches the other jobs."""

import structlog

from vault import clock
from vault.jobs import lateness
from vault.jobs.periodic import periodic

log = structlog.get_logger("vault.jobs")


@periodic("jobs.check_heartbeats")
def check_heartbeats() -> int:
    """Raise an alarm in the log for each job that has not finished in three of its periods."""
    late = lateness.late_jobs(clock.now())
    for job in late:
        log.error("job is late", job=job.name, last_finished_at=str(job.finished_at), period_s=job.period_s)
    return len(late)
