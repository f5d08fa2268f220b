"""Copies derived by sweep: the waveform, and a playable copy where a recorder's header lies about the length."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from cryptography.utils import Buffer
from django.db import DatabaseError, transaction

from recordings import audio, objects, reading, waveforms
from recordings.audio import AudioFormat
from recordings.errors import UploadTooLate
from recordings.models import Recording, Rendition, State
from vault.crypto.container import CopyKind
from vault.crypto.errors import NotAuthentic
from vault.errors import Refusal

_BATCH = 50
_TRY_AGAIN_AFTER = timedelta(minutes=10)

log = structlog.get_logger("recordings.renditions")


def derive_copies(*, now: datetime) -> int:
    """Derive what is due, a batch of it; return how many recordings got their copies."""
    due = Recording.objects.filter(derive_at__lte=now).order_by("derive_at", "pk")
    found = list(due.values_list("pk", "derive_at")[:_BATCH])
    return sum(
        _derive_or_put_off(recording_id, now) for recording_id, at in found if _claim(recording_id, at, now)
    )


def derive(recording_id: UUID, *, now: datetime) -> bool:
    """Make the copies that a recording lacks; say whether there was anything to do."""
    recording = Recording.objects.filter(pk=recording_id).first()
    if recording is None or recording.state != State.ACTIVE:
        Recording.objects.filter(pk=recording_id).update(derive_at=None)
        return False
    if recording.is_restricted:  # kept, not used; not even to draw it
        Recording.objects.filter(pk=recording_id).update(derive_at=now + _TRY_AGAIN_AFTER)
        return False
    made = {rendition.kind: rendition for rendition in recording.renditions.all()}
    original = made.get(CopyKind.ORIGINAL)
    if original is None:  # erased this very moment
        return False
    format_ = AudioFormat.from_facts(original.facts)
    if format_.is_repaired and CopyKind.PLAYABLE not in made:
        _put(recording, CopyKind.PLAYABLE, _playable(format_, original), *_playable_facts(format_), now=now)
    if CopyKind.WAVEFORM not in made:
        peaks = waveforms.compute(format_, reading.read_whole(original))
        facts: dict[str, object] = {"channels": format_.channels, "per_second": waveforms.PER_SECOND}
        _put(recording, CopyKind.WAVEFORM, [peaks], waveforms.MEDIA_TYPE, facts, now=now)
    Recording.objects.filter(pk=recording_id).update(derive_at=None)
    return True


def _claim(recording_id: UUID, derive_at: datetime | None, now: datetime) -> bool:
    """Take a recording, unless another run has: its turn comes again later, should this run die."""
    free = Recording.objects.filter(pk=recording_id, derive_at=derive_at)
    return bool(free.update(derive_at=now + _TRY_AGAIN_AFTER))


def _derive_or_put_off(recording_id: UUID, now: datetime) -> bool:
    try:
        return derive(recording_id, now=now)
    except (Refusal, NotAuthentic, DatabaseError) as error:
        log.error("copies not derived", recording=str(recording_id), error=type(error).__name__)
        Recording.objects.filter(pk=recording_id, derive_at__isnull=False).update(
            derive_at=now + _TRY_AGAIN_AFTER
        )
        return False


def _put(
    recording: Recording,
    kind: CopyKind,
    pieces: Iterator[Buffer] | list[bytes],
    media_type: str,
    facts: dict[str, object],
    *,
    now: datetime,
) -> None:
    """Store one copy under a key of its own; if the recording is gone by then, the copy goes too."""
    with transaction.atomic(durable=True):
        Recording.objects.select_for_update().require_kept(recording.pk)
        pending = objects.begin(recording.pk, kind, now=now)
    try:
        sealed = objects.put_sealed(pending, pieces, month=recording.key_month, now=now)
        with transaction.atomic(durable=True):
            kept = Recording.objects.select_for_update().require_kept(recording.pk)
            if kept.key_month != recording.key_month:
                raise UploadTooLate("Its keys were moved meanwhile.")
            objects.take_into_use(pending, sealed, kept, media_type=media_type, facts=facts, now=now)
    except DatabaseError:
        raise  # it may have been committed after all: the sweep goes by the row
    except BaseException as error:
        objects.give_up(pending, error)
        raise


def _playable(format_: AudioFormat, original: Rendition) -> Iterator[Buffer]:
    yield audio.wav_header(format_)
    skip, left = format_.data_offset, format_.data_length
    for piece in reading.read_whole(original):
        skipped = min(skip, len(piece))
        skip -= skipped
        part = piece[skipped : skipped + left]
        left -= len(part)
        if len(part):
            yield part


def _playable_facts(format_: AudioFormat) -> tuple[str, dict[str, object]]:
    header = audio.wav_header(format_)
    facts = format_.as_facts() | {"data_offset": len(header), "is_repaired": False}
    return audio.MEDIA_TYPE, facts
