"""Recordings over HTTP, as the telephone exchange and a supervisor's browser use them."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from io import BytesIO
from uuid import uuid4

import pytest

from audit.actions import Action
from audit.actor import Ref
from recordings import renditions, standing
from recordings.models import Recording
from recordings.tombstones import bury
from tests.people import client_of, client_with_token, make_person
from tests.recordings.calls import CUSTOMER_NUMBER, REFERENCE, document, wav
from tests.trail import events
from vault import clock
from vault.access.roles import Role
from vault.permissions import Permission

API = "/api/v1"


@pytest.fixture(autouse=True)
def _forgetful() -> None:
    standing.forget_all()


@pytest.fixture
def exchange(north):
    return client_with_token(
        Permission.RECORDING_INGEST, Permission.RECORDING_FIND, Permission.LAWFUL_BASIS_RECORD
    )


@pytest.fixture
def supervisor(north):
    return client_of(make_person(Role.SUPERVISOR, teams=[north]))


@pytest.fixture
def dpo(db):
    return client_of(make_person(Role.DPO))


def said(**changes):
    started_at = clock.now() - timedelta(minutes=20)
    return (
        document(call={"started_at": started_at.isoformat(), "direction": "in", "language": "en"}) | changes
    )


def announce(exchange, body=None):
    return exchange.post(f"{API}/recordings", body or said(), content_type="application/json")


def put(exchange, url, audio, **headers):
    return exchange.put(url, audio, content_type="audio/wav", headers=headers)


def bring_in(exchange, audio=None, body=None):
    announced = announce(exchange, body).json()
    answer = put(exchange, announced["audio_url"], wav() if audio is None else audio)
    assert answer.status_code == 201, answer.content
    return answer.json()


def ask(client, call, **changes):
    body = {"purpose": "complaint", "reason": "The caller complained about the bill."} | changes
    return client.post(f"{API}/recordings/{call['id']}/grants", body, content_type="application/json")


def digest_of(audio: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(audio).digest()).decode()}:"


def test_a_call_is_announced_and_its_audio_put(exchange):
    audio = wav(2.0)

    announced = announce(exchange)
    answer = put(
        exchange, announced.json()["audio_url"], audio, Content_Digest="md5=:x:, " + digest_of(audio)
    )

    assert announced.status_code == 201
    assert announced.json()["is_received"] is False
    assert answer.status_code == 201
    assert answer.json()["id"] == announced.json()["id"]
    assert (answer.json()["state"], answer.json()["duration_ms"]) == ("active", 2_000)
    assert answer.json()["number"] == "+31 970 •••• ••12"


def test_the_same_again_is_the_same(exchange):
    body, audio = said(), wav()
    first = bring_in(exchange, audio, body)

    again = announce(exchange, body)
    answer = put(exchange, again.json()["audio_url"], audio)

    assert (again.status_code, again.json()["is_received"]) == (200, True)
    assert answer.status_code == 200
    assert answer.json()["id"] == first["id"]
    assert put(exchange, again.json()["audio_url"], wav(4)).status_code == 409
    assert Recording.objects.count() == 1


@pytest.mark.parametrize(
    ("headers", "audio", "status", "code"),
    [
        ({"Content-Digest": digest_of(b"other")}, wav(), 400, "digest-mismatch"),
        ({"Content-Digest": "sha-256=:eHg=:"}, wav(), 400, "content-digest"),
        ({"Content-Digest": "sha-256=nonsense"}, wav(), 400, "content-digest"),
        ({"Content-Encoding": "gzip"}, wav(), 400, "content-encoding"),
        ({"Content-Range": "bytes 0-9/20"}, wav(), 400, "content-range"),
        ({}, b"OggS" + b"\0" * 200, 415, "unsupported-audio"),
        ({}, b"", 411, "length-needed"),
    ],
)
def test_audio_that_is_not_right_is_refused_with_its_reason(exchange, headers, audio, status, code):
    url = announce(exchange).json()["audio_url"]

    answer = put(exchange, url, audio, **headers)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer["Content-Type"] == "application/problem+json"
    assert not Recording.objects.exists()
    assert put(exchange, url, wav()).status_code == 201


def test_audio_larger_than_allowed_is_refused_before_it_is_read(exchange, settings):
    url = announce(exchange).json()["audio_url"]
    settings.MAX_AUDIO_BYTES = 1000

    answer = put(exchange, url, wav())

    assert (answer.status_code, answer.json()["code"]) == (413, "audio-too-large")


def test_audio_that_ends_early_is_refused(exchange):
    url = announce(exchange).json()["audio_url"]
    audio = wav()

    broken_off = {"wsgi.input": BytesIO(audio), "CONTENT_LENGTH": str(len(audio) + 10)}
    answer = exchange.generic("PUT", url, audio, "audio/wav", **broken_off)

    assert (answer.status_code, answer.json()["code"]) == (400, "audio-cut-off")
    assert not Recording.objects.exists()


def test_audio_without_a_length_is_refused(exchange):
    url = announce(exchange).json()["audio_url"]

    answer = exchange.generic("PUT", url, wav(), "audio/wav", CONTENT_LENGTH="")

    assert (answer.status_code, answer.json()["code"]) == (411, "length-needed")


def test_audio_for_a_call_that_nobody_announced_is_refused(exchange):
    assert put(exchange, f"{API}/recordings/{uuid4()}/audio", wav()).status_code == 404


def test_a_description_that_breaks_a_rule_is_refused_without_repeating_it(exchange):
    broken = said()
    broken["parties"][1]["number"] = 31970

    answer = announce(exchange, broken)

    assert (answer.status_code, answer.json()["code"]) == (400, "sidecar-invalid")
    assert b"31970" not in answer.content
    huge = exchange.post(
        f"{API}/recordings", said(extra={"title": "x" * 300_000}), content_type="application/json"
    )
    assert huge.json()["code"] == "description-too-large"


def test_a_supervisor_lists_searches_and_reads_calls(exchange, supervisor):
    call = bring_in(exchange)

    listed = supervisor.get(f"{API}/recordings?state=kept&limit=10").json()
    one = supervisor.get(f"{API}/recordings/{call['id']}").json()

    assert [row["id"] for row in listed["results"]] == [call["id"]]
    assert (listed["older"], listed["newer"]) == (None, None)
    assert one == listed["results"][0]
    for body in ({"number": CUSTOMER_NUMBER}, {"reference": REFERENCE}):
        found = supervisor.post(f"{API}/recordings/search", body, content_type="application/json")
        assert [row["id"] for row in found.json()["results"]] == [call["id"]]
    everything = supervisor.get(f"{API}/recordings").content.decode()
    assert CUSTOMER_NUMBER not in everything
    assert "Ashby" not in everything


def test_pages_lead_on_and_back(exchange, supervisor):
    calls = [bring_in(exchange, wav(0.1))["id"] for _ in range(3)]

    first = supervisor.get(f"{API}/recordings?limit=2").json()
    second = supervisor.get(f"{API}/recordings?limit=2&after={first['older']}").json()
    back = supervisor.get(f"{API}/recordings?limit=2&before={second['newer']}").json()

    assert {row["id"] for row in first["results"] + second["results"]} == set(calls)
    assert back["results"] == first["results"]
    assert supervisor.get(f"{API}/recordings?after=x").status_code == 400
    assert supervisor.get(f"{API}/recordings?state=lost").status_code == 400
    for body in ({}, {"number": "1234567", "reference": "x"}):
        answer = supervisor.post(f"{API}/recordings/search", body, content_type="application/json")
        assert answer.status_code == 400


def test_who_may_not_or_cannot_reach_sees_nothing(exchange, north, south):
    call = bring_in(exchange)
    other = client_of(make_person(Role.SUPERVISOR, teams=[south]))
    administrator = client_of(make_person(Role.ADMINISTRATOR, teams=[north]))

    assert other.get(f"{API}/recordings").json()["results"] == []
    assert other.get(f"{API}/recordings/{call['id']}").status_code == 404
    assert ask(other, call).status_code == 404
    assert administrator.get(f"{API}/recordings").status_code == 403
    assert ask(administrator, call).status_code == 403
    assert ask(exchange, call).status_code == 403


def test_the_dpo_finds_every_call_and_hears_none(exchange, dpo):
    call = bring_in(exchange)

    assert dpo.get(f"{API}/recordings/{call['id']}").status_code == 200
    assert ask(dpo, call).status_code == 403


def test_a_supervisor_listens_by_ranges(exchange, supervisor):
    audio = wav(90)
    call = bring_in(exchange, audio)
    granted = ask(supervisor, call).json()
    url = granted["audio_url"]

    head = supervisor.head(url)
    first = supervisor.get(url, headers={"Range": "bytes=0-"})
    rest = supervisor.get(url, headers={"Range": "bytes=1048576-"})
    tail = supervisor.get(url, headers={"Range": "bytes=-10", "If-Range": head["ETag"]})

    assert (granted["channels"], granted["duration_ms"]) == (2, 90_000)
    assert (head.status_code, head["Content-Length"], head["Accept-Ranges"]) == (
        200,
        str(len(audio)),
        "bytes",
    )
    assert b"".join(first.streaming_content) + b"".join(rest.streaming_content) == audio
    assert (first.status_code, first["Content-Range"]) == (206, f"bytes 0-1048575/{len(audio)}")
    assert first["Content-Length"] == "1048576"
    assert b"".join(tail.streaming_content) == audio[-10:]
    for answer in (head, first, rest, tail):
        assert answer["Cache-Control"] == "no-store"
        assert answer["Content-Type"] == "audio/wav"
        assert answer["ETag"] == head["ETag"]


def test_a_range_that_cannot_be_answered_says_how_long_the_audio_is(exchange, supervisor):
    audio = wav(90)
    url = ask(supervisor, bring_in(exchange, audio)).json()["audio_url"]

    for headers, code in [
        ({"Range": f"bytes={len(audio)}-"}, "range-not-satisfiable"),
        ({"Range": "bytes=0-1,5-6"}, "range-not-satisfiable"),
        ({}, "range-needed"),
        ({"Range": "bytes=0-1", "If-Range": '"another"'}, "range-needed"),
    ]:
        answer = supervisor.get(url, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (416, code)
        assert answer["Content-Range"] == f"bytes */{len(audio)}"


def test_short_audio_may_be_fetched_whole(exchange, supervisor):
    audio = wav(1.0)
    url = ask(supervisor, bring_in(exchange, audio)).json()["audio_url"]

    answer = supervisor.get(url, headers={"Accept": "audio/wav"})

    assert answer.status_code == 200
    assert b"".join(answer.streaming_content) == audio
    assert "Content-Range" not in answer


def test_the_waveform_follows_the_grant(exchange, supervisor):
    call = bring_in(exchange, wav(2.0))
    url = ask(supervisor, call).json()["waveform_url"]

    assert supervisor.get(url).json()["code"] == "waveform-not-ready"
    renditions.derive_copies(now=clock.now())

    answer = supervisor.get(url)
    assert len(answer.content) == 2 * 2 * 50
    assert answer["Cache-Control"] == "no-store"


def test_a_grant_stands_until_it_is_stopped(exchange, supervisor, north):
    call = bring_in(exchange)
    granted = ask(supervisor, call).json()
    url = f"{API}/grants/{granted['token']}"
    colleague = client_of(make_person(Role.SUPERVISOR, teams=[north]))

    assert supervisor.get(url).json()["recording"] == call["id"]
    assert colleague.get(url).status_code == 404
    assert colleague.delete(url).status_code == 404
    assert supervisor.delete(url).status_code == 204

    over = supervisor.get(granted["audio_url"], headers={"Range": "bytes=0-"})
    assert (over.status_code, over.json()["code"]) == (403, "stopped")


def test_a_refusal_under_ones_own_grant_stands_in_the_timeline_of_the_recording(exchange, supervisor, north):
    call = bring_in(exchange)
    granted = ask(supervisor, call).json()
    url = f"{API}/grants/{granted['token']}"
    colleague = client_of(make_person(Role.SUPERVISOR, teams=[north]))
    supervisor.delete(url)

    for path in ("", "/audio", "/waveform"):
        assert supervisor.get(url + path).status_code == 403
        assert colleague.get(url + path).status_code == 404
    assert supervisor.get(f"{API}/grants/nonsense").status_code == 404

    targets = [event.target for event in events(Action.ACCESS_REFUSED)]
    assert targets.count(Ref("recording", call["id"])) == 3
    assert [target.kind for target in targets].count("page") == 4
    assert not any(granted["token"] in bytes(event.entry).decode() for event in events(Action.ACCESS_REFUSED))


def test_a_reason_and_a_purpose_are_needed(exchange, supervisor):
    call = bring_in(exchange)

    for changes in ({"reason": ""}, {"reason": "why not"}, {"purpose": ""}, {"purpose": "curiosity"}):
        assert ask(supervisor, call, **changes).status_code == 400
    refused = ask(supervisor, call, purpose="training")
    assert (refused.status_code, refused.json()["code"]) == (403, "no-lawful-basis")


def test_withdrawing_consent_over_the_api_stops_playback(exchange, supervisor, dpo, monkeypatch):
    call = bring_in(exchange)
    url = ask(supervisor, call).json()["audio_url"]
    withdrawn = {"party": 1, "purpose": "complaint", "basis": "consent", "status": "withdrawn"}

    made = dpo.post(f"{API}/recordings/{call['id']}/lawful-bases", withdrawn, content_type="application/json")

    assert made.status_code == 201
    history = dpo.get(f"{API}/recordings/{call['id']}/lawful-bases").json()["results"]
    assert [entry["status"] for entry in history] == ["granted", "granted", "withdrawn"]
    assert supervisor.get(url, headers={"Range": "bytes=0-"}).json()["code"] == "consent-withdrawn"


def test_an_erased_call_is_gone_by_every_door(exchange, supervisor):
    body = said()
    call = bring_in(exchange, body=body)
    granted = ask(supervisor, call).json()
    bury(Recording.objects.get(), now=clock.now())

    assert supervisor.get(granted["audio_url"], headers={"Range": "bytes=0-"}).status_code == 410
    assert supervisor.get(granted["waveform_url"]).status_code == 410
    assert ask(supervisor, call).status_code == 410
    assert announce(exchange, body).status_code == 410
    assert put(exchange, f"{API}/recordings/{call['id']}/audio", wav()).status_code == 410
    assert supervisor.get(f"{API}/recordings/{call['id']}").json()["state"] == "erased"


def test_the_purposes_are_listed_in_the_customers_order(supervisor):
    listed = supervisor.get(f"{API}/purposes").json()["results"]

    assert [purpose["code"] for purpose in listed] == [
        "complaint",
        "quality",
        "agreement",
        "training",
        "emergency",
    ]


@pytest.mark.parametrize(
    "query",
    [
        "started_from=0001-01-01",
        "started_before=9999-12-31T23:59:59-14:00",
        f"after={base64.urlsafe_b64encode(b'[' * 250).decode()}",
        "queue=%00",
    ],
)
def test_a_filter_that_no_calendar_or_cursor_holds_is_refused_and_breaks_nothing(supervisor, query):
    assert supervisor.get(f"{API}/recordings?{query}").status_code == 400


def test_a_cursor_of_the_page_that_is_nested_without_end_is_refused(supervisor):
    cursor = base64.urlsafe_b64encode(b"[" * 3000).decode()

    assert supervisor.get("/recordings/", {"page": cursor}).status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"source": {"system": "\ud800", "account": "north", "recording_id": "1"}},
        {"call": {"started_at": "2026-11-20T10:00:00Z", "duration_ms": 2**53 - 1}},
        {"lawful_bases": [document()["lawful_bases"][0] | {"audio_offset_ms": 2**53 - 1}]},
    ],
)
def test_a_description_with_half_a_character_or_endless_times_is_refused(exchange, changes):
    answer = announce(exchange, said() | changes)

    assert (answer.status_code, answer.json()["code"]) == (400, "unreadable")
