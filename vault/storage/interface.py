"""What every object store can do, and how it says no."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cryptography.utils import Buffer

from vault.errors import Conflict, Unavailable, gettext_noop
from vault.places import Place

PART_LENGTH = 8_396_800  # 512 sealed segments: what is sent, and kept in memory, at a time
UNVERSIONED = "null"  # the version of an object where the store keeps no versions, as S3 calls it

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*")
_LONGEST_NAME = 200


class StoreUnavailable(Unavailable):
    """The store does not answer, or not as it should: nothing was kept, nothing is handed out."""

    code = "store-unavailable"
    title = gettext_noop("The object store is not available")


class StoreUnfit(Unavailable):
    """The store answers, but cannot do what is needed of it; the text says what, and what to do."""

    code = "store-unfit"
    title = gettext_noop("The object store cannot do what is needed")


class ObjectMissing(Unavailable):
    """The store does not have the object, this version of it, or these bytes of it: an incident."""

    code = "object-missing"
    title = gettext_noop("The object is not in the store")


class ObjectExists(Conflict):
    """An object of this name is there already; objects are never replaced."""

    code = "object-exists"
    title = gettext_noop("The object is already in the store")


class ObjectLocked(Conflict):
    """The store refuses to delete: a lock on the object still runs."""

    code = "object-locked"
    title = gettext_noop("A lock in the object store forbids deleting")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What became of a put."""

    version: str
    length: int


@dataclass(frozen=True, slots=True)
class Found:
    """One version of one object, as listed."""

    name: str
    version: str
    length: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a store can do beyond what is needed, as it was tried."""

    keeps_versions: bool = False
    has_locks: bool = False
    keeps_locks: bool = False  # a lock that is set does forbid deleting
    notices_damage: bool = False  # bytes that do not fit their checksum are refused


class ObjectStore(Protocol):
    """Keeps sealed objects under random names. An object is written once, whole or not at all."""

    def put(self, name: str, parts: Iterable[Buffer]) -> StoredObject:
        """Store a stream in constant memory; whatever ``parts`` raises leaves nothing behind.

        :raises ObjectExists: if the name is taken.
        """

    def put_if_absent(self, name: str, body: bytes) -> bool:
        """Store a small object, or return False where the name is taken: of several callers one wins."""

    def read(self, name: str, start: int, end: int, version: str | None = None) -> bytes:
        """Return exactly bytes ``start`` to ``end`` (exclusive) in one request.

        :raises ObjectMissing: if the store does not have all of them.
        """

    def delete(self, names: Sequence[str]) -> None:
        """Delete every version, marker and unfinished upload of these names; absent is success.

        :raises ObjectLocked: if something stays because a lock forbids deleting it; the rest is gone.
        """

    def versions(self, name: str) -> list[str]:
        """Return the versions and markers that are there; empty means that nothing is left."""

    def listing(self, prefix: str) -> Iterator[Found]:
        """Yield every version of every object whose name begins so, by name."""

    def abort_unfinished(self, before: datetime) -> int:
        """Remove what puts begun before then have left unfinished; return how many."""

    def check(self) -> None:
        """Raise ``StoreUnavailable`` unless the store answers and lets us in."""

    def prove(self) -> Abilities:
        """Try what this store really does, with small objects that are removed again.

        :raises StoreUnfit: if something is missing that the vault cannot do without.
        """

    def places(self) -> list[Place]:
        """Return where the objects and their replicas lie; empty means on this machine alone.

        :raises PlaceUnknown: if the store does not say.
        """

    def where(self) -> str:
        """Say where the objects are, for people."""


def check_name(name: str) -> None:
    """Refuse a name that could leave the store's own room, or that is not plain enough for any store."""
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise ValueError("An object's name is made of small letters, digits, '.', '_', '-' between slashes.")


def check_range(start: int, end: int) -> None:
    """Refuse a range that holds nothing."""
    if not 0 <= start < end:
        raise ValueError("A range begins at or after 0 and ends after it begins.")
