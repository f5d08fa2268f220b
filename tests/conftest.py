"""Fixtures that every package's tests share: the database, the object store, the cache."""

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import boto3
import pytest
from django.conf import settings
from django.core.cache import cache
from django.utils import translation

from tests import databases
from vault import kms
from vault.kms import keks, masters


@dataclass(frozen=True)
class FreshDatabase:
    """A database of one test's own, and how another program reaches it."""

    name: str
    environment: dict[str, str]


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker) -> Iterator[None]:
    """Give the run its database, migrated as owner and used as the application's account."""
    with django_db_blocker.unblock(), databases.copied():
        yield


@pytest.fixture
def fresh_database(django_db_setup, django_db_blocker) -> Iterator[FreshDatabase]:
    """Give a test a database of its own, where transactions are real; dropped afterwards."""
    with django_db_blocker.unblock(), databases.copied() as name:
        yield FreshDatabase(name, os.environ | databases.environment(name))


@pytest.fixture(scope="session", autouse=True)
def bucket() -> Iterator[str]:
    """Give the run a bucket of its own in the real object store, versioned as in production."""
    store = boto3.client(
        "s3",
        endpoint_url=settings.S3_ENDPOINT_URL,
        region_name=settings.S3_REGION,
        aws_access_key_id=settings.S3_ACCESS_KEY,
        aws_secret_access_key=settings.S3_SECRET_KEY,
    )
    store.create_bucket(Bucket=settings.S3_BUCKET)
    store.put_bucket_versioning(Bucket=settings.S3_BUCKET, VersioningConfiguration={"Status": "Enabled"})
    yield settings.S3_BUCKET
    for page in store.get_paginator("list_object_versions").paginate(Bucket=settings.S3_BUCKET):
        for kept in page.get("Versions", []) + page.get("DeleteMarkers", []):
            store.delete_object(Bucket=settings.S3_BUCKET, Key=kept["Key"], VersionId=kept["VersionId"])
    store.delete_bucket(Bucket=settings.S3_BUCKET)
    store.close()


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    """Start every test with an empty cache: rate limits and sessions of one are nothing to the next.

    The keys in memory go too: they are those of a database that the next test may not have.
    """
    cache.clear()
    masters.forget_all()
    keks.forget()


@pytest.fixture
def own_keyring(settings, tmp_path) -> Iterator[None]:
    """Give a test a keyring that nobody else counts versions in or destroys keys of."""
    settings.KMS_KEYRING, settings.KMS_MASTER_FILE = str(tmp_path / "keyring"), str(tmp_path / "master")
    kms.forget_services()
    yield
    kms.forget_services()


@pytest.fixture(autouse=True)
def _ledger_of_its_own() -> Iterator[None]:
    """Number the ledger outside anew for every test: each has a database that knows no other's entries."""
    with pytest.MonkeyPatch.context() as patched:  # not the test's own, which it may undo
        patched.setattr("retention.ledger.PREFIX", f"ledger/{secrets.token_hex(8)}/")
        yield


@pytest.fixture(autouse=True)
def _in_english() -> None:
    """Start every test in English: a page that was asked for in Dutch leaves its language behind."""
    translation.activate("en")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse the marker that would empty tables after a test: the trail's triggers forbid it."""
    for item in items:
        for marker in item.iter_markers("django_db"):
            if marker.kwargs.get("transaction") or marker.args:
                raise pytest.UsageError(f"{item.nodeid}: ask for the fixture fresh_database instead.")
