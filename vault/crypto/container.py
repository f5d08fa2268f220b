"""The sealed container: seal a stream, open any range of it. ``docs/spec/container.md`` specifies it.

C2SP chunked-encryption with SHA-512 and AES-256-GCM (Cobblestone-256). Sealing is the native encryptor of
``cryptography``, which has no random access; opening a range is written here. Nothing of a segment that
fails to authenticate is released.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from uuid import UUID

import numpy as np
from cryptography.cobblestone import Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.utils import Buffer

from vault.crypto.errors import NotAuthentic, SegmentAltered, Truncated, UnknownFormat, WrongKey

VERSION = 1
HEADER_LENGTH = 56
SEGMENT_LENGTH = 16_384
TAG_LENGTH = 16
SEALED_SEGMENT_LENGTH = SEGMENT_LENGTH + TAG_LENGTH

_CONTEXT_PREFIX = b"callvault/v1\0"
_SALT_LENGTH = 24
_INFO_PREFIX = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"
_MEBIBYTE = 1_048_576  # from here on a call's overhead no longer shows; the native code frees the interpreter
_OPEN_AT_ONCE = 64  # segments: a mebibyte, which still fits the processor's cache

__all__ = [
    "HEADER_LENGTH",
    "SEALED_SEGMENT_LENGTH",
    "SEGMENT_LENGTH",
    "VERSION",
    "CopyKind",
    "NotAuthentic",
    "Opener",
    "Sealer",
    "SegmentAltered",
    "Truncated",
    "UnknownFormat",
    "WrongKey",
    "context",
    "sealed_length_of",
]


class CopyKind(IntEnum):
    """What a stored object holds; part of what its key is bound to."""

    ORIGINAL = 1
    PLAYABLE = 2
    REDACTED = 3
    WAVEFORM = 4
    TRANSCRIPT = 5
    EXPORT = 6


def context(recording_id: UUID, key_id: UUID, kind: CopyKind) -> bytes:
    """Return what a data key is bound to: 46 bytes that never change while the object lives."""
    return _CONTEXT_PREFIX + recording_id.bytes + key_id.bytes + bytes([kind])


def sealed_length_of(plain_length: int) -> int:
    """Return how long a container of so many bytes is."""
    segments = plain_length // SEGMENT_LENGTH + 1
    return HEADER_LENGTH + plain_length + segments * TAG_LENGTH


class Sealer:
    """Seal one stream under one data key, once.

    ``digests=False`` leaves out both SHA-256 sums, which cost several times the encryption.
    """

    def __init__(self, data_key: bytes, context: bytes, *, digests: bool = True) -> None:
        self._encryptor = Cobblestone256Encryptor(data_key, context)
        self.header = self._encryptor.update(b"")
        self.plain_length = 0
        self.sealed_length = 0
        self._plain = hashlib.sha256() if digests else None
        self._sealed = hashlib.sha256() if digests else None
        self._is_begun = False
        self._is_finished = False

    @property
    def plain_sha256(self) -> bytes:
        """SHA-256 of all that went in; known once the stream has ended."""
        return self._digest(self._plain)

    @property
    def sealed_sha256(self) -> bytes:
        """SHA-256 of the whole object, header included; known once the stream has ended."""
        return self._digest(self._sealed)

    def seal(self, pieces: Iterable[Buffer]) -> Iterator[bytes]:
        """Yield the object, header first, about a mebibyte at a time, whatever the size of the pieces."""
        if self._is_begun:
            raise ValueError("A sealer seals one stream: a data key is never used twice.")
        self._is_begun = True
        yield self._count(self.header)
        for piece in regroup(pieces, _MEBIBYTE):
            if self._plain:
                self._plain.update(piece)
            self.plain_length += len(piece)
            yield self._count(self._encryptor.update(piece))
        yield self._count(self._encryptor.finalize())
        self._is_finished = True

    def _count(self, sealed: bytes) -> bytes:
        if self._sealed:
            self._sealed.update(sealed)
        self.sealed_length += len(sealed)
        return sealed

    def _digest(self, digest: hashlib._Hash | None) -> bytes:
        if digest is None or not self._is_finished:
            raise ValueError("The digests are known when the stream has been sealed to its end.")
        return digest.digest()


class Opener:
    """Open ranges of one container, whose header and length the caller kept beside the key.

    A length that was not kept but read from an untrusted store must be proved: fetch ``last_segment`` and
    pass it to ``check_length`` before relying on ``plain_length``.

    :raises UnknownFormat: if the version is not one this code knows.
    :raises WrongKey: if the header was not made with this key and this context.
    :raises Truncated: if no container has this length.
    """

    def __init__(
        self, data_key: bytes, context: bytes, header: bytes, sealed_length: int, *, version: int = VERSION
    ) -> None:
        if version != VERSION:
            raise UnknownFormat
        if len(header) != HEADER_LENGTH:
            raise Truncated
        key, nonce, commitment = _derive(data_key, header[:_SALT_LENGTH], context)
        if not hmac.compare_digest(commitment, header[_SALT_LENGTH:]):
            raise WrongKey
        # The last segment is always shorter than a full one, and never shorter than its tag.
        self._full_segments, self._last_length = divmod(sealed_length - HEADER_LENGTH, SEALED_SEGMENT_LENGTH)
        if sealed_length < HEADER_LENGTH or self._last_length < TAG_LENGTH:
            raise Truncated
        self.sealed_length = sealed_length
        self.plain_length = self._full_segments * SEGMENT_LENGTH + self._last_length - TAG_LENGTH
        self._base_nonce = int.from_bytes(nonce, "big")
        self._decrypt_into = AESGCM(key).decrypt_into

    @property
    def last_segment(self) -> tuple[int, int]:
        """Where the segment stands that proves the length."""
        return self.sealed_length - self._last_length, self.sealed_length

    def check_length(self, sealed: Buffer) -> None:
        """Refuse a length that the container does not have.

        :raises SegmentAltered: if these bytes are not the last segment.
        """
        self._open_segments(self._full_segments, memoryview(sealed), self._last_length)

    def segments_for(self, start: int, end: int) -> tuple[int, int]:
        """Return which bytes of the object hold bytes ``start`` to ``end`` (exclusive) of what was sealed."""
        if not 0 <= start <= end <= self.plain_length:
            raise ValueError("The range is outside of what was sealed.")
        if start == end:
            return HEADER_LENGTH, HEADER_LENGTH
        first = HEADER_LENGTH + start // SEGMENT_LENGTH * SEALED_SEGMENT_LENGTH
        after = HEADER_LENGTH + ((end - 1) // SEGMENT_LENGTH + 1) * SEALED_SEGMENT_LENGTH
        return first, min(after, self.sealed_length)

    def open(self, start: int, end: int, sealed: Buffer) -> memoryview:
        """Return bytes ``start`` to ``end`` (exclusive), given exactly the bytes ``segments_for`` named.

        :raises Truncated: if there are fewer or more bytes than that.
        :raises SegmentAltered: if any segment is not the one that belongs there.
        """
        first, after = self.segments_for(start, end)
        if start == end:
            return memoryview(b"")
        plain = self._open_segments(start // SEGMENT_LENGTH, memoryview(sealed), after - first)
        offset = start % SEGMENT_LENGTH
        return plain[offset : offset + end - start]

    def open_all(self, fetch: Callable[[int, int], Buffer]) -> Iterator[memoryview]:
        """Yield everything, a mebibyte at a time; ``fetch(start, end)`` returns bytes of the object.

        Only when the iterator has ended without an error is the last segment, and so the length, proved.
        """
        step = _OPEN_AT_ONCE * SEALED_SEGMENT_LENGTH
        for first in range(HEADER_LENGTH, self.sealed_length, step):
            after = min(first + step, self.sealed_length)
            index = (first - HEADER_LENGTH) // SEALED_SEGMENT_LENGTH
            plain = self._open_segments(index, memoryview(fetch(first, after)), after - first)
            if len(plain):
                yield plain

    def _open_segments(self, index: int, sealed: memoryview, expected_length: int) -> memoryview:
        if sealed.nbytes != expected_length:
            raise Truncated
        count = -(-expected_length // SEALED_SEGMENT_LENGTH)
        # Not zeroed first: each byte of it is written, or none of it is handed out.
        plain = np.empty(expected_length - count * TAG_LENGTH, np.uint8).data
        decrypt_into, base_nonce = self._decrypt_into, self._base_nonce
        written = 0
        try:
            for read in range(0, expected_length, SEALED_SEGMENT_LENGTH):
                segment = sealed[read : read + SEALED_SEGMENT_LENGTH]
                space = plain[written : written + SEGMENT_LENGTH]
                decrypt_into((base_nonce ^ index).to_bytes(12, "big"), segment, None, space)
                written += SEGMENT_LENGTH
                index += 1
        except InvalidTag:
            raise SegmentAltered from None
        return plain


def regroup(pieces: Iterable[Buffer], size: int) -> Iterator[bytes | bytearray | memoryview]:
    """Yield the same bytes in pieces of exactly ``size``, the last one shorter, copying as little as can be.

    Each yielded piece is good until the next is asked for.
    """
    pending = bytearray()
    for piece in pieces:
        rest = memoryview(piece).cast("B")
        if pending:
            taken = size - len(pending)
            pending += rest[:taken]
            rest = rest[taken:]
            if len(pending) < size:
                continue
            yield pending
            pending = bytearray()
        while len(rest) >= size:
            yield rest[:size]
            rest = rest[size:]
        pending += rest
    if pending:
        yield pending


def _derive(data_key: bytes, salt: bytes, context: bytes) -> tuple[bytes, bytes, bytes]:
    if len(data_key) != 32:
        raise ValueError("A data key has 32 bytes.")
    info = _INFO_PREFIX + salt + context
    derived = HKDFExpand(SHA512(), 32 + 12 + 32, info).derive(data_key)
    return derived[:32], derived[32:44], derived[44:]
