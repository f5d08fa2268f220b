"""The local keyring: all key-encryption keys in one file, sealed under a master key.

``docs/spec/keyring.md`` specifies the file. It suits a trial and a single machine. A new key is in the
backup before it is in the keyring, and in the keyring before it is used. Destroying a key also changes the
master where that is ours to change, so that older copies of the keyring open no more.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from vault import clock
from vault.crypto.container import HEADER_LENGTH, Opener, Sealer
from vault.crypto.errors import NotAuthentic, WrongKey
from vault.kms import files
from vault.kms.interface import (
    KeyDestroyed,
    KeyInfo,
    KeyManagementUnavailable,
    KeyMissing,
    UnwrapRefused,
    WrappedKey,
)
from vault.kms.master import MASTER_LENGTH, MasterSource
from vault.places import Place

_MAGIC = b"callvault-keyring\0\x01"
_SALT_LENGTH = 16
_FILE_CONTEXT = b"callvault/keyring/v1\0"
_WRAP_CONTEXT = b"callvault/kek/v1\0"
_WRAP_VERSION = 1
_WRAPPED_LENGTH = 1 + 4 + HEADER_LENGTH + 32 + 16


@dataclass
class _Key:
    """The versions of one key; none of them once it is destroyed."""

    created_at: datetime
    newest: int = 0
    versions: dict[int, bytes] = field(default_factory=dict, repr=False)
    destroyed_at: datetime | None = None


@dataclass
class _Content:
    """The keyring as read: its keys, and under which master it was sealed."""

    salt: bytes
    master: bytes = field(repr=False)
    is_settled: bool
    keys: dict[str, _Key] = field(default_factory=dict)


class Keyring:
    """Key-encryption keys in a sealed file."""

    def __init__(self, path: Path, source: MasterSource, *, backup: Path | None = None) -> None:
        self._path = path
        self._lock_path = path.with_name(f"{path.name}.lock")
        self._source = source
        self._backup = backup
        self._read: tuple[tuple[int, int, int], _Content] | None = None

    @property
    def destruction_reaches_copies(self) -> bool:
        """Whether the master is ours to change: else copies of the keyring still open under it."""
        return self._source.can_change

    @property
    def destruction_takes(self) -> timedelta:
        """Nothing: when ``destroy`` returns, neither the keyring nor its backup holds the key."""
        return timedelta(0)

    def create(self) -> None:
        """Make an empty keyring where there is none, and a master where the source has none."""
        with self._locked():
            if not self._path.exists():
                self._begin()

    def ensure_key(self, name: str) -> None:
        """Make the key unless it is there; on the very first use, the keyring too."""
        if not self._path.exists() and self._source.is_new:
            self.create()
        if name in self._content().keys:
            self._find(name)
            return

        def make(content: _Content) -> bool:
            if name in content.keys:
                return False
            key = content.keys[name] = _Key(created_at=clock.now())
            _add_version(key)
            return True

        self._change(make)
        self._find(name)

    def wrap(self, name: str, key: bytes, context: bytes) -> bytes:
        """Return the key wrapped under the newest version."""
        if len(key) != 32:
            raise ValueError("Keys have 32 bytes.")
        kek = self._find(name)
        sealer = Sealer(kek.versions[kek.newest], _context(name, kek.newest, context), digests=False)
        head = bytes([_WRAP_VERSION]) + kek.newest.to_bytes(4, "big")
        return head + b"".join(sealer.seal([key]))

    def unwrap(self, name: str, wrapped: bytes, context: bytes) -> bytes:
        """Return the key."""
        wrapped = bytes(wrapped)
        version = self.version_of(wrapped)
        kek = self._find(name).versions.get(version)
        if kek is None:
            raise UnwrapRefused
        try:
            return _open(kek, _context(name, version, context), wrapped[5:])
        except NotAuthentic:
            raise UnwrapRefused from None

    def version_of(self, wrapped: bytes) -> int:
        """Return the version that stands in the wrapped key's head."""
        if len(wrapped) != _WRAPPED_LENGTH or wrapped[0] != _WRAP_VERSION:
            raise UnwrapRefused
        return int.from_bytes(wrapped[1:5], "big")

    def rewrap(self, name: str, keys: Sequence[WrappedKey]) -> list[bytes | None]:
        """Return each key wrapped under the newest version; unchanged where it already is."""
        return [self._rewrap(name, each) for each in keys]

    def _rewrap(self, name: str, each: WrappedKey) -> bytes | None:
        try:
            key = self.unwrap(name, each.wrapped, each.context)
        except UnwrapRefused:
            return None
        if self.version_of(each.wrapped) == self._find(name).newest:
            return bytes(each.wrapped)
        return self.wrap(name, key, each.context)

    def rotate(self, name: str) -> int:
        """Add a version and let it wrap from now on."""
        newest = 0

        def add(content: _Content) -> bool:
            nonlocal newest
            key = _alive(content, name)
            _add_version(key)
            newest = key.newest
            return True

        self._change(add)
        return newest

    def trim(self, name: str, *, oldest: int) -> None:
        """Destroy every version older than this one."""

        def drop(content: _Content) -> bool:
            key = _alive(content, name)
            if not 1 <= oldest <= key.newest:
                raise ValueError("There is no such version.")
            kept = {number: kek for number, kek in key.versions.items() if number >= oldest}
            if len(kept) == len(key.versions):
                return False
            key.versions = kept
            return True

        self._change(drop, destroys=True)

    def destroy(self, name: str) -> None:
        """Destroy the key; when this returns, neither the keyring nor its backup holds it."""

        def destroy(content: _Content) -> bool:
            key = content.keys.get(name)
            if key is None:
                raise KeyMissing
            if key.destroyed_at:
                return False
            key.versions, key.destroyed_at = {}, clock.now()
            return True

        self._change(destroy, destroys=True)

    def describe(self) -> list[KeyInfo]:
        """Return all keys by name; a keyring that is missing is an outage, and not one without keys."""
        if not self._path.exists() and self._source.is_new:
            return []
        return [
            KeyInfo(name, key.newest, len(key.versions), key.created_at, key.destroyed_at)
            for name, key in sorted(self._content().keys.items())
        ]

    def places(self) -> list[Place]:
        """Return none: the keyring is a file of this machine."""
        return []

    def check(self) -> None:
        """Refuse unless the keyring can be read, or will be made because this is the very first start."""
        if self._path.exists() or not self._source.is_new:
            self._content()

    def _find(self, name: str) -> _Key:
        return _alive(self._content(), name)

    def _content(self) -> _Content:
        """Return the keyring, read again if it has been replaced since."""
        try:
            return self._read_if_replaced()
        except (KeyManagementUnavailable, OSError):
            # Keyring and master were read one after the other; a change may have come between.
            with self._locked():
                return self._read_if_replaced()

    def _read_if_replaced(self) -> _Content:
        found = self._path.stat()
        seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        if self._read is None or self._read[0] != seen:
            self._read = (seen, self._parse(self._path.read_bytes()))
        return self._read[1]

    def _parse(self, file: bytes) -> _Content:
        head_length = len(_MAGIC) + _SALT_LENGTH
        head, sealed = file[:head_length], file[head_length:]
        if not head.startswith(_MAGIC) or len(head) != head_length:
            raise KeyManagementUnavailable(_("The keyring is not a file that this version knows."))
        salt = head[len(_MAGIC) :]
        masters = self._source.read(salt)
        for master in masters:
            try:
                plain = _open(master, _FILE_CONTEXT + head, sealed)
            except WrongKey:
                continue
            except NotAuthentic:
                raise KeyManagementUnavailable(_("The keyring has been altered.")) from None
            keys = {name: _from_json(entry) for name, entry in json.loads(plain)["keys"].items()}
            return _Content(salt, master, is_settled=len(masters) == 1, keys=keys)
        raise KeyManagementUnavailable(_("The master key does not open the keyring."))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock that all processes share, and say in our own words what the disk refuses."""
        try:
            with files.locked(self._lock_path):
                yield
        except FileNotFoundError:
            raise KeyManagementUnavailable(
                _("The keyring is missing: put it back, or make the first one with manage.py create_keyring.")
            ) from None
        except OSError as error:
            raise KeyManagementUnavailable(
                _("The keyring cannot be read or changed: %s.") % error.strerror
            ) from None

    def _change(self, change: Callable[[_Content], bool], *, destroys: bool = False) -> None:
        """Change the keyring.

        A new master stands beside the old one while the files sealed under it are put in place, so a crash
        at any point leaves every file readable; the next change brings the old master to its end.
        """
        with self._locked():
            content = self._parse(self._path.read_bytes())
            changed = change(content)
            if not changed and content.is_settled:
                return
            if changed and destroys and self._source.can_change:
                new_master = os.urandom(MASTER_LENGTH)
                self._source.write([content.master, new_master])
                content.master, content.is_settled = new_master, False
            self._write(content)
            if not content.is_settled:
                self._source.write([content.master])

    def _write(self, content: _Content) -> None:
        head = _MAGIC + content.salt
        plain = json.dumps({"keys": {name: _as_json(key) for name, key in content.keys.items()}}).encode()
        sealer = Sealer(content.master, _FILE_CONTEXT + head, digests=False)
        file = head + b"".join(sealer.seal([plain]))
        if self._backup:
            files.replace(self._backup, file)
        files.replace(self._path, file)

    def _begin(self) -> None:
        if self._backup and self._backup.exists():
            raise KeyManagementUnavailable(_("The keyring is missing, but its backup is not: put it back."))
        salt = os.urandom(_SALT_LENGTH)
        if self._source.is_new:
            self._source.write([os.urandom(MASTER_LENGTH)])
        self._write(_Content(salt, self._source.read(salt)[0], is_settled=True))


def _alive(content: _Content, name: str) -> _Key:
    key = content.keys.get(name)
    if key is None:
        raise KeyMissing
    if key.destroyed_at:
        raise KeyDestroyed
    return key


def _add_version(key: _Key) -> None:
    key.newest += 1
    key.versions[key.newest] = os.urandom(32)


def _context(name: str, version: int, context: bytes) -> bytes:
    encoded = name.encode()
    return _WRAP_CONTEXT + bytes([len(encoded)]) + encoded + version.to_bytes(4, "big") + context


def _open(key: bytes, context: bytes, sealed: bytes) -> bytes:
    opener = Opener(key, context, sealed[:HEADER_LENGTH], len(sealed))
    return b"".join(opener.open_all(lambda start, end: sealed[start:end]))


def _as_json(key: _Key) -> dict[str, Any]:
    return {
        "created_at": key.created_at.isoformat(),
        "newest": key.newest,
        "versions": {str(n): base64.b64encode(kek).decode() for n, kek in key.versions.items()},
        "destroyed_at": key.destroyed_at.isoformat() if key.destroyed_at else None,
    }


def _from_json(entry: dict[str, Any]) -> _Key:
    destroyed_at = entry["destroyed_at"]
    return _Key(
        created_at=datetime.fromisoformat(entry["created_at"]),
        newest=entry["newest"],
        versions={int(n): base64.b64decode(kek) for n, kek in entry["versions"].items()},
        destroyed_at=datetime.fromisoformat(destroyed_at) if destroyed_at else None,
    )
