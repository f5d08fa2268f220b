"""Ids that sort by time: UUID version 7 (RFC 9562), with the fraction of the millisecond in its next bits."""

from __future__ import annotations

import os
from datetime import datetime
from uuid import UUID

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62


def first_uuid(at: datetime) -> UUID:
    """Return the lowest id that an event of this moment can have; the key of paging by time."""
    micros = round(at.timestamp() * 1_000_000)
    millis, rest = divmod(micros, 1000)
    fraction = rest * 4096 // 1000
    return UUID(int=(millis << 80) | _VERSION | (fraction << 64) | _VARIANT)


def new_uuid(at: datetime) -> UUID:
    """Return a fresh id of this moment: 62 random bits."""
    return UUID(int=first_uuid(at).int | int.from_bytes(os.urandom(8)) >> 2)
