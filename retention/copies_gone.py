"""After the keys: delete every version of every copy, and see that nothing is left.

The object store is asked outside any transaction; what it answered is then written down, if the claim still
holds. An object that is absent already is success, so each step may be done again after a crash.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction

from audit import trail
from audit.actions import Action
from audit.actor import Actor
from recordings.models import PendingObject, StoredKey
from retention import claims
from retention.claims import Claim
from retention.erasure import recording_ref
from retention.models import Erasure, ErasureState
from vault import clock, storage
from vault.storage import ObjectLocked, ObjectMissing

TO_DELETE = (ErasureState.KEY_DESTROYED, ErasureState.BLOCKED)
TO_VERIFY = (ErasureState.OBJECTS_DELETED,)
LOCK_RECHECK = timedelta(hours=1)
UPLOAD_RECHECK = timedelta(minutes=2)


class CopyStillThere(RuntimeError):
    """A copy that was deleted is listed or readable: it is deleted again, and counts as a failed try."""


def delete_objects(claimed: Sequence[Claim], *, actor: Actor) -> int:
    """Delete every version, marker and unfinished upload of every copy; return how many erasures got on."""
    rows = claims.read(claimed, TO_DELETE)
    try:
        storage.store().delete(names_of(rows))
        locked: set[object] = set()
    except ObjectLocked:
        locked = {row.pk for row in rows if any(storage.store().versions(name) for name in names_of([row]))}
    return _write_deleted(claimed, locked, actor=actor)


def verify_absence(claimed: Sequence[Claim], *, actor: Actor) -> int:
    """Look for every copy by listing, by version and by key; return how many erasures are proved complete.

    :raises CopyStillThere: if the store still has one; it goes back to be deleted again.
    """
    rows = claims.read(claimed, TO_VERIFY)
    for row in rows:
        _check_absent(row)
    with transaction.atomic(durable=True):
        at = clock.database_now()
        ours = claims.lock(claimed, TO_VERIFY)
        writing = set(
            PendingObject.objects.filter(recording_id__in=[row.recording_id for row in ours]).values_list(
                "recording_id", flat=True
            )
        )
        claims.wait([row for row in ours if row.recording_id in writing], UPLOAD_RECHECK)
        done = [row for row in ours if row.recording_id not in writing]
        for row in done:
            row.state, row.verified_at = ErasureState.VERIFIED_ABSENT, at
            row.copies = [{"kind": copy["kind"], "sha256": copy["sha256"]} for copy in row.copies]
            _finish(row, ["state", "verified_at", "copies"])
            trail.record(
                Action.ERASURE_VERIFIED,
                actor=actor,
                target=recording_ref(row.recording_id),
                at=at,
                erasure=str(row.pk),
                objects=len(row.copies),
            )
    return len(done)


def names_of(rows: Sequence[Erasure]) -> list[str]:
    """Return the names of the objects that are to go."""
    return [copy["object"] for row in rows for copy in row.copies]


@transaction.atomic(durable=True)
def _write_deleted(claimed: Sequence[Claim], locked: set[object], *, actor: Actor) -> int:
    at = clock.database_now()
    ours = claims.lock(claimed, TO_DELETE)
    blocked = [row for row in ours if row.pk in locked]
    Erasure.objects.filter(pk__in=[row.pk for row in blocked]).update(state=ErasureState.BLOCKED)
    claims.wait(blocked, LOCK_RECHECK)
    done = [row for row in ours if row.pk not in locked]
    for row in done:
        row.state, row.objects_deleted_at = ErasureState.OBJECTS_DELETED, at
        _finish(row, ["state", "objects_deleted_at"])
        trail.record(
            Action.ERASURE_OBJECTS_DELETED,
            actor=actor,
            target=recording_ref(row.recording_id),
            at=at,
            erasure=str(row.pk),
            objects=len(row.copies),
        )
    return len(done)


def _check_absent(row: Erasure) -> None:
    store = storage.store()
    for copy in row.copies:
        if store.versions(copy["object"]) or _is_readable(copy["object"], copy["version"]):
            store.delete([copy["object"]])
            raise CopyStillThere
    if StoredKey.objects.filter(recording_id=row.recording_id).exists():
        raise CopyStillThere


def _is_readable(name: str, version: str) -> bool:
    try:
        storage.store().read(name, 0, 1, version or None)
    except ObjectMissing:
        return False
    return True


def _finish(row: Erasure, fields: list[str]) -> None:
    row.lease_until, row.tries, row.last_error = None, 0, ""
    row.save(update_fields=[*fields, "lease_until", "tries", "last_error"])
