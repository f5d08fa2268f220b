"""OpenBao and HashiCorp Vault: keys of the transit engine, asked for with the token of one duty.

The engine's keys are *derived*: what wraps comes from the named key and our context, so what was wrapped opens
for the same context alone, also after it was wrapped again. A key that is destroyed leaves another one whose name
is ``destroyed.`` and its own, made first: the name is never used again, whatever breaks off in between.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from urllib.parse import quote, urlsplit

from django.utils.translation import gettext as _

from vault.kms.interface import (
    Duty,
    DutyNotGiven,
    KeyDestroyed,
    KeyInfo,
    KeyManagementUnavailable,
    KeyMissing,
    UnwrapRefused,
    WrappedKey,
)
from vault.kms.server import Answer, Server
from vault.places import Place, is_this_machine

_FORM = 2  # 1 is the local keyring's
_WRAPPED_LENGTH = 1 + 4 + 12 + 32 + 16
_LAST_VERSION = 999_999_999
_TEXT = re.compile(r"vault:v([1-9][0-9]{0,8}):(.+)\Z")
_GONE = "destroyed."
_KIND = {"type": "aes256-gcm96", "derived": True, "exportable": False, "allow_plaintext_backup": False}
_MOST_AT_ONCE = 249  # what the server takes in one request
# Names come from the database. One that is crooked ("x/../audio-2027-02") would lead to another key, or elsewhere.
_PATH = re.compile(r"[a-z]+/[A-Za-z0-9][A-Za-z0-9._-]*(/[a-z]+)?|keys\?list=true")
_ANY = "audio-open"  # there or not, every duty may ask for it
_NEEDED = {
    Duty.INGEST: {"encrypt": "update"},
    Duty.PLAYBACK: {"decrypt": "update"},
    Duty.MOVING: {"decrypt": "update", "encrypt": "update"},
    Duty.ROTATION: {"keys": "update", "rewrap": "update"},
    Duty.DESTRUCTION: {"keys": "delete"},
}


class Transit:
    """The keys of one mount, with one duty's token."""

    def __init__(self, server: Server, duty: Duty, *, mount: str = "transit") -> None:
        self._server = server
        self._duty = duty
        self._mount = mount.strip("/")

    @property
    def destruction_reaches_copies(self) -> bool:
        """No: a snapshot of the server from before still holds the key."""
        return False

    @property
    def destruction_takes(self) -> timedelta:
        """Nothing: the server itself forgets at once."""
        return timedelta(0)

    def version_of(self, wrapped: bytes) -> int:
        """Return the version that stands in the wrapped key's head."""
        version = int.from_bytes(wrapped[1:5], "big")
        # The server takes version 0 for 1: then two forms would be one key.
        if len(wrapped) != _WRAPPED_LENGTH or wrapped[0] != _FORM or not 1 <= version <= _LAST_VERSION:
            raise UnwrapRefused
        return version

    def ensure_key(self, name: str) -> None:
        """Make the key unless it is there; a backup of the server is its operator's to make."""
        key = self._find(name)
        if self._find(_GONE + name) is not None:
            raise KeyDestroyed
        if key is None:
            key = self._make(name)
        if any(key.get(property_) != value for property_, value in _KIND.items()):
            raise KeyManagementUnavailable(_("A key of this name was made by somebody else, in another way."))

    def wrap(self, name: str, key: bytes, context: bytes) -> bytes:
        """Return the key wrapped under the newest version."""
        if len(key) != 32:
            raise ValueError("Keys have 32 bytes.")
        answer = self._ask("POST", f"encrypt/{name}", {"plaintext": _text(key), "context": _text(context)})
        if answer.status != 200:
            self._refuse(name, answer, KeyManagementUnavailable())
        return _from_text(answer.data.get("ciphertext"))

    def unwrap(self, name: str, wrapped: bytes, context: bytes) -> bytes:
        """Return the key."""
        asked = {"ciphertext": self._to_text(bytes(wrapped)), "context": _text(context)}
        answer = self._ask("POST", f"decrypt/{name}", asked)
        if answer.status != 200:
            self._refuse(name, answer, UnwrapRefused())
        return _key_from_text(answer.data.get("plaintext"))

    def rewrap(self, name: str, keys: Sequence[WrappedKey]) -> list[bytes | None]:
        """Return each key wrapped under the newest version; unchanged where it already is.

        One batch after the other: a server is as fast with one as with several at once.
        """
        rewrapped: list[bytes | None] = [None] * len(keys)
        for batch in _batches([index for index, each in enumerate(keys) if self._has_form(each.wrapped)]):
            items = [
                {"ciphertext": self._to_text(keys[index].wrapped), "context": _text(keys[index].context)}
                for index in batch
            ]
            answer = self._ask("POST", f"rewrap/{name}", {"batch_input": items})
            if answer.status != 200:
                self._refuse(name, answer, KeyManagementUnavailable())
            results = answer.data.get("batch_results")
            if not isinstance(results, list) or len(results) != len(batch):
                raise _not_understood()
            for index, result in zip(batch, results, strict=True):
                if not isinstance(result, dict):
                    raise _not_understood()
                if result.get("ciphertext"):
                    before, after = bytes(keys[index].wrapped), _from_text(result["ciphertext"])
                    rewrapped[index] = before if before[1:5] == after[1:5] else after
        return rewrapped

    def rotate(self, name: str) -> int:
        """Add a version and let it wrap from now on. Sent twice by a retry, it adds two, which does no harm."""
        before: int = self._read(name)["latest_version"]
        self._must("POST", f"keys/{name}/rotate", {})
        newest: int = self._read(name)["latest_version"]
        if newest <= before:
            raise _without_effect()
        return newest

    def trim(self, name: str, *, oldest: int) -> None:
        """Destroy every version older than this one."""
        key = self._read(name)
        if not 1 <= oldest <= key["latest_version"]:
            raise ValueError("There is no such version.")
        if oldest <= max(1, key["min_available_version"]):
            return
        # First nothing opens with them any more, then they are gone.
        least = {"min_decryption_version": oldest, "min_encryption_version": oldest}
        self._must("POST", f"keys/{name}/config", least)
        self._must("POST", f"keys/{name}/trim", {"min_available_version": oldest})
        if self._read(name)["min_available_version"] < oldest:
            raise _without_effect()

    def destroy(self, name: str) -> None:
        """Destroy the key and every version of it."""
        if self._find(name) is None:
            if self._find(_GONE + name) is None:
                raise KeyMissing
            return
        self._make(_GONE + name)
        self._must("POST", f"keys/{name}/config", {"deletion_allowed": True})
        # An answer that was lost is asked for again, and then says that there is no such key.
        answer = self._ask("DELETE", f"keys/{name}")
        if self._find(name) is not None:
            raise _not_done(answer) if answer.status >= 300 else _without_effect()

    def describe(self) -> list[KeyInfo]:
        """Return all keys by name; of a destroyed one the server knows only when it went."""
        answer = self._ask("GET", "keys?list=true")
        if answer.status not in (200, 404):
            raise _not_done(answer)
        listed = answer.data.get("keys") if answer.status == 200 else []
        if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
            raise _not_understood()
        names = set(listed)
        described = []
        for name in sorted(names):
            if not name.startswith(_GONE):
                described.append(_describe(name, self._read(name)))
            elif name.removeprefix(_GONE) not in names:
                gone_at = _describe(name, self._read(name)).created_at
                described.append(KeyInfo(name.removeprefix(_GONE), 0, 0, gone_at, gone_at))
        return sorted(described, key=lambda each: each.name)

    def places(self) -> list[Place]:
        """Return the server's host; what it is copied to, its operator knows."""
        host = urlsplit(self._server.address).hostname or ""
        return [] if is_this_machine(host) else [Place("key management server", endpoint=host)]

    def check(self) -> None:
        """Refuse unless the server is open, has the mount, and lets this token do its duty."""
        try:
            self._find(_ANY)
        except DutyNotGiven as refusal:
            raise KeyManagementUnavailable(refusal.detail) from None
        paths = {f"{self._mount}/{act}/{_ANY}": needed for act, needed in _NEEDED[self._duty].items()}
        answer = self._server.ask("POST", "sys/capabilities-self", {"paths": list(paths)})
        may = {path: found if isinstance(found := answer.data.get(path), list) else [] for path in paths}
        if answer.status != 200 or not all(
            needed in may[path] or "root" in may[path] for path, needed in paths.items()
        ):
            raise KeyManagementUnavailable(
                _("The policy of a token does not allow what its duty with keys needs.")
            )

    def _ask(self, method: str, path: str, body: object = None) -> Answer:
        if not _PATH.fullmatch(path):
            raise KeyMissing
        answer = self._server.ask(method, f"{quote(self._mount)}/{path}", body)
        if answer.status == 404 and answer.body.get("errors"):
            raise KeyManagementUnavailable(
                _("The key management server has no transit engine there: see KMS_MOUNT and KMS_NAMESPACE.")
            )
        return answer

    def _must(self, method: str, path: str, body: object) -> None:
        answer = self._ask(method, path, body)
        if answer.status >= 300:
            raise _not_done(answer)

    def _find(self, name: str) -> dict[str, Any] | None:
        answer = self._ask("GET", f"keys/{name}")
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise _not_done(answer)
        newest, oldest = (answer.data.get(name) for name in ("latest_version", "min_available_version"))
        if type(newest) is not int or type(oldest) is not int or not 0 <= oldest <= newest <= _LAST_VERSION:
            raise _not_understood()
        return answer.data

    def _read(self, name: str) -> dict[str, Any]:
        key = self._find(name)
        if key is None:
            raise KeyMissing if self._find(_GONE + name) is None else KeyDestroyed
        return key

    def _make(self, name: str) -> dict[str, Any]:
        """Make a key, or find one that was made meanwhile."""
        answer = self._ask("POST", f"keys/{name}", _KIND)
        if answer.status >= 300:
            raise _not_done(answer)
        return self._read(name)

    def _refuse(self, name: str, answer: Answer, otherwise: Exception) -> NoReturn:
        """Raise what is wrong: the key is not there, this token may not, or what is wrong with the request."""
        self._read(name)
        raise _not_done(answer) if answer.status == 403 else otherwise

    def _has_form(self, wrapped: bytes) -> bool:
        try:
            return self.version_of(wrapped) > 0
        except UnwrapRefused:
            return False

    def _to_text(self, wrapped: bytes) -> str:
        """Return the server's own form of what was wrapped."""
        return f"vault:v{self.version_of(wrapped)}:{_text(wrapped[5:])}"


