"""Object stores behind one interface; the settings choose which one."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from vault.storage.interface import (
    UNVERSIONED,
    Abilities,
    Found,
    ObjectExists,
    ObjectLocked,
    ObjectMissing,
    ObjectStore,
    StoredObject,
    StoreUnavailable,
    StoreUnfit,
)

__all__ = [
    "UNVERSIONED",
    "Abilities",
    "Found",
    "ObjectExists",
    "ObjectLocked",
    "ObjectMissing",
    "ObjectStore",
    "StoreUnavailable",
    "StoreUnfit",
    "StoredObject",
    "store",
]


@cache
def store() -> ObjectStore:
    """Return the store that the settings name, built once for each process."""
    if settings.STORE_KIND == "directory":
        from vault.storage.directory import DirectoryStore

        if not settings.STORE_DIRECTORY:
            raise ImproperlyConfigured("Set STORE_DIRECTORY to the directory that keeps the objects.")
        return DirectoryStore(Path(settings.STORE_DIRECTORY))
    if settings.STORE_KIND == "s3":
        from vault.storage.s3 import S3Store

        if not settings.S3_BUCKET:
            raise ImproperlyConfigured("Set S3_BUCKET to the bucket that keeps the objects.")
        return S3Store(
            bucket=settings.S3_BUCKET,
            region=settings.S3_REGION,
            endpoint_url=settings.S3_ENDPOINT_URL,
            access_key=settings.S3_ACCESS_KEY,
            secret_key=settings.S3_SECRET_KEY,
            ca_bundle=settings.S3_CA_BUNDLE,
        )
    raise ImproperlyConfigured("STORE_KIND must be s3 or directory.")
