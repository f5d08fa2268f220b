"""A proxy before a real HTTP server that loses, delays, cuts, changes and exchanges what passes, as it is told."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import urllib3

PASS = "pass"
LOSE_REQUEST = "lose-request"  # the connection breaks before the server has heard anything
LOSE_ANSWER = "lose-answer"  # the server does it, and the answer never arrives
HANG_BEFORE = "hang-before"  # the server hears nothing, and the connection stands and says nothing
HANG_AFTER = "hang-after"  # the server does it, and the connection stands and says nothing
HANG_MIDWAY = "hang-midway"  # half of the answer comes, and then nothing
TRICKLE = "trickle"  # the answer comes a byte at a time, and never ends
BUSY = "busy"  # 503
CONFLICT = "conflict"  # 409: something else happened to this name at the same time
DENY = "deny"  # 403
PRETEND = "pretend"  # 200, and nothing was done
DAMAGE_REQUEST = "damage-request"  # a bit of what is sent arrives changed
CUT_ANSWER = "cut-answer"  # the connection breaks in the middle of the answer
SHORT_ANSWER = "short-answer"  # half of the answer, said to be all of it
WRONG_BYTES = "wrong-bytes"  # a bit of the answer is changed
OTHER_OBJECT = "other-object"  # the same range of another object
WRONG_RANGE = "wrong-range"  # the whole object instead of a range of it

_LOST = {LOSE_REQUEST, LOSE_ANSWER}
_HANGING = {HANG_BEFORE, HANG_AFTER}
_SAID = {BUSY: 503, CONFLICT: 409, DENY: 403, PRETEND: 200}
_BEFORE = {LOSE_REQUEST, HANG_BEFORE, *_SAID}
_OF_THE_CONNECTION = {"transfer-encoding", "connection", "date", "server", "content-length"}


class FaultProxy:
    """Passes requests on; ``faults`` says what goes wrong with each that ``concerns`` picks, in order."""

    def __init__(self, upstream: str, *, tls: ssl.SSLContext | None = None) -> None:
        self.faults: list[str] = []
        self.concerns: Callable[[str, str], bool] = lambda method, path: True
        self.other_object = b""
        self.seen: list[tuple[str, str]] = []
        self._over = Event()
        pool = urllib3.PoolManager(retries=False, maxsize=10)
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def __getattr__(self, attribute: str) -> Any:
                if attribute.startswith("do_"):
                    return self.answer
                raise AttributeError(attribute)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

            def answer(self) -> None:
                body = self._body()
                fault = proxy._next(self.command, self.path)
                if fault in _BEFORE:
                    self._fail(fault)
                    return
                unwanted = {"expect", "transfer-encoding"} | ({"range"} if fault == WRONG_RANGE else set())
                headers = {k: v for k, v in self.headers.items() if k.lower() not in unwanted}
                got = pool.request(
                    self.command,
                    upstream + self.path,
                    body=_changed(body) if fault == DAMAGE_REQUEST else body,
                    headers=headers,
                    decode_content=False,
                )
                if fault in _LOST | _HANGING:
                    self._fail(fault)
                else:
                    self._pass_on(got, fault)

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                chunks = []
                while length := int(self.rfile.readline(), 16):
                    chunks.append(self.rfile.read(length))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(chunks)

            def _fail(self, fault: str) -> None:
                if fault in _SAID:
                    self.send_response(_SAID[fault])
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                if fault in _HANGING:
                    proxy._over.wait(30)
                self.close_connection = True

            def _pass_on(self, got: urllib3.BaseHTTPResponse, fault: str) -> None:
                content = got.data
                if fault == OTHER_OBJECT:
                    first, last = map(int, re.findall(r"\d+", self.headers["Range"]))
                    content = proxy.other_object[first : last + 1]
                if fault == WRONG_BYTES:
                    content = _changed(content)
                sent = (
                    content[: len(content) // 2]
                    if fault in (CUT_ANSWER, SHORT_ANSWER, HANG_MIDWAY)
                    else content
                )
                length = len(sent) if fault == SHORT_ANSWER else len(content)
                self.send_response(got.status)
                for key, value in got.headers.items():
                    if key.lower() not in _OF_THE_CONNECTION:
                        self.send_header(key, value)
                self.send_header(
                    "Content-Length", got.headers["Content-Length"] if self.command == "HEAD" else str(length)
                )
                self.end_headers()
                while fault == TRICKLE and not proxy._over.wait(0.02):
                    self.wfile.write(sent[:1])
                self.wfile.write(sent)
                self.close_connection = fault in (CUT_ANSWER, HANG_MIDWAY)
                if fault == HANG_MIDWAY:
                    self.wfile.flush()
                    proxy._over.wait(30)

        self._server = _Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_address[1]}"

    def _next(self, method: str, path: str) -> str:
        self.seen.append((method, path))
        if self.faults and self.concerns(method, path):
            return self.faults.pop(0)
        return PASS

    def __enter__(self) -> FaultProxy:
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that have gone: they were kept waiting, or did not like the certificate."""


def _changed(content: bytes) -> bytes:
    """Return the bytes with one bit of their middle changed."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
