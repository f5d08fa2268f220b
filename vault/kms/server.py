"""Talk to an OpenBao or HashiCorp Vault server as one account: verified TLS, bounded time, a few tries.

What passes by itself (no connection, too many requests, sealed, an election) is tried again after a pause that
grows and differs; then the service is unavailable. No token and no body is ever part of an error or of the log.
"""

from __future__ import annotations

import json
import re
import secrets
import ssl
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import urllib3
from django.utils.translation import gettext as _
from urllib3.exceptions import HTTPError

from vault.answers import AnswerTooLong, read_all
from vault.kms.interface import DutyNotGiven, KeyManagementUnavailable

_CONNECT_SECONDS = 2.0
_ANSWER_SECONDS = 5.0
_TRIES = 4
_PAUSE_SECONDS = 0.1
_PATIENCE_SECONDS = 5.0  # a server that hangs is not asked again: the request that waits has a thread
_PASSES = frozenset({429, 500, 502, 503, 504})
_RENEW_SECONDS = 3600.0
_CONNECTIONS = 16
_LONGEST_ANSWER = 4_194_304  # the names of all keys there ever were, or one batch
_TOKEN = re.compile(r"[ -~]+")  # what may stand in a header


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said, when it said something definite. May hold a key, so it is never shown."""

    status: int
    body: dict[str, Any]

    def __repr__(self) -> str:
        return f"Answer({self.status})"

    @property
    def data(self) -> dict[str, Any]:
        """The answer's payload."""
        found = self.body.get("data")
        return found if isinstance(found, dict) else {}


class Token:
    """What names an account: given, or in a file that somebody else keeps fresh."""

    def __init__(self, given: str = "", file: str = "") -> None:
        self._value = given
        self._file = file

    @property
    def is_given(self) -> bool:
        """Whether there is one."""
        return bool(self._value or self._file)

    def value(self) -> str:
        """Return the token, from its file the first time.

        :raises DutyNotGiven: if this process has none.
        """
        if not self._value:
            if not self._file:
                raise DutyNotGiven
            self.read_again()
        if not _TOKEN.fullmatch(self._value):
            # Sent in a header it would be refused, by an error that shows it.
            raise KeyManagementUnavailable(_("The token for the keys is not written as a token is."))
        return self._value

    def read_again(self) -> bool:
        """Read the file again, if there is one; return whether the token is another."""
        if not self._file:
            return False
        before = self._value
        try:
            self._value = Path(self._file).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            self._value = ""
            raise KeyManagementUnavailable(_("The file with the token for the keys cannot be read."))
        return self._value != before


class Server:
    """One server, asked as one account."""

    def __init__(self, address: str, token: Token, *, namespace: str = "", ca_bundle: str = "") -> None:
        self.address = address.rstrip("/")
        self._token = token
        self._namespace = namespace
        self._pool = urllib3.PoolManager(
            maxsize=_CONNECTIONS,
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_ANSWER_SECONDS),
            retries=False,
            ca_certs=ca_bundle or None,
            cert_reqs="CERT_REQUIRED",
        )
        self._renewing = Lock()
        self._renewed = float("-inf")

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        """Return the answer to a request under ``/v1/``, whatever it is, unless the server cannot give one now.

        :raises KeyManagementUnavailable: if it cannot.
        :raises DutyNotGiven: if this process has no token.
        """
        answer = self._ask_patiently(method, path, body)
        if answer.status == 403 and self._token.read_again():
            answer = self._ask_patiently(method, path, body)
        if answer.status < 400:
            self._renew_when_due()
        return answer

    def _ask_patiently(self, method: str, path: str, body: object) -> Answer:
        give_up_at = time.monotonic() + _PATIENCE_SECONDS
        for attempt in range(_TRIES):
            if attempt:
                if time.monotonic() > give_up_at:
                    break
                time.sleep(_PAUSE_SECONDS * 2**attempt * (0.5 + secrets.randbelow(1000) / 1000))
            try:
                answer = self._send(method, path, body)
            except HTTPError as error:
                # urllib3 wraps what went wrong in an error of its own, as its one argument.
                if any(isinstance(each, ssl.SSLCertVerificationError) for each in error.args):
                    raise KeyManagementUnavailable(
                        _("The certificate of the key management server is not trusted; see KMS_CA_BUNDLE.")
                    ) from None
                reason = _("The key management server cannot be reached.")
                continue
            if answer.status not in _PASSES:
                return answer
            reason = (
                _("The key management server is sealed, or has no leader.")
                if answer.status == 503
                else _("The key management server is in trouble.")
            )
        raise KeyManagementUnavailable(reason)

    def _send(self, method: str, path: str, body: object) -> Answer:
        give_up_at = time.monotonic() + _CONNECT_SECONDS + _ANSWER_SECONDS
        headers = {"X-Vault-Token": self._token.value(), "X-Vault-Request": "true"}
        if self._namespace:
            headers["X-Vault-Namespace"] = self._namespace
        sent = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        # A redirection is not followed: the token is for this address alone.
        response = self._pool.request(
            method,
            f"{self.address}/v1/{path}",
            body=sent,
            headers=headers,
            redirect=False,
            preload_content=False,
        )
        with closing(response):
            if 300 <= response.status < 400:
                raise KeyManagementUnavailable(
                    _(
                        "The key management server sends us elsewhere: KMS_ADDRESS must be where it answers itself."
                    )
                )
            try:
                said = json.loads(read_all(response, most=_LONGEST_ANSWER, give_up_at=give_up_at) or b"{}")
            except (ValueError, RecursionError, AnswerTooLong):
                said = None
        if not isinstance(said, dict):
            if response.status in _PASSES:
                return Answer(response.status, {})
            raise KeyManagementUnavailable(_("What answers at KMS_ADDRESS is no key management server."))
        return Answer(response.status, said)

    def _renew_when_due(self) -> None:
        """Renew the token once an hour, so that a periodic one never runs out while it is used.

        One that cannot be renewed is somebody else's to replace; that it has run out is said when it is used.
        """
        if time.monotonic() - self._renewed < _RENEW_SECONDS or not self._renewing.acquire(blocking=False):
            return
        try:
            self._renewed = time.monotonic()
            self._send("POST", "auth/token/renew-self", {})
        except (HTTPError, KeyManagementUnavailable):
            return
        finally:
            self._renewing.release()
