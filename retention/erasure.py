"""The point of no return: the keys of a recording are destroyed and only its tombstone is left.

One transaction re-checks everything that may forbid it, under the recording's row lock: fence and state, the due
date by the database's time, holds, the clock, the day's cap. It deletes the keys (a trigger looks for holds once
more), strips the recording, forgets its parties in the trail, and writes the event and the entry for the ledger
outside. What follows (``copies_gone``, ``certificate``) only tidies up what nobody can read any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction

from audit import trail
from audit.actions import Action
from audit.actor import Actor, Ref
from audit.subjects import Subject
from recordings import copies, key_approvals, keys, tombstones
from recordings.errors import UnderLegalHold
from recordings.models import Recording
from retention import claims, clock_guard, hold_release, ledger, proof
from retention.claims import Claim
from retention.errors import Frozen, MustBeKept, NoSuchErasure, RestrictedFromErasure
from retention.models import Erasure, ErasureState, Ground, Hold, HoldKind, LedgerKind

log = structlog.get_logger("retention.erasure")

# What a person may give as the ground (Art. 17(1) GDPR); the schedule knows its own.
GROUNDS_TO_ORDER = (Ground.REQUEST, Ground.UNLAWFUL)
CLAIMED = (ErasureState.CLAIMED,)
OVER_CAP_RECHECK = timedelta(hours=1)
HELD_RECHECK = timedelta(minutes=1)
_CAP = 7_214_004  # any number that every sweep agrees on
REFUSED_BY = {
    HoldKind.LEGAL_HOLD: UnderLegalHold,
    HoldKind.ACCESS_REQUEST: Frozen,
    HoldKind.RESTRICTION: RestrictedFromErasure,
}


def erase_recording(recording_id: UUID, *, ground: Ground, actor: Actor, now: datetime) -> Erasure:
    """Make one recording unreadable for good, now; its copies follow with the next sweep.

    :raises AlreadyErased: if there is nothing left to erase.
    :raises UnderLegalHold: if a hold on it has not been released; ``Frozen`` and ``RestrictedFromErasure`` alike.
    :raises MustBeKept: if a duty to keep it still runs.
    :raises ClockDoubted: if the database's clock jumped.
    """
    Recording.objects.visible_to(actor).require_kept(recording_id)
    clock_guard.check(actor=actor)
    with transaction.atomic(durable=True):
        recording = Recording.objects.select_for_update(of=("self",)).require_kept(recording_id)
        at = clock_guard.recheck()
        _refuse_held(recording)
        if recording.keep_until_at_least is not None and recording.keep_until_at_least > at:
            raise MustBeKept
        erasure = _order(recording, ground, actor=actor, at=at)
        trail.record(
            Action.ERASURE_REQUESTED,
            actor=actor,
            target=recording_ref(recording.pk),
            at=now,
            erasure=str(erasure.pk),
            ground=ground.value,
        )
        _destroy(erasure, recording, actor=actor, at=at)
    return erasure


def destroy_keys(claimed: Sequence[Claim], *, actor: Actor) -> int:
    """Destroy the keys of claimed erasures that are still due; return how many.

    What is held, no longer due or over the day's cap is let go untouched.
    """
    with transaction.atomic(durable=True):
        # Recordings first, as placing a hold does; then the erasures, so that no two wait for each other.
        mine = Erasure.objects.filter(pk__in=[one.erasure_id for one in claimed])
        recordings = {
            recording.pk: recording
            for recording in Recording.objects.select_for_update(of=("self",))
            .filter(pk__in=mine.values("recording"))
            .order_by("pk")
        }
        rows = claims.lock(claimed, CLAIMED)
        at = clock_guard.recheck()
        due = _let_go_of_the_rest(rows, recordings, at)
        for erasure in due:
            _destroy(erasure, recordings[erasure.recording_id], actor=actor, at=at)
    return len(due)


def room_today(at: datetime) -> int:
    """Return how many more recordings the schedule may erase within these twenty-four hours."""
    since = at - timedelta(days=1)
    done = Erasure.objects.filter(key_destroyed_at__gt=since, ordered_by__isnull=True).count()
    return max(0, settings.ERASURES_PER_DAY - done)


def require_erasure(recording_id: UUID, *, actor: Actor) -> Erasure:
    """Return the erasure of a recording within reach."""
    recording = Recording.objects.visible_to(actor).require(recording_id)
    erasure = Erasure.objects.filter(recording=recording).first()
    if erasure is None:
        raise NoSuchErasure
    return erasure


def recording_ref(recording_id: UUID) -> Ref:
    """Return a recording as the trail names it."""
    return Ref("recording", str(recording_id))


def _refuse_held(recording: Recording) -> None:
    """Ask the holds themselves, not the flags."""
    kinds = set(recording.holds.in_force().values_list("kind", flat=True))
    for kind, refusal in REFUSED_BY.items():
        if kind in kinds:
            raise refusal


def _order(recording: Recording, ground: Ground, *, actor: Actor, at: datetime) -> Erasure:
    """Return the recording's erasure as ordered now; a sweep that had claimed it loses its fence."""
    erasure = Erasure.objects.select_for_update().filter(recording=recording).first() or Erasure(
        recording=recording, noticed_at=at
    )
    erasure.ground, erasure.due_at, erasure.ordered_by = ground, at, actor.id
    erasure.policy_id, erasure.policy_version = recording.policy_id, recording.policy_version
    erasure.policy_name = recording.policy_name
    erasure.state, erasure.fence, erasure.next_try_at = ErasureState.CLAIMED, erasure.fence + 1, at
    erasure.save()
    return erasure


