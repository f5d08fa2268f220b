"""Which erasures are due and who works on them: found, claimed, put off, given up. All by the database's time.

A claim is a lease of ten minutes and a fence that grows by one. Whoever wakes up with an old fence finds that
none of its writes fits any row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Now

from audit import trail
from audit.actions import Action, Outcome
from audit.actor import Actor, Ref
from recordings.models import BasisStatus, Recording, State
from retention.errors import NoSuchErasure, NotStuck
from retention.models import BEFORE_DESTRUCTION, Erasure, ErasureState, Ground, RetentionPolicy, Unit
from vault import clock

log = structlog.get_logger("retention.claims")

LEASE = timedelta(minutes=10)
TRIES = 8
SLOWEST = timedelta(hours=1)
STOPPED = Q(recording__is_held=True) | Q(recording__is_frozen=True) | Q(recording__is_restricted=True)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on one erasure, until the lease runs out or somebody else has claimed it."""

    erasure_id: UUID
    fence: int


@transaction.atomic(durable=True)
def notice_due(*, limit: int = 1000) -> int:
    """Write down which recordings have come to their end; return how many are new."""
    Erasure.objects.filter(STOPPED, state=ErasureState.DUE).update(state=ErasureState.HELD)
    # Recordings first, as everywhere: one that somebody erases or holds at this moment is passed over. Else an
    # erasure by hand, which has the recording and wants the erasure's place, and this would wait for each other.
    due = (
        Recording.objects.select_for_update(skip_locked=True, no_key=True)
        .filter(expires_at__lte=Now(), is_held=False, is_frozen=False, is_restricted=False)
        .exclude(state=State.ERASED)
        .filter(~Exists(Erasure.objects.filter(recording=OuterRef("pk"))))
        .order_by("expires_at", "pk")[:limit]
    )
    trials = trial_versions()
    rows = [
        Erasure(recording=recording, noticed_at=Now(), next_try_at=Now(), **why_due(recording, trials))
        for recording in due
    ]
    Erasure.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


@transaction.atomic(durable=True)
def claim(states: Collection[ErasureState], *, actor: Actor, limit: int) -> list[Claim]:
    """Take up to so many erasures that nobody works on; those tried too often are given up instead."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
    open_rows = Erasure.objects.filter(free, state__in=states, next_try_at__lte=Now())
    if set(states) <= set(BEFORE_DESTRUCTION):
        open_rows = open_rows.exclude(STOPPED)
    rows = list(
        open_rows.select_for_update(skip_locked=True, of=("self",)).order_by("next_try_at", "pk")[:limit]
    )
    _give_up([row for row in rows if row.tries >= TRIES], actor=actor)
    taken = [row for row in rows if row.tries < TRIES]
    mine = Erasure.objects.filter(pk__in=[row.pk for row in taken])
    # In one statement: a row that is changed twice in a transaction has its foreign key checked, which waits for
    # whoever has the recording; and who erases by hand has it, and waits for this.
    first = Case(
        When(state__in=(ErasureState.DUE, ErasureState.HELD), then=Value(ErasureState.CLAIMED)),
        default=F("state"),
    )
    mine.update(lease_until=Now() + LEASE, fence=F("fence") + 1, tries=F("tries") + 1, state=first)
    return [Claim(row.pk, row.fence + 1) for row in taken]


def lock(claims: Iterable[Claim], states: Collection[ErasureState]) -> list[Erasure]:
    """Return the claimed erasures, locked, that are still ours and in one of these states."""
    fences = {one.erasure_id: one.fence for one in claims}
    rows = Erasure.objects.select_for_update(of=("self",)).filter(pk__in=fences, state__in=states)
    return [row for row in rows.order_by("pk") if row.fence == fences[row.pk]]


def read(claims: Iterable[Claim], states: Collection[ErasureState]) -> list[Erasure]:
    """Return the claimed erasures that are still ours and in one of these states, for work outside."""
    fences = {one.erasure_id: one.fence for one in claims}
    rows = Erasure.objects.filter(pk__in=fences, state__in=states).order_by("pk")
    return [row for row in rows if row.fence == fences[row.pk]]


@transaction.atomic(durable=True)
def put_off(one: Claim, error: Exception) -> None:
    """Let go of an erasure whose step failed; it is tried again after a pause that doubles each time."""
    log.warning("erasure step failed", erasure=str(one.erasure_id), error=type(error).__name__)
    for row in Erasure.objects.select_for_update().filter(pk=one.erasure_id, fence=one.fence):
        pause = min(timedelta(minutes=2 ** min(row.tries, 6)), SLOWEST)
        Erasure.objects.filter(pk=row.pk).update(
            lease_until=None, next_try_at=Now() + pause, last_error=type(error).__name__
        )


def wait(rows: Sequence[Erasure], pause: timedelta) -> None:
    """Let go of erasures that only have to wait, within the caller's transaction; this is no failed try."""
    Erasure.objects.filter(pk__in=[row.pk for row in rows]).update(
        lease_until=None, next_try_at=Now() + pause, tries=0
    )


