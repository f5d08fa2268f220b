"""What every key management service can do, and how it says no."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from vault.errors import Conflict, Unavailable, gettext_noop
from vault.places import Place


class KeyManagementUnavailable(Unavailable):
    """The service does not answer, or cannot do its work: nothing is sealed and nothing is opened."""

    code = "keys-unavailable"
    title = gettext_noop("The key management service is not available")


class KeyMissing(Unavailable):
    """There never was a key of this name."""

    code = "key-missing"
    title = gettext_noop("The key does not exist")


class UnwrapRefused(Unavailable):
    """The wrapped key was altered, or belongs to another key, recording or kind of copy: an incident."""

    code = "unwrap-refused"
    title = gettext_noop("The wrapped key cannot be opened")


class KeyDestroyed(Conflict):
    """The key is gone for good, and so is all that was wrapped under it."""

    status = 410
    code = "key-destroyed"
    title = gettext_noop("The key has been destroyed")


class DutyNotGiven(Unavailable):
    """This process holds no credential for what was asked of the service, or one that may not do it."""

    code = "key-duty-not-given"
    title = gettext_noop("This process may not use keys in this way")


class Duty(StrEnum):
    """What a process is trusted to do with keys. A service with credentials keeps one for each.

    Ingest wraps every key and unwraps the local masters, never the key of audio: who takes calls in need not
    be able to read the archive.
    """

    INGEST = "ingest"
    PLAYBACK = "playback"  # unwraps the keys of audio: playing, and deriving copies
    MOVING = "moving"  # unwraps a key of one month and wraps it for another
    ROTATION = "rotation"  # makes keys and versions, rewraps, describes
    DESTRUCTION = "destruction"  # destroys keys and old versions


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """One key-encryption key, without the key."""

    name: str
    version: int
    versions: int
    created_at: datetime
    destroyed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A key that was wrapped, and what it is bound to."""

    wrapped: bytes
    context: bytes


class KeyManagement(Protocol):
    """Key-encryption keys by name, each with versions of which the newest wraps.

    ``context`` binds a wrapped key to what it is for; the same bytes must be given to unwrap it.
    """

    @property
    def destruction_reaches_copies(self) -> bool:
        """Whether destroying a key also makes older copies of the key store worthless."""

    @property
    def destruction_takes(self) -> timedelta:
        """How long after ``destroy`` or ``trim`` the service itself may still hold what was destroyed."""

    def version_of(self, wrapped: bytes) -> int:
        """Return under which version of its key this was wrapped, as its form says; nothing is asked.

        :raises UnwrapRefused: if it has not the form of a wrapped key.
        """

    def ensure_key(self, name: str) -> None:
        """Make the key, backed up, unless it is there.

        :raises KeyDestroyed: if there was one: a name is never used twice.
        """

    def wrap(self, name: str, key: bytes, context: bytes) -> bytes:
        """Return the key wrapped under the newest version."""

    def unwrap(self, name: str, wrapped: bytes, context: bytes) -> bytes:
        """Return the key.

        :raises UnwrapRefused: if these bytes were not wrapped under this name for this context.
        """

    def rewrap(self, name: str, keys: Sequence[WrappedKey]) -> list[bytes | None]:
        """Return each key wrapped under the newest version, unchanged where it already is.

        None stands for one that was not wrapped under this name for its context; the others are not held up.
        """

    def rotate(self, name: str) -> int:
        """Make a new version the one that wraps, and return its number; older ones still unwrap."""

    def trim(self, name: str, *, oldest: int) -> None:
        """Destroy every version older than this one: what is still wrapped under them is lost.

        :raises ValueError: if there is no such version: nothing would be left to unwrap with.
        """

    def destroy(self, name: str) -> None:
        """Destroy the key and every version of it; already destroyed is success."""

    def describe(self) -> list[KeyInfo]:
        """Return all keys, destroyed ones too, by name."""

    def check(self) -> None:
        """Raise ``KeyManagementUnavailable`` unless keys can be wrapped and unwrapped now.

        Being used keeps a credential that would run out otherwise, and asking this is use.
        """

    def places(self) -> list[Place]:
        """Return where the keys and the service lie; empty means on this machine alone.

        :raises PlaceUnknown: if the service does not say.
        """
