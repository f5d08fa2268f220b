"""Read ranges of S3 objects: one GET each, at a third of what boto3's own takes of the processor.

The address of an object is signed once for a few minutes and used for all its ranges, over connections that
are kept. The answer must be exactly the range asked for; that it is what was sealed, the container proves.
"""

from __future__ import annotations

import re
import ssl
import time
from collections import OrderedDict
from contextlib import closing
from threading import Lock
from typing import TYPE_CHECKING

import urllib3
from botocore.exceptions import BotoCoreError

from vault.answers import read_all
from vault.storage.interface import ObjectMissing, StoreUnavailable, check_range
from vault.storage.pauses import pauses

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_SIGNED_SECONDS = 900
_USED_SECONDS = 300
_MOST_ADDRESSES = 1000
_CONNECTIONS = 32
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_ABSENT = re.compile(rb"<Code>(NoSuchKey|NoSuchVersion)</Code>")  # and not the bucket, or a page of a proxy's
_LONGEST_ERROR = 65_536
_SENT = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class RangeReader:
    """Reads ranges of the objects of one bucket."""

    def __init__(
        self,
        client: S3Client,
        bucket: str,
        *,
        ca_bundle: str = "",
        connect_s: float = 5,
        answer_s: float = 10,
        total_s: float = 20,
        tries: int = 3,
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._connect_s, self._answer_s, self._total_s, self._tries = connect_s, answer_s, total_s, tries
        self._pool = urllib3.PoolManager(
            maxsize=_CONNECTIONS,
            retries=False,
            ssl_context=ssl.create_default_context(cafile=ca_bundle or None),
        )
        self._addresses: OrderedDict[tuple[str, str | None], tuple[float, str]] = OrderedDict()
        self._lock = Lock()

    def read(self, name: str, start: int, end: int, version: str | None) -> bytes:
        """Return exactly these bytes."""
        check_range(start, end)
        give_up_at = time.monotonic() + self._total_s
        waits = pauses(self._tries)
        while True:
            content = self._try(name, start, end, version, give_up_at)
            if content is not None:
                return content
            pause = next(waits, None)
            if pause is None or time.monotonic() + pause >= give_up_at:
                raise StoreUnavailable
            time.sleep(pause)

    def _try(self, name: str, start: int, end: int, version: str | None, give_up_at: float) -> bytes | None:
        """Return the bytes, or None where another try may bring them."""
        left_s = max(give_up_at - time.monotonic(), 0.001)  # urllib3 takes no 0
        try:
            answer = self._pool.request(
                "GET",
                self._address(name, version),
                headers={"Range": f"bytes={start}-{end - 1}"},
                redirect=False,
                timeout=urllib3.Timeout(
                    connect=min(self._connect_s, left_s), read=min(self._answer_s, left_s)
                ),
                preload_content=False,
                decode_content=False,
            )
            with closing(answer):  # a connection whose answer was read to its end is kept all the same
                return self._judge(answer, name, start, end, version, give_up_at)
        except urllib3.exceptions.HTTPError:
            return None

    def _judge(
        self,
        answer: urllib3.BaseHTTPResponse,
        name: str,
        start: int,
        end: int,
        version: str | None,
        give_up_at: float,
    ) -> bytes | None:
        if answer.status == 206:
            sent = _SENT.fullmatch(answer.headers.get("Content-Range", ""))
            first, last, length = map(int, sent.groups()) if sent else (-1, -1, end)
            if length < end:
                raise ObjectMissing  # the object ends before the range does
            # Nothing is read that was not asked for: it could be more than memory holds.
            is_exact = (first, last) == (start, end - 1) and answer.headers.get("Content-Length") == str(
                end - start
            )
            return read_all(answer, most=end - start, give_up_at=give_up_at) if is_exact else None
        if answer.status == 416 or (
            answer.status == 404
            and _ABSENT.search(read_all(answer, most=_LONGEST_ERROR, give_up_at=give_up_at))
        ):
            raise ObjectMissing
        if answer.status == 403:
            self._forget(name, version)  # credentials may have been changed since it was signed
        elif answer.status not in _PASSING:
            raise StoreUnavailable
        return None

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
