"""Every kind of copy there is of a recording: the one list that erasure walks.

A new kind of copy is entered here before it is made; a test fails for a kind that is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from recordings.models import PendingObject, Recording
from vault.crypto.container import CopyKind


@dataclass(frozen=True, slots=True)
class StoredCopy:
    """One object of a recording in the store."""

    kind: CopyKind
    object_name: str
    object_version: str
    sealed_sha256: bytes | None  # unknown where it is still being written
    sealed_length: int | None


def _renditions(recording: Recording) -> Iterator[StoredCopy]:
    for rendition in recording.renditions.order_by("kind"):
        yield StoredCopy(
            CopyKind(rendition.kind),
            rendition.object_name,
            rendition.object_version,
            bytes(rendition.sealed_sha256),
            rendition.sealed_length,
        )


def _unfinished(recording: Recording) -> Iterator[StoredCopy]:
    """Yield what is being derived, or was when its maker died."""
    for pending in PendingObject.objects.filter(recording_id=recording.pk).order_by("object_name"):
        yield StoredCopy(CopyKind(pending.kind), pending.object_name, "", None, None)


# Kind of copy -> where objects of it are found. An export of the trail holds no recording.
COPIES: dict[CopyKind, tuple[Callable[[Recording], Iterator[StoredCopy]], ...]] = {
    CopyKind.ORIGINAL: (_renditions, _unfinished),
    CopyKind.PLAYABLE: (_renditions, _unfinished),
    CopyKind.REDACTED: (_renditions, _unfinished),
    CopyKind.WAVEFORM: (_renditions, _unfinished),
    CopyKind.TRANSCRIPT: (_renditions, _unfinished),
}
NOT_OF_A_RECORDING = frozenset({CopyKind.EXPORT})


def stored_copies(recording: Recording) -> list[StoredCopy]:
    """Return every object of a recording, finished or not."""
    finders = dict.fromkeys(finder for finders in COPIES.values() for finder in finders)
    return [copy for finder in finders for copy in finder(recording)]


def object_names(recording: Recording) -> list[str]:
    """Return the names of every object of a recording."""
    return [copy.object_name for copy in stored_copies(recording)]
