"""A trial of the tests' own: its secrets in a folder, its objects in another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vault import storage


@pytest.fixture
def own_directory(settings, tmp_path: Path) -> Iterator[Path]:
    """Keep objects as files, in a directory that a test can look into."""
    settings.STORE_KIND, settings.STORE_DIRECTORY = "directory", str(tmp_path / "objects")
    storage.store.cache_clear()
    yield tmp_path / "objects"
    storage.store.cache_clear()


@pytest.fixture
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the demo's secrets here."""
    monkeypatch.setenv("VAULT_VAR", str(tmp_path))
    monkeypatch.delenv("DEMO_PASSWORD", raising=False)
    return tmp_path