@transaction.atomic(durable=True)
def retry(erasure_id: UUID, *, actor: Actor, now: datetime) -> Erasure:
    """Take up again an erasure that was given up, at the step where it stood.

    :raises NotStuck: if it goes on by itself.
    """
    row = Erasure.objects.select_for_update().filter(pk=erasure_id).first()
    if row is None:
        raise NoSuchErasure
    if row.state != ErasureState.NEEDS_ATTENTION:
        raise NotStuck
    row.state, row.tries, row.next_try_at = _standing(row), 0, now
    row.lease_until, row.last_error = None, ""
    row.save(update_fields=["state", "tries", "next_try_at", "lease_until", "last_error"])
    trail.record(
        Action.ERASURE_RETRIED,
        actor=actor,
        target=Ref("recording", str(row.recording_id)),
        at=now,
        erasure=str(row.pk),
    )
    return row


def _give_up(rows: Sequence[Erasure], *, actor: Actor) -> None:
    for row in rows:
        log.error("erasure needs attention", erasure=str(row.pk), error=row.last_error, tries=row.tries)
        row.state, row.lease_until = ErasureState.NEEDS_ATTENTION, None
        row.save(update_fields=["state", "lease_until"])
        trail.record(
            Action.ERASURE_STUCK,
            actor=actor,
            target=Ref("recording", str(row.recording_id)),
            at=clock.database_now(),
            outcome=Outcome.FAILED,
            erasure=str(row.pk),
            tries=row.tries,
        )


def _standing(row: Erasure) -> ErasureState:
    """Return the state that the moments of an erasure say it is in."""
    if row.verified_at:
        return ErasureState.VERIFIED_ABSENT
    if row.objects_deleted_at:
        return ErasureState.OBJECTS_DELETED
    if row.key_destroyed_at:
        return ErasureState.KEY_DESTROYED
    return ErasureState.DUE


def why_due(recording: Recording, trials: set[tuple[UUID, int]]) -> dict[str, Any]:
    """Return what an erasure by the schedule says of its cause, as the recording stands now."""
    return {
        "ground": _ground(recording, trials),
        "due_at": recording.expires_at,
        "policy_id": recording.policy_id,
        "policy_version": recording.policy_version,
        "policy_name": recording.policy_name,
    }


def trial_versions() -> set[tuple[UUID, int]]:
    """Return the versions of policies that count in seconds."""
    found = RetentionPolicy.objects.filter(keep_at_most_unit=Unit.SECONDS)
    return set(found.values_list("policy_id", "version"))


def _ground(recording: Recording, trials: set[tuple[UUID, int]]) -> Ground:
    if recording.policy_id is None:
        withdrawn = recording.basis_status == BasisStatus.WITHDRAWN
        return Ground.CONSENT_WITHDRAWN if withdrawn else Ground.QUARANTINE_EXPIRED
    if (recording.policy_id, recording.policy_version) in trials:
        return Ground.TRIAL
    return Ground.EXPIRED
