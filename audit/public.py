"""What a stranger needs to check an export or a proof, without an account: the program, and the log's public key."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control

from audit import log_key, verify
from audit.doors import asks
from vault.permissions import Permission

_HOUR = 3600


@cache
def _program() -> bytes:
    return Path(verify.__file__).read_bytes()


@asks(GET=Permission.PUBLIC)
@cache_control(public=True, max_age=_HOUR)
def give_verifier(request: HttpRequest) -> HttpResponse:
    """Hand out the stand-alone program that checks exports and proofs."""
    return _file("verify.py", _program(), "text/x-python; charset=utf-8")


@asks(GET=Permission.PUBLIC)
@cache_control(public=True, max_age=_HOUR)
def give_key(request: HttpRequest) -> HttpResponse:
    """Hand out the log's verifier key, to be compared with the one that came with an export."""
    return _file("keys.txt", f"{log_key.verifier().vkey}\n".encode(), "text/plain; charset=utf-8")


def _file(name: str, content: bytes, kind: str) -> HttpResponse:
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
