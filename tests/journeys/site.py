"""The vault as its users meet it: gunicorn with threads, collected static files, a database of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time

from tests.people import TOTP_SECRET

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Site:
    """A running vault, and its database."""

    url: str
    database: str
    log: Path
    pid: int


@contextmanager
def serve(environment: dict[str, str], log: Path, *, database: str, has_pages: bool = True) -> Iterator[Site]:
    """Serve the vault of this environment under production's settings until the block ends.

    :param has_pages: without, the API alone is of use: pages would lack their style sheets.
    """
    environment = environment | {"DJANGO_SETTINGS_MODULE": "vault.settings"}
    if has_pages:
        # DRF's own pages are never shown; compressing their files would take longer than all of ours.
        words = ("collectstatic", "--noinput", "--verbosity=0", "--ignore=rest_framework")
        _run(environment, "manage.py", *words)
    port = _free_port()
    with log.open("w") as output:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "vault.wsgi", "--bind", f"127.0.0.1:{port}"),
                *("--worker-class", "gthread", "--threads", "8", "--no-control-socket"),
            ],
            cwd=CHECKOUT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_it_answers(f"http://127.0.0.1:{port}/health/live", server, log)
        # A passkey belongs to a name, never to an address in numbers.
        yield Site(f"http://localhost:{port}", database, log, server.pid)
    finally:
        server.terminate()
        server.wait(timeout=20)


def one_time_code(*, steps: int = 0) -> str:
    """Return the code that the test people's app shows now, or some steps of 30 seconds later."""
    counter = next(iter(yield_hotp_counters_from_time())) + steps
    return str(format_hotp_value(hotp_value(TOTP_SECRET, counter)))


def _run(environment: dict[str, str], *words: str) -> None:
    subprocess.run([sys.executable, *words], cwd=CHECKOUT, env=environment, check=True, capture_output=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_until_it_answers(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _attempt in range(200):
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"The vault does not answer: {log.read_text()[-2000:]} {os.linesep}")
