"""Which bytes a client asks for (RFC 9110, section 14), which time they play, and stretches of time. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from recordings.errors import RangeNotSatisfiable

MOST_BYTES = 1_048_576  # of one answer: more lets a stalled listener hold a thread for good
MINUTE_MS = 60_000

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.IGNORECASE)


def parse(header: str, total: int) -> tuple[int, int] | None:
    """Return the asked range, end exclusive, or None where the header does not ask for bytes.

    :raises RangeNotSatisfiable: for bytes that are not there, and for several ranges at once.
    """
    asked = header.replace(" ", "").replace("\t", "")
    if not asked.lower().startswith("bytes="):
        return None  # another unit is ignored, as the RFC says
    if "," in asked:
        raise RangeNotSatisfiable("Ask for one range at a time.")
    match = _RANGE.fullmatch(asked)
    if match is None or match.group(1) == match.group(2) == "":
        return None  # not a valid header: ignored, as the RFC says
    first, last = match.groups()
    if first == "":
        start, end = max(total - int(last), 0), total
    else:
        start, end = int(first), min(int(last) + 1, total) if last else total
        if last and int(last) < start:
            return None
    if start >= end:
        raise RangeNotSatisfiable
    return start, end


def capped(start: int, end: int) -> tuple[int, int]:
    """Return as much of a range as one answer holds; players ask for the rest by themselves."""
    return start, min(end, start + MOST_BYTES)


def minutes(from_ms: int, to_ms: int, length_ms: int) -> list[tuple[int, int]]:
    """Return the windows, a minute each, that a stretch of the call touches."""
    first, last = from_ms // MINUTE_MS, max(from_ms, to_ms - 1) // MINUTE_MS
    return [
        (minute * MINUTE_MS, max(min((minute + 1) * MINUTE_MS, length_ms), minute * MINUTE_MS + 1))
        for minute in range(first, last + 1)
    ]


def joined(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the same stretches in order, those that touch made one, without empty ones."""
    found: list[tuple[int, int]] = []
    for from_ms, to_ms in sorted(stretches):
        if from_ms == to_ms:
            continue
        if found and from_ms <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], to_ms))
        else:
            found.append((from_ms, to_ms))
    return found


def with_one(
    stretches: Iterable[Sequence[int]], from_ms: int, to_ms: int, *, most: int
) -> list[tuple[int, int]]:
    """Return stretches with one more, in at most so many: rather a little too much than anything left out."""
    found = joined([*((first, last) for first, last in stretches), (from_ms, to_ms)])
    while len(found) > most:
        found = join_closest(found)
    return found


def join_closest(stretches: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return two or more stretches with the two that lie closest made one, and what lies between them."""
    _, at = min((stretches[i + 1][0] - stretches[i][1], i) for i in range(len(stretches) - 1))
    return [*stretches[:at], (stretches[at][0], stretches[at + 1][1]), *stretches[at + 2 :]]
