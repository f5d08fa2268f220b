"""Calls in: announced with their metadata, then their audio, sealed while it arrives.

The same call twice is one recording; an erased one sent again is refused. Without a lawful basis a call goes
to quarantine. Object first, then rows: whatever fails leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.db import DatabaseError, IntegrityError, transaction

from audit import subjects, trail
from audit.actions import Action
from audit.actor import Actor, Ref
from recordings import (
    arrival,
    audio,
    expiry,
    fields,
    identity,
    keys,
    lawful_bases,
    objects,
    sidecar,
    upload,
)
from recordings.arrival import NewCall
from recordings.errors import (
    AlreadyErased,
    CallInTheFuture,
    DigestMismatch,
    DuplicateCall,
    KeyReplaced,
    NoSuchIntake,
    UploadUnderWay,
)
from recordings.fields import FieldKey
from recordings.models import Intake, PendingObject, Recording, SourceIdentity, State, StoredKey
from recordings.objects import SealedObject
from recordings.sidecar import CallMetadata
from vault.crypto.container import CopyKind
from vault.errors import gettext_noop

CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Announcement:
    """Where a call's audio is to be sent; ``recording`` is there already if it came before."""

    id: UUID
    expires_at: datetime | None
    is_new: bool
    recording: Recording | None = None


def announce(metadata: CallMetadata, *, actor: Actor, now: datetime) -> Announcement:
    """Make room for a call whose audio follows within a day. The same call again is the same announcement.

    :raises AlreadyErased: if the call was here and has been erased.
    :raises DuplicateCall: if somebody else has sent this call.
    :raises UnknownPurpose: if a lawful basis names a purpose that is not on the list.
    """
    _check_times(metadata, now)
    lawful_bases.purposes_by_code(entry.purpose for entry in metadata.bases)
    digest = identity.of_call(metadata.source)
    if known := _find_known(digest, actor):
        return known
    month = expiry.plan(arrival.facts_before(metadata, now=now), now=now).month
    keys.prepare(month)
    intake_id = uuid4()
    key_row, field_key = keys.new_field_key(intake_id, month=month, now=now)
    try:
        with transaction.atomic(durable=True):
            intake = Intake.objects.create(
                id=intake_id,
                source_digest=digest,
                metadata_sealed=_seal_metadata(FieldKey(field_key), intake_id, metadata),
                key_month=month,
                brought_by=actor.id,
                announced_at=now,
                expires_at=now + timedelta(hours=settings.INTAKE_HOURS),
            )
            # Asked again behind the unique digest: the call may have arrived since.
            if SourceIdentity.objects.filter(pk=digest).exists():
                raise IntegrityError
            key_row.save(force_insert=True)
            _record_announced(intake, metadata, actor=actor, now=now)
    except IntegrityError:
        return _announce_again(digest, metadata, actor=actor, now=now)
    return Announcement(intake.pk, intake.expires_at, is_new=True)


def receive_audio(
    intake_id: UUID, pieces: Iterable[bytes], *, digest: bytes | None, actor: Actor, now: datetime
) -> Recording:
    """Take in the audio of an announced call: sealed piece by piece, then all its rows at once.

    :param digest: SHA-256 that the sender gave for the audio, if any.
    :raises NoSuchIntake: if the caller announced no such call, or a day ago.
    :raises UnsupportedAudio: for a format that is not taken in.
    :raises DigestMismatch: if what arrived is not what was sent.
    :raises DuplicateCall: if the call is here with other audio.
    :raises AlreadyErased: if the call was here and has been erased.
    """
    intake = Intake.objects.filter(pk=intake_id, brought_by=actor.id, expires_at__gt=now).first()
    if intake is None:
        return _receive_again(intake_id, pieces, actor=actor)
    field_key = fields.key_of(intake.pk)
    with transaction.atomic(durable=True):
        intake = _lock(intake)
        pending = objects.begin(intake.pk, CopyKind.ORIGINAL, now=now)
    try:
        # Read under the claim: from here on no other announcement changes what is said of the call.
        metadata = _open_metadata(field_key, intake)
        month = expiry.plan(arrival.facts_before(metadata, now=now), now=now).month
        body = upload.Upload(pieces)
        sealed = objects.put_sealed(pending, body, month=month, now=now)
        _check_digests(sealed, digest, metadata)
        # Here, not within the transaction: an upload may take longer than memory keeps what opens keys.
        keys.prepare(month)
        subjects.prepare_month(now)
        fingerprint = identity.of_audio(sealed.plain_sha256)
        call = NewCall(metadata, body.probe_whole(), month, field_key.key)
        return _take_in(intake, call, pending, sealed, fingerprint, actor=actor, now=now)
    except DatabaseError:
        raise  # it may have been committed after all: the sweep goes by the row
    except BaseException as error:
        objects.give_up(pending, error)
        raise


