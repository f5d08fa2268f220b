"""A new version of a key-encryption key, and all data keys under it: rotate, harden, replace.

Asked for in one transaction; done step by step by a job that goes on from where the database says it stands:
make the version in the service; wrap every data key and local master again, in batches; for hardening, wait until
a backup from after that exists (``HARDEN_WAIT``), let the books refuse the older versions and destroy them in
the service. Any step may be done twice. Audio is
never touched: a data key stays what it was.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import F, Min, QuerySet
from psycopg import Cursor

from audit import trail
from audit.actions import Action, Outcome
from audit.actor import Actor
from recordings import keks, keys
from recordings.models import KeyWork, KeyWorkKind, StoredKey
from vault import clock, kms
from vault.crypto.errors import NotAuthentic
from vault.errors import Conflict, Missing, Refusal, gettext_noop
from vault.kms import Duty, WrappedKey, masters
from vault.kms.models import Kek

BATCH = 2_490  # ten of the largest batches that a transit server takes
BUDGET_S = 240.0  # a run leaves what it does not get done to the next, and the worker to other jobs
_FIRST = UUID(int=0)
_PROBE = b"callvault/probe\0"
# What these keys wrap stands outside the books (in the ledger's objects, in exports of a day): older versions stay.
WRAPS_ELSEWHERE = frozenset({"ledger", "exports"})

_Fresh = tuple[bytes, int]  # what was wrapped again, and under which version

log = structlog.get_logger("recordings.key_work")


class WorkUnderWay(Conflict):
    """The key is getting a new version already."""

    code = "key-work-under-way"
    title = gettext_noop("This key is getting a new version already; wait until that is done")


class CannotBeHardened(Conflict):
    """What it wraps stands outside the database, where nothing can be wrapped again."""

    code = "key-cannot-be-hardened"
    title = gettext_noop(
        "Older versions of this key open what stands outside the database; rotate it instead"
    )


class NotStuck(Missing):
    """No work on this key was given up."""

    code = "key-work-not-stuck"
    title = gettext_noop("No new version of this key was given up")


@dataclass(frozen=True, slots=True)
class _OldKey:
    """One data key under an older version."""

    id: UUID
    version: int
    recording_id: UUID
    kind: int
    wrapped: bytes


def begin(name: str, kind: KeyWorkKind, *, actor: Actor, now: datetime) -> KeyWork:
    """Ask for a new version of a key; a job does the rest.

    :raises KeyNotInUse: if the key is being destroyed, or has been.
    :raises WorkUnderWay: if it is getting one already.
    :raises CannotBeHardened: if its older versions are needed outside the database.
    """
    if kind != KeyWorkKind.ROTATE and name in WRAPS_ELSEWHERE:
        raise CannotBeHardened
    total = keks.count_keys(name, kind) + masters.count_under(name)
    with transaction.atomic(durable=True):
        keks.lock_in_use(name)
        if KeyWork.objects.filter(kek=name, finished_at__isnull=True).exists():
            raise WorkUnderWay
        work = KeyWork.objects.create(
            kek=name, kind=kind, asked_by=actor.id, asked_at=now, moved_at=now, total=total
        )
        _record(Action.KEY_ROTATION_BEGUN, work, actor=actor, now=now, keys=total)
    return work


def carry_on(*, actor: Actor, now: datetime, only: str = "") -> int:
    """Work off what was asked for, as far as a run gets; return how many keys were wrapped again.

    :param only: the one key to work on; empty for all.
    """
    waiting = KeyWork.objects.filter(finished_at__isnull=True, stuck_at__isnull=True).order_by(
        "asked_at", "pk"
    )
    waiting = waiting.exclude(trim_at__gt=now)
    if only:
        waiting = waiting.filter(kek=only)
    rewrapped, until = 0, time.monotonic() + BUDGET_S
    for work in waiting:
        before = work.rewrapped
        try:
            _work_off(work, until=until, actor=actor, now=now)
        except (Refusal, DatabaseError) as error:
            why = error.reason if isinstance(error, Refusal) else type(error).__name__
            log.error("work on a key waits for the next run", key=work.kek, error=why)
        rewrapped += work.rewrapped - before
    return rewrapped


def retry(name: str, *, actor: Actor, now: datetime) -> KeyWork:
    """Go on with work that was given up, from the start of what is left, with a version that is newer still.

    :raises NotStuck: if there is none.
    """
    with transaction.atomic(durable=True):
        stuck = KeyWork.objects.select_for_update().filter(kek=name, finished_at__isnull=True)
        work = stuck.filter(stuck_at__isnull=False).first()
        if work is None:
            raise NotStuck
        _start_over(work, now=now, stuck_at=None, version=None)
        _record(Action.KEY_WORK_RETRIED, work, actor=actor, now=now)
    return work


def _work_off(work: KeyWork, *, until: float, actor: Actor, now: datetime) -> None:
    """Go on step by step, until what is left is in somebody's hands: that waits for the next run."""
    when_it_began_anew = -1
    while work.finished_at is None and work.stuck_at is None and time.monotonic() < until:
        _step(work, actor=actor, now=now)
        if work.trim_at is not None and work.trim_at > now:
            return
        if work.version is not None and (work.after_version, work.after) == (0, _FIRST):
            if work.rewrapped == when_it_began_anew:
                return
            when_it_began_anew = work.rewrapped


