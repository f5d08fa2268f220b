"""How long to wait before trying again: longer each time, and never all at the same moment."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

_FIRST = 0.1  # seconds
_random = secrets.SystemRandom()


def pauses(tries: int) -> Iterator[float]:
    """Yield the seconds before each further try: doubled with every try, and up to as much again by chance."""
    for attempt in range(tries - 1):
        yield _FIRST * 2**attempt * (1 + _random.random())
