"""Number the events of one database connection without a gap.

The counter stands inside each entry, so a row that somebody deletes before the sequencer has numbered it
leaves a hole that the verifier names. It advances only by confirmed commits: an event's number is confirmed
by a hook that runs when its transaction has committed; a rollback drops the hook, and the number is used
again. A commit of unknown outcome closes the connection, and with it ends the writer.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4
from weakref import WeakKeyDictionary

from django.db.backends.base.base import BaseDatabaseWrapper


@dataclass(slots=True)
class Writer:
    """One raw connection's numbering: the last number known to be committed."""

    id: UUID
    process: int
    confirmed: int = 0


@dataclass(frozen=True, slots=True)
class _Confirm:
    """The hook that confirms one number."""

    writer: Writer
    number: int

    def __call__(self) -> None:
        self.writer.confirmed = max(self.writer.confirmed, self.number)


# Keyed by the driver's connection, not Django's wrapper, which outlives reconnections.
_writers: WeakKeyDictionary[Any, Writer] = WeakKeyDictionary()


def next_number(connection: BaseDatabaseWrapper) -> tuple[UUID, int]:
    """Return the writer of this connection and the number of its next event."""
    writer = _writer(connection)
    return writer.id, max(writer.confirmed, _highest_pending(connection, writer)) + 1


def confirm_by_commit(connection: BaseDatabaseWrapper, number: int) -> None:
    """Take a number as used once the transaction of its insert has committed: now, if that was the statement's own."""
    confirm = _Confirm(_writer(connection), number)
    if not connection.in_atomic_block:
        confirm()
        return
    # In front of all others: a hook of somebody else's that records an event in a new transaction must
    # already find this number confirmed.
    hook: Any = (set(connection.savepoint_ids), confirm, False)
    connection.run_on_commit.insert(0, hook)


def _writer(connection: BaseDatabaseWrapper) -> Writer:
    raw = connection.connection
    writer = _writers.get(raw)
    if writer is None or writer.process != os.getpid():
        writer = _writers[raw] = Writer(uuid4(), os.getpid())
    return writer


def _highest_pending(connection: BaseDatabaseWrapper, writer: Writer) -> int:
    if connection.run_on_commit:
        hook = connection.run_on_commit[0][1]
        if isinstance(hook, _Confirm) and hook.writer is writer:
            return hook.number
    return 0
