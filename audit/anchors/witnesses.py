"""Witnesses (c2sp.org/tlog-witness): have a checkpoint cosigned, and ask for the newest that one has cosigned."""

from __future__ import annotations

import base64
import http.client
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from audit import verify
from audit.anchors import AnchorFailed, AnchorSilent
from audit.models import Checkpoint
from audit.tiles import stored_tree
from vault.crypto.notes import MAX_SIGNATURES

KIND = "witness"
_COSIGNER = 4
_LONGEST_ANSWER = 65_536
_ANSWER_WITHIN_S = 10
_CODES = {403: "key-not-known", 404: "log-not-known", 422: "proof-refused"}


@dataclass(frozen=True, slots=True)
class Witness:
    """One witness: where it listens, and the key it cosigns with."""

    url: str
    key: verify.Key

    @property
    def name(self) -> str:
        """Its name."""
        return self.key.name

    @property
    def host(self) -> str:
        """The host it listens at."""
        return urlsplit(self.url).hostname or ""

    def has_cosigned(self, text: str, line: str) -> bool:
        """Say whether a signature line of this witness's key holds over a checkpoint's text."""
        name, _, value = line.removeprefix("\N{EM DASH} ").removesuffix("\n").partition(" ")
        try:
            signature = verify._base64(value, "a signature")
        except verify.Broken:
            return False
        is_ours = (name, signature[:4]) == (self.name, self.key.id)
        return is_ours and self.key.has_signed(text.encode(), signature[4:])


def configured() -> list[Witness]:
    """Return the witnesses that the settings name.

    :raises ImproperlyConfigured: if one is not "KEY URL".
    """
    return [_parse(item) for item in settings.WITNESSES]


def cosign(witness: Witness, checkpoint: Checkpoint, *, held: int) -> str:
    """Have a checkpoint cosigned by a witness that holds so many entries; return the line it adds.

    :raises AnchorFailed: if it refuses.
    :raises AnchorSilent: if it does not answer.
    """
    status, answer = _add(witness, checkpoint, held)
    if status == 409:
        known = _size(answer)
        if known == held:
            raise AnchorFailed("fork")
        if known > checkpoint.size:
            raise AnchorFailed("witness-is-ahead")
        status, answer = _add(witness, checkpoint, known)
    if status != 200:
        raise AnchorFailed(_CODES.get(status, f"status-{status}"))
    return _cosignature(witness, checkpoint.note, answer)


def newest_of(witness: Witness, origin: str) -> str | None:
    """Return the newest checkpoint that a witness has cosigned; None if it has cosigned none of this origin.

    :raises AnchorSilent: if it does not answer, or not as a witness.
    """
    status, answer = _ask(witness, f"/{quote(origin, safe='')}/checkpoint", None)
    if status == 404:
        return None
    if status != 200:
        raise AnchorSilent(f"status-{status}")
    return answer


def _parse(item: str) -> Witness:
    words = item.split()
    try:
        key, url = verify.Key.parse(words[0]), words[1].rstrip("/")
    except (verify.Broken, IndexError):
        raise ImproperlyConfigured("WITNESSES takes KEY URL, several separated by commas.") from None
    if len(words) != 2 or key.kind != _COSIGNER or urlsplit(url).scheme not in ("http", "https"):
        raise ImproperlyConfigured("WITNESSES takes the key of a witness and its http(s) address.")
    return Witness(url, key)


def _add(witness: Witness, checkpoint: Checkpoint, held: int) -> tuple[int, str]:
    proof = stored_tree(checkpoint.size).consistency_proof(held)
    lines = [f"old {held}", *(base64.b64encode(part).decode() for part in proof), "", checkpoint.note]
    return _ask(witness, "/add-checkpoint", "\n".join(lines).encode())


def _size(answer: str) -> int:
    try:
        return verify._number(answer.removesuffix("\n"), "the size")
    except verify.Broken:
        raise AnchorFailed("answer-not-understood") from None


def _cosignature(witness: Witness, note: str, answer: str) -> str:
    """Return the line of this witness's key in the answer, if it holds; others are ignored."""
    text = note[: note.rindex("\n\n") + 1]
    lines = answer.removesuffix("\n").split("\n")
    for line in lines[:MAX_SIGNATURES]:
        if witness.has_cosigned(text, line):
            return f"{line}\n"
    raise AnchorFailed("not-cosigned")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follow nobody to another machine."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)


def _ask(witness: Witness, path: str, body: bytes | None) -> tuple[int, str]:
    request = urllib.request.Request(  # noqa: S310 - the settings' address, http or https
        f"{witness.url}{path}", data=body, headers={"Content-Type": "text/plain; charset=utf-8"}
    )
    try:
        try:
            with _opener.open(request, timeout=_ANSWER_WITHIN_S) as answer:
                return answer.status, answer.read(_LONGEST_ANSWER).decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(_LONGEST_ANSWER).decode(errors="replace")
    except (OSError, http.client.HTTPException, ssl.SSLError, UnicodeDecodeError) as error:
        raise AnchorSilent("does-not-answer") from error
