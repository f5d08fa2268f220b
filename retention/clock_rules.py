"""Whether the database's clock may be believed. Pure: readings in, a verdict out.

A jump cannot be told from an outage by the clock itself. So each reading is laid beside a second clock that
nobody sets: the machine's time since start, which also counts while it sleeps. Since a start was first seen,
both must have moved alike. Where no such line exists, because the machine was started anew or another one
took over, more than an hour of silence is a gap that only an independent clock can explain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

FORWARD_LIMIT = timedelta(hours=1)
BACK_LIMIT = timedelta(minutes=5)
WITNESS_LIMIT = timedelta(minutes=5)


class Doubt(StrEnum):
    """What is wrong with the clock."""

    FORWARD = "forward"
    BACK = "back"
    UNKNOWN_GAP = "unknown-gap"


@dataclass(frozen=True, slots=True)
class Reading:
    """The database's time, and this machine's start with the seconds since then, taken together."""

    at: datetime
    boot_id: str
    monotonic_s: float


@dataclass(frozen=True, slots=True)
class Mark:
    """What one start of one machine has seen before: its first reading, and the latest time it believed."""

    boot_id: str
    first_at: datetime
    first_monotonic_s: float
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why the clock is doubted, or no doubt; and by how much it is off."""

    doubt: Doubt | None
    off_by: timedelta = timedelta(0)


BELIEVED = Verdict(None)


def judge(reading: Reading, marks: Sequence[Mark], outside: datetime | None = None) -> Verdict:
    """Return whether the reading fits what was seen before; ``outside`` is a mark kept off the database."""
    seen = [mark.last_at for mark in marks] + ([outside] if outside else [])
    if not seen:
        return BELIEVED
    high_water = max(seen)
    if high_water - reading.at > BACK_LIMIT:
        return Verdict(Doubt.BACK, reading.at - high_water)
    own = next((mark for mark in marks if mark.boot_id == reading.boot_id), None)
    if own is not None:
        elapsed = timedelta(seconds=reading.monotonic_s - own.first_monotonic_s)
        jump = reading.at - (own.first_at + elapsed)
        return Verdict(Doubt.FORWARD, jump) if jump > FORWARD_LIMIT else BELIEVED
    gap = reading.at - high_water
    return Verdict(Doubt.UNKNOWN_GAP, gap) if gap > FORWARD_LIMIT else BELIEVED


def is_cleared_by(witness: datetime | None, reading: Reading, verdict: Verdict) -> bool:
    """Say whether an independent clock explains the doubt: it shows the same time as the database.

    It never clears a clock that went back: what the mark has seen, has been.
    """
    if witness is None or verdict.doubt is Doubt.BACK:
        return False
    return abs(witness - reading.at) <= WITNESS_LIMIT
