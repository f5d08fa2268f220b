"""Read ranges of S3 objects: one GET each, at a third of what boto3's own takes of the processor.

The address of an object is signed once for a few minutes and used for all its ranges, over connections that
are kept. The answer must be exactly the range asked for; that it is what was sealed, the container proves.
"""

from __future__ import annotations

import secrets
import ssl
import time
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

import urllib3
from botocore.exceptions import BotoCoreError

from vault.storage.interface import ObjectMissing, StoreUnavailable, check_range

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_SIGNED_SECONDS = 900
_USED_SECONDS = 300
_MOST_ADDRESSES = 1000
_CONNECTIONS = 32
_TRIES = 3
_FIRST_PAUSE = 0.1  # seconds, doubled with every try, and up to as much again by chance
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_random = secrets.SystemRandom()


class RangeReader:
    """Reads ranges of the objects of one bucket."""

    def __init__(self, client: S3Client, bucket: str, *, ca_bundle: str = "") -> None:
        self._client = client
        self._bucket = bucket
        self._pool = urllib3.PoolManager(
            maxsize=_CONNECTIONS,
            retries=False,
            timeout=urllib3.Timeout(connect=3, read=10),
            ssl_context=ssl.create_default_context(cafile=ca_bundle or None),
        )
        self._addresses: OrderedDict[tuple[str, str | None], tuple[float, str]] = OrderedDict()
        self._lock = Lock()

    def read(self, name: str, start: int, end: int, version: str | None) -> bytes:
        """Return exactly these bytes."""
        check_range(start, end)
        headers = {"Range": f"bytes={start}-{end - 1}"}
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(_FIRST_PAUSE * 2 ** (attempt - 1) * (1 + _random.random()))
            try:
                answer = self._pool.request(
                    "GET", self._address(name, version), headers=headers, redirect=False, decode_content=False
                )
            except urllib3.exceptions.HTTPError:
                continue
            content: bytes = answer.data
            if answer.status == 206:
                has_range = answer.headers.get("Content-Range", "").startswith(f"bytes {start}-{end - 1}/")
                if has_range and len(content) == end - start:
                    return content
                if not has_range and len(content) < end - start:
                    raise ObjectMissing  # the object ends before the range does
            elif answer.status in (404, 416):
                raise ObjectMissing
            elif answer.status == 403:
                self._forget(name, version)  # credentials may have been changed since it was signed
            elif answer.status not in _PASSING:
                raise StoreUnavailable
        raise StoreUnavailable

    def _address(self, name: str, version: str | None) -> str:
        now = time.monotonic()
        with self._lock:
            signed_at, address = self._addresses.get((name, version), (0.0, ""))
        if address and now - signed_at < _USED_SECONDS:
            return address
        wanted = {"Bucket": self._bucket, "Key": name} | ({"VersionId": version} if version else {})
        try:
            address = self._client.generate_presigned_url(
                "get_object", Params=wanted, ExpiresIn=_SIGNED_SECONDS
            )
        except BotoCoreError as error:
            raise StoreUnavailable from error
        with self._lock:
            self._addresses[name, version] = (now, address)
            self._addresses.move_to_end((name, version))
            while len(self._addresses) > _MOST_ADDRESSES:
                self._addresses.popitem(last=False)
        return address

    def _forget(self, name: str, version: str | None) -> None:
        with self._lock:
            self._addresses.pop((name, version), None)
