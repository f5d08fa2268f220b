"""Objects in an S3 bucket. Written by boto3; ranges are read by ``vault.storage.s3_ranges``.

An object is made under a name that is free (``If-None-Match: *``), so that the same bytes sent twice by a
retry never become two objects, and what became of a request whose answer was lost is found out by asking.
"""

from __future__ import annotations

import base64
import logging
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.utils import Buffer

from vault.storage.interface import (
    PART_LENGTH,
    UNVERSIONED,
    Found,
    ObjectExists,
    ObjectLocked,
    StoredObject,
    StoreUnavailable,
    check_name,
)
from vault.storage.s3_ranges import RangeReader

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, ObjectIdentifierTypeDef

logger = logging.getLogger(__name__)

_CONNECT_SECONDS = 5
_ANSWER_SECONDS = 30
_TRIES = 4  # with pauses that grow and differ, by botocore
_MOST_DELETED_AT_ONCE = 1000
_TELLING_BYTES = 64  # the head of a sealed object holds a random salt: no two objects share it
_REFUSED_TO_DELETE = frozenset({"AccessDenied", "InvalidRequest", "ObjectLocked"})


class S3Store:
    """Keeps objects in one bucket, versioned or not."""

    def __init__(
        self,
        *,
        bucket: str,
        region: str,
        endpoint_url: str = "",
        access_key: str = "",
        secret_key: str = "",
        ca_bundle: str = "",
    ) -> None:
        self._bucket = bucket
        self._region = region
        self._endpoint_url = endpoint_url
        self._client: S3Client = boto3.session.Session().client(
            "s3",
            region_name=region,
            endpoint_url=endpoint_url or None,
            aws_access_key_id=access_key or None,
            aws_secret_access_key=secret_key or None,
            verify=ca_bundle or None,
            config=Config(
                signature_version="s3v4",
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_ANSWER_SECONDS,
                retries={"mode": "standard", "total_max_attempts": _TRIES},
                response_checksum_validation="when_required",
                s3={
                    # A server of one's own seldom has a host name for every bucket.
                    "addressing_style": "path" if endpoint_url else "auto",
                    # Bodies have a checksum, and what is sealed proves itself: one more SHA-256 of every
                    # part, which botocore makes over a connection without TLS, would add a third.
                    "payload_signing_enabled": False,
                },
            ),
        )
        self._ranges = RangeReader(self._client, bucket, ca_bundle=ca_bundle)

    def put(self, name: str, parts: Iterable[Buffer]) -> StoredObject:
        """Store a stream, sending one part while the next is being made."""
        check_name(name)
        filled = _fill(parts)
        first = next(filled)
        head = bytes(first[:_TELLING_BYTES])
        if len(first) < PART_LENGTH:
            return self._put_whole(name, first, head)
        return self._put_in_parts(name, first, filled, head)

    def put_if_absent(self, name: str, body: bytes) -> bool:
        """Store a small object unless the name is taken."""
        check_name(name)
        try:
            self._put_whole(name, body, body)
        except ObjectExists:
            return False
        return True

    def read(self, name: str, start: int, end: int, version: str | None = None) -> bytes:
        """Read a range in one request."""
        check_name(name)
        return self._ranges.read(name, start, end, None if version == UNVERSIONED else version)

    def delete(self, names: Sequence[str]) -> None:
        """Delete every version and marker, and abort every upload."""
        doomed: list[ObjectIdentifierTypeDef] = []
        with _speaking():
            for name in names:
                check_name(name)
                doomed += [{"Key": name, "VersionId": version} for version in self.versions(name)]
                for upload_id in self._unfinished(name):
                    self._client.abort_multipart_upload(Bucket=self._bucket, Key=name, UploadId=upload_id)
            refused: list[str] = []
            for begin in range(0, len(doomed), _MOST_DELETED_AT_ONCE):
                answer = self._client.delete_objects(
                    Bucket=self._bucket,
                    Delete={"Objects": doomed[begin : begin + _MOST_DELETED_AT_ONCE], "Quiet": True},
                )
                refused += [error.get("Code", "") for error in answer.get("Errors", [])]
        if any(code in _REFUSED_TO_DELETE for code in refused):
            raise ObjectLocked
        if refused:
            raise StoreUnavailable

    def versions(self, name: str) -> list[str]:
        """Return versions and markers of exactly this name."""
        check_name(name)
        found: list[str] = []
        with _speaking():
            pages = self._client.get_paginator("list_object_versions")
            for page in pages.paginate(Bucket=self._bucket, Prefix=name):
                found += [each["VersionId"] for each in page.get("Versions", []) if each["Key"] == name]
                found += [each["VersionId"] for each in page.get("DeleteMarkers", []) if each["Key"] == name]
        return found

    def listing(self, prefix: str) -> Iterator[Found]:
        """Yield every version of every object whose name begins so."""
        with _speaking():
            pages = self._client.get_paginator("list_object_versions")
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                for each in page.get("Versions", []):
                    yield Found(each["Key"], each["VersionId"], each["Size"], each["LastModified"])

    def abort_unfinished(self, before: datetime) -> int:
        """Abort uploads begun before then."""
        with _speaking():
            pages = self._client.get_paginator("list_multipart_uploads")
            uploads = [
                each for page in pages.paginate(Bucket=self._bucket) for each in page.get("Uploads", [])
            ]
            old = [each for each in uploads if each["Initiated"] < before]
            for each in old:
                self._client.abort_multipart_upload(
                    Bucket=self._bucket, Key=each["Key"], UploadId=each["UploadId"]
                )
        return len(old)

    def check(self) -> None:
        """Refuse unless the bucket answers."""
        with _speaking():
            self._client.head_bucket(Bucket=self._bucket)

    def where(self) -> str:
        """Name the endpoint, the bucket and the region."""
        return f"{self._endpoint_url or 's3.amazonaws.com'}/{self._bucket} ({self._region})"

    def _put_whole(self, name: str, body: bytes | bytearray, head: bytes) -> StoredObject:
        try:
            # botocore takes a bytearray as it is; its type stubs do not know.
            whole = cast(bytes, body)
            answer = self._client.put_object(
                Bucket=self._bucket, Key=name, Body=whole, IfNoneMatch="*", ChecksumCRC32=_checksum(body)
            )
        except (BotoCoreError, ClientError) as error:
            return self._find_out(name, head, len(body), error)
        return StoredObject(answer.get("VersionId", UNVERSIONED), len(body))

    def _put_in_parts(
        self, name: str, first: bytearray, rest: Iterator[bytearray], head: bytes
    ) -> StoredObject:
        with _speaking():
            begun = self._client.create_multipart_upload(Bucket=self._bucket, Key=name)
        upload_id = begun["UploadId"]
        try:
            sent, length = self._send_parts(name, upload_id, first, rest)
            try:
                answer = self._client.complete_multipart_upload(
                    Bucket=self._bucket,
                    Key=name,
                    UploadId=upload_id,
                    MultipartUpload={"Parts": sent},
                    IfNoneMatch="*",
                )
            except (BotoCoreError, ClientError) as error:
                return self._find_out(name, head, length, error)
        except BaseException:
            self._abort(name, upload_id)
            raise
        return StoredObject(answer.get("VersionId", UNVERSIONED), length)

    def _send_parts(
        self, name: str, upload_id: str, first: bytearray, rest: Iterator[bytearray]
    ) -> tuple[list[CompletedPartTypeDef], int]:
        """Send the parts by one thread of its own, never more than one ahead of it."""

        def send(number: int, part: bytearray) -> CompletedPartTypeDef:
            with _speaking():
                answer = self._client.upload_part(
                    Bucket=self._bucket,
                    Key=name,
                    UploadId=upload_id,
                    PartNumber=number,
                    Body=cast(bytes, part),
                    ChecksumCRC32=_checksum(part),
                )
            return {"ETag": answer["ETag"], "PartNumber": number}

        sent: list[CompletedPartTypeDef] = []
        length = len(first)
        with ThreadPoolExecutor(1, "upload") as sender:
            sending: Future[CompletedPartTypeDef] = sender.submit(send, 1, first)
            for number, part in enumerate(rest, start=2):
                sent.append(sending.result())
                length += len(part)
                sending = sender.submit(send, number, part)
            sent.append(sending.result())
        return sent, length

    def _abort(self, name: str, upload_id: str) -> None:
        """Abort an upload that failed; one that cannot be aborted now, the sweep finds by its age."""
        try:
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=name, UploadId=upload_id)
        except (BotoCoreError, ClientError):
            logger.warning("An unfinished upload could not be aborted; the sweep will do it.")

    def _find_out(self, name: str, head: bytes, length: int, error: Exception) -> StoredObject:
        """Return what a request has made whose answer was lost, or raise what it failed with."""
        with _speaking():
            found = self._client.head_object(Bucket=self._bucket, Key=name)
        version = found.get("VersionId")
        is_ours = found["ContentLength"] == length and (
            not head or self._ranges.read(name, 0, len(head), version) == head
        )
        if not is_ours:
            raise ObjectExists from error
        return StoredObject(version or UNVERSIONED, length)

    def _unfinished(self, name: str) -> list[str]:
        pages = self._client.get_paginator("list_multipart_uploads").paginate(
            Bucket=self._bucket, Prefix=name
        )
        return [each["UploadId"] for page in pages for each in page.get("Uploads", []) if each["Key"] == name]


def _fill(parts: Iterable[Buffer]) -> Iterator[bytearray]:
    """Yield the stream in full parts and at its end what is left, at least once; two buffers take turns.

    A part is good until the next but one is asked for.
    """
    idle, buffer = bytearray(), bytearray(PART_LENGTH)
    filled = 0
    for part in parts:
        rest = memoryview(part).cast("B")
        while len(rest):
            taken = min(len(rest), PART_LENGTH - filled)
            with memoryview(buffer) as room:  # a slice of the buffer itself would copy twice
                room[filled : filled + taken] = rest[:taken]
            filled += taken
            rest = rest[taken:]
            if filled == PART_LENGTH:
                yield buffer
                idle, buffer, filled = buffer, idle or bytearray(PART_LENGTH), 0
    if filled or not idle:
        del buffer[filled:]
        yield buffer


def _checksum(body: bytes | bytearray) -> str:
    """Return what the server checks a body by; botocore would make the same, and copy the body for it."""
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


@contextmanager
def _speaking() -> Iterator[None]:
    """Say in our own words what the store refuses."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable from error
