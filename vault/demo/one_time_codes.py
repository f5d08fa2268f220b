"""One-time codes as an authenticator app shows them (RFC 6238: SHA-1, six digits, thirty seconds)."""

from __future__ import annotations

import hmac
from base64 import b32decode
from datetime import datetime

STEP_S = 30


def code_at(secret: str, now: datetime) -> str:
    """Return the code of this moment."""
    counter = int(now.timestamp()) // STEP_S
    digest = hmac.digest(b32decode(secret), counter.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def seconds_left(now: datetime) -> int:
    """Return how long the code of this moment is still shown."""
    return STEP_S - int(now.timestamp()) % STEP_S
