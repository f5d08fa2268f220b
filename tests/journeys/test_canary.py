"""Nothing personal lies in clear anywhere, also when the process that took it in was killed in the middle.

One call comes in whole and is worked with, another is cut off by SIGKILL. What they hold is made up anew each
time, so it is found nowhere by chance, and whatever other tests write at the same time does not matter.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import resource
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import override_settings

from recordings import objects, playback, search
from recordings.audio import AudioFormat, Codec, wav_header
from recordings.models import PendingObject, Recording, Rendition
from retention import holds
from tests import canary, people
from tests.journeys import site as sites
from tests.journeys.site import Site
from tests.journeys.test_uploads import begin_upload, wait_until
from tests.recordings.calls import document
from tests.recordings.conftest import person
from tests.storage.conftest import s3_client
from vault import celery, clock, storage
from vault.access import tokens
from vault.access.models import Team
from vault.access.roles import Role
from vault.crypto.container import CopyKind
from vault.permissions import Permission
from vault.storage.interface import PART_LENGTH

LENGTH = 2 * PART_LENGTH  # more than one part of it is in the store before all of it has arrived


@dataclass(frozen=True)
class Secrets:
    """What must be found nowhere."""

    digits: str = field(default_factory=lambda: f"3197{secrets.randbelow(10**8):08d}")
    name: str = field(default_factory=lambda: f"Zoë Canary-{secrets.token_hex(5)}")
    reference: str = field(default_factory=lambda: f"HV-{secrets.randbelow(10**12):012d}")
    agent: str = field(default_factory=lambda: f"agent-{secrets.token_hex(5)}@example.org")
    title: str = field(default_factory=lambda: f"About the bill {secrets.token_hex(6)}")
    reason: str = field(default_factory=lambda: f"Complaint by letter {secrets.token_hex(6)}")
    sound: bytes = field(default_factory=lambda: secrets.token_bytes(64))

    @property
    def source_id(self) -> str:
        """What an exchange calls the recording: its file's name, with the number in it."""
        return f"2026/in_{self.digits}_1.wav"

    def forms(self) -> set[bytes]:
        """Return all of it in every form."""
        national = f"0{self.digits[2:]}"
        numbers = (f"+{self.digits}", f"00{self.digits}", national, f"{national[:4]}-{national[4:]}")
        forms = canary.forms_of_bytes(self.sound[8:40])
        for text in (
            *numbers,
            self.name,
            self.reference,
            self.agent,
            self.title,
            self.reason,
            self.source_id,
        ):
            forms |= canary.forms_of(text)
        return forms

    def audio(self) -> bytes:
        """Return a call whose every 64 bytes tell that they are of it."""
        samples = self.sound * (LENGTH // len(self.sound))
        return wav_header(AudioFormat(Codec.MULAW, 2, 8000, 0, len(samples))) + samples

    def sidecar(self) -> dict[str, object]:
        """Return what an exchange says of the call."""
        said = document(self.source_id)
        said["call"] = {"started_at": (clock.now() - timedelta(hours=1)).isoformat(), "direction": "in"}
        said["parties"][0] |= {"name": self.name, "agent_ref": self.agent}
        said["parties"][1] |= {"number": f"+{self.digits}", "name": self.name, "reference": self.reference}
        said["extra"] = {"title": self.title}
        return said


@pytest.fixture(params=["s3", "directory"])
def store_kind(request, tmp_path) -> Iterator[str]:
    chosen = override_settings(STORE_KIND=request.param, STORE_DIRECTORY=str(tmp_path / "objects"))
    with chosen:
        storage.store.cache_clear()
        yield request.param
    storage.store.cache_clear()


@pytest.fixture
def environment(store_kind, fresh_database, tmp_path) -> dict[str, str]:
    """Give processes a database and a directory for temporary files of their own."""
    (tmp_path / "temporary").mkdir()
    return fresh_database.environment | {
        "DJANGO_SETTINGS_MODULE": "vault.settings",
        "STORE_KIND": store_kind,
        "STORE_DIRECTORY": settings.STORE_DIRECTORY,
        "TMPDIR": str(tmp_path / "temporary"),
    }


@pytest.fixture
def site(environment, fresh_database, tmp_path) -> Iterator[Site]:
    log = tmp_path / "gunicorn.log"
    with sites.serve(environment, log, database=fresh_database.name, has_pages=False) as served:
        yield served


@pytest.fixture
def worker(environment, tmp_path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Celery worker; what it says is in ``worker.log``."""
    command = ["celery", "-A", "vault.celery", "worker", "--concurrency", "1", "--loglevel", "INFO"]
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=sites.CHECKOUT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    yield process
    process.kill()
    process.wait()


def test_a_call_leaves_nothing_in_clear_even_where_its_upload_was_killed(
    site, worker, fresh_database, tmp_path
):
    began = clock.now()
    whole, cut = Secrets(), Secrets()
    log = canary.WriteAheadLog(fresh_database)
    team = Team.objects.create(name=f"Team {secrets.token_hex(6)}")  # not personal: shows that we look

    with (
        canary.redis_watched(settings.REDIS_URL) as redis,
        canary.files_watched(site.pid, worker.pid) as open_files,
    ):
        token = exchange()
        call, url = announce(site, token, whole)
        upload_and_work_with(site, token, url, call, whole, team)
        announce_wrongly(site, token, cut)
        _, url = announce(site, token, cut)
        upload_until_killed(site, token, url, cut)
        celery.app.send_task("recordings.derive_copies")
        wait_until(Rendition.objects.filter(kind=CopyKind.WAVEFORM).exists)
        assert core_limits(site.pid) == core_limits(worker.pid) == {(0, 0)}
        for process in reversed(canary.processes_below(worker.pid)):
            os.kill(process, signal.SIGKILL)

    places = {
        "the database": canary.dump_of(fresh_database),
        "the write-ahead log": log.read(),
        "Redis": b"\n".join(redis),
        "the logs of the processes": site.log.read_bytes() + (tmp_path / "worker.log").read_bytes(),
        "the logs of the servers": files_below(Path(os.environ["VAULT_VAR"]) / "log"),
        "the object store": stored(began) + unfinished(),
        "files that were open": b"\n".join(open_files.values()),
        "temporary files": files_below(tmp_path / "temporary"),
        "new files": b"\n".join(canary.new_files(began.timestamp()).values()),
    }
    forms = whole.forms() | cut.forms()
    found = {place: canary.found_in(content, forms) for place, content in places.items()}
    assert found == {place: [] for place in places}
    assert team.name.encode() in places["the database"]
    assert team.name.encode() in places["the write-ahead log"]
    assert b"recordings.derive_copies" in places["Redis"]
    assert b"SIGKILL" in places["the logs of the processes"]
    assert b"recordings.derive_copies" in places["the logs of the processes"]
    assert {str(site.log), str(tmp_path / "worker.log")} <= open_files.keys()
    assert len(places["the object store"]) > LENGTH + PART_LENGTH // 2


def test_a_canary_would_be_heard_in_whatever_form_and_wherever_it_sits():
    call = Secrets()
    noise = secrets.token_bytes(5_000_000)
    written = {
        "utf-16": f"…{call.name}…".encode("utf-16-le"),
        "json": json.dumps({"n": call.name}).encode(),
        "base64": base64.b64encode(f"xx{call.reference}, said by {call.agent}".encode()),
        "hex": repr(call.sound.hex()).encode(),
        "sha256": hashlib.sha256(f"+{call.digits}".encode()).hexdigest().encode(),
        "national": f"0{call.digits[2:]}".encode(),
    }

    assert canary.found_in(noise, call.forms()) == []
    for form, content in written.items():
        for place in (0, 4_194_300, len(noise)):
            assert canary.found_in(noise[:place] + content + noise[place:], call.forms()), form


@pytest.mark.parametrize("store_kind", ["s3"], indirect=True)
def test_what_a_killed_process_leaves_is_swept_and_the_call_comes_in_again(site):
    call, token = Secrets(), exchange()
    _, url = announce(site, token, call)
    upload_until_killed(site, token, url, call)
    name = PendingObject.objects.get().object_name

    assert objects.sweep(now=clock.now() + timedelta(seconds=121)) == 1

    assert not PendingObject.objects.exists()
    assert (is_begun(name), storage.store().versions(name)) == (False, [])
    audio = call.audio()
    with begin_upload(site, token, url, len(audio)) as again:
        again.sendall(audio)
        assert again.recv(65_536).startswith(b"HTTP/1.1 201")


def exchange() -> str:
    made = tokens.create_token(
        "exchange",
        scopes=[Permission.RECORDING_INGEST],
        lifetime=timedelta(days=1),
        actor=people.SETTING_UP,
        now=clock.now(),
    )
    return made.secret


def announce(site: Site, token: str, call: Secrets) -> tuple[str, str]:
    """Announce the call; return the recording's id and where its audio goes."""
    status, answer = post(site, token, call.sidecar())
    assert status in (200, 201)
    return answer["id"], answer["audio_url"]


def announce_wrongly(site: Site, token: str, call: Secrets) -> None:
    """Have the API refuse what holds personal data, in the body and in the address."""
    wrong = call.sidecar() | {"call": {"started_at": call.name, "direction": call.reference}}
    assert post(site, token, wrong)[0] == 400
    assert post(site, token, call.sidecar(), query=f"?number={call.digits}&name={call.agent}")[0] == 201


def post(site: Site, token: str, said: object, *, query: str = "") -> tuple[int, dict[str, str]]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with closing(http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=30)) as connection:
        connection.request("POST", f"/api/v1/recordings{query}", json.dumps(said), headers)
        answer = connection.getresponse()
        found: dict[str, str] = json.loads(answer.read())
        return answer.status, found


def upload_and_work_with(site: Site, token: str, url: str, call: str, said: Secrets, team: Team) -> None:
    """Take the audio in, make the copies, search for the call, listen to it and hold it."""
    audio = said.audio()
    with begin_upload(site, token, url, len(audio)) as upload:
        upload.sendall(audio)
        assert upload.recv(65_536).startswith(b"HTTP/1.1 201")
    now, dpo = clock.now(), person("katrien@example.org", Role.DPO, team)
    recording = Recording.objects.get(pk=call)
    assert [row.recording.pk for row in search.find_by_number(said.digits, actor=dpo, now=now).rows] == [
        recording.pk
    ]
    assert search.find_by_reference(said.reference, actor=dpo, now=now).rows
    supervisor = person("ines@example.org", Role.SUPERVISOR, team)
    Recording.objects.filter(pk=call).update(team=team)
    granted = playback.grant(recording.pk, purpose="quality", reason=said.reason, actor=supervisor, now=now)
    heard = playback.open_range(granted.token, 0, None, actor=supervisor, now=now)
    assert said.sound in b"".join(heard.pieces)
    holds.place_hold(recording.pk, reason=said.reason, case="2026-117", actor=dpo, now=now)


def upload_until_killed(site: Site, token: str, url: str, call: Secrets) -> None:
    """Send more than half of the audio, and kill whatever takes it in when the store has begun to hold it."""
    audio = call.audio()
    with begin_upload(site, token, url, len(audio)) as upload:
        upload.sendall(audio[: LENGTH * 3 // 4])
        wait_until(PendingObject.objects.exists)
        name = PendingObject.objects.get().object_name
        wait_until(lambda: is_begun(name))
        time.sleep(0.3)  # what is being written to a file would be there by now
        for worker in canary.processes_below(site.pid)[1:]:
            os.kill(worker, signal.SIGKILL)
        wait_until(lambda: b"SIGKILL" in site.log.read_bytes())


def core_limits(pid: int) -> set[tuple[int, int]]:
    """Return how large a file of their memory the processes that serve may leave when they crash."""
    return {resource.prlimit(process, resource.RLIMIT_CORE) for process in canary.processes_below(pid)[1:]}


def stored(since: datetime) -> bytes:
    """Return all that the store has taken in since then."""
    store = storage.store()
    found = [each for each in store.listing("") if each.modified_at >= since.replace(microsecond=0)]
    return b"".join(store.read(each.name, 0, each.length, each.version) for each in found if each.length)


def is_begun(name: str) -> bool:
    """Say whether the store holds a part of an object that is being written."""
    if settings.STORE_KIND == "directory":
        return bool(unfinished())
    return any(each["Key"] == name and parts_of(each) for each in uploads())


def unfinished() -> bytes:
    """Return what the store holds of objects that were never finished, and finish them for that."""
    if settings.STORE_KIND == "directory":
        return files_below(Path(settings.STORE_DIRECTORY) / ".unfinished")
    content = b""
    for upload in uploads():
        which = {"Bucket": settings.S3_BUCKET, "Key": upload["Key"]}
        kept = {
            "Parts": [{"ETag": part["ETag"], "PartNumber": part["PartNumber"]} for part in parts_of(upload)]
        }
        s3_client().complete_multipart_upload(**which, UploadId=upload["UploadId"], MultipartUpload=kept)
        content += s3_client().get_object(**which)["Body"].read()
    return content


def uploads() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        s3_client().list_multipart_uploads(Bucket=settings.S3_BUCKET).get("Uploads", [])
    )
    return found


def parts_of(upload: dict[str, Any]) -> list[dict[str, Any]]:
    which = {"Bucket": settings.S3_BUCKET, "Key": upload["Key"], "UploadId": upload["UploadId"]}
    found: list[dict[str, Any]] = s3_client().list_parts(**which).get("Parts", [])
    return found


def files_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
