"""Whom an addendum is about, and the keys that seal what the trail says about them.

One key per subject and month, wrapped under the month's master. Destroying a subject's keys blanks every
addendum about it, here and in every copy, and leaves the tree as it was.
"""

from __future__ import annotations

import base64
import hmac
import ipaddress
import os
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from threading import Lock
from typing import Self
from uuid import UUID, uuid4

from django.db import connection, transaction

from audit.canonical import canonical
from audit.models import Lookup, SubjectKey
from vault.crypto import blind_index
from vault.crypto.errors import NotAuthentic
from vault.crypto.fields import open_field, seal_field, unwrap_key, wrap_key
from vault.kms import masters

_KEPT = 1_000
_KEPT_FOR = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom personal data in the trail is about: the unit in which it is forgotten."""

    kind: str
    id: str

    @classmethod
    def account(cls, account_id: UUID) -> Self:
        """Return the holder of an account, or of a service token."""
        return cls("account", str(account_id))

    @classmethod
    def recording(cls, recording_id: UUID) -> Self:
        """Return the parties of a recording, together."""
        return cls("recording", str(recording_id))

    @classmethod
    def day(cls, day: date) -> Self:
        """Return the unknown actors of one day, together."""
        return cls("day", day.isoformat())

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True, slots=True)
class OpenKey:
    """A subject's key in memory, with the id of its row, and the row itself while it is still to be inserted."""

    id: UUID
    key: bytes
    row: SubjectKey | None = None


def build_addendum(subject: Subject, fields: dict[str, str]) -> bytes:
    """Return the addendum's bytes: canonical JSON with 16 random bytes, so that nobody guesses it back."""
    blind = base64.b64encode(os.urandom(16)).decode()
    return canonical({"blind": blind, "fields": {**fields}, "subject": str(subject)})


def seal(key: OpenKey, addendum: bytes, digest: bytes) -> bytes:
    """Seal an addendum under its subject's key, bound to its digest."""
    return seal_field(key.key, addendum, digest)


def open_sealed(key: OpenKey, sealed: bytes, digest: bytes) -> bytes | None:
    """Open a sealed addendum; None if it was changed."""
    try:
        return open_field(key.key, sealed, digest)
    except NotAuthentic:
        return None


def key_for(subject: Subject, at: datetime) -> OpenKey:
    """Return the subject's key of this month; one that is made here comes with the row to insert.

    Two transactions may each make one: both stand, and forgetting takes both.
    """
    month = f"{at:%Y-%m}"
    if found := _cache.get(_name(subject, month), at):
        return found
    rows = SubjectKey.objects.filter(subject_kind=subject.kind, subject_id=subject.id, month=month)
    row = rows.order_by("created_at", "pk").first()
    return _unwrap(row, _master(month)) if row else _make(subject, month, at)


def remember(keys: Mapping[Subject, OpenKey], at: datetime) -> None:
    """Keep keys in memory from when they are committed: one of a rolled-back transaction would seal for nobody."""
    month = f"{at.astimezone(UTC):%Y-%m}"
    for subject, key in keys.items():
        name, kept = _name(subject, month), OpenKey(key.id, key.key)
        if _cache.get(name, at) is None:
            transaction.on_commit(partial(_cache.put, name, kept, at))


def _name(subject: Subject, month: str) -> tuple[Subject, str, str]:
    return subject, month, str(connection.settings_dict["NAME"])


def open_keys(ids: Iterable[UUID]) -> dict[UUID, OpenKey]:
    """Return those of the keys that still exist, and whose month's master does, by id."""
    rows = list(SubjectKey.objects.filter(id__in=set(ids)))
    there = masters.many({_master_name(row.month) for row in rows})
    return {
        row.id: _unwrap(row, there[_master_name(row.month)])
        for row in rows
        if _master_name(row.month) in there
    }


def lookup(field: str, value: str, at: datetime) -> bytes:
    """Return the keyed hash under which events of this month are found by a value; it dies with the month's master."""
    return _lookup_of(_master(f"{at.astimezone(UTC):%Y-%m}"), field, value)


