"""What a bucket really does, tried with small objects: servers differ, and some say yes to what they ignore."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from django.utils.translation import gettext as _

from vault import clock
from vault.storage.interface import (
    Abilities,
    ObjectLocked,
    ObjectMissing,
    ObjectStore,
    StoreUnavailable,
    StoreUnfit,
)

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_PREFIX = "probe/"
_RACERS = 3
_BODY = bytes(range(256))
_LOCK = timedelta(seconds=3)
_ABANDONED_AFTER = timedelta(hours=1)
_WRONG_SUM = "AAAAAA=="  # a CRC-32 of 0, which the body does not have
_NOT_KNOWN = frozenset({"NotImplemented", "MethodNotAllowed", "ObjectLockConfigurationNotFoundError"})


def prove(store: ObjectStore, client: S3Client, bucket: str) -> Abilities:
    """Try what is needed of a bucket, and find out what else it can do.

    :raises StoreUnfit: naming what it cannot, or will not let us do.
    """
    with _explaining():
        abandoned = clock.now() - _ABANDONED_AFTER  # by a process that ended while it tried
        store.delete([found.name for found in store.listing(_PREFIX) if found.modified_at < abandoned])
        name = _PREFIX + secrets.token_hex(16)
        try:
            abilities = _try(store, client, bucket, name)
        finally:
            store.delete([found.name for found in store.listing(name)])
        if any(True for found in store.listing(name)):
            raise StoreUnfit(
                _(
                    "The object store still lists what was deleted, so no erasure could be proved. Use another server."
                )
            )
        return abilities


def _try(store: ObjectStore, client: S3Client, bucket: str, name: str) -> Abilities:
    has_versions = client.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled"
    has_locks = _has_locks(client, bucket)
    _check_one_wins(store, name)
    _check_ranges(store, name)
    _check_parts(store, client, bucket, f"{name}-parts")
    if has_versions:
        _check_versions(store, client, bucket, f"{name}-versions")
    return Abilities(
        keeps_versions=has_versions,
        has_locks=has_locks,
        keeps_locks=has_locks and _keeps_locks(client, bucket, f"{name}-lock"),
        notices_damage=_notices_damage(client, bucket, f"{name}-damaged"),
    )


@contextmanager
def _explaining() -> Iterator[None]:
    """Name what the store will not let us do; it would look like an outage otherwise."""
    try:
        yield
    except ObjectLocked as refused:
        raise StoreUnfit(
            _(
                "The vault's account may not delete versions, so nothing could be erased: allow s3:DeleteObjectVersion."
            )
        ) from refused
    except (ClientError, StoreUnavailable) as error:
        cause = error if isinstance(error, ClientError) else error.__cause__
        if not isinstance(cause, ClientError) or _status(cause) not in (403, 405, 501):
            raise
        text = _(
            "The object store refuses %(operation)s (%(code)s). "
            "Allow it to the vault's account, or use a server that can do it."
        )
        raise StoreUnfit(text % {"operation": cause.operation_name, "code": _code(cause)}) from error


def _check_one_wins(store: ObjectStore, name: str) -> None:
    def put(number: int) -> bool:
        return store.put_if_absent(name, _BODY + bytes([number]))

    with ThreadPoolExecutor(_RACERS) as racers:
        won = list(racers.map(put, range(_RACERS)))
    if won.count(True) != 1 or len(store.versions(name)) != 1:
        raise StoreUnfit(
            _(
                "The object store replaces objects although it is told not to (If-None-Match). "
                "Use a server that keeps to conditional writes."
            )
        )


def _check_ranges(store: ObjectStore, name: str) -> None:
    is_exact = store.read(name, 3, 40) == _BODY[3:40] and store.read(name, 255, 256) == _BODY[255:]
    try:
        store.read(name, 250, 300)
    except ObjectMissing:
        if is_exact:
            return
    raise StoreUnfit(
        _("The object store does not answer a range with exactly that range. Use another server.")
    )


def _check_parts(store: ObjectStore, client: S3Client, bucket: str, name: str) -> None:
    """See that an upload in parts makes an object, and does not replace one."""
    _complete_upload(client, bucket, name)
    try:
        _complete_upload(client, bucket, name)
    except ClientError as error:
        if _code(error) != "PreconditionFailed":
            raise
        if store.read(name, 0, len(_BODY)) == _BODY:
            return
    raise StoreUnfit(
        _(
            "The object store replaces objects by uploads in parts although it is told not to (If-None-Match). "
            "Use a server that keeps to conditional writes."
        )
    )


def _complete_upload(client: S3Client, bucket: str, name: str) -> None:
    upload: dict[str, Any] = {"Bucket": bucket, "Key": name}
    upload["UploadId"] = client.create_multipart_upload(**upload)["UploadId"]
    part = client.upload_part(**upload, PartNumber=1, Body=_BODY)
    parts: Any = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    client.complete_multipart_upload(**upload, MultipartUpload=parts, IfNoneMatch="*")


def _check_versions(store: ObjectStore, client: S3Client, bucket: str, name: str) -> None:
    """See that every version is kept, listed, and gone once it is deleted by its id."""
    first, second = (
        client.put_object(Bucket=bucket, Key=name, Body=_BODY)["VersionId"] for _again in range(2)
    )
    client.delete_object(Bucket=bucket, Key=name)
    listed = store.versions(name)
    if len(listed) == 3 and {first, second} < set(listed) and store.read(name, 0, 9, first) == _BODY[:9]:
        store.delete([name])
        try:
            store.read(name, 0, 1, first)
        except ObjectMissing:
            if not store.versions(name):
                return
    raise StoreUnfit(
        _(
            "The bucket says that it keeps versions, but does not keep, list and delete each by its id, "
            "so nothing could be erased for good. Use another server, or switch versioning off."
        )
    )


def _has_locks(client: S3Client, bucket: str) -> bool:
    """Say whether objects may be locked here; refuse a bucket that locks each of its own accord."""
    try:
        found = client.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    except ClientError as error:
        if _code(error) not in _NOT_KNOWN and error.response["ResponseMetadata"]["HTTPStatusCode"] not in (
            405,
            501,
        ):
            raise
        return False
    if found.get("Rule", {}).get("DefaultRetention"):
        raise StoreUnfit(
            _(
                "The bucket locks every object by default, so nothing could be erased when its time comes. "
                "Remove the bucket's default retention; locks are set object by object where they are wanted."
            )
        )
    return found.get("ObjectLockEnabled") == "Enabled"


def _keeps_locks(client: S3Client, bucket: str, name: str) -> bool:
    """Say whether a lock of seconds, by the store's own clock, does forbid deleting; then let the object go."""
    made = client.put_object(Bucket=bucket, Key=name, Body=_BODY)
    which: dict[str, Any] = {"Bucket": bucket, "Key": name, "VersionId": made["VersionId"]}
    until = parsedate_to_datetime(made["ResponseMetadata"]["HTTPHeaders"]["date"]) + _LOCK
    client.put_object_retention(**which, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until})
    is_kept = _is_refused(lambda: client.delete_object(**which))
    if is_kept and _is_refused(lambda: client.delete_object(**which, BypassGovernanceRetention=True)):
        time.sleep(_LOCK.total_seconds() + 1)
    return is_kept


def _notices_damage(client: S3Client, bucket: str, name: str) -> bool:
    return _is_refused(
        lambda: client.put_object(Bucket=bucket, Key=name, Body=_BODY, ChecksumCRC32=_WRONG_SUM)
    )


def _is_refused(act: Callable[[], object]) -> bool:
    try:
        act()
    except ClientError as error:
        if _status(error) >= 500:
            raise
        return True
    return False


def _code(error: ClientError) -> str:
    return error.response["Error"].get("Code", "")


def _status(error: ClientError) -> int:
    return error.response["ResponseMetadata"]["HTTPStatusCode"]
