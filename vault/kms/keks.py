"""The books of key-encryption keys: which there are, which may still wrap, which are gone for good.

The service holds the keys; a row here holds what the vault has decided about each. Nothing is stored under a key
that is not in the books, is being destroyed, or in a version that has been given up: triggers refuse it.
"""

from __future__ import annotations

import time
from threading import Lock

from django.db import connection

from vault.kms import Duty, service
from vault.kms.interface import KeyDestroyed
from vault.kms.models import Kek, KekState

_KNOWN_FOR_S = 60.0


def ensure(name: str, *, ahead: bool = False) -> None:
    """Have a key that may wrap: in the service, and in the books. Asks nothing if it was there a minute ago.

    :param ahead: whether it is made before anything needs it, so that a backup comes first.
    :raises KeyDestroyed: if there was one of this name: a name is never used twice.
    """
    if _known.has(name):
        return
    kek = Kek.objects.filter(pk=name).first()
    if kek is None:
        service(Duty.ROTATION).ensure_key(name)
        Kek.objects.bulk_create([Kek(name=name, made_ahead=ahead)], ignore_conflicts=True)
    elif kek.state != KekState.ACTIVE:
        raise KeyDestroyed
    # A row that this transaction made may still be undone; memory must not outlive it.
    if not connection.in_atomic_block:
        _known.add(name)


def closed() -> frozenset[str]:
    """Return the names of the keys that may not wrap any more, as they were a minute ago at most."""
    return _known.closed()


def forget() -> None:
    """Ask the books again when a key is needed next."""
    _known.clear()


class _Known:
    """Names of keys in use and of closed ones, for a minute. That one was closed since, the trigger says."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._seen: dict[tuple[str, str], float] = {}
        self._closed: dict[str, tuple[float, frozenset[str]]] = {}

    def closed(self) -> frozenset[str]:
        database, now = str(connection.settings_dict["NAME"]), time.monotonic()
        with self._lock:
            asked_at, names = self._closed.get(database, (float("-inf"), frozenset()))
        if now - asked_at >= _KNOWN_FOR_S:
            names = frozenset(Kek.objects.exclude(state=KekState.ACTIVE).values_list("pk", flat=True))
            with self._lock:
                self._closed[database] = (now, names)
        return names

    def has(self, name: str) -> bool:
        with self._lock:
            return time.monotonic() - self._seen.get(self._place(name), float("-inf")) < _KNOWN_FOR_S

    def add(self, name: str) -> None:
        with self._lock:
            self._seen[self._place(name)] = time.monotonic()

    def clear(self) -> None:
        with self._lock:
            self._seen.clear()
            self._closed.clear()

    def _place(self, name: str) -> tuple[str, str]:
        return str(connection.settings_dict["NAME"]), name


_known = _Known()
