"""Where the master comes from, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from vault.kms import KeyManagementUnavailable
from vault.kms.master import GivenMaster, MasterFile, Passphrase, from_settings

SALT = bytes(16)


@pytest.fixture
def no_master(settings, monkeypatch):
    settings.KMS_MASTER_FILE = settings.KMS_MASTER = settings.KMS_PASSPHRASE = ""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    return settings


def test_a_master_file_is_read_and_replaced(tmp_path):
    source = MasterFile(tmp_path / "master")
    assert source.is_new
    assert source.can_change

    source.write([bytes(32), b"\1" * 32])

    assert MasterFile(tmp_path / "master").is_new is False
    assert source.can_change
    assert source.read(SALT) == [bytes(32), b"\1" * 32]


def test_a_file_of_mode_0400_is_ours_to_replace_as_well(tmp_path):
    path = tmp_path / "master"
    path.write_text("ab" * 32)
    path.chmod(0o400)

    MasterFile(path).write([bytes(32)])

    assert MasterFile(path).read(SALT) == [bytes(32)]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_master_file_that_others_can_read_is_refused(tmp_path, mode):
    path = tmp_path / "master"
    path.write_text("ab" * 32)
    path.chmod(mode)

    with pytest.raises(KeyManagementUnavailable):
        MasterFile(path).read(SALT)


@pytest.mark.parametrize("content", [b"", b"\n", b"ab" * 31, b"ab" * 33, b"xy" * 32, b"\xff" * 64])
def test_a_master_that_is_none_is_refused_and_never_shown(tmp_path, content):
    path = tmp_path / "master"
    path.write_bytes(content)
    path.chmod(0o600)

    with pytest.raises(KeyManagementUnavailable) as refusal:
        MasterFile(path).read(SALT)

    assert "abab" not in str(refusal.value)
    assert "xyxy" not in str(refusal.value)


def test_a_linked_master_is_somebody_elses(tmp_path):
    (tmp_path / "mounted").write_text("ab" * 32)
    (tmp_path / "mounted").chmod(0o600)
    (tmp_path / "master").symlink_to(tmp_path / "mounted")
    source = MasterFile(tmp_path / "master")

    assert not source.can_change
    assert source.read(SALT) == [bytes.fromhex("ab" * 32)]


def test_a_missing_master_file_cannot_be_read(tmp_path):
    with pytest.raises(KeyManagementUnavailable):
        MasterFile(tmp_path / "master").read(SALT)


def test_a_master_cannot_be_written_where_there_is_no_folder(tmp_path):
    with pytest.raises(KeyManagementUnavailable):
        MasterFile(tmp_path / "absent" / "master").write([bytes(32)])


@pytest.mark.parametrize("source", [GivenMaster(bytes(32)), Passphrase("words")], ids=["given", "passphrase"])
def test_a_master_that_somebody_else_keeps_is_not_written(source):
    assert not source.can_change
    assert not source.is_new
    with pytest.raises(KeyManagementUnavailable):
        source.write([bytes(32)])


def test_a_passphrase_depends_on_the_salt():
    assert Passphrase("words").read(SALT) != Passphrase("words").read(b"\1" * 16)


def test_the_settings_name_the_source(no_master, tmp_path):
    no_master.KMS_MASTER_FILE = str(tmp_path / "master")
    assert isinstance(from_settings(), MasterFile)

    no_master.KMS_MASTER_FILE, no_master.KMS_MASTER = "", "ab" * 32
    assert from_settings().read(SALT) == [bytes.fromhex("ab" * 32)]

    no_master.KMS_MASTER, no_master.KMS_PASSPHRASE = "", "words"
    assert isinstance(from_settings(), Passphrase)


def test_a_credential_of_systemd_is_taken_where_nothing_else_is_named(no_master, tmp_path: Path, monkeypatch):
    (tmp_path / "kms-master").write_text("cd" * 32 + "\n")
    monkeypatch.setitem(os.environ, "CREDENTIALS_DIRECTORY", str(tmp_path))

    assert from_settings().read(SALT) == [bytes.fromhex("cd" * 32)]


def test_no_source_and_two_sources_are_refused(no_master):
    with pytest.raises(ImproperlyConfigured):
        from_settings()

    no_master.KMS_MASTER, no_master.KMS_PASSPHRASE = "ab" * 32, "words"
    with pytest.raises(ImproperlyConfigured):
        from_settings()
