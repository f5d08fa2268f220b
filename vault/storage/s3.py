"""Objects in an S3 bucket. Written by boto3; ranges are read by ``vault.storage.s3_ranges``.

An object is made under a name that is free (``If-None-Match: *``) and carries a mark of its put. What makes it
is never sent again while it is unknown what became of it: the store is asked, and the mark says whose it is.
Everything else may be done twice, and botocore tries it again with pauses that grow and differ.
"""

from __future__ import annotations

import base64
import logging
import secrets
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ProxyConnectionError,
)
from cryptography.utils import Buffer

from vault.places import Place
from vault.storage import s3_places, s3_proof
from vault.storage.interface import (
    PART_LENGTH,
    UNVERSIONED,
    Abilities,
    Found,
    ObjectExists,
    ObjectLocked,
    StoredObject,
    StoreUnavailable,
    check_name,
)
from vault.storage.pauses import pauses
from vault.storage.s3_ranges import RangeReader

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, ObjectIdentifierTypeDef

logger = logging.getLogger(__name__)

_MOST_DELETED_AT_ONCE = 1000
_MARK = "put"  # the name of the mark among an object's metadata
_NOT_DONE = frozenset({"SlowDown", "ServiceUnavailable", "RequestTimeout", "Throttling", "TooManyRequests"})
_REFUSED_TO_DELETE = frozenset({"AccessDenied", "InvalidRequest", "ObjectLocked"})


class _Outcome(Enum):
    """What a failed request that was to make an object has done."""

    NOTHING = "nothing"  # it may be sent again
    CONTESTED = "contested"  # nothing, for something of this name came first: perhaps this very request, sent on twice
    REFUSED = "refused"  # nothing, and nothing else would come of it again
    UNKNOWN = "unknown"  # only asking tells


