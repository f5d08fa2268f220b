"""Keys, and what was made of them, in this process's memory for a moment: opening many things asks once."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key")


class KeyCache(Generic[Key]):
    """At most so many keys, each for at most so many seconds; the oldest goes first."""

    def __init__(self, *, limit: int = 1000, seconds: float = 60) -> None:
        self._limit = limit
        self._seconds = seconds
        self._kept: OrderedDict[Hashable, tuple[float, Key]] = OrderedDict()
        self._lock = Lock()

    def find(self, name: Hashable, *, put_within: float | None = None) -> Key | None:
        """Return the key, if it was put here and its time is not over.

        :param put_within: leave out one that has been here for more seconds than this.
        """
        with self._lock:
            if name not in self._kept:
                return None
            put_at, key = self._kept[name]
            age = time.monotonic() - put_at
            if age > self._seconds:
                del self._kept[name]
                return None
            return None if put_within is not None and age > put_within else key

    def put(self, name: Hashable, key: Key) -> None:
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
