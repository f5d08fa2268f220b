"""What every key management service can do, and how it says no."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
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


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """One key-encryption key, without the key."""

    name: str
    version: int
    versions: int
    created_at: datetime
    destroyed_at: datetime | None = None


class KeyManagement(Protocol):
    """Key-encryption keys by name, each with versions of which the newest wraps.

    ``context`` binds a wrapped key to what it is for; the same bytes must be given to unwrap it.
    """

    @property
    def destruction_reaches_copies(self) -> bool:
        """Whether destroying a key also makes older copies of the key store worthless."""

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

    def rewrap(self, name: str, wrapped: bytes, context: bytes) -> bytes:
        """Return the key wrapped under the newest version; unchanged where it already is."""

    def rotate(self, name: str) -> None:
        """Make a new version the one that wraps; older ones still unwrap."""

    def trim(self, name: str) -> None:
        """Destroy every version but the newest: what was not rewrapped is lost."""

    def destroy(self, name: str) -> None:
        """Destroy the key and every version of it; already destroyed is success."""

    def describe(self) -> list[KeyInfo]:
        """Return all keys, destroyed ones too, by name."""

    def check(self) -> None:
        """Raise ``KeyManagementUnavailable`` unless keys can be wrapped and unwrapped now."""

    def places(self) -> list[Place]:
        """Return where the keys and the service lie; empty means on this machine alone.

        :raises PlaceUnknown: if the service does not say.
        """
