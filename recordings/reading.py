"""Stored copies opened again: ranges, or the whole, a piece at a time and never on disk."""

from __future__ import annotations

from collections.abc import Iterator

from recordings import keys
from recordings.models import Rendition
from vault import storage
from vault.crypto.container import Opener

_FIRST_BYTES = 262_144  # fetched first, so that sound begins while the rest is fetched


def read_whole(rendition: Rendition) -> Iterator[memoryview]:
    """Yield all of a copy, about a mebibyte at a time."""
    store = storage.store()

    def fetch(start: int, end: int) -> bytes:
        return store.read(rendition.object_name, start, end, rendition.object_version or None)

    return keys.opener_of(rendition).open_all(fetch)


def read_range(rendition: Rendition, start: int, end: int) -> Iterator[memoryview]:
    """Yield bytes ``start`` to ``end`` (exclusive) in one or two pieces.

    The first is fetched and opened before this returns, so that what is missing is refused, not cut off.
    """
    opener = keys.opener_of(rendition)
    middle = min(start + _FIRST_BYTES, end)
    first = _read(rendition, opener, start, middle)

    def pieces() -> Iterator[memoryview]:
        yield first
        if middle < end:
            yield _read(rendition, opener, middle, end)

    return pieces()


def _read(rendition: Rendition, opener: Opener, start: int, end: int) -> memoryview:
    first, after = opener.segments_for(start, end)
    sealed = storage.store().read(rendition.object_name, first, after, rendition.object_version or None)
    return opener.open(start, end, sealed)
