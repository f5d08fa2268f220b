"""The stores that the contract tests run on: a directory, and a real S3 server with and without versions."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from django.conf import settings

from vault.storage import ObjectStore
from vault.storage.directory import DirectoryStore
from vault.storage.s3 import S3Store


def s3_client():
    return boto3.client(
        "s3",
        endpoint_url=settings.S3_ENDPOINT_URL,
        region_name=settings.S3_REGION,
        aws_access_key_id=settings.S3_ACCESS_KEY,
        aws_secret_access_key=settings.S3_SECRET_KEY,
    )


def s3_store(bucket: str, endpoint_url: str = "") -> S3Store:
    return S3Store(
        bucket=bucket,
        region=settings.S3_REGION,
        endpoint_url=endpoint_url or settings.S3_ENDPOINT_URL,
        access_key=settings.S3_ACCESS_KEY,
        secret_key=settings.S3_SECRET_KEY,
    )


def make_bucket(*, versioned: bool) -> str:
    name = f"contract-{secrets.token_hex(8)}"
    client = s3_client()
    client.create_bucket(Bucket=name)
    if versioned:
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    client.close()
    return name


@pytest.fixture(scope="session")
def versioned_bucket() -> str:
    return make_bucket(versioned=True)


@pytest.fixture(scope="session")
def plain_bucket() -> str:
    return make_bucket(versioned=False)


@pytest.fixture(params=["directory", "s3-versioned", "s3-plain"])
def store(request, tmp_path: Path) -> Iterator[ObjectStore]:
    """Give each of the stores in turn."""
    if request.param == "directory":
        yield DirectoryStore(tmp_path / "objects")
        return
    bucket = "versioned_bucket" if request.param == "s3-versioned" else "plain_bucket"
    yield s3_store(request.getfixturevalue(bucket))


@pytest.fixture
def name() -> str:
    """Give a name that no other test uses."""
    return f"{secrets.token_hex(8)}/{secrets.token_hex(8)}"
