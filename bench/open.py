"""Opening: a whole container, and ranges of 64 KiB at random places, against openssl's AES-256-GCM.

A process keeps the opener of a recording that is listened to for a minute, and opens its ranges with it:
`ranges_vs_openssl`. `first_ranges_vs_openssl` makes one anew for each range, as when every request came to another
process. The container is as large as the piece that openssl works on, so that both find their bytes in the
processor's cache, where bytes that have just come from the network are too.
"""

import os
import secrets
from collections.abc import Callable

from bench import _openssl
from bench.harness import Row, cpu_seconds, summarise
from vault.crypto.container import HEADER_LENGTH, Opener, Sealer

MEBIBYTE = 1_048_576
RANGE = 65_536


def measure(*, small: bool) -> list[Row]:
    """Measure opening."""
    repeats, rounds = (100, 1) if small else (2000, 7)
    key, context = os.urandom(32), os.urandom(46)
    sealed = memoryview(b"".join(Sealer(key, context, digests=False).seal([os.urandom(MEBIBYTE)])))
    header = bytes(sealed[:HEADER_LENGTH])
    places = [secrets.randbelow(MEBIBYTE - RANGE) for _ in range(16 * repeats)]

    def open_whole() -> None:
        for _ in range(repeats):
            for _ in Opener(key, context, header, len(sealed)).open_all(lambda a, b: sealed[a:b]):
                pass

    kept = Opener(key, context, header, len(sealed))

    def open_ranges() -> None:
        for place in places:
            first, after = kept.segments_for(place, place + RANGE)
            kept.open(place, place + RANGE, sealed[first:after])

    def open_first_ranges() -> None:
        for place in places:
            opener = Opener(key, context, header, len(sealed))
            first, after = opener.segments_for(place, place + RANGE)
            opener.open(place, place + RANGE, sealed[first:after])

    return [
        _against_openssl("sequential_vs_openssl", open_whole, MEBIBYTE * repeats, bar=0.80, rounds=rounds),
        _against_openssl("ranges_vs_openssl", open_ranges, RANGE * len(places), bar=0.60, rounds=rounds),
        _against_openssl(
            "first_ranges_vs_openssl", open_first_ranges, RANGE * len(places), bar=0.60, rounds=rounds
        ),
    ]


def _against_openssl(name: str, work: Callable[[], None], size: int, *, bar: float, rounds: int) -> Row:
    work()
    shares = []
    for _ in range(rounds):
        ours = size / cpu_seconds(work)
        shares.append(ours / _openssl.bytes_per_second(decrypt=True, seconds=1))
    return summarise(name, shares, bar=bar)
