"""Real witnesses: processes of their own, with a key and a state of their own, as somebody elsewhere runs them."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, str(CHECKOUT / "bin" / "vault-witness")]


@dataclass(frozen=True)
class RunningWitness:
    """A witness that listens."""

    url: str
    vkey: str
    state: Path
    log: Path

    @property
    def setting(self) -> str:
        """Return it as WITNESSES takes it."""
        return f"{self.vkey} {self.url}"

    def ask(self, path: str, body: str | bytes | None = None) -> tuple[int, str, str]:
        """Return status, kind and text of an answer."""
        data = body.encode() if isinstance(body, str) else body
        try:
            with urllib.request.urlopen(f"{self.url}{path}", data, timeout=20) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["Content-Type"], error.read().decode()


@contextmanager
def running_witness(folder: Path, *logs: str, name: str = "dpo.example/witness") -> Iterator[RunningWitness]:
    """Run a witness over the key and the state in a folder, made where there are none."""
    folder.mkdir(exist_ok=True)
    key, state, log = folder / "key", folder / "state", folder / "log"
    if not key.exists():
        subprocess.run([*COMMAND, "new-key", "--name", name, "--key", key], check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    trusted = [word for vkey in logs for word in ("--log", vkey)]
    options = ["--listen", f"127.0.0.1:{port}", "--state", str(state), "--key", str(key)]
    with log.open("ab") as output:
        process = subprocess.Popen([*COMMAND, "run", *options, *trusted], stderr=output)
    try:
        until = time.monotonic() + 30
        while " listens at " not in log.read_text().rpartition("\n2")[2] or not _listens(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
        vkey = log.read_text().rpartition(" listens at ")[0].rpartition(" ")[2]
        yield RunningWitness(f"http://127.0.0.1:{port}", vkey, state, log)
    finally:
        process.terminate()
        assert process.wait(timeout=20) == 0


def _listens(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0
