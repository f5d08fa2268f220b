"""Audio over a real socket: nothing of it is spooled to disk, and a sender who breaks off leaves nothing."""

from __future__ import annotations

import http.client
import json
import os
import socket
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from recordings.models import PendingObject, Recording
from tests.journeys.site import Site
from tests.people import SETTING_UP
from tests.recordings.calls import document, wav
from vault import clock
from vault.access import tokens
from vault.permissions import Permission


@pytest.fixture
def secret(site: Site) -> str:
    made = tokens.create_token(
        "exchange",
        scopes=[Permission.RECORDING_INGEST],
        lifetime=timedelta(days=1),
        actor=SETTING_UP,
        now=clock.now(),
    )
    return made.secret


def announce(site: Site, secret: str) -> str:
    started_at = clock.now() - timedelta(hours=1)
    said = document() | {"call": {"started_at": started_at.isoformat()}}
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    with closing(http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=30)) as connection:
        connection.request("POST", "/api/v1/recordings", json.dumps(said), headers)
        answer = connection.getresponse()
        assert answer.status == 201
        url: str = json.loads(answer.read())["audio_url"]
    return url


def begin_upload(site: Site, secret: str, url: str, length: int) -> socket.socket:
    address = urlsplit(site.url)
    upload = socket.create_connection((address.hostname or "", address.port or 0), timeout=30)
    upload.sendall(
        f"PUT {url} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {secret}\r\n"
        f"Content-Type: audio/wav\r\nContent-Length: {length}\r\n\r\n".encode()
    )
    return upload


def open_files_of_servers() -> set[str]:
    """Return what every process of this machine that serves the vault has open, deleted files too."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"gunicorn" in (folder / "cmdline").read_bytes():
                found |= {os.readlink(link) for link in (folder / "fd").iterdir()}
        except OSError:
            continue  # it has ended
    return found


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    until = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)


def is_spooled(name: str) -> bool:
    """Say whether a file may hold a body: gunicorn's own sign of life and logs do not."""
    return (
        name.startswith("/")
        and ("tmp" in name.lower() or "upload" in name.lower())
        and "wgunicorn" not in name
    )


def test_audio_is_sealed_while_it_arrives_and_never_on_disk(site, secret):
    audio = wav(400)  # 6.4 MB: far more than Django or gunicorn keep in memory
    url = announce(site, secret)
    before = {name for name in open_files_of_servers() if is_spooled(name)}

    with begin_upload(site, secret, url, len(audio)) as upload:
        upload.sendall(audio[:-1000])
        time.sleep(0.5)
        spooled = {name for name in open_files_of_servers() if is_spooled(name)} - before
        upload.sendall(audio[-1000:])
        answer = upload.recv(65_536)

    assert spooled == set()
    assert answer.startswith(b"HTTP/1.1 201")


def test_a_sender_who_breaks_off_leaves_nothing_and_may_try_again(site, secret):
    audio = wav(60)
    url = announce(site, secret)
    recordings = Recording.objects.count()

    with begin_upload(site, secret, url, len(audio)) as upload:
        upload.sendall(audio[: len(audio) // 2])
        wait_until(PendingObject.objects.exists)
    wait_until(lambda: not PendingObject.objects.exists())

    assert Recording.objects.count() == recordings
    with begin_upload(site, secret, url, len(audio)) as again:
        again.sendall(audio)
        assert again.recv(65_536).startswith(b"HTTP/1.1 201")
