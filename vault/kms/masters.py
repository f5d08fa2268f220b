"""Get the local masters by name; each is made on first use and kept in memory for a minute.

What a caller will need inside a transaction it names to ``prepare`` before, so that no call to the key
management service happens while rows are locked.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from django.db import transaction

from vault.kms import Duty, keks, service
from vault.kms.interface import KeyDestroyed, WrappedKey
from vault.kms.memory import KeyCache
from vault.kms.models import Master

_CONTEXT = b"callvault/master/v1\0"
_FRESH_S = 30.0  # half of what memory keeps them for
_kept: KeyCache[bytes] = KeyCache()


def get(name: str, *, kek: str) -> bytes:
    """Return the master, made and wrapped under ``kek`` if there is none yet.

    :raises KeyDestroyed: if the key that wraps it has been destroyed.
    """
    return _kept.find(name) or find(name) or _make(name, kek)


def find(name: str) -> bytes | None:
    """Return the master, or None if there is none or nothing opens it any more."""
    return many([name]).get(name)


def many(names: Iterable[str], *, put_within: float | None = None) -> dict[str, bytes]:
    """Return those of the masters that exist and open, by name, with one query.

    :param put_within: ask again for those that have been in memory for more seconds than this.
    """
    found: dict[str, bytes] = {}
    absent = []
    for name in names:
        if key := _kept.find(name, put_within=put_within):
            found[name] = key
        else:
            absent.append(name)
    for master in Master.objects.filter(name__in=absent) if absent else ():
        try:
            found[master.name] = _unwrap(master)
        except KeyDestroyed:
            continue
    return found


def names(prefix: str) -> list[str]:
    """Return the names of the masters that begin so: a few a month."""
    return list(Master.objects.filter(name__startswith=prefix).values_list("name", flat=True))


def prepare(wanted: Mapping[str, str], *, ahead: bool = False) -> None:
    """Have masters in memory for as long as a request takes, given as name to key-encryption key.

    :param ahead: whether that is before anything needs them, so that a backup comes first.
    """
    there = many(wanted, put_within=_FRESH_S)
    for name, kek in wanted.items():
        if name not in there:
            _make(name, kek, ahead=ahead)


def newest_generation(name: str) -> int:
    """Return the newest generation of a master, as its names tell: ``fields/2027-02/3`` is the third version's."""
    after = Master.objects.filter(name__startswith=f"{name}/").values_list("name", flat=True)
    return max((int(found.rpartition("/")[2]) for found in after), default=0)


def retire(name: str, *, before: int) -> None:
    """Delete the generations of a master before this one, here and in this process's memory.

    :raises IntegrityError: if something is still wrapped under one.
    """
    olds = [name, *(f"{name}/{generation}" for generation in range(1, before))]
    Master.objects.filter(name__in=olds).delete()
    for old in olds:
        forget(old)


def count_under(kek: str) -> int:
    """Return how many masters a key-encryption key wraps."""
    return Master.objects.filter(kek=kek).count()


def rewrap_under(kek: str, *, version: int) -> tuple[int, int]:
    """Wrap again the masters under an older version of their key; return how many were, and how many refuse.

    Asks the service, so it is called outside any transaction.
    """
    keys = service(Duty.ROTATION)
    old = list(Master.objects.filter(kek=kek, kek_version__lt=version))
    answers = keys.rewrap(kek, [WrappedKey(bytes(each.wrapped), _context(each.name)) for each in old])
    done = refused = 0
    for master, fresh in zip(old, answers, strict=True):
        if fresh is None or keys.version_of(fresh) < version:
            refused += 1
            continue
        same = Master.objects.filter(pk=master.pk, wrapped=bytes(master.wrapped))
        done += same.update(wrapped=fresh, kek_version=keys.version_of(fresh))
    return done, refused


def forget(name: str) -> None:
    """Drop the master from this process's memory."""
    _kept.forget(name)


def forget_all() -> None:
    """Drop all masters from this process's memory."""
    _kept.clear()


def _make(name: str, kek: str, *, ahead: bool = False) -> bytes:
    keks.ensure(kek, ahead=ahead)
    keys = service(Duty.INGEST)
    wrapped = keys.wrap(kek, os.urandom(32), _context(name))
    made = Master(name=name, kek=kek, wrapped=wrapped, kek_version=keys.version_of(wrapped))
    # Whoever comes second takes what the first has made.
    Master.objects.bulk_create([made], ignore_conflicts=True)
    return _unwrap(Master.objects.get(name=name))


def _unwrap(master: Master) -> bytes:
    key = service(Duty.INGEST).unwrap(master.kek, bytes(master.wrapped), _context(master.name))
    # A row that this transaction made may still be undone; memory must not outlive it.
    transaction.on_commit(lambda: _kept.put(master.name, key))
    return key


def _context(name: str) -> bytes:
    return _CONTEXT + name.encode()
