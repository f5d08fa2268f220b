"""Taking in one hour of stereo µ-law: processor time of the client, sealed against put in clear.

`cpu_vs_clear_put` compares the vault's way (sealed, SHA-256 of what came in and of what is stored) with boto3's
own upload of the same stream in clear, as it comes, and one SHA-256 of it: that of what came in, which a vault
that seals nothing needs too, to tell a call that is sent twice. `cpu_vs_bare_parts` compares the vault's way
with clear bytes through the vault's own store, neither summed nor signed: the leanest put there is.
"""

import hashlib
import io
import os
import secrets
from collections.abc import Iterator
from functools import partial

from bench._bucket import a_bucket
from bench.harness import Row, cost
from vault.crypto.container import Sealer

MEBIBYTE = 1_048_576
HOUR = 3600 * 8000 * 2  # bytes


class _SummedStream:
    """Bytes that come as from a socket, read once and summed."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)
        self._sum = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._content.read(size)
        self._sum.update(piece)
        return piece


def measure(*, small: bool) -> list[Row]:
    """Measure what a put costs this process."""
    length, rounds = (HOUR // 6, 1) if small else (HOUR, 9)
    content = os.urandom(length)

    def pieces() -> Iterator[bytes]:
        return iter(partial(io.BytesIO(content).read, MEBIBYTE), b"")

    with a_bucket() as (store, client, bucket):

        def put_sealed() -> None:
            sealer = Sealer(os.urandom(32), os.urandom(46))
            store.put(_a_name(), sealer.seal(pieces()))

        def put_in_clear() -> None:
            store.put(_a_name(), pieces())

        def upload_in_clear() -> None:
            client.upload_fileobj(_SummedStream(content), bucket, _a_name())  # type: ignore[arg-type]

        return [
            cost("cpu_vs_clear_put", put_sealed, upload_in_clear, bar=1.25, rounds=rounds),
            cost("cpu_vs_bare_parts", put_sealed, put_in_clear, bar=2.75, rounds=rounds),
        ]


def _a_name() -> str:
    return f"objects/{secrets.token_hex(16)}"
