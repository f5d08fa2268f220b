"""Memory that sealing and storing a call takes above what the process has anyway: a short call and a long one.

Each call is put by a process of its own into an S3 server, run by this file, that reads and forgets.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

from bench.harness import Row, summarise
from vault.crypto.container import CopyKind, Sealer, context

MEBIBYTE = 1_048_576
CHECKOUT = Path(__file__).resolve().parents[1]


def measure(*, small: bool) -> list[Row]:
    """Measure the peak while a call is put, and how much it grows with the call."""
    long, rounds = (128, 1) if small else (2048, 3)
    with _forgetful_server() as address:
        peaks = [(_peak(64, address), _peak(long, address)) for _ in range(rounds)]
    return [
        summarise("peak_mib", [max(both) for both in peaks], bar=32, unit="MiB", bar_is_ceiling=True),
        summarise(
            "growth_mib", [after - before for before, after in peaks], bar=2, unit="MiB", bar_is_ceiling=True
        ),
    ]


def put(mebibytes: int, address: str) -> float:
    """Seal and store so much in this process; return the peak above the beginning, in mebibytes."""
    from vault.storage.s3 import S3Store

    store = S3Store(
        bucket="bench", region="eu-central-1", endpoint_url=address, access_key="a", secret_key="b"
    )
    piece = os.urandom(MEBIBYTE)

    def seal(count: int) -> Iterator[bytes]:
        sealer = Sealer(os.urandom(32), context(uuid4(), uuid4(), CopyKind.ORIGINAL))
        return sealer.seal(piece for _ in range(count))

    store.put("warm", [b"up"])  # what is loaded on first use is not what a call takes
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # begin the peak anew
    before = _memory("VmRSS")
    store.put("call", seal(mebibytes))
    return _memory("VmHWM") - before


def _peak(mebibytes: int, address: str) -> float:
    done = subprocess.run(
        [sys.executable, "-m", "bench.memory", str(mebibytes), address],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def _memory(what: str) -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == what:
            return int(value.split()[0]) / 1024
    raise LookupError(what)


class _Forgetful(BaseHTTPRequestHandler):
    """Answers as S3 does to a put, whole or in parts, and keeps nothing."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_PUT(self) -> None:
        """Read and forget."""
        left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(left, MEBIBYTE)))
        self._answer(b"")

    def do_POST(self) -> None:
        """Begin or complete an upload."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.endswith("uploads"):
            self._answer(
                b"<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
            )
        else:
            self._answer(b"<CompleteMultipartUploadResult><ETag>1</ETag></CompleteMultipartUploadResult>")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def _forgetful_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Forgetful) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


if __name__ == "__main__":
    print(put(int(sys.argv[1]), sys.argv[2]))
