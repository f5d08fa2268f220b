"""A bucket of a bench's own on the S3 server that `bin/services` brings up, or that the environment names."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3

from bench._settings import settings
from vault.storage.s3 import S3Store

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


@contextmanager
def a_bucket() -> Iterator[tuple[S3Store, "S3Client", str]]:
    """Give the vault's store on a new bucket, boto3's own client as it comes, and the bucket's name."""
    given = settings()
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=given["S3_ENDPOINT_URL"],
        region_name=given["S3_REGION"],
        aws_access_key_id=given["S3_ACCESS_KEY"],
        aws_secret_access_key=given["S3_SECRET_KEY"],
    )
    name = f"bench-{secrets.token_hex(8)}"
    store = S3Store(
        bucket=name,
        region=given["S3_REGION"],
        endpoint_url=given["S3_ENDPOINT_URL"],
        access_key=given["S3_ACCESS_KEY"],
        secret_key=given["S3_SECRET_KEY"],
    )
    client.create_bucket(Bucket=name)
    try:
        yield store, client, name
    finally:
        store.delete([found.name for found in store.listing("")])
        client.delete_bucket(Bucket=name)
        client.close()
