"""Which store the settings name."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from vault import storage
from vault.storage.directory import DirectoryStore
from vault.storage.s3 import S3Store


@pytest.fixture(autouse=True)
def _built_anew():
    storage.store.cache_clear()
    yield
    storage.store.cache_clear()


def test_a_directory(settings, tmp_path):
    settings.STORE_KIND, settings.STORE_DIRECTORY = "directory", str(tmp_path)

    assert isinstance(storage.store(), DirectoryStore)
    assert storage.store() is storage.store()
    assert storage.store().where() == str(tmp_path.resolve())


def test_a_bucket(settings):
    settings.STORE_KIND = "s3"

    assert isinstance(storage.store(), S3Store)
    assert settings.S3_BUCKET in storage.store().where()
    storage.store().check()


@pytest.mark.parametrize(
    ("name", "value"), [("STORE_KIND", "tape"), ("S3_BUCKET", ""), ("STORE_DIRECTORY", "")]
)
def test_what_is_missing_is_named(settings, name, value):
    settings.STORE_KIND = "directory" if name == "STORE_DIRECTORY" else "s3"
    setattr(settings, name, value)

    with pytest.raises(ImproperlyConfigured, match=name):
        storage.store()
