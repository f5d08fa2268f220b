"""The trail's periodic jobs. When each runs is said in ``vault.celery``."""

from datetime import timedelta

from django.db import connection

from audit import checks, export, forgetting, lag, months, subjects
from audit.actor import Actor
from audit.anchors import work
from vault import clock
from vault.jobs.periodic import periodic

_LONGEST_CHECK_S = 12 * 3600
_LONGEST_EXPORT_S = 24 * 3600


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
@periodic("audit.run_exports", time_limit=_LONGEST_EXPORT_S)
def run_exports() -> int:
    """Make the packages that are waiting."""
    return export.run_waiting(now=clock.now())


@periodic("audit.expire_exports")
def expire_exports() -> int:
    """Remove packages that were fetched, failed or are a day old."""
    return export.expire(now=clock.now())


@periodic("audit.run_checks", time_limit=_LONGEST_CHECK_S)
def run_checks() -> int:
    """Check the trail where somebody asked for it, and where it is time again."""
    return checks.run_waiting(now=clock.now())


@periodic("audit.anchor")
def anchor() -> int:
    """Bring the newest checkpoint to the places out of the operator's reach."""
    return work.anchor(actor=Actor.system("task:audit.anchor"), now=clock.now())


@periodic("audit.watch")
def watch() -> int:
    """Raise an alarm while events wait too long for their checkpoint, and say why they do."""
    return lag.watch(actor=Actor.system("task:audit.watch"), now=clock.now())


@periodic("audit.forget_days")
def forget_days() -> int:
    """Forget the addresses of unknown visitors when they are old enough."""
    now = clock.now()
    subjects.prepare_month(now)
    return forgetting.forget_days(actor=Actor.system("task:audit.forget_days"), now=now)


@periodic("audit.remove_months")
def remove_months() -> int:
    """Remove the oldest month of the trail when its time is over."""
    subjects.prepare_month(clock.now())
    return months.remove_due(actor=Actor.system("task:audit.remove_months"))
