"""Where the master key comes from under which the local keyring is sealed.

Only a master in a file that we may replace can be changed, and only then do older copies of the keyring die
when a key is destroyed.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Protocol

from argon2.low_level import Type, hash_secret_raw
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from vault.kms import files
from vault.kms.interface import KeyManagementUnavailable

MASTER_LENGTH = 32
_CREDENTIAL = "kms-master"  # the name under which systemd hands the master over


class MasterSource(Protocol):
    """Gives the master, and changes it where it can."""

    @property
    def can_change(self) -> bool:
        """Whether ``write`` works."""

    @property
    def is_new(self) -> bool:
        """Whether there is no master yet, and so cannot be a keyring either."""

    def read(self, salt: bytes) -> list[bytes]:
        """Return the masters to try: one, or two when a change of it was interrupted."""

    def write(self, masters: list[bytes]) -> None:
        """Keep these masters instead, on the disk before returning."""


class MasterFile:
    """A file with the master as 64 hexadecimal digits, of mode 0400 or 0600."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def can_change(self) -> bool:
        """Whether the file is our own, and no link into a place that somebody else keeps."""
        if self.is_new:
            return os.access(self._path.parent, os.W_OK)
        is_ours = not self._path.is_symlink() and self._path.stat().st_uid == os.geteuid()
        return is_ours and os.access(self._path.parent, os.W_OK)

    @property
    def is_new(self) -> bool:
        """Whether the file is not there."""
        return not self._path.exists()

    def read(self, salt: bytes) -> list[bytes]:
        """Return the masters in the file, refusing one that others can read."""
        try:
            if stat.S_IMODE(self._path.stat().st_mode) & 0o077:
                raise KeyManagementUnavailable(_("The master key file must be readable by its owner only."))
            words = self._path.read_text("ascii").split()
        except OSError as error:
            raise KeyManagementUnavailable(
                _("The master key file cannot be read: %s.") % error.strerror
            ) from None
        except UnicodeDecodeError:
            words = []
        return [parse(word) for word in words] or [parse("")]

    def write(self, masters: list[bytes]) -> None:
        """Replace the file."""
        try:
            files.replace(self._path, b"".join(master.hex().encode() + b"\n" for master in masters))
        except OSError as error:
            raise KeyManagementUnavailable(
                _("The master key file cannot be replaced: %s.") % error.strerror
            ) from None


class GivenMaster:
    """A master that somebody else keeps: the environment, or a systemd credential."""

    can_change = False
    is_new = False

    def __init__(self, master: bytes) -> None:
        self._master = master

    def read(self, salt: bytes) -> list[bytes]:
        """Return it."""
        return [self._master]

    def write(self, masters: list[bytes]) -> None:
        """Refuse: it is not ours."""
        raise KeyManagementUnavailable(_("The master key cannot be changed from here."))


class Passphrase:
    """A master made from words by Argon2id, with the keyring's own salt."""

    can_change = False
    is_new = False

    def __init__(self, passphrase: str) -> None:
        self._passphrase = passphrase.encode()
        self._made: dict[bytes, bytes] = {}

    def read(self, salt: bytes) -> list[bytes]:
        """Return the master; the first time takes a tenth of a second and 64 MiB."""
        if salt not in self._made:
            self._made = {salt: hash_secret_raw(self._passphrase, salt, 3, 65_536, 4, MASTER_LENGTH, Type.ID)}
        return [self._made[salt]]

    def write(self, masters: list[bytes]) -> None:
        """Refuse: the words are not ours."""
        raise KeyManagementUnavailable(_("The master key cannot be changed from here."))


def from_settings() -> MasterSource:
    """Return the one source that the settings or systemd name."""
    credential = Path(os.environ.get("CREDENTIALS_DIRECTORY") or "/nonexistent") / _CREDENTIAL
    named: list[tuple[str, MasterSource]] = []
    if settings.KMS_MASTER_FILE:
        named.append(("KMS_MASTER_FILE", MasterFile(Path(settings.KMS_MASTER_FILE))))
    if settings.KMS_MASTER:
        named.append(("KMS_MASTER", GivenMaster(parse(settings.KMS_MASTER))))
    if settings.KMS_PASSPHRASE:
        named.append(("KMS_PASSPHRASE", Passphrase(settings.KMS_PASSPHRASE)))
    if not named and credential.is_file():
        named.append((_CREDENTIAL, GivenMaster(parse(credential.read_text("ascii", "replace")))))
    if len(named) != 1:
        raise ImproperlyConfigured(
            "Set one of KMS_MASTER_FILE, KMS_MASTER and KMS_PASSPHRASE, or give a systemd credential "
            f"named {_CREDENTIAL}."
        )
    return named[0][1]


def parse(text: str) -> bytes:
    """Return the master written as 64 hexadecimal digits; an error never shows them."""
    try:
        master = bytes.fromhex(text.strip())
    except ValueError:
        master = b""
    if len(master) != MASTER_LENGTH:
        raise KeyManagementUnavailable(_("The master key must be 64 hexadecimal digits."))
    return master
