"""Sealing a stream, against openssl's AES-256-GCM at the same size of pieces, and against Tink's streaming AEAD.

The sealer's SHA-256 sums are left out here, since neither of the others makes any; a row of its own says what
they cost.
"""

import io
import os

import tink
from tink import streaming_aead

from bench import _openssl
from bench.harness import Row, cpu_seconds, ratio, summarise
from vault.crypto.container import Sealer

MEBIBYTE = 1_048_576
PIECE = os.urandom(MEBIBYTE)


class _Nowhere(io.RawIOBase):
    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        return len(data)  # type: ignore[arg-type] # Tink writes bytes


def measure(*, small: bool) -> list[Row]:
    """Measure sealing."""
    mebibytes, rounds = (64, 1) if small else (1024, 7)
    key, context = os.urandom(32), os.urandom(46)

    def seal(*, digests: bool = False) -> None:
        for _ in Sealer(key, context, digests=digests).seal(PIECE for _ in range(mebibytes)):
            pass

    def seal_with_digests() -> None:
        seal(digests=True)

    streaming_aead.register()
    keyset = tink.new_keyset_handle(streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_1MB)
    primitive = keyset.primitive(streaming_aead.StreamingAead)

    def seal_by_tink() -> None:
        with primitive.new_encrypting_stream(_Nowhere(), context) as stream:
            for _ in range(mebibytes):
                stream.write(PIECE)

    seal()
    shares = []
    for _ in range(rounds):
        ours = mebibytes * MEBIBYTE / cpu_seconds(seal)
        shares.append(ours / _openssl.bytes_per_second(decrypt=False, seconds=1))
    return [
        summarise("seal_vs_openssl", shares, bar=0.90),
        ratio("seal_vs_tink", seal, seal_by_tink, bar=1.3, rounds=rounds),
        summarise(
            "seal_with_digests",
            [mebibytes / cpu_seconds(seal_with_digests) for _ in range(rounds)],
            bar=100,
            unit="MiB/s",
        ),
    ]