@transaction.atomic(durable=True)
def _take_in(
    intake: Intake,
    call: NewCall,
    pending: PendingObject,
    sealed: SealedObject,
    fingerprint: bytes,
    *,
    actor: Actor,
    now: datetime,
) -> Recording:
    _lock(intake)
    key = FieldKey(call.field_key)
    recording = arrival.build_recording(intake.pk, call, actor=actor, now=now)
    planned = expiry.plan(expiry.facts_of(recording), now=now)
    expiry.apply(recording, planned)
    recording.save(force_insert=True)
    arrival.add_details(recording, call, key)
    parties = arrival.add_parties(recording, call, key)
    arrival.add_history(recording, call, parties, key, actor=actor, now=now)
    _adopt_field_key(intake, call)
    objects.take_into_use(
        pending, sealed, recording, media_type=audio.MEDIA_TYPE, facts=call.audio.as_facts(), now=now
    )
    SourceIdentity.objects.create(
        digest=bytes(intake.source_digest),
        recording_id=recording.pk,
        plain_sha256_keyed=fingerprint,
    )
    intake.delete()
    trail.record(
        Action.RECORDING_INGESTED,
        actor=actor,
        target=Ref("recording", str(recording.pk)),
        at=now,
        source=call.metadata.source.system,
        bytes=sealed.plain_length,
        duration_ms=recording.duration_ms,
        media_type=audio.MEDIA_TYPE,
        channels=call.audio.channels,
        started_at=recording.started_at.isoformat(),
        team=str(recording.team_id) if recording.team_id else None,
        state=recording.state,
        expires_at=planned.expires_at.isoformat() if planned.expires_at else "never",
        policy=str(planned.policy_id) if planned.policy_id else None,
        policy_version=planned.policy_version,
        month=call.month,
        sha256=sealed.sealed_sha256.hex(),
    )
    if recording.state == State.QUARANTINED:
        trail.record(
            Action.RECORDING_QUARANTINED,
            actor=actor,
            target=Ref("recording", str(recording.pk)),
            at=now,
            why=recording.quarantined_because,
            until=planned.expires_at.isoformat() if planned.expires_at else "never",
        )
    return recording


def _check_times(metadata: CallMetadata, now: datetime) -> None:
    if metadata.started_at > now + CLOCKS_DIFFER:
        raise CallInTheFuture
    lawful_bases.check_not_ahead((entry.at for entry in metadata.bases), now=now)


def _find_known(digest: bytes, actor: Actor) -> Announcement | None:
    known = SourceIdentity.objects.filter(pk=digest).first()
    if known is None:
        return None
    recording = Recording.objects.get(pk=known.recording_id)
    if recording.brought_by != actor.id:
        raise DuplicateCall(gettext_noop("Somebody else has sent this call."))
    if recording.is_erased:
        raise AlreadyErased
    return Announcement(recording.pk, None, is_new=False, recording=recording)


def _announce_again(digest: bytes, metadata: CallMetadata, *, actor: Actor, now: datetime) -> Announcement:
    """Answer an announcement that is there already: what was said last counts, the place stays."""
    if known := _find_known(digest, actor):
        return known
    intake = Intake.objects.filter(source_digest=digest).first()
    if intake is None:
        raise UploadUnderWay  # it arrived or was dropped this very moment
    if intake.brought_by != actor.id:
        raise DuplicateCall(gettext_noop("Somebody else has announced this call."))
    key = fields.key_of(intake.pk)
    with transaction.atomic(durable=True):
        _lock(intake)
        if PendingObject.objects.filter(recording_id=intake.pk, lease_until__gt=now).exists():
            raise UploadUnderWay
        intake.metadata_sealed = _seal_metadata(key, intake.pk, metadata)
        intake.expires_at = now + timedelta(hours=settings.INTAKE_HOURS)
        intake.save(update_fields=["metadata_sealed", "expires_at"])
        _record_announced(intake, metadata, actor=actor, now=now)
    return Announcement(intake.pk, intake.expires_at, is_new=False)


def _receive_again(intake_id: UUID, pieces: Iterable[bytes], *, actor: Actor) -> Recording:
    """Answer a call that is here already: the same audio changes nothing, other audio is refused."""
    recording = Recording.objects.visible_to(actor).filter(pk=intake_id, brought_by=actor.id).first()
    if recording is None:
        raise NoSuchIntake
    if recording.is_erased:
        raise AlreadyErased
    arrived = hashlib.sha256()
    for piece in upload.limited(pieces):
        arrived.update(piece)
    known = SourceIdentity.objects.get(recording_id=recording.pk)
    if identity.of_audio(arrived.digest()) != bytes(known.plain_sha256_keyed or b""):
        raise DuplicateCall
    return recording


def _lock(intake: Intake) -> Intake:
    locked = Intake.objects.select_for_update().filter(pk=intake.pk).first()
    if locked is None:
        raise UploadUnderWay
    return locked


def _adopt_field_key(intake: Intake, call: NewCall) -> None:
    """Give the intake's field key to the recording, under the month of the recording's other keys."""
    if intake.key_month != call.month:
        row = StoredKey.objects.get(recording_id=intake.pk, kind=keys.FIELDS)
        keys.wrap_field_key(row, call.field_key, month=call.month)
        try:
            row.save(update_fields=["kek", "kek_version", "wrapped"])
        except IntegrityError as error:
            raise KeyReplaced from error


def _check_digests(sealed: SealedObject, digest: bytes | None, metadata: CallMetadata) -> None:
    wanted = {digest, bytes.fromhex(metadata.sha256) if metadata.sha256 else None} - {None}
    if wanted - {sealed.plain_sha256}:
        raise DigestMismatch


def _seal_metadata(key: FieldKey, intake_id: UUID, metadata: CallMetadata) -> bytes:
    return key.seal("intake", "metadata", intake_id, json.dumps(metadata.document))


def _open_metadata(key: FieldKey, intake: Intake) -> CallMetadata:
    return sidecar.parse(json.loads(key.open("intake", "metadata", intake.pk, bytes(intake.metadata_sealed))))


def _record_announced(intake: Intake, metadata: CallMetadata, *, actor: Actor, now: datetime) -> None:
    trail.record(
        Action.RECORDING_ANNOUNCED,
        actor=actor,
        target=Ref("intake", str(intake.pk)),
        at=now,
        source=metadata.source.system,
    )
