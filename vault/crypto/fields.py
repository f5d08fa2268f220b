"""Seal one small value (a number, a name, a key) under a 32-byte key, bound to where it stands.

``version(1) | nonce(12) | ciphertext | tag(16)``, AES-256-GCM with a random nonce. The version byte and, for
a wrapped key, a label are authenticated before the caller's own associated data, so that neither can pass
for the other. One key seals few values (those of one recording, the keys of one month): random nonces are
safe up to 2^32 of them.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vault.crypto.errors import NotAuthentic, UnknownFormat

VERSION = 1
OVERHEAD = 1 + 12 + 16

_FIELD = bytes([VERSION]) + b"field\0"
_KEY = bytes([VERSION]) + b"key\0"


def seal_field(key: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """Return the value sealed; ``associated`` says where it stands (``table|column|row|version``)."""
    return _seal(key, plaintext, _FIELD + associated)


def open_field(key: bytes, sealed: bytes, associated: bytes) -> bytes:
    """Return the value.

    :raises NotAuthentic: if it was changed, or sealed under another key or for another place.
    """
    return _open(key, sealed, _FIELD + associated)


def wrap_key(master: bytes, key: bytes, associated: bytes) -> bytes:
    """Return a 32-byte key wrapped under a master key."""
    if len(key) != 32:
        raise ValueError("Keys have 32 bytes.")
    return _seal(master, key, _KEY + associated)


def unwrap_key(master: bytes, wrapped: bytes, associated: bytes) -> bytes:
    """Return the key.

    :raises NotAuthentic: if it was changed, or wrapped under another master or for another place.
    """
    key = _open(master, wrapped, _KEY + associated)
    if len(key) != 32:
        raise NotAuthentic
    return key


def _seal(key: bytes, plaintext: bytes, associated: bytes) -> bytes:
    nonce = os.urandom(12)
    return bytes([VERSION]) + nonce + _cipher(key).encrypt(nonce, plaintext, associated)


def _open(key: bytes, sealed: bytes, associated: bytes) -> bytes:
    sealed = bytes(sealed)  # the database hands out memoryviews
    if len(sealed) < OVERHEAD:
        raise NotAuthentic
    if sealed[0] != VERSION:
        raise UnknownFormat
    try:
        return _cipher(key).decrypt(sealed[1:13], sealed[13:], associated)
    except InvalidTag:
        raise NotAuthentic from None


def _cipher(key: bytes) -> AESGCM:
    if len(key) != 32:
        raise ValueError("Keys have 32 bytes.")
    return AESGCM(key)
