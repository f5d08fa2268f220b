"""The trail's periodic jobs. When each runs is said in ``vault.celery``."""

from datetime import timedelta

from django.db import connection

from audit import export, subjects
from vault import clock
from vault.jobs.periodic import periodic


@periodic("audit.make_partitions")
def make_partitions() -> int:
    """Make the event table's partitions for this month and the next two, and their masters."""
    now = clock.now()
    for days in (0, 31, 62):
        subjects.prepare_month(now + timedelta(days=days), ahead=days > 0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_make_partitions()")
        (made,) = cursor.fetchone()
    return int(made)


# A package of the whole trail may take hours; its maker says every few seconds that it lives.
@periodic("audit.run_exports", time_limit=timedelta(days=1))
def run_exports() -> int:
    """Make the packages that are waiting."""
    return export.run_waiting(now=clock.now())


@periodic("audit.expire_exports")
def expire_exports() -> int:
    """Remove packages that were fetched, failed or are a day old."""
    return export.expire(now=clock.now())