def _step(work: KeyWork, *, actor: Actor, now: datetime) -> None:
    if work.version is None:
        _make_version(work, actor=actor, now=now)
    elif batch := _next_batch(work):
        _rewrap(work, batch, version=work.version, now=now)
    else:
        if not work.refused and _wraps(work) != work.kek and not _is_anything_left(work):
            masters.retire(_wraps(work), before=work.version)
        done, refused = masters.rewrap_under(work.kek, version=work.version)
        if done:
            KeyWork.objects.filter(pk=work.pk).update(rewrapped=F("rewrapped") + done)
            work.refresh_from_db()
        if work.refused or refused:
            _give_up(work, work.refused + refused, actor=actor, now=now)
        elif _is_anything_left(work):  # it came while the others were being wrapped again
            _start_over(work, now=now)
        elif not _is_in_service(work):
            _give_up(work, 0, actor=actor, now=now)
        elif work.kind == KeyWorkKind.ROTATE:
            _finish(work, Action.KEY_REWRAPPED, actor=actor, now=now)
        elif work.kind == KeyWorkKind.REPLACE or _is_backed_up(work, now):
            _harden(work, actor=actor, now=now)


def _make_version(work: KeyWork, *, actor: Actor, now: datetime) -> None:
    # Before the version is made, by the database's time, as erasures are: those until now never come under it.
    at = clock.database_now()
    version = kms.service(Duty.ROTATION).rotate(work.kek)
    with transaction.atomic(durable=True):
        # Of two runs that each made one, the first to say so decides; the other's version is only newer.
        if not _mine(work).filter(version__isnull=True).update(version=version, moved_at=now):
            work.refresh_from_db()
            return
        work.version = version
        Kek.objects.filter(pk=work.kek).update(rotated_at=at)
        _record(Action.KEY_ROTATED, work, actor=actor, now=now, version=version)


def _next_batch(work: KeyWork) -> list[_OldKey]:
    connection.ensure_connection()
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        cursor.execute(
            "SELECT id, kek_version, recording_id, kind, wrapped FROM recordings_storedkey"
            " WHERE kek = %s AND kek_version < %s AND (kek_version, id) > (%s, %s)"
            " ORDER BY kek_version, id LIMIT %s",
            [_wraps(work), work.version, work.after_version, work.after, BATCH],
            binary=True,
        )
        return [
            _OldKey(key_id, version, recording_id, kind, bytes(wrapped))
            for key_id, version, recording_id, kind, wrapped in cursor
        ]


