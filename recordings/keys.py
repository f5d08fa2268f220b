"""Data keys and field keys: the only module here that ever holds one.

A data key opens one stored object. It is wrapped by the key management service under the key of the month in
which its recording ends. A field key seals a recording's personal fields and is wrapped locally under the
month's field master, so that a page of fifty rows costs no call. No row, no audio.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID, uuid4

from django.db import transaction

from recordings.errors import KeyReplaced
from recordings.models import Recording, Rendition, StoredKey
from vault import kms
from vault.crypto import container
from vault.crypto.container import CopyKind, Opener
from vault.crypto.fields import unwrap_key, wrap_key
from vault.errors import Unavailable, gettext_noop
from vault.kms import Duty, KeyDestroyed, keks, masters
from vault.kms.memory import KeyCache
from vault.kms.models import Kek, KekState

FIELDS = 32  # the kind of a recording's field key; others are of vault.crypto.container.CopyKind
OPEN_MONTH = "open"

_opened: KeyCache[Opener] = KeyCache(limit=1000, seconds=60)


class KeyGone(Unavailable):
    """A recording that is not erased has lost a key: an incident."""

    code = "key-gone"
    title = gettext_noop("The key of this recording is not there")


def kek_for_audio(month: str) -> str:
    """Return the name of the key that wraps the data keys of a month."""
    return f"audio-{month}"


def kek_for_fields(month: str) -> str:
    """Return the name of the key that wraps the local masters of a month."""
    return f"fields-{month}"


def prepare(month: str) -> None:
    """Have every local master of a month in memory, so that no transaction waits for the service.

    :raises KeyReplaced: if the month's key was destroyed; it is known from then on, and asking again gets another.
    """
    kek = kek_for_fields(month)
    with _told_to_ask_again():
        newest = master_of(field_master(month), masters.newest_generation(field_master(month)))
        masters.prepare(dict.fromkeys((newest, *map_index_masters(month).values()), kek))


def map_index_masters(month: str) -> dict[str, str]:
    """Return the master of the blind index of each searchable field, by field."""
    return {field: f"index-{field}/{month}" for field in ("number", "reference")}


def new_data_key(recording_id: UUID, kind: CopyKind, *, month: str, now: datetime) -> tuple[StoredKey, bytes]:
    """Make a data key for one object; the row is yours to save in the transaction that uses the object.

    :raises KeyReplaced: if the month's key was destroyed; it is known from then on, and asking again gets another.
    """
    key_id, data_key = uuid4(), os.urandom(32)
    kek = kek_for_audio(month)
    service = kms.service(Duty.INGEST)
    with _told_to_ask_again():
        keks.ensure(kek)
        wrapped = service.wrap(kek, data_key, container.context(recording_id, key_id, kind))
    row = StoredKey(
        id=key_id,
        recording_id=recording_id,
        kind=kind,
        kek=kek,
        kek_version=service.version_of(wrapped),
        wrapped=wrapped,
        created_at=now,
    )
    return row, data_key


def refresh(row: StoredKey, data_key: bytes) -> None:
    """Wrap a key again that is not stored yet, if its version was given up while the upload lasted.

    :raises KeyReplaced: if the month's key was destroyed; it is known from then on, and asking again gets another.
    """
    kek = Kek.objects.get(pk=row.kek)
    if kek.state == KekState.ACTIVE and row.kek_version >= kek.oldest_version:
        return
    with _told_to_ask_again():
        if kek.state != KekState.ACTIVE:
            raise KeyDestroyed
        service = kms.service(Duty.INGEST)
        row.wrapped = service.wrap(row.kek, data_key, _context_of(row))
        row.kek_version = service.version_of(row.wrapped)


def open_data_key(rendition: Rendition) -> bytes:
    """Return the key that opens a stored object, remembered nowhere.

    :raises KeyGone: if the key store no longer has it.
    """
    row = StoredKey.objects.filter(pk=rendition.key_id, recording_id=rendition.recording_id).first()
    if row is None:
        raise KeyGone
    return _unwrap(row, Duty.PLAYBACK)


def opener_of(rendition: Rendition) -> Opener:
    """Return what opens a stored copy, remembered for at most a minute: a listener asks for many ranges.

    :raises KeyGone: if the key store no longer has its key.
    """
    name = (rendition.recording_id, rendition.key_id)
    if found := _opened.find(name):
        return found
    opener = Opener(
        open_data_key(rendition),
        context_of(rendition.recording_id, rendition.key_id, rendition.kind),
        bytes(rendition.header),
        rendition.sealed_length,
        version=rendition.container_version,
    )
    _opened.put(name, opener)
    return opener


def new_field_key(recording_id: UUID, *, month: str, now: datetime) -> tuple[StoredKey, bytes]:
    """Make the key of a recording's personal fields; the row is yours to save."""
    key_id, field_key = uuid4(), os.urandom(32)
    row = StoredKey(id=key_id, recording_id=recording_id, kind=FIELDS, created_at=now)
    wrap_field_key(row, field_key, month=month)
    return row, field_key


