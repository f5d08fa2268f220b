"""Audio on its way in: recognised from its head before anything is sealed, counted, limited. Never on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.conf import settings

from recordings import audio
from recordings.audio import AudioFormat
from recordings.errors import AudioTooLarge


def largest() -> int:
    """Return how many bytes of audio are taken in at most."""
    most: int = settings.MAX_AUDIO_BYTES
    return most


class Upload:
    """The audio on its way in: recognised from its head before anything is sealed, counted, limited."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self._head = b""
        self._length = 0

    def __iter__(self) -> Iterator[bytes]:
        pieces = limited(self._pieces)
        for piece in pieces:
            self._head += bytes(piece)
            if len(self._head) >= audio.HEAD_BYTES:
                break
        audio.probe(self._head, None)
        self._length = len(self._head)
        yield self._head
        self._head = self._head[: audio.HEAD_BYTES]
        for piece in pieces:
            self._length += len(piece)
            yield piece

    def probe_whole(self) -> AudioFormat:
        """Return the format, now that the length is known."""
        return audio.probe(self._head, self._length)


def limited(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Pass pieces on until they are more than is taken in."""
    length = 0
    for piece in pieces:
        length += len(piece)
        if length > largest():
            raise AudioTooLarge
        yield piece
