"""Sealed objects on their way into use: claimed in the database, sealed as they stream, swept if abandoned.

A row is committed before the first byte is sent, so no crash leaves an object that nobody knows of. The
transaction that takes the object into use deletes the row; whatever row outlives its lease is swept, object
first.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from cryptography.utils import Buffer
from django.db import IntegrityError, transaction

from recordings import keys
from recordings.errors import KeyReplaced, UploadTooLate, UploadUnderWay
from recordings.models import PendingObject, Recording, Rendition, StoredKey
from vault import storage
from vault.crypto import container
from vault.crypto.container import CopyKind, Sealer
from vault.errors import Refusal
from vault.storage import StoreUnavailable

LEASE = timedelta(seconds=120)
ABANDONED_AFTER = timedelta(days=2)  # longer than any upload, or any export, is written
_RENEW_AFTER_S = 30.0

log = structlog.get_logger("recordings.objects")


@dataclass(frozen=True, slots=True)
class SealedObject:
    """An object that stands in the store, with all that its row needs to know."""

    name: str
    version: str
    header: bytes
    sealed_length: int
    sealed_sha256: bytes
    plain_length: int
    plain_sha256: bytes
    key: StoredKey


def begin(recording_id: UUID, kind: CopyKind, *, now: datetime) -> PendingObject:
    """Claim the writing of one copy within the caller's transaction; who else tries is refused.

    The caller holds the lock on the intake or the recording, so two cannot claim at once.

    :raises UploadUnderWay: if somebody is writing this copy now.
    """
    claims = PendingObject.objects.filter(recording_id=recording_id, kind=kind, lease_until__gt=now)
    if claims.filter(is_condemned=False).exists():
        raise UploadUnderWay
    token = secrets.token_hex(16)
    return PendingObject.objects.create(
        object_name=f"objects/{token[:2]}/{token}",
        recording_id=recording_id,
        kind=kind,
        lease_until=now + LEASE,
    )


def put_sealed(
    pending: PendingObject, pieces: Iterable[Buffer], *, month: str, now: datetime
) -> SealedObject:
    """Seal a stream under a key of its own, piece by piece while it is sent, and renew the lease meanwhile."""
    kind = CopyKind(pending.kind)
    row, data_key = keys.new_data_key(pending.recording_id, kind, month=month, now=now)
    sealer = Sealer(data_key, container.context(pending.recording_id, row.pk, kind))
    stored = storage.store().put(pending.object_name, sealer.seal(_renewing(pieces, pending, now)))
    keys.refresh(row, data_key)
    return SealedObject(
        name=pending.object_name,
        version=stored.version,
        header=sealer.header,
        sealed_length=sealer.sealed_length,
        sealed_sha256=sealer.sealed_sha256,
        plain_length=sealer.plain_length,
        plain_sha256=sealer.plain_sha256,
        key=row,
    )


def take_into_use(
    pending: PendingObject,
    sealed: SealedObject,
    recording: Recording,
    *,
    media_type: str,
    facts: dict[str, object],
    now: datetime,
) -> Rendition:
    """Make the object a rendition, key row first, within the caller's transaction.

    :raises UploadTooLate: if the sweep has given the object up.
    :raises KeyReplaced: if what wraps its key was given up this very moment.
    """
    claim = PendingObject.objects.select_for_update().filter(pk=pending.pk, is_condemned=False)
    if not claim.exists():
        raise UploadTooLate
    try:
        sealed.key.save(force_insert=True)
    except IntegrityError as error:
        raise KeyReplaced from error
    rendition = Rendition.objects.create(
        recording=recording,
        kind=pending.kind,
        key_id=sealed.key.pk,
        object_name=sealed.name,
        object_version=sealed.version,
        container_version=container.VERSION,
        header=sealed.header,
        sealed_length=sealed.sealed_length,
        sealed_sha256=sealed.sealed_sha256,
        plain_length=sealed.plain_length,
        media_type=media_type,
        facts=facts,
        created_at=now,
    )
    claim.delete()
    return rendition


def discard(pending: PendingObject) -> bool:
    """Delete an object that will not be used, then its row; say if it is gone. The sweep tries again."""
    try:
        storage.store().delete([pending.object_name])
    except Refusal as error:
        log.error("object left to the next sweep", object=pending.object_name, error=error.reason)
        return False
    PendingObject.objects.filter(pk=pending.pk).delete()
    return True


def give_up(pending: PendingObject, why: BaseException) -> None:
    """Discard an object whose writing failed; one that the store may still make of what it was sent is swept.

    After an answer that never came, deleting at once could come too soon. One that is in use stays: what went
    wrong, such as the end of this process, came after the commit.
    """
    if isinstance(why, StoreUnavailable):
        PendingObject.objects.filter(pk=pending.pk).update(is_condemned=True)
    elif not Rendition.objects.filter(object_name=pending.object_name).exists():
        discard(pending)


def sweep(*, now: datetime, limit: int = 500) -> int:
    """Delete the objects of writers that died; return how many."""
    swept = 0
    for _ in range(limit):
        with transaction.atomic(durable=True):
            dead = PendingObject.objects.select_for_update(skip_locked=True).filter(lease_until__lte=now)
            pending = dead.order_by("lease_until").first()
            if pending is None:
                return swept
            # Condemned before it is deleted, so that a writer who wakes up cannot take it into use; and
            # put off, so that one that the store will not delete does not stand in the way of the others.
            pending.is_condemned, pending.lease_until = True, now + LEASE
            pending.save(update_fields=["is_condemned", "lease_until"])
        swept += discard(pending)
    return swept


def abort_abandoned(*, now: datetime) -> int:
    """Remove from the store what writers began long ago and that no row here tells of; return how many."""
    return storage.store().abort_unfinished(now - ABANDONED_AFTER)


def _renewing(pieces: Iterable[Buffer], pending: PendingObject, now: datetime) -> Iterator[Buffer]:
    """Pass the pieces on; as long as they come, the lease runs on."""
    started = renewed = time.monotonic()
    for piece in pieces:
        yield piece
        tick = time.monotonic()
        if tick - renewed > _RENEW_AFTER_S:
            renewed = tick
            until = now + timedelta(seconds=tick - started) + LEASE
            alive = PendingObject.objects.filter(pk=pending.pk, is_condemned=False)
            if not alive.update(lease_until=until):
                raise UploadTooLate
