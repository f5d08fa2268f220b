"""What only a directory can get wrong: modes, half-written files, a full disk."""

from __future__ import annotations

import errno
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vault.storage import ObjectMissing, StoreUnavailable
from vault.storage.directory import DirectoryStore

NAME = "recordings/ab/0123"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "objects"


@pytest.fixture
def store(root) -> DirectoryStore:
    return DirectoryStore(root)


def files_in(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_files_and_folders_are_for_their_owner_only(store, root):
    store.put(NAME, [b"sealed"])

    assert stat.S_IMODE((root / NAME).stat().st_mode) == 0o600
    for folder in (root, root / "recordings", root / "recordings" / "ab", root / ".unfinished"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_an_object_has_its_name_only_when_it_is_whole(store, root):
    seen = []

    def parts():
        yield b"half"
        seen.extend(files_in(root))
        yield b"whole"

    store.put(NAME, parts())

    assert len(seen) == 1
    assert seen[0].startswith(".unfinished/recordings~ab~0123~")
    assert files_in(root) == [NAME]


def test_a_full_disk_is_said_and_leaves_nothing(store, root, monkeypatch):
    def full(descriptor: int, content: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)

    with pytest.raises(StoreUnavailable, match="full"):
        store.put(NAME, [b"sealed"])

    assert files_in(root) == []


def test_an_error_of_whoever_sends_is_not_taken_for_one_of_the_disk(store, root):
    def parts():
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store.put(NAME, parts())

    assert files_in(root) == []


def test_what_a_killed_process_left_is_removed_by_its_age(store, root):
    store.check()
    left = root / ".unfinished" / "recordings~ab~0123~0000"
    left.write_bytes(b"half")

    assert store.abort_unfinished(datetime.now(UTC) - timedelta(hours=1)) == 0
    assert store.abort_unfinished(datetime.now(UTC) + timedelta(hours=1)) == 1
    assert files_in(root) == []


def test_deleting_an_object_removes_what_a_killed_process_left_of_it(store, root):
    store.put(f"{NAME}-other", [b"x"])
    (root / ".unfinished" / "recordings~ab~0123~0000").write_bytes(b"half")
    (root / ".unfinished" / "recordings~ab~0123-other~0000").write_bytes(b"half")

    store.delete([NAME])

    assert files_in(root) == [".unfinished/recordings~ab~0123-other~0000", f"{NAME}-other"]


def test_a_version_that_a_directory_cannot_have_is_missing(store):
    store.put(NAME, [b"sealed"])

    with pytest.raises(ObjectMissing):
        store.read(NAME, 0, 1, "3")


def test_a_name_below_an_object_is_missing(store):
    store.put("recordings", [b"a file"])

    with pytest.raises(ObjectMissing):
        store.read(NAME, 0, 1)


def test_a_root_that_is_no_folder_is_unavailable(tmp_path):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(StoreUnavailable):
        DirectoryStore(tmp_path / "file").check()