def _rewrap(work: KeyWork, batch: Sequence[_OldKey], *, version: int, now: datetime) -> None:
    fresh = _in_service(work, batch) if _wraps(work) == work.kek else _in_memory(work, batch, version)
    # One that comes back under an older version is as good as refused: the service has lost the new one.
    done = [(each, *again) for each, again in zip(batch, fresh, strict=True) if again and again[1] >= version]
    refused, last = len(batch) - len(done), batch[-1]
    with transaction.atomic(durable=True):
        mine = _mine(work).filter(after=work.after, after_version=work.after_version)
        on = mine.update(
            after=last.id,
            after_version=last.version,
            refused=F("refused") + refused,
            moved_at=now,
        )
        if on:  # else another run has done this batch
            stored = _store(done)
            KeyWork.objects.filter(pk=work.pk).update(rewrapped=F("rewrapped") + stored)
    work.refresh_from_db()


def _in_service(work: KeyWork, batch: Sequence[_OldKey]) -> list[_Fresh | None]:
    """Let the service wrap data keys again; it sees none of them."""
    service = kms.service(Duty.ROTATION)
    asked = [
        WrappedKey(each.wrapped, keys.context_of(each.recording_id, each.id, each.kind)) for each in batch
    ]
    answers = service.rewrap(work.kek, asked)
    return [(fresh, service.version_of(fresh)) if fresh is not None else None for fresh in answers]


def _in_memory(work: KeyWork, batch: Sequence[_OldKey], version: int) -> list[_Fresh | None]:
    """Wrap field keys again under a new generation of their master, which only the new version can open."""
    name = _wraps(work)
    olds = masters.many({keys.master_of(name, each.version) for each in batch})
    new = masters.get(keys.master_of(name, version), kek=work.kek)
    fresh: list[_Fresh | None] = []
    for each in batch:
        try:
            old = olds[keys.master_of(name, each.version)]
            wrapped = keys.rewrap_field_key(old, new, each.wrapped, each.recording_id, each.id)
        except (KeyError, NotAuthentic):
            fresh.append(None)
        else:
            fresh.append((wrapped, version))
    return fresh


def _store(done: Sequence[tuple[_OldKey, bytes, int]]) -> int:
    """Store what was wrapped again, unless it was moved or erased meanwhile; return how many.

    One that somebody has in hand is passed over and comes again: who moves or erases locks keys in another order,
    and two that wait for each other would be the end of one of them.
    """
    # Django would write the bytes into the statement as text; thousands of them are sent as they are.
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        cursor.execute(
            "WITH free AS (SELECT stored.id, fresh.wrapped, fresh.version FROM recordings_storedkey AS stored"
            " JOIN unnest(%b::uuid[], %b::bytea[], %b::bytea[], %b::int[]) AS fresh (id, old, wrapped, version)"
            " ON stored.id = fresh.id AND stored.wrapped = fresh.old FOR NO KEY UPDATE OF stored SKIP LOCKED)"
            " UPDATE recordings_storedkey AS stored SET wrapped = free.wrapped, kek_version = free.version"
            " FROM free WHERE stored.id = free.id",
            [
                [each.id for each, _, _ in done],
                [each.wrapped for each, _, _ in done],
                [fresh for _, fresh, _ in done],
                [version for _, _, version in done],
            ],
        )
        return cursor.rowcount


def _wraps(work: KeyWork) -> str:
    """Return what the keys name that are wrapped again: the key itself, or a month's field master.

    Rotating wraps the master again, and leaves what that wraps. Where the older versions are to go, the master must
    change too: a copy of it from before would open what was erased since.
    """
    return work.kek if work.kind == KeyWorkKind.ROTATE else keks.named_by_keys(work.kek)