def known_lookup(field: str, value: str, at: datetime) -> bytes | None:
    """Return the same without making a master; None if the month has none that opens."""
    name = _master_name(f"{at.astimezone(UTC):%Y-%m}")
    master = masters.many([name]).get(name)
    return _lookup_of(master, field, value) if master else None


def lookups(field: str, value: str) -> list[bytes]:
    """Return the hashes of a value in every month of the trail whose master still opens."""
    there = masters.many(masters.names(_master_name("")))
    return [_lookup_of(master, field, value) for master in there.values()]


def prepare_month(at: datetime, *, ahead: bool = False) -> None:
    """Have the month's master in memory, so that no event has to wait for the key management service.

    :param ahead: whether the month has not begun, so that a backup holds its key before its first use.
    """
    month = f"{at:%Y-%m}"
    masters.prepare({_master_name(month): f"trail-{month}"}, ahead=ahead)


def destroy_keys(subject: Subject) -> int:
    """Delete every key of the subject, and how its events were found by what the keys sealed; return how many keys."""
    _cache.drop(subject)
    keys = SubjectKey.objects.filter(subject_kind=subject.kind, subject_id=subject.id)
    Lookup.objects.filter(key_id__in=list(keys.values_list("pk", flat=True))).delete()
    count, _ = keys.delete()
    return count


def destroy_month(month: str) -> None:
    """Delete every key of a month, and the master under which they stand, within the caller's transaction."""
    SubjectKey.objects.filter(month=month).delete()
    masters.retire(_master_name(month), before=1)


def days_before(day: date) -> list[Subject]:
    """Return the days before this one of whose unknown actors something can still be opened."""
    days = SubjectKey.objects.filter(subject_kind="day", subject_id__lt=day.isoformat())
    return [
        Subject("day", found)
        for found in days.order_by("subject_id").values_list("subject_id", flat=True).distinct()
    ]


def _lookup_of(master: bytes, field: str, value: str) -> bytes:
    key = hmac.digest(master, b"callvault/trail-lookup/v1", "sha256")
    return blind_index.index(key, field, fold_address(value) if field == "address" else value)


def fold_address(value: str) -> str:
    """Return an IP address as it is written once, however it was written; anything else as it is."""
    try:
        address = ipaddress.ip_address(value.strip())
    except ValueError:
        return value
    return str(getattr(address, "ipv4_mapped", None) or address)


def _make(subject: Subject, month: str, at: datetime) -> OpenKey:
    key_id, key = uuid4(), os.urandom(32)
    row = SubjectKey(
        id=key_id,
        subject_kind=subject.kind,
        subject_id=subject.id,
        month=month,
        wrapped_key=wrap_key(_master(month), key, _binding(key_id, str(subject))),
        created_at=at,
    )
    return OpenKey(key_id, key, row)


def _unwrap(row: SubjectKey, master: bytes) -> OpenKey:
    binding = _binding(row.id, f"{row.subject_kind}:{row.subject_id}")
    return OpenKey(row.id, unwrap_key(master, bytes(row.wrapped_key), binding))


def _master(month: str) -> bytes:
    return masters.get(_master_name(month), kek=f"trail-{month}")


def _master_name(month: str) -> str:
    return f"trail/{month}"


def _binding(key_id: UUID, subject: str) -> bytes:
    return f"audit_subjectkey|{key_id}|{subject}".encode()


class _Cache:
    """Committed keys of this process, for at most a minute: so a forgotten subject is soon forgotten here."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[tuple[Subject, str, str], tuple[OpenKey, datetime]] = OrderedDict()

    def get(self, name: tuple[Subject, str, str], at: datetime) -> OpenKey | None:
        with self._lock:
            found = self._kept.get(name)
        if found is None or abs(at - found[1]) > _KEPT_FOR:
            return None
        return found[0]

    def put(self, name: tuple[Subject, str, str], key: OpenKey, at: datetime) -> None:
        with self._lock:
            self._kept[name] = (key, at)
            self._kept.move_to_end(name)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def drop(self, subject: Subject) -> None:
        with self._lock:
            for name in [name for name in self._kept if name[0] == subject]:
                del self._kept[name]


_cache = _Cache()
