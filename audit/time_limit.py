"""Give the database so long and no longer, even when it or the network stops answering altogether.

One thread of this process looks after whoever waits. It first has the server cancel, which costs no round trip
unless it comes to that, as setting ``statement_timeout`` would. A dead link does not hear of it, and TCP would
wait for minutes: so it hangs up soon after, and the waiting call fails like any lost connection.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper

_CANCEL_WITHIN_S = 2.0
_LOOKED_EVERY_S = 0.05


class _Call:
    """One call that must end in time."""

    def __init__(self, raw: psycopg.Connection[Any], *, cancel_after: float, hang_up_after: float) -> None:
        now = time.monotonic()
        self._cancel_at, self._hang_up_at = now + cancel_after, now + hang_up_after
        self._raw = raw
        self._lock = threading.Lock()
        self._is_over = False
        self._is_cancelled = False

    def end(self) -> bool:
        """Take the call as over; say whether it was cancelled."""
        with self._lock:
            self._is_over = True
        return self._is_cancelled

    def look(self) -> None:
        """Do what its time has come for."""
        now = time.monotonic()
        if now >= self._hang_up_at:
            self.hang_up()
        elif now >= self._cancel_at and not self._is_cancelled:
            self.cancel()

    def cancel(self) -> None:
        with self._lock:
            if self._is_over or self._raw.closed:
                return
            self._is_cancelled = True
        # It takes a connection of its own, which may take its time; others wait for this thread.
        threading.Thread(target=self._ask_to_cancel, name="database cancel", daemon=True).start()

    def _ask_to_cancel(self) -> None:
        # Who cannot be told hangs in the same dead link, and is hung up on.
        with suppress(psycopg.Error):
            self._raw.cancel_safe(timeout=_CANCEL_WITHIN_S)

    def hang_up(self) -> None:
        with self._lock:
            # Only while the call lasts is the descriptor certainly still this connection's.
            if self._is_over or self._raw.closed:
                return
            with socket.socket(fileno=os.dup(self._raw.fileno())) as line, suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)


class _Watch:
    """The thread that looks after calls, now and then while there are any: no call costs it a wake-up of its own."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._calls: dict[_Call, None] = {}
        self._wake = threading.Event()
        threading.Thread(target=self._run, name="database time limit", daemon=True).start()

    def add(self, call: _Call) -> None:
        self._calls[call] = None
        if not self._wake.is_set():
            self._wake.set()

    def drop(self, call: _Call) -> None:
        self._calls.pop(call, None)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            time.sleep(_LOOKED_EVERY_S)
            calls = list(self._calls)
            for call in calls:
                call.look()
            if not calls:
                self._wake.clear()
                if self._calls:  # added before the sign was taken down, and so without putting it up
                    self._wake.set()


_watch: _Watch | None = None
_starting = threading.Lock()


@contextmanager
def time_limit(
    connection: BaseDatabaseWrapper, *, cancel_after: float, hang_up_after: float
) -> Iterator[None]:
    """Have what the connection does cancelled, then hang up, if the block takes longer than this; in seconds."""
    connection.ensure_connection()
    call = _Call(connection.connection, cancel_after=cancel_after, hang_up_after=hang_up_after)
    watch = _watch_of_this_process()
    watch.add(call)
    try:
        yield
    finally:
        watch.drop(call)
        if call.end():
            # A cancel that comes late must not meet this connection's next statement.
            connection.close()


def _watch_of_this_process() -> _Watch:
    global _watch
    with _starting:
        # A forked process has no threads of its parent.
        if _watch is None or _watch.process != os.getpid():
            _watch = _Watch()
        return _watch
