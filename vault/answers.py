"""Read what a server answers without trusting it: no more than was expected, and no longer than that may take."""

from __future__ import annotations

import time

import urllib3
from urllib3.exceptions import HTTPError

_PIECE = 262_144


class AnswerTooLong(HTTPError):
    """There is more of it than there may be."""


def read_all(answer: urllib3.BaseHTTPResponse, *, most: int, give_up_at: float) -> bytes:
    """Return an answer's body as it was sent, not decompressed.

    What passes for an answer can come a byte at a time: how long is waited for each says nothing of the whole.

    :raises AnswerTooLong: if it is longer than ``most``.
    :raises HTTPError: if it is cut, or is not whole at ``give_up_at`` (by ``time.monotonic``).
    """
    pieces, length = [], 0
    while piece := answer.read1(min(_PIECE, most + 1 - length), decode_content=False):
        pieces.append(piece)
        length += len(piece)
        if length > most:
            raise AnswerTooLong
        if time.monotonic() > give_up_at:
            raise HTTPError("the answer takes too long")
    return b"".join(pieces)
