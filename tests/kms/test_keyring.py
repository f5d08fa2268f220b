"""The local keyring's file: who can read it, what a crash leaves, and that destroyed means gone."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from vault import kms
from vault.kms import Duty, KeyManagementUnavailable, files
from vault.kms.keyring import Keyring
from vault.kms.master import GivenMaster, MasterFile, Passphrase

NAME = "audio-2027-02"
CONTEXT = b"one recording"
KEY = os.urandom(32)


@pytest.fixture
def wrapped(keyring: Keyring) -> bytes:
    keyring.ensure_key(NAME)
    return keyring.wrap(NAME, KEY, CONTEXT)


class Crash(BaseException):
    """The machine lost its power."""


def again(keyring_file: Path, master_file: Path, backup: Path | None = None) -> Keyring:
    """Return the keyring as another process finds it."""
    return Keyring(keyring_file, MasterFile(master_file), backup=backup)


def test_the_files_are_for_their_owner_only_and_hold_no_key_in_clear(
    keyring, wrapped, keyring_file, master_file
):
    content = keyring_file.read_bytes()

    assert stat.S_IMODE(keyring_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(master_file.stat().st_mode) == 0o600
    assert b"audio" not in content
    assert content.startswith(b"callvault-keyring\0\x01")


def test_another_process_reads_what_this_one_made_and_sees_each_change(
    keyring, wrapped, keyring_file, master_file
):
    other = again(keyring_file, master_file)
    assert other.unwrap(NAME, wrapped, CONTEXT) == KEY

    keyring.rotate(NAME)
    newer = keyring.wrap(NAME, KEY, CONTEXT)
    assert other.unwrap(NAME, newer, CONTEXT) == KEY

    other.destroy(NAME)
    with pytest.raises(kms.KeyDestroyed):
        keyring.unwrap(NAME, wrapped, CONTEXT)


def test_keys_made_by_many_at_once_are_all_there(keyring_file, master_file):
    again(keyring_file, master_file).create()
    names = [f"audio-2027-{month:02}" for month in range(1, 13)]

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda name: again(keyring_file, master_file).ensure_key(name), names * 2))

    assert [each.name for each in again(keyring_file, master_file).describe()] == names


def test_processes_that_make_and_destroy_keys_at_once_lose_nothing(keyring, keyring_file, master_file):
    keyring.ensure_key("audio-open")
    program = (
        "import sys; from pathlib import Path; from vault.kms.keyring import Keyring;"
        "from vault.kms.master import MasterFile;"
        "keyring = Keyring(Path(sys.argv[1]), MasterFile(Path(sys.argv[2])));"
        "[(keyring.ensure_key(f'{sys.argv[3]}-{n}'), keyring.destroy(f'{sys.argv[3]}-{n}'),"
        " keyring.ensure_key(f'{sys.argv[3]}-{n}-stays')) for n in range(5)]"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, keyring_file, master_file, f"p{number}"])
        for number in range(3)
    ]
    wrapped = keyring.wrap("audio-open", KEY, CONTEXT)
    while any(process.poll() is None for process in running):
        assert keyring.unwrap("audio-open", wrapped, CONTEXT) == KEY

    assert [process.returncode for process in running] == [0, 0, 0]
    alive = [each.name for each in keyring.describe() if each.destroyed_at is None]
    assert alive == sorted(["audio-open", *(f"p{p}-{n}-stays" for p in range(3) for n in range(5))])


def test_every_single_bit_of_the_file_counts(keyring, wrapped, keyring_file, master_file):
    content = keyring_file.read_bytes()

    for at in range(len(content)):
        keyring_file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with pytest.raises(KeyManagementUnavailable):
            again(keyring_file, master_file).unwrap(NAME, wrapped, CONTEXT)


@pytest.mark.parametrize("length", [0, 10, 35, 36, 91, 92, 107, -1])
def test_a_file_that_was_cut_is_refused(keyring, wrapped, keyring_file, master_file, length):
    keyring_file.write_bytes(keyring_file.read_bytes()[:length])

    with pytest.raises(KeyManagementUnavailable):
        again(keyring_file, master_file).check()


def test_another_master_does_not_open_the_keyring(keyring, wrapped, keyring_file):
    with pytest.raises(KeyManagementUnavailable):
        Keyring(keyring_file, GivenMaster(bytes(32))).unwrap(NAME, wrapped, CONTEXT)


def test_a_copy_of_the_keyring_from_before_a_destruction_opens_no_more(
    keyring, wrapped, keyring_file, master_file, tmp_path
):
    copy = tmp_path / "stolen"
    shutil.copy(keyring_file, copy)

    keyring.destroy(NAME)

    assert keyring.destruction_reaches_copies
    with pytest.raises(KeyManagementUnavailable):
        Keyring(copy, MasterFile(master_file)).unwrap(NAME, wrapped, CONTEXT)


def test_trimming_makes_older_copies_worthless_too(keyring, wrapped, keyring_file, master_file, tmp_path):
    copy = tmp_path / "stolen"
    keyring.rotate(NAME)
    shutil.copy(keyring_file, copy)

    keyring.trim(NAME, oldest=2)

    with pytest.raises(KeyManagementUnavailable):
        Keyring(copy, MasterFile(master_file)).unwrap(NAME, wrapped, CONTEXT)


def test_a_master_that_is_not_ours_stays_and_the_keyring_says_so(keyring_file):
    keyring = Keyring(keyring_file, GivenMaster(bytes(range(32))))
    keyring.create()
    keyring.ensure_key(NAME)
    wrapped = keyring.wrap(NAME, KEY, CONTEXT)

    keyring.destroy(NAME)

    assert not keyring.destruction_reaches_copies
    with pytest.raises(kms.KeyDestroyed):
        Keyring(keyring_file, GivenMaster(bytes(range(32)))).unwrap(NAME, wrapped, CONTEXT)


def test_a_passphrase_opens_its_keyring_and_no_other_does(keyring_file):
    keyring = Keyring(keyring_file, Passphrase("correct horse battery staple"))
    keyring.create()
    keyring.ensure_key(NAME)
    wrapped = keyring.wrap(NAME, KEY, CONTEXT)

    again = Keyring(keyring_file, Passphrase("correct horse battery staple"))
    assert again.unwrap(NAME, wrapped, CONTEXT) == KEY
    with pytest.raises(KeyManagementUnavailable):
        Keyring(keyring_file, Passphrase("wrong")).unwrap(NAME, wrapped, CONTEXT)


def test_a_new_key_is_in_the_backup_before_it_is_in_the_keyring(
    keyring_file, master_file, tmp_path, monkeypatch
):
    backup = tmp_path / "backup"
    keyring = again(keyring_file, master_file, backup)
    keyring.ensure_key("audio-open")
    replaced: list[Path] = []
    replace = files.replace

    def watch(path: Path, content: bytes) -> None:
        replaced.append(path)
        replace(path, content)

    monkeypatch.setattr(files, "replace", watch)

    keyring.ensure_key(NAME)

    assert replaced == [backup, keyring_file]
    assert backup.read_bytes() == keyring_file.read_bytes()
    wrapped = keyring.wrap(NAME, KEY, CONTEXT)
    assert again(backup, master_file).unwrap(NAME, wrapped, CONTEXT) == KEY


def test_a_key_that_cannot_be_backed_up_is_not_used(keyring_file, master_file, tmp_path):
    backup = tmp_path / "elsewhere" / "backup"
    backup.parent.mkdir()
    keyring = again(keyring_file, master_file, backup)
    keyring.ensure_key("audio-open")
    shutil.rmtree(backup.parent)

    with pytest.raises(KeyManagementUnavailable):
        keyring.ensure_key(NAME)

    assert [each.name for each in again(keyring_file, master_file).describe()] == ["audio-open"]


def test_the_backup_of_a_destroyed_key_is_gone_too(keyring_file, master_file, tmp_path):
    backup = tmp_path / "backup"
    keyring = again(keyring_file, master_file, backup)
    keyring.ensure_key(NAME)

    keyring.destroy(NAME)

    assert [each.versions for each in again(backup, master_file).describe()] == [0]


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_a_crash_at_any_step_of_a_destruction_loses_no_other_key_and_the_next_try_finishes(
    keyring_file, master_file, tmp_path, monkeypatch, step
):
    backup, copy = tmp_path / "backup", tmp_path / "stolen"
    keyring = again(keyring_file, master_file, backup)
    keyring.ensure_key("audio-open")
    keyring.ensure_key(NAME)
    stays, goes = keyring.wrap("audio-open", KEY, CONTEXT), keyring.wrap(NAME, KEY, CONTEXT)
    shutil.copy(keyring_file, copy)
    replace, calls = files.replace, []

    def crash_at_step(path: Path, content: bytes) -> None:
        calls.append(path)
        if len(calls) == step:
            raise Crash
        replace(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(files, "replace", crash_at_step)
        with pytest.raises(Crash):
            keyring.destroy(NAME)
    survivor = again(keyring_file, master_file, backup)
    assert survivor.unwrap("audio-open", stays, CONTEXT) == KEY
    assert again(backup, master_file).unwrap("audio-open", stays, CONTEXT) == KEY

    survivor.destroy(NAME)

    assert survivor.unwrap("audio-open", stays, CONTEXT) == KEY
    assert again(backup, master_file).unwrap("audio-open", stays, CONTEXT) == KEY
    assert len(master_file.read_text().split()) == 1
    for gone in (survivor, again(backup, master_file)):
        with pytest.raises(kms.KeyDestroyed):
            gone.unwrap(NAME, goes, CONTEXT)
    with pytest.raises(KeyManagementUnavailable):
        again(copy, master_file).unwrap(NAME, goes, CONTEXT)


def test_a_keyring_that_has_gone_missing_is_not_silently_begun_anew(
    keyring, wrapped, keyring_file, master_file
):
    keyring_file.unlink()
    survivor = again(keyring_file, master_file)

    for act in (
        survivor.check,
        lambda: survivor.ensure_key(NAME),
        lambda: survivor.unwrap(NAME, wrapped, CONTEXT),
    ):
        with pytest.raises(KeyManagementUnavailable):
            act()

    assert not keyring_file.exists()


def test_a_keyring_is_not_begun_where_its_backup_is(keyring, wrapped, keyring_file, master_file, tmp_path):
    backup = tmp_path / "backup"
    shutil.copy(keyring_file, backup)
    keyring_file.unlink()

    with pytest.raises(KeyManagementUnavailable):
        again(keyring_file, master_file, backup).create()


def test_a_missing_folder_is_unavailable(tmp_path):
    keyring = Keyring(tmp_path / "absent" / "keyring", MasterFile(tmp_path / "absent" / "master"))

    with pytest.raises(KeyManagementUnavailable):
        keyring.ensure_key(NAME)


def test_a_lock_that_is_never_released_is_given_up(keyring, wrapped, keyring_file, monkeypatch):
    monkeypatch.setattr(files, "_LOCK_PATIENCE", 0.05)

    with files.locked(keyring_file.with_name("keyring.lock")), pytest.raises(KeyManagementUnavailable):
        keyring.rotate(NAME)


def test_the_settings_give_a_keyring_and_its_command_leaves_it_as_it_is(capsys):
    service = kms.service(Duty.ROTATION)
    service.ensure_key("audio-open")

    call_command("create_keyring")

    assert "audio-open" in [each.name for each in service.describe()]
    assert kms.service(Duty.ROTATION) is service


def test_the_command_makes_the_first_keyring(settings, keyring_file, capsys):
    settings.KMS_KEYRING, settings.KMS_MASTER_FILE, settings.KMS_MASTER = str(keyring_file), "", "ab" * 32
    kms.forget_services()
    try:
        with pytest.raises(KeyManagementUnavailable):
            kms.service(Duty.ROTATION).ensure_key(NAME)
        call_command("create_keyring")
        kms.service(Duty.ROTATION).ensure_key(NAME)
    finally:
        kms.forget_services()


def test_the_command_says_in_a_sentence_what_is_wrong(settings, keyring_file):
    settings.KMS_KEYRING = str(keyring_file / "not" / "there")
    kms.forget_services()
    try:
        with pytest.raises(CommandError):
            call_command("create_keyring")
    finally:
        kms.forget_services()
