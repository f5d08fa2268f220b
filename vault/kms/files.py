"""Replace a small secret file so that a crash leaves the old one or the new one, never half of either."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vault.kms.interface import KeyManagementUnavailable

_LOCK_PATIENCE = 10.0  # seconds; a change takes milliseconds
_LOCK_PAUSE = 0.01


def replace(path: Path, content: bytes) -> None:
    """Put the content in the file's place, readable by its owner only, and on the disk before returning."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make renames and removals within the directory last."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the one lock that threads and processes share, while the file beside it changes.

    :raises KeyManagementUnavailable: if another holds it for longer than any change takes.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        give_up_at = time.monotonic() + _LOCK_PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > give_up_at:
                    raise KeyManagementUnavailable from None
                time.sleep(_LOCK_PAUSE)
        yield
    finally:
        os.close(descriptor)
