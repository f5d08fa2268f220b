"""Checks of the whole trail as a job: asked for by somebody, or due by themselves, and done once at a time.

A check that was interrupted begins again: what it had found so far stands in the same database as what it
checks, and proves nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from audit import check, checkpoints, months, trail
from audit.actions import Action
from audit.actor import Actor, Ref
from audit.models import Check, CheckState
from vault import clock
from vault.errors import Missing, gettext_noop

LEASE = timedelta(minutes=10)
MOST_ATTEMPTS = 3
_JOB = "task:audit.run_checks"

log = structlog.get_logger("audit.checks")


class _TakenOver(Exception):
    """Another worker goes on with the check: this one's lease had run out."""


def request_check(*, actor: Actor, now: datetime) -> Check:
    """Ask for a check; where one is under way already, that is the answer."""
    with transaction.atomic(durable=True):
        _one_at_a_time()
        return _under_way() or _ask(actor, now)


def require(check_id: UUID) -> Check:
    """Return a check.

    :raises Missing: if there is none.
    """
    found = Check.objects.filter(pk=check_id).first()
    if found is None:
        raise Missing(gettext_noop("There is no such check."))
    return found


def newest() -> Check | None:
    """Return the check that was asked for last; None if there never was one."""
    return Check.objects.order_by("-asked_at", "-pk").first()


def run_waiting(*, now: datetime) -> int:
    """Ask for a check if one is due, then do every one that waits or whose worker died; return how many."""
    _ask_if_due(now)
    done = 0
    while claimed := _claim(now):
        done += _run(claimed)
    return done


def _ask_if_due(now: datetime) -> None:
    if not settings.CHECK_TRAIL_EVERY or checkpoints.newest() is None:
        return
    with transaction.atomic(durable=True):
        _one_at_a_time()
        last = newest()
        if last is None or (not _is_under_way(last) and last.asked_at <= now - settings.CHECK_TRAIL_EVERY):
            _ask(Actor.system(_JOB), now)


def _one_at_a_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('audit_check'))")


def _ask(actor: Actor, now: datetime) -> Check:
    asked = Check.objects.create(id=uuid4(), asked_by=actor.id, asked_at=now)
    trail.record(
        Action.TRAIL_CHECK_REQUESTED,
        actor=actor,
        target=Ref("check", str(asked.pk)),
        at=now,
        check=str(asked.pk),
    )
    return asked


def _under_way() -> Check | None:
    last = newest()
    return last if last and _is_under_way(last) else None


def _is_under_way(one: Check) -> bool:
    return one.state in (CheckState.WAITING, CheckState.RUNNING)


def _claim(now: datetime) -> Check | None:
    ready = Q(state=CheckState.WAITING) | Q(state=CheckState.RUNNING, lease_until__lte=now)
    with transaction.atomic(durable=True):
        waiting = Check.objects.filter(ready).select_for_update(skip_locked=True)
        claimed = waiting.order_by("asked_at", "pk").first()
        if claimed is None or not months.may_read_all():
            return None
        claimed.attempts += 1
        claimed.state, claimed.lease_until, claimed.done = CheckState.RUNNING, now + LEASE, 0
        if claimed.attempts > MOST_ATTEMPTS:
            claimed.state, claimed.finished_at = CheckState.FAILED, now
            claimed.error = "interrupted"
        claimed.save(update_fields=["attempts", "state", "lease_until", "done", "finished_at", "error"])
    return claimed


def _run(claimed: Check) -> bool:
    if claimed.state == CheckState.FAILED:
        log.error("check failed", check=str(claimed.pk), attempts=claimed.attempts)
        return False
    checkpoint = checkpoints.newest()
    mine = Check.objects.filter(pk=claimed.pk, attempts=claimed.attempts, state=CheckState.RUNNING)
    mine.update(total=checkpoint.size if checkpoint else 0)

    def note_progress(done: int) -> None:
        if not mine.update(done=done, lease_until=clock.database_now() + LEASE):
            raise _TakenOver

    try:
        result = check.examine(checkpoint, on_progress=note_progress)
    except _TakenOver:
        return False
    at = clock.database_now()
    with transaction.atomic(durable=True):
        findings = [finding.as_row() for finding in result.findings]
        if not mine.update(state=CheckState.DONE, done=result.size, findings=findings, finished_at=at):
            return False
        check.record_result(result, check_id=str(claimed.pk), actor=Actor.system(_JOB), at=at)
    if not result.is_whole:
        log.error("the trail is not whole", check=str(claimed.pk), findings=len(result.findings))
    return True
