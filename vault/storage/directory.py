"""Objects as files in one directory: for a trial, a test, or a disk that something else replicates.

A file appears under its name only when all of it is on the disk; files are for their owner's eyes only.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cryptography.utils import Buffer
from django.utils.translation import gettext as _

from vault.places import Place
from vault.storage.interface import (
    UNVERSIONED,
    Abilities,
    Found,
    ObjectExists,
    ObjectMissing,
    StoredObject,
    StoreUnavailable,
    StoreUnfit,
    check_name,
    check_range,
)

_UNFINISHED = ".unfinished"


class DirectoryStore:
    """Keeps objects under one directory, which must exist or be makeable."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._unfinished = root / _UNFINISHED

    def put(self, name: str, parts: Iterable[Buffer]) -> StoredObject:
        """Write the stream to a file that gets its name at the end."""
        check_name(name)
        length = 0
        with self._unnamed(name) as (descriptor, path):
            for part in parts:  # what this raises is the caller's own
                rest = memoryview(part).cast("B")
                length += len(rest)
                with _speaking():
                    while rest:
                        rest = rest[os.write(descriptor, rest) :]
            with _speaking():
                self._publish(descriptor, path, name)
        return StoredObject(UNVERSIONED, length)

    def put_if_absent(self, name: str, body: bytes) -> bool:
        """Write the object unless the name is taken."""
        try:
            self.put(name, [body])
        except ObjectExists:
            return False
        return True

    def read(self, name: str, start: int, end: int, version: str | None = None) -> bytes:
        """Read the range, all of it or nothing."""
        check_range(start, end)
        path = self._path(name)
        if version not in (None, UNVERSIONED):
            raise ObjectMissing
        with _speaking():
            try:
                with path.open("rb") as file:
                    file.seek(start)
                    content = file.read(end - start)
            except (FileNotFoundError, NotADirectoryError):
                raise ObjectMissing from None
        if len(content) != end - start:
            raise ObjectMissing
        return content

    def delete(self, names: Sequence[str]) -> None:
        """Remove the files, finished or not."""
        with _speaking():
            for name in names:
                path = self._path(name)
                path.unlink(missing_ok=True)
                if path.parent.exists():
                    _sync(path.parent)
                for unfinished in self._unfinished.glob(f"{_flat(name)}~*"):
                    unfinished.unlink(missing_ok=True)

    def versions(self, name: str) -> list[str]:
        """Return the one version there can be."""
        with _speaking():
            return [UNVERSIONED] if self._path(name).exists() else []

    def listing(self, prefix: str) -> Iterator[Found]:
        """Yield the files."""
        found = []
        with _speaking():
            for folder, folders, files in os.walk(self._root):
                folders[:] = [each for each in folders if each != _UNFINISHED]
                for file in files:
                    path = Path(folder, file)
                    name = path.relative_to(self._root).as_posix()
                    if name.startswith(prefix):
                        found.append((name, path))
        for name, path in sorted(found):
            try:
                stat = path.stat()
            except FileNotFoundError:
                continue  # deleted since
            yield Found(name, UNVERSIONED, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))

    def abort_unfinished(self, before: datetime) -> int:
        """Remove files without a name that nobody has written to since."""
        removed = 0
        with _speaking():
            for path in self._unfinished.iterdir() if self._unfinished.exists() else ():
                try:
                    if path.stat().st_mtime < before.timestamp():
                        path.unlink()
                        removed += 1
                except FileNotFoundError:
                    continue  # finished since
        return removed

    def check(self) -> None:
        """Refuse unless a file can be made and removed."""
        with self._unnamed("check"):
            pass

    def prove(self) -> Abilities:
        """Try that a file is written once, read in part and removed for good."""
        name = f"probe/{secrets.token_hex(16)}"
        body = bytes(range(256))
        try:
            won = [self.put_if_absent(name, body), self.put_if_absent(name, b"")]
            is_kept = won == [True, False] and self.read(name, 3, 40) == body[3:40]
        finally:
            self.delete([name])
        if not is_kept or self.versions(name):
            raise StoreUnfit(
                _(
                    "The directory does not keep files as written. Use a disk with hard links, not a share of files."
                )
            )
        return Abilities()

    def places(self) -> list[Place]:
        """Return none: a directory is on this machine."""
        return []

    def where(self) -> str:
        """Name the directory."""
        return str(self._root.resolve())

    def _path(self, name: str) -> Path:
        check_name(name)
        return self._root / name

    @contextmanager
    def _unnamed(self, name: str) -> Iterator[tuple[int, Path]]:
        """Open a file that does not outlive the block, unless it was given another name within."""
        path = self._unfinished / f"{_flat(name)}~{secrets.token_hex(8)}"
        with _speaking():
            self._make_folder(self._unfinished)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            yield descriptor, path
        finally:
            os.close(descriptor)
            path.unlink(missing_ok=True)

    def _publish(self, descriptor: int, path: Path, name: str) -> None:
        """Give the file its name, if that is free, once its content is on the disk."""
        os.fsync(descriptor)
        final = self._path(name)
        self._make_folder(final.parent)
        try:
            os.link(path, final)
        except FileExistsError:
            raise ObjectExists from None
        _sync(final.parent)

    def _make_folder(self, folder: Path) -> None:
        if folder.exists():
            return
        self._make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync(folder.parent)


@contextmanager
def _speaking() -> Iterator[None]:
    """Say in our own words what the disk refuses."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StoreUnavailable(_("The object store is full.")) from error
        raise StoreUnavailable from error


def _flat(name: str) -> str:
    return name.replace("/", "~")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
