"""The vault without its keys: nothing goes in, nothing comes out, and it goes on by itself when they are back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from recordings.models import PendingObject, Recording, StoredKey
from tests.kms.conftest import forget_keys
from tests.kms.openbao import Namespace
from tests.kms.wire import CUT, DEAD, PASS, Wire
from tests.people import client_of, client_with_token, make_person
from tests.recordings.calls import document, wav
from vault import clock, health, storage
from vault.access.models import Team
from vault.access.roles import Role
from vault.jobs.models import Heartbeat
from vault.kms import Duty, KeyManagementUnavailable, server, tasks
from vault.permissions import Permission

API = "/api/v1"


@pytest.fixture(autouse=True)
def _hurried(settings, monkeypatch) -> None:
    settings.RECORDING_SCHEDULER = "tests.recordings.calls.plan"
    monkeypatch.setattr(server, "_PAUSE_SECONDS", 0.001)


@pytest.fixture
def north(db) -> Team:
    return Team.objects.create(name="North")


def is_sealed(bao: Namespace, wire: Wire, *, over: bool) -> None:
    word = "unlock" if over else "lock"
    assert bao.ask("POST", f"sys/namespaces/api-lock/{word}/{bao.name}", root=True)[0] == 200


def is_gone(bao: Namespace, wire: Wire, *, over: bool) -> None:
    wire.become(PASS if over else CUT)


def hangs(bao: Namespace, wire: Wire, *, over: bool) -> None:
    wire.become(PASS if over else DEAD)


def announce(exchange) -> str:
    started_at = clock.now() - timedelta(minutes=20)
    call = {"started_at": started_at.isoformat(), "direction": "in", "language": "en"}
    answer = exchange.post(f"{API}/recordings", document(call=call), content_type="application/json")
    assert answer.status_code == 201, answer.content
    return answer.json()["audio_url"]


def put(exchange, url: str) -> Any:
    return exchange.put(url, wav(), content_type="audio/wav")


def left_behind() -> tuple[set[str], int, int]:
    stored = {found.name for found in storage.store().listing("objects/")}
    assert not PendingObject.objects.exists()
    return stored, Recording.objects.count(), StoredKey.objects.count()


def test_without_keys_nothing_is_taken_in_or_played_until_they_are_back(
    on_openbao, wire, north, client, monkeypatch
):
    monkeypatch.setattr(health, "KNOWN_FOR_S", 0)
    exchange = client_with_token(Permission.RECORDING_INGEST)
    supervisor = client_of(make_person(Role.SUPERVISOR, teams=[north]))
    call = put(exchange, announce(exchange)).json()
    asked = {"purpose": "complaint", "reason": "The caller complained about the bill."}
    granted = supervisor.post(f"{API}/recordings/{call['id']}/grants", asked, content_type="application/json")
    played = granted.json()["audio_url"]

    for outage in (is_sealed, is_gone, hangs):
        waiting = announce(exchange)
        before = left_behind()

        outage(on_openbao, wire, over=False)
        with monkeypatch.context() as patched:
            for name in ("_CONNECT_SECONDS", "_ANSWER_SECONDS", "_PATIENCE_SECONDS") * (outage is hangs):
                patched.setattr(server, name, 0.3)
            forget_keys()
            refused = [put(exchange, waiting), supervisor.get(played, headers={"Range": "bytes=0-9"})]
            told = client.get("/health/ready")

        assert [(each.status_code, each.json()["code"]) for each in refused] == [
            (503, "keys-unavailable")
        ] * 2
        assert (told.status_code, told.json()["parts"]["keys"]) == (503, False)
        assert left_behind() == before

        outage(on_openbao, wire, over=True)
        assert put(exchange, waiting).status_code == 201
        heard = supervisor.get(played, headers={"Range": "bytes=0-9"})
        assert heard.getvalue() == wav()[:10]
        assert client.get("/health/ready").json()["parts"]["keys"]


def test_the_worker_keeps_its_tokens_from_running_out(on_openbao, wire, db, settings):
    seldom_used = on_openbao.new_token(Duty.DESTRUCTION)
    settings.KMS_TOKEN_DESTRUCTION = seldom_used
    forget_keys()

    wire.become(CUT)
    with pytest.raises(KeyManagementUnavailable):
        tasks.keep_tokens()
    wire.become(PASS)
    tasks.keep_tokens()

    found = on_openbao.ask("POST", "auth/token/lookup", {"token": seldom_used})[1]["data"]
    assert found["last_renewal"]
    beat = Heartbeat.objects.get(job="kms.keep_tokens")
    assert beat.failed_at < beat.finished_at
