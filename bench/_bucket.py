"""A bucket of a bench's own on the S3 server that `bin/services` brings up, or that the environment names."""

import os
import secrets
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

from vault.storage.s3 import S3Store

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

SERVICES = Path(__file__).resolve().parents[1] / "bin" / "services"


@contextmanager
def a_bucket() -> Iterator[tuple[S3Store, "S3Client", str]]:
    """Give the vault's store on a new bucket, boto3's own client as it comes, and the bucket's name."""
    settings = _settings()
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=settings["S3_ENDPOINT_URL"],
        region_name=settings["S3_REGION"],
        aws_access_key_id=settings["S3_ACCESS_KEY"],
        aws_secret_access_key=settings["S3_SECRET_KEY"],
    )
    name = f"bench-{secrets.token_hex(8)}"
    store = S3Store(
        bucket=name,
        region=settings["S3_REGION"],
        endpoint_url=settings["S3_ENDPOINT_URL"],
        access_key=settings["S3_ACCESS_KEY"],
        secret_key=settings["S3_SECRET_KEY"],
    )
    client.create_bucket(Bucket=name)
    try:
        yield store, client, name
    finally:
        store.delete([found.name for found in store.listing("")])
        client.delete_bucket(Bucket=name)
        client.close()


def _settings() -> dict[str, str]:
    if not os.environ.get("S3_ENDPOINT_URL"):
        _services("up", "--fast")
    pairs = [shlex.split(line)[1].partition("=") for line in _services("env").splitlines()]
    return {name: value for name, _, value in pairs} | dict(os.environ)


def _services(*words: str) -> str:
    done = subprocess.run([sys.executable, SERVICES, *words], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout
