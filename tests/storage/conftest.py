"""The stores that the contract tests run on: a directory, and buckets of a real S3 server.

One bucket keeps versions, one does not, and one has Object Lock.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from django.conf import settings

from tests.storage.faults import FaultProxy
from vault.storage import ObjectStore
from vault.storage.directory import DirectoryStore
from vault.storage.s3 import S3Store


def s3_client() -> Any:
    return boto3.client(
        "s3",
        endpoint_url=settings.S3_ENDPOINT_URL,
        region_name=settings.S3_REGION,
        aws_access_key_id=settings.S3_ACCESS_KEY,
        aws_secret_access_key=settings.S3_SECRET_KEY,
    )


def s3_store(bucket: str, endpoint_url: str = "", **limits: Any) -> S3Store:
    return S3Store(
        bucket=bucket,
        region=settings.S3_REGION,
        endpoint_url=endpoint_url or settings.S3_ENDPOINT_URL,
        access_key=settings.S3_ACCESS_KEY,
        secret_key=settings.S3_SECRET_KEY,
        **limits,
    )


@contextmanager
def a_bucket(*, versioned: bool = False, locking: bool = False) -> Iterator[str]:
    """Make a bucket and remove it: the server reserves room for each, and has no end of it."""
    name = f"contract-{secrets.token_hex(8)}"
    client = s3_client()
    client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=locking)
    if versioned:
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    yield name
    for page in client.get_paginator("list_object_versions").paginate(Bucket=name):
        for each in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
            which = {"Bucket": name, "Key": each["Key"], "VersionId": each["VersionId"]}
            client.delete_object(**which, BypassGovernanceRetention=locking)
    client.delete_bucket(Bucket=name)
    client.close()


@pytest.fixture(scope="session")
def versioned_store() -> Iterator[S3Store]:
    with a_bucket(versioned=True) as bucket:
        yield s3_store(bucket)


@pytest.fixture(scope="session")
def plain_store() -> Iterator[S3Store]:
    with a_bucket() as bucket:
        yield s3_store(bucket)


@pytest.fixture(scope="session")
def locking_store() -> Iterator[S3Store]:
    with a_bucket(locking=True) as bucket:
        yield s3_store(bucket)


@pytest.fixture(params=["directory", "versioned", "plain", "locking"])
def store(request, tmp_path: Path) -> ObjectStore:
    """Give each of the stores in turn."""
    if request.param == "directory":
        return DirectoryStore(tmp_path / "objects")
    found: S3Store = request.getfixturevalue(f"{request.param}_store")
    return found


@pytest.fixture
def name() -> str:
    """Give a name that no other test uses."""
    return f"{secrets.token_hex(8)}/{secrets.token_hex(8)}"


@pytest.fixture
def faulty() -> Iterator[FaultProxy]:
    """Give a proxy before the S3 server that goes wrong as it is told."""
    with FaultProxy(settings.S3_ENDPOINT_URL) as proxy:
        yield proxy


@pytest.fixture
def faulty_store(faulty, versioned_store) -> S3Store:
    """Give the store behind that proxy, which does not wait long."""
    return s3_store(versioned_store._bucket, faulty.url, answer_s=1.5, read_s=4.5)
