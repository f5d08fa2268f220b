"""A range of 64 KiB in the middle of an hour of audio: sealed, against the same range of the same audio in clear.

Both are read from the same bucket by the vault's own store, in turns. The sealed side makes an opener for every
range, as when each request comes to another process; its data key is in memory, where the first range of a
recording leaves it. `gets` and `bytes_over` are what the HTTP connections of this process count.
"""

import io
import os
import secrets
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPResponse
from unittest.mock import patch

from bench._bucket import a_bucket
from bench.harness import Row, summarise, wall_seconds
from vault.crypto.container import Opener, Sealer

MEBIBYTE = 1_048_576
HOUR = 3600 * 8000 * 2  # bytes
RANGE = 65_536


@dataclass
class _Traffic:
    requests: int = 0
    content: int = 0


def measure(*, small: bool) -> list[Row]:
    """Measure seeking."""
    length, seeks, rounds = (HOUR // 6, 40, 1) if small else (HOUR, 200, 9)
    content = os.urandom(length)
    key, context = os.urandom(32), os.urandom(46)
    with a_bucket() as (store, _, _):
        store.put("clear", iter(partial(io.BytesIO(content).read, MEBIBYTE), b""))
        sealer = Sealer(key, context)
        store.put("sealed", sealer.seal([content]))

        def read_sealed(start: int) -> memoryview:
            opener = Opener(key, context, sealer.header, sealer.sealed_length)
            first, after = opener.segments_for(start, start + RANGE)
            return opener.open(start, start + RANGE, store.read("sealed", first, after))

        def read_clear(start: int) -> bytes:
            return store.read("clear", start, start + RANGE)

        places = [length // 2 + secrets.randbelow(RANGE) for _ in range(seeks)]
        if any(read_sealed(place) != read_clear(place) for place in places):
            raise AssertionError("A range opened is not the range that was sealed.")
        traffic = [_traffic(partial(read_sealed, place)) for place in places]
        ratios = [_p50_ratio(read_sealed, read_clear, places) for _ in range(rounds)]
    return [
        summarise("p50_vs_clear_get", ratios, bar=1.15, bar_is_ceiling=True),
        _most("gets", [each.requests for each in traffic], bar=1, unit="requests"),
        _most("bytes_over", [each.content - RANGE for each in traffic], bar=32_800, unit="B"),
    ]


def _p50_ratio(ours: Callable[[int], object], reference: Callable[[int], object], places: list[int]) -> float:
    """Return the ratio of the medians of single reads, which take turns."""
    mine, theirs = [], []
    for turn, place in enumerate(places):
        if turn % 2:
            theirs.append(wall_seconds(partial(reference, place)))
        mine.append(wall_seconds(partial(ours, place)))
        if not turn % 2:
            theirs.append(wall_seconds(partial(reference, place)))
    return statistics.median(mine) / statistics.median(theirs)


def _traffic(read: Callable[[], object]) -> _Traffic:
    """Count the requests that a read sends, tries again included, and the bytes of the answers."""
    counted = _Traffic()
    send, receive = HTTPConnection.putrequest, HTTPResponse.begin

    def putrequest(connection: HTTPConnection, *words: object, **more: object) -> None:
        counted.requests += 1
        send(connection, *words, **more)  # type: ignore[arg-type] # passed on as they come

    def begin(answer: HTTPResponse) -> None:
        receive(answer)
        counted.content += answer.length or 0

    with patch.object(HTTPConnection, "putrequest", putrequest), patch.object(HTTPResponse, "begin", begin):
        read()
    return counted


def _most(name: str, values: list[int], *, bar: float, unit: str) -> Row:
    """Return the largest of these: what was promised holds for each."""
    return summarise(name, [max(values)], bar=bar, unit=unit, bar_is_ceiling=True)
