"""A copy of the tree, the entries and the checkpoints in a bucket whose locks nobody can lift (compliance mode).

Below ``trail-HASH/`` (of the origin): ``tile/…`` as in C2SP tlog-tiles, entries bundles at ``tile/entries/…``, and
``checkpoint/REST.SIZE``, where REST counts down so that the newest is listed first. A checkpoint is put last: what
it covers is there. An entry whose month was removed before it came here is empty. Addenda are not copied: what is forgotten must not live on behind a lock.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache

from django.conf import settings

from audit import log_key, months
from audit.anchors import AnchorFailed, AnchorSilent
from audit.models import AuditEvent, Checkpoint, Leaf
from audit.months import Removal
from audit.tiles import StoredTiles
from audit.tree import HASH_LENGTH, TILE_WIDTH, leaf_hash, root_of, split, tile_path
from audit.tree_head import CheckpointRefused, open_checkpoint
from vault.crypto.errors import NoteRefused
from vault.errors import Refusal
from vault.storage.interface import StoreUnavailable
from vault.storage.s3 import S3Store

KIND = "locked-copy"
_LARGEST = 10**19 - 1
_LONGEST_NOTE = 65_536


def is_configured() -> bool:
    """Say whether there is to be a copy."""
    return bool(settings.LOCKED_COPY_BUCKET)


@cache
def store() -> S3Store:
    """Return the bucket of the copy, with credentials of its own."""
    return S3Store(
        bucket=settings.LOCKED_COPY_BUCKET,
        region=settings.LOCKED_COPY_REGION,
        endpoint_url=settings.LOCKED_COPY_ENDPOINT_URL,
        access_key=settings.LOCKED_COPY_ACCESS_KEY,
        secret_key=settings.LOCKED_COPY_SECRET_KEY,
        ca_bundle=settings.LOCKED_COPY_CA_BUNDLE,
    )


def copy_up_to(checkpoint: Checkpoint, *, held: int, now: datetime) -> str:
    """Copy what a checkpoint covers beyond the first ``held`` entries, then it; return the name it stands under.

    :raises AnchorFailed: if something else stands in a place of the copy, or the vault lacks entries.
    :raises AnchorSilent: if the store does not take it.
    """
    until = now + settings.LOCKED_COPY_KEPT
    name = f"{_prefix(settings.AUDIT_ORIGIN)}checkpoint/{_LARGEST - checkpoint.size:019}.{checkpoint.size}"
    try:
        for path, body in _new_objects(checkpoint.size, held):
            _put(f"{_prefix(settings.AUDIT_ORIGIN)}{path}", body, until)
        _put(name, checkpoint.note.encode(), until)
    except Refusal as refusal:
        raise AnchorSilent(refusal.reason) from refusal
    return name


def newest(origin: str) -> str | None:
    """Return the newest checkpoint in the copy that the log's key has signed; None if there is none.

    :raises AnchorSilent: if the store does not answer.
    """
    try:
        for found in store().listing(f"{_prefix(origin)}checkpoint/"):
            if found.length <= _LONGEST_NOTE:
                note = store().read(found.name, 0, found.length, found.version).decode(errors="replace")
                if _is_signed(note, origin):
                    return note
    except Refusal as refusal:
        raise AnchorSilent(refusal.reason) from refusal
    return None


def read_entries(origin: str, number: int, hashes: list[bytes], size: int, *, since: int) -> list[bytes]:
    """Return the entries of one bundle whose leaves are these, from the copy of a tree of this size.

    :param since: how many at its beginning do not matter; some may be empty, of months that were removed.
    :raises AnchorFailed: if no version in the copy holds exactly these.
    """
    width = min(TILE_WIDTH, size - number * TILE_WIDTH)

    def fits(body: bytes) -> bool:
        return [leaf_hash(entry) for entry in unpack(body)][since : len(hashes)] == hashes[since:]

    return unpack(_read(f"{_prefix(origin)}{bundle_path(number, width)}", fits))


def read_tile(origin: str, level: int, number: int, width: int, root: bytes | None) -> bytes:
    """Return a tile of the copy; with a root, only one that hashes to it."""

    def fits(body: bytes) -> bool:
        return len(body) == width * HASH_LENGTH and (root is None or root_of(split(body)) == root)

    return _read(f"{_prefix(origin)}{tile_path(level, number, width)}", fits)


def bundle_path(number: int, width: int = TILE_WIDTH) -> str:
    """Return where entries stand (C2SP tlog-tiles): ``tile/entries/x001/234``."""
    return tile_path(0, number, width).replace("tile/0/", "tile/entries/", 1)


def pack(entries: list[bytes]) -> bytes:
    """Return entries as a bundle: each behind its length as two bytes."""
    return b"".join(struct.pack(">H", len(entry)) + entry for entry in entries)


def unpack(bundle: bytes) -> list[bytes]:
    """Return the entries of a bundle; what is cut short at its end is left out."""
    entries, at = [], 0
    while at + 2 <= len(bundle):
        (length,) = struct.unpack_from(">H", bundle, at)
        entries.append(bundle[at + 2 : at + 2 + length])
        at += 2 + length
    return entries


def _new_objects(size: int, held: int) -> Iterator[tuple[str, bytes]]:
    """Yield bundles and tiles that a tree of this size has and one of the smaller size had not."""
    level = 0
    while count := size >> 8 * level:
        before = (held >> 8 * level) // TILE_WIDTH
        for number in range(before, -(-count // TILE_WIDTH)):
            width = min(TILE_WIDTH, count - number * TILE_WIDTH)
            if level == 0:
                yield bundle_path(number, width), pack(_entries(number, width))
            yield tile_path(level, number, width), StoredTiles()(level, number, width)
        level += 1


def _entries(number: int, width: int) -> list[bytes]:
    """Return the entries of a bundle; empty where the month was removed: its hash stands in the tile."""
    first = number * TILE_WIDTH
    leaves = list(Leaf.objects.filter(index__range=(first, first + width - 1)).order_by("index"))
    if len(leaves) != width:
        raise AnchorFailed("entries-differ")
    moments = [leaf.recorded_at for leaf in leaves]
    events = AuditEvent.objects.filter(
        id__in=[leaf.event_id for leaf in leaves], recorded_at__range=(min(moments), max(moments))
    )
    found = {event.id: bytes(event.entry) for event in events}
    entries = [found.get(leaf.event_id, b"") for leaf in leaves]
    went: list[Removal] | None = None
    for leaf, entry in zip(leaves, entries, strict=True):
        if entry:
            stands = leaf_hash(entry) == bytes(leaf.hash)
        else:
            went = months.told_removals() if went is None else went
            stands = any(removal.first <= leaf.index <= removal.last for removal in went)
        if not stands:
            raise AnchorFailed("entries-differ")
    return entries


def _put(name: str, body: bytes, until: datetime) -> None:
    if not store().put_locked(name, body, until=until):
        _read(name, lambda there: there == body)


def _read(name: str, fits: Callable[[bytes], bool]) -> bytes:
    """Return the object of this name, in the version that fits."""
    try:
        for found in store().listing(name):
            if found.name == name:
                body = store().read(name, 0, found.length, found.version)
                if fits(body):
                    return body
    except StoreUnavailable as silence:
        raise AnchorSilent(silence.reason) from silence
    raise AnchorFailed("copy-differs")


def _is_signed(note: str, origin: str) -> bool:
    try:
        open_checkpoint(note, [log_key.verifier_of(origin)], origin=origin)
    except (NoteRefused, CheckpointRefused):
        return False
    return True


def _prefix(origin: str) -> str:
    return f"trail-{hashlib.sha256(origin.encode()).hexdigest()[:16]}/"