def wrap_field_key(row: StoredKey, field_key: bytes, *, month: str) -> None:
    """Wrap a field key under the newest generation of a month's field master; the row is yours to save."""
    name = field_master(month)
    generation = masters.newest_generation(name)
    master = masters.get(master_of(name, generation), kek=kek_for_fields(month))
    row.kek, row.kek_version = name, generation
    row.wrapped = wrap_key(master, field_key, _binding(row.recording_id, row.pk))


def rewrap_field_key(old: bytes, new: bytes, wrapped: bytes, recording_id: UUID, key_id: UUID) -> bytes:
    """Return a field key wrapped under another master.

    :raises NotAuthentic: if it was not wrapped under the old one.
    """
    binding = _binding(recording_id, key_id)
    return wrap_key(new, unwrap_key(old, wrapped, binding), binding)


def open_field_keys(recording_ids: Iterable[UUID]) -> dict[UUID, bytes]:
    """Return the field keys of those recordings that still have one, with one query and no call."""
    rows = list(StoredKey.objects.filter(recording_id__in=list(recording_ids), kind=FIELDS))
    names = {row.pk: master_of(row.kek, row.kek_version) for row in rows}
    opened = masters.many(set(names.values()))
    return {
        row.recording_id: unwrap_key(
            opened[names[row.pk]], bytes(row.wrapped), _binding(row.recording_id, row.id)
        )
        for row in rows
        if names[row.pk] in opened
    }


def open_field_key(recording_id: UUID) -> bytes:
    """Return the key of one recording's personal fields.

    :raises KeyGone: if there is none.
    """
    found = find_field_key(recording_id)
    if found is None:
        raise KeyGone
    return found


def unwrap_stored(row: StoredKey) -> bytes:
    """Return a data key as it is stored, remembered nowhere: to see whether it can be opened."""
    return _unwrap(row, Duty.PLAYBACK)


def find_field_key(recording_id: UUID) -> bytes | None:
    """Return the key of one recording's personal fields, or None once it is erased."""
    return open_field_keys([recording_id]).get(recording_id)


def shred(recording: Recording) -> int:
    """Delete every key of a recording within the caller's transaction; return how many. No way back."""
    count, _ = StoredKey.objects.filter(recording_id=recording.pk).delete()
    key_ids = list(recording.renditions.values_list("key_id", flat=True))
    transaction.on_commit(lambda: forget_cached(recording.pk, key_ids))
    return count


def forget_all_cached() -> None:
    """Drop every key from this process's memory."""
    _opened.clear()


def forget_cached(recording_id: UUID, key_ids: Iterable[UUID] = ()) -> None:
    """Drop a recording's keys from this process's memory."""
    known = set(key_ids) or set(
        Rendition.objects.filter(recording_id=recording_id).values_list("key_id", flat=True)
    )
    for key_id in known:
        _opened.forget((recording_id, key_id))


def moved_to(recording_id: UUID, month: str) -> list[StoredKey]:
    """Return each of a recording's keys as it is to be stored under another month, unsaved.

    Calls the service, so it comes before the transaction that writes what it returns.
    """
    prepare(month)
    kek = kek_for_audio(month)
    keks.ensure(kek)
    service = kms.service(Duty.MOVING)
    rows = list(StoredKey.objects.filter(recording_id=recording_id).order_by("pk"))
    for row in rows:
        if row.kind == FIELDS:
            wrap_field_key(row, open_field_key(recording_id), month=month)
        else:
            row.wrapped = service.wrap(kek, _unwrap(row, Duty.MOVING), _context_of(row))
            row.kek, row.kek_version = kek, service.version_of(row.wrapped)
    return rows


def context_of(recording_id: UUID, key_id: UUID, kind: int) -> bytes:
    """Return what a data key is bound to, in its wrapping and in its object alike."""
    return container.context(recording_id, key_id, CopyKind(kind))


@contextmanager
def _told_to_ask_again() -> Iterator[None]:
    """Say of a key that was destroyed this minute that it was replaced: ``keks.closed`` knows it from here on.

    That it is gone for good, a sender would take as the fate of the call.
    """
    try:
        yield
    except KeyDestroyed as error:
        keks.forget()
        raise KeyReplaced from error


def _unwrap(row: StoredKey, duty: Duty) -> bytes:
    return kms.service(duty).unwrap(row.kek, bytes(row.wrapped), _context_of(row))


def _context_of(row: StoredKey) -> bytes:
    return context_of(row.recording_id, row.id, row.kind)


def field_master(month: str) -> str:
    """Return what wraps the field keys of a month, as their rows name it."""
    return f"fields/{month}"


def master_of(name: str, generation: int) -> str:
    """Return the local master of one generation; hardening makes a new one, and wraps all field keys again."""
    return f"{name}/{generation}" if generation else name


def _binding(recording_id: UUID, key_id: UUID) -> bytes:
    return f"recordings_storedkey|{key_id}|{recording_id}".encode()
