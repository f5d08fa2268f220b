"""A request's raw body, read piece by piece as it arrives: Django's own handlers would spool it to disk in clear."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from django.http.request import HttpRequest, UnreadablePostError

from recordings.errors import AudioCutOff, AudioTooLarge, LengthNeeded
from recordings.upload import largest
from vault.errors import Invalid

_PIECE = 1_048_576
_DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]*):\s*(?:;[^,]*)?(?:,|$)")


def pieces_of(request: HttpRequest) -> Iterator[bytes]:
    """Yield the raw body a mebibyte at a time, and refuse one that is shorter than announced."""
    announced = _announced_length(request)
    if announced > largest():
        raise AudioTooLarge
    left = announced
    while left:
        try:
            piece = request.read(min(_PIECE, left))
        except UnreadablePostError:
            raise AudioCutOff from None
        if not piece:
            raise AudioCutOff
        left -= len(piece)
        yield piece


def _announced_length(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH", "")
    if not (length.isascii() and length.isdigit()):
        raise LengthNeeded
    if "Content-Range" in request.headers:
        raise Invalid("Send the audio whole: a part of it is not taken in.", code="content-range")
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise Invalid("Send the audio as it is, without a content encoding.", code="content-encoding")
    return int(length)


def digest_of(request: HttpRequest) -> bytes | None:
    """Return the SHA-256 that the sender gave (RFC 9530), if any."""
    header = request.headers.get("Content-Digest")
    if header is None:
        return None
    match = _DIGEST.search(header)
    try:
        digest = base64.b64decode(match.group(1), validate=True) if match else b""
    except binascii.Error:
        digest = b""
    if len(digest) != 32:
        raise Invalid("Content-Digest must hold a SHA-256: sha-256=:…:", code="content-digest")
    return digest
