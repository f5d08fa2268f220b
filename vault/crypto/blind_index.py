"""Find a value without being able to read it: keyed hashes of normalised values.

Who has the index but not its key learns only which rows hold equal values within one field and month.
"""

from __future__ import annotations

import hmac

INDEX_LENGTH = 16


def index(key: bytes, field: str, value: str) -> bytes:
    """Return the 16 bytes under which a normalised value of this field is found."""
    return _hash(key, b"index", field, value)[:INDEX_LENGTH]


def identity(key: bytes, *parts: str) -> bytes:
    """Return the 32 bytes that stand for a thing known by several parts; no other parts give the same."""
    return _hash(key, b"identity", *parts)


def _hash(key: bytes, label: bytes, *parts: str) -> bytes:
    if len(key) != 32:
        raise ValueError("Keys have 32 bytes.")
    message = bytearray(label)
    for part in parts:
        encoded = part.encode()
        message += len(encoded).to_bytes(4, "big") + encoded
    return hmac.digest(key, message, "sha256")
