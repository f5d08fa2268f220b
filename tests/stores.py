"""An object store of one test's own: numbers of the ledger and marks of the clock are counted in it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from django.conf import settings as configured

from vault import storage


@contextmanager
def own_bucket(settings: Any, *, versioned: bool = True) -> Iterator[str]:
    """Point the vault at a new bucket; ``settings`` is pytest-django's fixture, which puts all back."""
    name = f"own-{secrets.token_hex(8)}"
    client = boto3.client(
        "s3",
        endpoint_url=configured.S3_ENDPOINT_URL,
        region_name=configured.S3_REGION,
        aws_access_key_id=configured.S3_ACCESS_KEY,
        aws_secret_access_key=configured.S3_SECRET_KEY,
    )
    client.create_bucket(Bucket=name)
    if versioned:
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    client.close()
    settings.S3_BUCKET = name
    storage.store.cache_clear()
    yield name
    storage.store.cache_clear()
