"""The run's object store, emptied: what a test looks for in it is its own."""

from __future__ import annotations

import atexit
from functools import cache
from typing import Any

import boto3
from django.conf import settings


def empty_store() -> None:
    """Delete every version of everything in the run's bucket."""
    client = _client()
    for page in client.get_paginator("list_object_versions").paginate(Bucket=settings.S3_BUCKET):
        listed = page.get("Versions", []) + page.get("DeleteMarkers", [])
        if listed:
            doomed = [{"Key": found["Key"], "VersionId": found["VersionId"]} for found in listed]
            client.delete_objects(Bucket=settings.S3_BUCKET, Delete={"Objects": doomed, "Quiet": True})


@cache
def _client() -> Any:
    client = boto3.client(
        "s3",
        endpoint_url=settings.S3_ENDPOINT_URL,
        region_name=settings.S3_REGION,
        aws_access_key_id=settings.S3_ACCESS_KEY,
        aws_secret_access_key=settings.S3_SECRET_KEY,
    )
    atexit.register(client.close)
    return client