def _let_go_of_the_rest(
    rows: Sequence[Erasure], recordings: dict[UUID, Recording], at: datetime
) -> list[Erasure]:
    """Return the rows whose time has come, and put the others back where they belong."""
    held_ids = set(
        Hold.objects.in_force().filter(recording__in=recordings).values_list("recording_id", flat=True)
    )
    held, early, due = [], [], []
    trials = claims.trial_versions()
    for row in rows:
        ends = recordings[row.recording_id].expires_at
        if row.recording_id in held_ids:
            held.append(row)
        elif ends is None or ends > at:
            early.append(row)
        else:
            # What was noticed may have changed since: the proof states what holds now.
            for name, value in claims.why_due(recordings[row.recording_id], trials).items():
                setattr(row, name, value)
            due.append(row)
    Erasure.objects.filter(pk__in=[row.pk for row in held]).update(state=ErasureState.HELD)
    claims.wait(held, HELD_RECHECK)
    # Its end was moved since it was noticed: it is not due, and will be noticed anew.
    Erasure.objects.filter(pk__in=[row.pk for row in early]).delete()
    return _within_cap(due, at)


def _within_cap(due: list[Erasure], at: datetime) -> list[Erasure]:
    # One sweep after the other, or two would fill the same room.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CAP])
    room = room_today(at)
    if len(due) > room:
        log.error("the day's cap of erasures is reached", cap=settings.ERASURES_PER_DAY)
        over = due[room:]
        Erasure.objects.filter(pk__in=[row.pk for row in over]).update(state=ErasureState.DUE)
        claims.wait(over, OVER_CAP_RECHECK)
    return due[:room]


def _destroy(erasure: Erasure, recording: Recording, *, actor: Actor, at: datetime) -> None:
    erasure.copies = copies_of(recording)
    erasure.keys_destroyed = keys.shred(recording)
    key_approvals.forget_reasons(recording)
    tombstones.bury(recording, now=at)
    trail.forget(Subject.recording(recording.pk), actor=actor, at=at)
    hold_release.forget_reasons(recording)
    event = trail.record(
        Action.RECORDING_ERASED,
        actor=actor,
        target=recording_ref(recording.pk),
        at=at,
        erasure=str(erasure.pk),
        ground=Ground(erasure.ground).value,
        policy=str(erasure.policy_id) if erasure.policy_id else None,
        policy_version=erasure.policy_version,
        keys=erasure.keys_destroyed,
        copies=len(proof.copy_lines(erasure.copies)),
        sha256=proof.digest_of_copies(erasure.copies),
        due_at=proof.moment(erasure.due_at),
    )
    body = {
        "erasure": str(erasure.pk),
        "recording": str(recording.pk),
        "ground": Ground(erasure.ground).value,
    }
    erasure.ledger_entry = ledger.enter(LedgerKind.ERASED, body, now=at)
    erasure.erased_event = event.pk
    erasure.state, erasure.key_destroyed_at = ErasureState.KEY_DESTROYED, at
    erasure.lease_until, erasure.tries, erasure.last_error = None, 0, ""
    erasure.save()


def copies_of(recording: Recording) -> list[dict[str, str]]:
    """Return every stored copy: its kind, the hash of its ciphertext, and where it stands until it is gone.

    One that is still being written has no hash yet. It has no key either, and is swept by who wrote it.
    """
    return [
        {
            "kind": copy.kind.name.lower(),
            "sha256": copy.sealed_sha256.hex() if copy.sealed_sha256 else "",
            "object": copy.object_name,
            "version": copy.object_version,
        }
        for copy in copies.stored_copies(recording)
    ]
