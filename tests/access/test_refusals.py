"""What the doors answer when something is refused or breaks."""

import json
import logging
import sys
from uuid import uuid4

import pytest
from django.test import Client

from audit import trail
from audit.actions import Action
from tests.people import client_of, client_with_token
from tests.trail import events
from vault import logs
from vault.permissions import Permission

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.probes")]


def test_a_problem_follows_rfc_9457_and_carries_the_requests_number():
    answer = Client().get("/api/v1/probe")

    problem = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["type"] == "urn:callvault:problem:not-signed-in"
    assert problem["title"]
    assert problem["status"] == 401
    assert problem["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (json.dumps({"number": "many"}), "application/json", 400, "invalid"),
        ("{", "application/json", 400, "parse-error"),
        ("number=1", "application/x-www-form-urlencoded", 415, "unsupported-media-type"),
        ("[" * 100_000, "application/json", 400, "unreadable"),
        (json.dumps({"number": "9" * 1_100_000}), "application/json", 413, "too-large"),
    ],
)
def test_what_cannot_be_read_is_a_problem(body, content_type, status, code):
    client = client_with_token(Permission.RECORDING_INGEST)

    answer = client.post("/api/v1/probe", body, content_type=content_type)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not events(Action.ACCESS_REFUSED)


def test_a_wrong_form_says_which_field():
    client = client_with_token(Permission.RECORDING_INGEST)

    answer = client.post("/api/v1/probe", {"number": "many"}, content_type="application/json")

    assert list(answer.json()["errors"]) == ["number"]


def test_an_answer_that_cannot_be_given_as_asked_is_a_problem():
    answer = client_with_token(Permission.RECORDING_FIND).get(
        "/api/v1/probe", headers={"Accept": "application/pdf"}
    )

    assert (answer.status_code, answer.json()["status"]) == (406, 406)


def test_an_address_that_is_none_is_a_problem_for_programs_and_a_page_for_people(supervisor):
    program = Client().get("/api/v1/nothing-here")
    person = client_of(supervisor).get("/nothing-here/")

    assert (program.status_code, program.json()["code"]) == (404, "no-such-page")
    assert person.status_code == 404
    assert b"<html" in person.content
    assert not events(Action.ACCESS_REFUSED)


def test_too_many_requests_are_told_when_to_come_back(settings, monkeypatch):
    from vault.access.throttles import ActorThrottle

    monkeypatch.setattr(ActorThrottle, "get_rate", lambda _self: "2/min")
    client = client_with_token(Permission.RECORDING_FIND)

    answers = [client.get("/api/v1/probe") for _attempt in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[2].headers["Retry-After"]) > 0
    assert answers[2].headers["Content-Type"] == "application/problem+json"


def test_what_is_gone_is_410_and_written_down_with_its_number(supervisor):
    recording = uuid4()

    answer = client_of(supervisor).get(f"/probe/gone/{recording}/")

    (event,) = events(Action.ACCESS_REFUSED)
    assert answer.status_code == 410
    assert (event.target_kind, event.target_id) == ("recording", str(recording))
    assert b'"code":"gone-already"' in bytes(event.entry)


def test_a_view_may_name_the_action_that_was_refused(administrator):
    client_of(administrator).get("/api/v1/probe/often")

    assert [event.action for event in events() if event.outcome == "refused"] == [Action.PLAYBACK_REFUSED]


def test_a_refusal_that_cannot_be_recorded_becomes_503(administrator, monkeypatch):
    client = client_of(administrator)

    def fail(*args, **kwargs):
        raise trail.TrailUnavailable("The trail cannot be written.")

    monkeypatch.setattr(trail, "record_refusal", fail)
    answer = client.get("/api/v1/probe")

    assert (answer.status_code, answer.json()["code"]) == (503, "trail-unavailable")


def test_a_database_that_does_not_answer_is_503_and_says_nothing_of_it():
    page, program = Client().get("/probe/no-database/"), Client().get("/api/v1/probe/no-database")

    assert page.status_code == program.status_code == 503
    assert b"10.0.0.7" not in page.content + program.content


@pytest.mark.parametrize("address", ["/probe/breaks/", "/api/v1/probe/breaks"])
def test_what_breaks_shows_its_number_and_no_detail(address, caplog):
    client = Client(raise_request_exception=False)

    answer = client.get(address)

    assert answer.status_code == 500
    assert answer.headers["X-Request-ID"].encode() in answer.content
    said = answer.content.decode() + caplog.text
    assert "Katrien" not in said
    assert "+3120" not in said


def test_a_log_of_what_broke_names_class_and_place_only(caplog):
    Client(raise_request_exception=False).get("/probe/breaks/")

    lines = caplog.text
    assert "RuntimeError" in lines
    assert "probes.py" in lines
    assert "Katrien" not in lines


def test_an_unexpected_error_reaches_a_tests_client():
    with pytest.raises(RuntimeError):
        Client().get("/probe/breaks/")


def test_a_page_that_takes_no_such_method_says_so_as_a_page(supervisor):
    answer = client_of(supervisor).post("/me/")

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET"
    assert b"<html" in answer.content


def test_a_forged_form_is_written_down_with_the_person_whose_session_it_used(supervisor):
    client_of(supervisor, enforce_csrf_checks=True).post("/me/end-other-sessions/")

    (event,) = events(Action.ACCESS_REFUSED)
    assert event.actor_id == supervisor.pk


def test_a_host_that_is_not_ours_is_refused_before_anything_else():
    page = Client().get("/", headers={"Host": "evil.example"})
    program = Client().get("/api/v1/probe", headers={"Host": "evil.example"})

    assert page.status_code == program.status_code == 400
    assert b"evil.example" not in page.content + program.content


def test_a_logged_traceback_keeps_places_and_drops_texts_and_addresses():
    logger = logging.getLogger("django.request")
    try:
        raise ValueError("Katrien Maas, +31201234567")
    except ValueError:
        record = logger.makeRecord(
            logger.name,
            logging.ERROR,
            __file__,
            1,
            "Internal Server Error: %s",
            ("/g/secret",),
            sys.exc_info(),
        )

    line = json.loads(logs.formatter().format(record))

    assert line["error"] == "builtins.ValueError"
    assert "test_refusals.py" in line["frames"][0]
    assert "Katrien" not in str(line)
    assert "secret" not in str(line)


def test_a_view_of_djangos_that_takes_no_such_method_answers_in_the_vaults_form():
    answer = Client().get("/preferences/")

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"
    assert b"method-not-allowed" in answer.content