def _is_anything_left(work: KeyWork) -> bool:
    # The first entry of the index; whether there is one below would read the whole table where there is none.
    oldest = StoredKey.objects.filter(kek=_wraps(work)).aggregate(oldest=Min("kek_version"))["oldest"]
    return oldest is not None and oldest < (work.version or 1)


def _is_in_service(work: KeyWork) -> bool:
    """Say whether the service wraps under the new version. One that was put back from a backup has lost it."""
    fresh = kms.service(Duty.INGEST).wrap(work.kek, os.urandom(32), _PROBE)
    # What the other duty wraps again is under the newest there is; this one may not have heard of it yet.
    service = kms.service(Duty.ROTATION)
    (again,) = service.rewrap(work.kek, [WrappedKey(fresh, _PROBE)])
    return again is not None and service.version_of(again) >= (work.version or 1)


def _is_backed_up(work: KeyWork, now: datetime) -> bool:
    """Say whether a backup from after the rewrapping must exist by now; the clock for it starts here."""
    if work.trim_at is None:
        work.trim_at = now + settings.HARDEN_WAIT
        _mine(work).update(trim_at=work.trim_at, moved_at=now)
    return work.trim_at <= now


def _harden(work: KeyWork, *, actor: Actor, now: datetime) -> None:
    """Destroy the older versions, once the books refuse whatever was wrapped under them."""
    if work.version is None:
        raise ValueError("There is no new version yet.")
    try:
        with transaction.atomic(durable=True):
            Kek.objects.filter(pk=work.kek, oldest_version__lt=work.version).update(
                oldest_version=work.version
            )
    except IntegrityError:
        if _is_anything_left(work):  # stored under an older version this very moment
            _start_over(work, now=now)
        else:
            _give_up(work, 0, actor=actor, now=now)
        return
    kms.service(Duty.DESTRUCTION).trim(work.kek, oldest=work.version)
    _finish(work, Action.KEY_HARDENED, actor=actor, now=now)


def _finish(work: KeyWork, action: Action, *, actor: Actor, now: datetime) -> None:
    with transaction.atomic(durable=True):
        if _mine(work).update(finished_at=now, moved_at=now):
            if action == Action.KEY_HARDENED:
                Kek.objects.filter(pk=work.kek).update(hardened_at=F("rotated_at"))
            _record(action, work, actor=actor, now=now, version=work.version, keys=work.rewrapped)
    work.refresh_from_db()


def _give_up(work: KeyWork, refused: int, *, actor: Actor, now: datetime) -> None:
    why = "they were altered, or belong elsewhere" if refused else "the service has lost the new version"
    log.error(f"keys cannot be wrapped again: {why}", key=work.kek, keys=refused)
    with transaction.atomic(durable=True):
        if _mine(work).update(stuck_at=now, moved_at=now):
            trail.record(
                Action.KEY_WORK_STUCK,
                actor=actor,
                target=keks.ref(work.kek),
                at=now,
                outcome=Outcome.FAILED,
                work=str(work.pk),
                kind=work.kind,
                refused=refused,
            )
    work.refresh_from_db()


def _start_over(work: KeyWork, *, now: datetime, **changed: None) -> None:
    KeyWork.objects.filter(pk=work.pk, finished_at__isnull=True).update(
        after=_FIRST, after_version=0, refused=0, moved_at=now, **changed
    )
    work.refresh_from_db()


def _mine(work: KeyWork) -> QuerySet[KeyWork]:
    """Return the work, as long as nobody has ended it or given it up."""
    return KeyWork.objects.filter(pk=work.pk, finished_at__isnull=True, stuck_at__isnull=True)


def _record(
    action: Action,
    work: KeyWork,
    *,
    actor: Actor,
    now: datetime,
    version: int | None = None,
    keys: int | None = None,
) -> None:
    trail.record(
        action,
        actor=actor,
        target=keks.ref(work.kek),
        at=now,
        work=str(work.pk),
        kind=work.kind,
        version=version,
        keys=keys,
    )
