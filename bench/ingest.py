"""Taking in one hour of stereo µ-law: processor time of the client, sealed against put in clear.

`cpu_vs_clear_put` compares the vault's way (sealed, SHA-256 of what came in and of what is stored) with boto3's own
upload of the same stream in clear, as boto3 comes and with nothing added. `sealing_vs_same_put` puts both sides
through the vault's own store, neither summed: what sealing alone adds. `cpu_vs_bare_parts` compares the vault's
whole way with that same bare put of clear bytes: there the two sums, which the format and the recognition of
calls that are sent twice ask for, weigh more than everything else together.
"""

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

        def put_sealed_unsummed() -> None:
            sealer = Sealer(os.urandom(32), os.urandom(46), digests=False)
            store.put(_a_name(), sealer.seal(pieces()))

        def put_in_clear() -> None:
            store.put(_a_name(), pieces())

        def upload_in_clear() -> None:
            client.upload_fileobj(io.BytesIO(content), bucket, _a_name())

        return [
            cost("cpu_vs_clear_put", put_sealed, upload_in_clear, bar=1.25, rounds=rounds),
            cost("sealing_vs_same_put", put_sealed_unsummed, put_in_clear, bar=1.25, rounds=rounds),
            cost("cpu_vs_bare_parts", put_sealed, put_in_clear, bar=2.75, rounds=rounds),
        ]


def _a_name() -> str:
    return f"objects/{secrets.token_hex(16)}"
