"""The key management services that the contract tests run on."""

from __future__ import annotations

from pathlib import Path

import pytest

from vault.kms import KeyManagement
from vault.kms.keyring import Keyring
from vault.kms.master import MasterFile


@pytest.fixture
def master_file(tmp_path: Path) -> Path:
    return tmp_path / "master"


@pytest.fixture
def keyring_file(tmp_path: Path) -> Path:
    return tmp_path / "keyring"


@pytest.fixture
def keyring(keyring_file: Path, master_file: Path) -> Keyring:
    return Keyring(keyring_file, MasterFile(master_file))


@pytest.fixture(params=["keyring"])
def keys(request) -> KeyManagement:
    """Give each of the services in turn."""
    found: KeyManagement = request.getfixturevalue(request.param)
    return found