class S3Store:
    """Keeps objects in one bucket, versioned or not.

    A connection is waited for ``connect_s`` seconds, each answer ``answer_s``, and what may be tried again is
    tried ``tries`` times: no request outlasts their product and a few seconds of pauses. Reading a range, for
    which somebody listens, is given up after ``read_s`` altogether.
    """

    def __init__(
        self,
        *,
        bucket: str,
        region: str,
        endpoint_url: str = "",
        access_key: str = "",
        secret_key: str = "",
        ca_bundle: str = "",
        connect_s: float = 5,
        answer_s: float = 15,
        read_s: float = 20,
        tries: int = 3,
    ) -> None:
        self._bucket = bucket
        self._region = region
        self._endpoint_url = endpoint_url
        self._tries = tries
        config = Config(  # type: ignore[call-arg]  # the type stubs do not know of configured addresses
            signature_version="s3v4",
            connect_timeout=connect_s,
            read_timeout=answer_s,
            response_checksum_validation="when_required",
            ignore_configured_endpoint_urls=True,  # AWS_ENDPOINT_URL would lead elsewhere, unseen
            proxies={},  # and so would HTTP_PROXY
            s3={
                # A server of one's own seldom has a host name for every bucket.
                "addressing_style": "path" if endpoint_url else "auto",
                # Bodies have a checksum, and what is sealed proves itself: one more SHA-256 of every part,
                # which botocore makes over a connection without TLS, would add a third.
                "payload_signing_enabled": False,
                "use_accelerate_endpoint": False,  # a profile's would lead over Amazon's edges all over the world
            },
        )
        session = boto3.session.Session()

        def client(most_tries: int) -> S3Client:
            retries = Config(retries={"mode": "standard", "total_max_attempts": most_tries})
            return session.client(
                "s3",
                region_name=region,
                endpoint_url=endpoint_url or None,
                aws_access_key_id=access_key or None,
                aws_secret_access_key=secret_key or None,
                verify=ca_bundle or None,
                config=config.merge(retries),
            )

        self._client = client(tries)
        self._once = client(1)  # for what must not be sent twice
        self._ranges = RangeReader(
            self._client,
            bucket,
            ca_bundle=ca_bundle,
            connect_s=connect_s,
            answer_s=min(answer_s, read_s / 2),
            total_s=read_s,
            tries=tries,
        )

    def put(self, name: str, parts: Iterable[Buffer]) -> StoredObject:
        """Store a stream, sending one part while the next is being made."""
        check_name(name)
        filled = _fill(parts)
        first = next(filled)
        if len(first) < PART_LENGTH:
            return self._put_whole(name, first)
        return self._put_in_parts(name, first, filled)

    def put_if_absent(self, name: str, body: bytes) -> bool:
        """Store a small object unless the name is taken."""
        check_name(name)
        try:
            self._put_whole(name, body)
        except ObjectExists:
            return False
        return True

    def put_locked(self, name: str, body: bytes, *, until: datetime) -> bool:
        """Store a small object that nobody can delete before then, unless the name is taken."""
        check_name(name)
        try:
            self._put_whole(name, body, ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until)
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
        """Refuse unless the bucket answers, at once: who asks whether all is well asks again."""
        with _speaking():
            self._once.head_bucket(Bucket=self._bucket)

    def prove(self) -> Abilities:
        """Try what the bucket can do, with objects of its own below ``probe/``."""
        with _speaking():
            return s3_proof.prove(self, self._client, self._bucket)

    def places(self) -> list[Place]:
        """Return where the bucket lies and whatever it is copied to."""
        with _speaking():
            return s3_places.places(self._client, self._bucket, self._endpoint_url)

    def where(self) -> str:
        """Name the endpoint, the bucket and the region."""
        return f"{self._endpoint_url or 's3.amazonaws.com'}/{self._bucket} ({self._region})"

    def _put_whole(self, name: str, body: bytes | bytearray, **lock: Any) -> StoredObject:
        mark = secrets.token_hex(16)

        def send() -> Mapping[str, Any]:
            return self._once.put_object(
                Bucket=self._bucket,
                Key=name,
                Body=cast(bytes, body),  # botocore takes a bytearray as it is; its type stubs do not know
                Metadata={_MARK: mark},
                IfNoneMatch="*",
                ChecksumCRC32=_checksum(body),
                **lock,
            )

        return StoredObject(self._make(name, mark, send), len(body))

    def _put_in_parts(self, name: str, first: bytearray, rest: Iterator[bytearray]) -> StoredObject:
        mark = secrets.token_hex(16)
        with _speaking():
            begun = self._client.create_multipart_upload(
                Bucket=self._bucket, Key=name, Metadata={_MARK: mark}
            )
        upload_id = begun["UploadId"]
        try:
            sent, length = self._send_parts(name, upload_id, first, rest)

            def complete() -> Mapping[str, Any]:
                return self._once.complete_multipart_upload(
                    Bucket=self._bucket,
                    Key=name,
                    UploadId=upload_id,
                    MultipartUpload={"Parts": sent},
                    IfNoneMatch="*",
                )

            return StoredObject(self._make(name, mark, complete, may_repeat=True), length)
        except BaseException:
            self._abort(name, upload_id)
            raise

    def _make(
        self, name: str, mark: str, send: Callable[[], Mapping[str, Any]], *, may_repeat: bool = False
    ) -> str:
        """Send what makes an object until it is known what came of it; return the object's version.

        With ``may_repeat`` it is sent again although it is unknown what became of it, if the object is not
        there: an upload becomes an object once, however often it is completed.
        """
        waits = pauses(self._tries)
        while True:
            try:
                return str(send().get("VersionId", UNVERSIONED))
            except (BotoCoreError, ClientError) as error:
                outcome = _outcome(error)
                is_open = outcome in (_Outcome.UNKNOWN, _Outcome.CONTESTED)
                if is_open and (version := self._find_out(name, mark, error)):
                    return version
                if outcome is _Outcome.REFUSED or (outcome is _Outcome.UNKNOWN and not may_repeat):
                    raise StoreUnavailable from error
                pause = next(waits, None)
                if pause is None:
                    raise StoreUnavailable from error
            time.sleep(pause)

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
            self._once.abort_multipart_upload(Bucket=self._bucket, Key=name, UploadId=upload_id)
        except (BotoCoreError, ClientError):
            logger.warning("An unfinished upload could not be aborted; the sweep will do it.")

    def _find_out(self, name: str, mark: str, error: Exception) -> str | None:
        """Return the version of the object with our mark, or None if there is none of this name.

        :raises ObjectExists: if the object of this name is another's.
        """
        try:
            found = self._client.head_object(Bucket=self._bucket, Key=name)
        except ClientError as answer:
            if _status(answer) == 404:
                return None
            raise StoreUnavailable from answer
        except BotoCoreError as silence:
            raise StoreUnavailable from silence
        if found["Metadata"].get(_MARK) != mark:
            raise ObjectExists from error
        return found.get("VersionId", UNVERSIONED)

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


def _outcome(error: BotoCoreError | ClientError) -> _Outcome:
    """Tell what a request has done by how it failed; 503 is said before anything is done."""
    if not isinstance(error, ClientError):
        is_unsent = isinstance(error, ConnectTimeoutError | EndpointConnectionError | ProxyConnectionError)
        return _Outcome.NOTHING if is_unsent else _Outcome.UNKNOWN
    status = _status(error)
    if status in (429, 503) or error.response["Error"].get("Code") in _NOT_DONE:
        return _Outcome.NOTHING
    if status in (409, 412):
        return _Outcome.CONTESTED
    # 404: there is no such upload, which may be because it has been completed.
    return _Outcome.UNKNOWN if status in (404, 408) or status >= 500 else _Outcome.REFUSED


def _status(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