def _from_text(text: object) -> bytes:
    """Return the form that is stored: one of ours, with the version in front."""
    found = _TEXT.match(text) if isinstance(text, str) else None
    try:
        sealed = base64.b64decode(found[2], validate=True) if found else b""
    except binascii.Error:
        sealed = b""
    if found is None or len(sealed) != _WRAPPED_LENGTH - 5:
        raise _not_understood()
    return bytes([_FORM]) + int(found[1]).to_bytes(4, "big") + sealed


def _key_from_text(text: object) -> bytes:
    """Return a key as the server writes it; one that is none would make everything under it open to anyone."""
    try:
        key = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except ValueError:
        key = b""
    if len(key) != 32:
        raise _not_understood()
    return key


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _batches(indices: list[int]) -> Iterator[list[int]]:
    for begin in range(0, len(indices), _MOST_AT_ONCE):
        yield indices[begin : begin + _MOST_AT_ONCE]


def _describe(name: str, key: dict[str, Any]) -> KeyInfo:
    newest: int = key["latest_version"]
    try:
        created_at = datetime.fromtimestamp(min(key["keys"].values()), UTC)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, OSError):
        raise _not_understood() from None
    return KeyInfo(name, newest, newest - max(1, key["min_available_version"]) + 1, created_at)


def _not_understood() -> KeyManagementUnavailable:
    return KeyManagementUnavailable(_("The key management server answers in a form that is not known."))


def _without_effect() -> KeyManagementUnavailable:
    return KeyManagementUnavailable(_("The key management server says that it is done, and it is not."))


def _not_done(answer: Answer) -> Exception:
    if answer.status == 403:
        return DutyNotGiven(
            _(
                "The token may not do this with keys: it has expired, or its policy, KMS_MOUNT or KMS_NAMESPACE is wrong."
            )
        )
    return KeyManagementUnavailable(
        _("The key management server refused for a reason that the vault does not know.")
    )
