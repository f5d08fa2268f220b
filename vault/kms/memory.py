"""Keys kept in this process's memory for a moment, so that opening many things asks the service once."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock


class KeyCache:
    """At most so many keys, each for at most so many seconds; the oldest goes first."""

    def __init__(self, *, limit: int = 1000, seconds: float = 60) -> None:
        self._limit = limit
        self._seconds = seconds
        self._kept: OrderedDict[Hashable, tuple[float, bytes]] = OrderedDict()
        self._lock = Lock()

    def find(self, name: Hashable, *, put_within: float | None = None) -> bytes | None:
        """Return the key, if it was put here and its time is not over.

        :param put_within: leave out one that has been here for more seconds than this.
        """
        with self._lock:
            put_at, key = self._kept.get(name, (0.0, None))
            age = time.monotonic() - put_at
            if key is not None and age > self._seconds:
                del self._kept[name]
                return None
            return None if put_within is not None and age > put_within else key

    def put(self, name: Hashable, key: bytes) -> None:
        """Keep the key."""
        now = time.monotonic()
        with self._lock:
            self._kept.pop(name, None)
            self._kept[name] = (now, key)
            # They stand in the order of their coming, so what is over stands in front.
            while len(self._kept) > self._limit or now - next(iter(self._kept.values()))[0] > self._seconds:
                self._kept.popitem(last=False)

    def forget(self, name: Hashable) -> None:
        """Drop the key."""
        with self._lock:
            self._kept.pop(name, None)

    def clear(self) -> None:
        """Drop all keys."""
        with self._lock:
            self._kept.clear()
