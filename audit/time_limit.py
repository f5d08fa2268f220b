"""Give the database so long and no longer, even when it or the network stops answering altogether.

The server's own ``statement_timeout`` cannot fire on a dead link, and TCP would wait for minutes. So one
thread of this process hangs up for whoever waits too long; the waiting call then fails like any lost
connection.
"""

from __future__ import annotations

import heapq
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any


class _Call:
    """One call that must end in time."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._lock = threading.Lock()
        self._is_over = False

    def end(self) -> None:
        with self._lock:
            self._is_over = True

    def hang_up(self) -> None:
        with self._lock:
            # Only while the call lasts is the descriptor certainly still this connection's.
            if self._is_over or self._raw.closed:
                return
            with socket.socket(fileno=os.dup(self._raw.fileno())) as line, suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)


class _Watch:
    """The thread that hangs up."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._wake = threading.Condition()
        self._waiting: list[tuple[float, int, _Call]] = []
        self._numbers = count()
        threading.Thread(target=self._run, name="database time limit", daemon=True).start()

    def add(self, call: _Call, seconds: float) -> None:
        due = time.monotonic() + seconds
        with self._wake:
            heapq.heappush(self._waiting, (due, next(self._numbers), call))
            if self._waiting[0][2] is call:
                self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._waiting or (left := self._waiting[0][0] - time.monotonic()) > 0:
                    self._wake.wait(left if self._waiting else None)
                _, _, call = heapq.heappop(self._waiting)
            call.hang_up()


_watch: _Watch | None = None
_starting = threading.Lock()


@contextmanager
def time_limit(raw: Any, seconds: float) -> Iterator[None]:
    """Hang up the driver's connection if the block takes longer than this."""
    call = _Call(raw)
    _watch_of_this_process().add(call, seconds)
    try:
        yield
    finally:
        call.end()


def _watch_of_this_process() -> _Watch:
    global _watch
    with _starting:
        # A forked process has no threads of its parent.
        if _watch is None or _watch.process != os.getpid():
            _watch = _Watch()
        return _watch
