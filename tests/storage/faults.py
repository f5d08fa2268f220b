"""A proxy before a real HTTP server that loses requests or answers when it is told to."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import urllib3

PASS = "pass"
LOSE_REQUEST = "lose-request"  # the connection breaks before the server has heard anything
LOSE_ANSWER = "lose-answer"  # the server does it, and the answer never arrives
BUSY = "busy"  # 503
CUT_ANSWER = "cut-answer"  # the connection breaks in the middle of the answer
WRONG_RANGE = "wrong-range"  # the whole object instead of a range of it


class FaultProxy:
    """Passes requests on; ``faults`` says what goes wrong with each that ``concerns`` picks, in order."""

    def __init__(self, upstream: str) -> None:
        self.faults: list[str] = []
        self.concerns: Callable[[str, str], bool] = lambda method, path: True
        self.seen: list[tuple[str, str]] = []
        pool = urllib3.PoolManager(retries=False)
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
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                fault = proxy._next(self.command, self.path)
                if fault == LOSE_REQUEST:
                    self.close_connection = True
                    return
                if fault == BUSY:
                    self.send_response(503)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                unwanted = {"expect"} | ({"range"} if fault == WRONG_RANGE else set())
                headers = {k: v for k, v in self.headers.items() if k.lower() not in unwanted}
                got = pool.request(
                    self.command, upstream + self.path, body=body, headers=headers, decode_content=False
                )
                if fault == LOSE_ANSWER:
                    self.close_connection = True
                    return
                self.send_response(got.status)
                for key, value in got.headers.items():
                    if key.lower() not in {
                        "transfer-encoding",
                        "connection",
                        "date",
                        "server",
                        "content-length",
                    }:
                        self.send_header(key, value)
                length = got.headers["Content-Length"] if self.command == "HEAD" else str(len(got.data))
                self.send_header("Content-Length", length)
                self.end_headers()
                self.wfile.write(got.data[: len(got.data) // 2] if fault == CUT_ANSWER else got.data)
                self.close_connection = fault == CUT_ANSWER

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def _next(self, method: str, path: str) -> str:
        self.seen.append((method, path))
        if self.faults and self.concerns(method, path):
            return self.faults.pop(0)
        return PASS

    def __enter__(self) -> FaultProxy:
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self._server.shutdown()
        self._server.server_close()
