"""The gate: closed by default, for pages and for the API."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client

from audit import subjects
from audit.actions import Action
from tests.people import client_of, client_with_token, make_person
from tests.trail import events
from vault import clock
from vault.access import callers, sessions
from vault.access.gate import requires
from vault.access.models import SignIn, User
from vault.access.roles import Role
from vault.kms import KeyManagementUnavailable
from vault.permissions import Permission

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.probes")]


@pytest.fixture(autouse=True)
def _nobody_remembered():
    callers._remembered.clear()


def test_a_page_that_names_no_permission_is_open_to_nobody(administrator, supervisor, dpo):
    for person in (administrator, supervisor, dpo):
        assert client_of(person).get("/probe/unmarked/").status_code == 403
        assert client_of(person).get("/api/v1/probe/unmarked").status_code == 403
    assert Client().get("/probe/unmarked/").status_code == 403
    assert {event.action for event in events(Action.ACCESS_REFUSED)} == {Action.ACCESS_REFUSED}


def test_a_permission_is_named_once_or_for_each_method():
    with pytest.raises(ValueError, match="Name one"):
        requires()
    with pytest.raises(ValueError, match="Name one"):
        requires(Permission.PUBLIC, GET=Permission.PUBLIC)


def test_a_page_sends_strangers_to_sign_in_and_back():
    answer = Client().get("/me/?x=1")

    assert answer.headers["Location"] == "/account/login/?next=/me/%3Fx%3D1"


def test_a_partial_page_sends_the_whole_page_to_sign_in():
    answer = Client().get("/me/", headers={"HX-Request": "true"})

    assert answer.headers["HX-Redirect"].startswith("/account/login/")


def test_the_api_tells_strangers_that_they_are_strangers_and_writes_nothing_down():
    answer = Client().get("/api/v1/probe")

    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert not events()


def test_a_method_that_is_not_named_is_not_allowed(supervisor):
    answer = client_of(supervisor).delete("/api/v1/probe")

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, POST"
    assert answer.json()["code"] == "method-not-allowed"


def test_head_asks_for_what_get_asks_for(supervisor, administrator):
    assert client_of(supervisor).head("/api/v1/probe").status_code == 200
    assert client_of(administrator).head("/api/v1/probe").status_code == 403


def test_drf_gets_the_gates_actor_and_the_person(supervisor):
    answer = client_of(supervisor).get("/api/v1/probe")

    assert answer.json() == {"actor": str(supervisor.pk), "user": supervisor.name}


def test_the_api_checks_csrf_for_a_session(supervisor):
    client = client_of(supervisor, enforce_csrf_checks=True)

    forged = client.post("/api/v1/probe/person")
    client.get("/me/")
    token = client.cookies["vault_csrf"].value
    ours = client.post("/api/v1/probe/person", headers={"X-CSRFToken": token})

    assert (forged.status_code, forged.json()["code"]) == (403, "csrf")
    assert ours.status_code == 204


def test_a_page_checks_csrf(supervisor):
    client = client_of(supervisor, enforce_csrf_checks=True)

    answer = client.post("/me/end-other-sessions/")

    assert answer.status_code == 403
    assert b"Load the page again" in answer.content


def test_a_token_needs_no_csrf_token():
    client = client_with_token(Permission.RECORDING_INGEST)
    client.handler.enforce_csrf_checks = True

    assert client.post("/api/v1/probe", {"number": 1}, content_type="application/json").status_code == 201


def test_an_idle_session_ends(supervisor):
    client = client_of(supervisor)
    SignIn.objects.update(seen_at=clock.now() - settings.SESSION_IDLE - timedelta(seconds=1))

    assert client.get("/me/").status_code == 302
    assert SignIn.objects.get().ended_because == "idle"
    assert events()[-1].action == Action.SESSION_SIGNED_OUT


def test_a_session_that_is_too_old_ends_however_busy(supervisor):
    client = client_of(supervisor)
    SignIn.objects.update(started_at=clock.now() - timedelta(seconds=settings.SESSION_COOKIE_AGE + 1))

    assert client.get("/me/").status_code == 302
    assert SignIn.objects.get().ended_because == "too-old"


def test_a_session_in_use_stays(supervisor):
    client = client_of(supervisor)
    SignIn.objects.update(seen_at=clock.now() - timedelta(minutes=2))

    assert client.get("/me/").status_code == 200
    assert clock.now() - SignIn.objects.get().seen_at < timedelta(minutes=1)


def test_sessions_that_ran_out_unseen_are_ended_and_forgotten_in_the_end(supervisor, dpo):
    client_of(supervisor)
    client_of(dpo)
    now = clock.now()
    SignIn.objects.filter(user=supervisor).update(seen_at=now - timedelta(hours=2))

    ended = sessions.end_expired(now=now)
    sessions.end_expired(now=now + timedelta(days=91))

    assert ended == 1
    assert not SignIn.objects.filter(user=supervisor).exists()
    assert SignIn.objects.get(user=dpo).ended_because == "idle"


def test_the_trail_knows_a_session_by_its_number_and_not_by_its_key(supervisor):
    client = client_of(supervisor)
    client.post("/me/language/", {"language": "nl"})

    entry = bytes(events(Action.ACCOUNT_LANGUAGE_CHANGED)[0].entry)
    assert str(SignIn.objects.get().pk).encode() in entry
    assert client.cookies["vault_session"].value.encode() not in entry


def test_what_is_asked_often_believes_the_caller_for_two_seconds(
    supervisor, django_assert_num_queries, django_capture_on_commit_callbacks
):
    client = client_of(supervisor)
    with django_capture_on_commit_callbacks(execute=True):  # memory keeps only what has been committed
        first = client.get("/api/v1/probe/often").json()

    with django_assert_num_queries(0):
        second = client.get("/api/v1/probe/often").json()

    assert first["actor"] == second["actor"] == str(supervisor.pk)
    assert first["request"] != second["request"]


def test_what_is_asked_often_hears_of_a_disabled_account_after_two_seconds(supervisor, monkeypatch):
    client = client_of(supervisor)
    client.get("/api/v1/probe/often")
    SignIn.objects.update(ended_at=clock.now(), ended_because="disabled")

    later = clock.now() + timedelta(seconds=2.1)
    monkeypatch.setattr(clock, "now", lambda: later)

    assert client.get("/api/v1/probe/often").status_code == 401


def test_a_forwarded_address_is_not_believed_from_just_anybody(settings):
    settings.TRUSTED_PROXIES = []
    client = Client(REMOTE_ADDR="203.0.113.7", headers={"X-Forwarded-For": "198.51.100.1"})

    assert client.get("/probe/address/").content == b"203.0.113.7"


@pytest.mark.parametrize(
    ("remote", "forwarded", "expected"),
    [
        ("10.0.0.2", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.2", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.2", "6.6.6.6, 198.51.100.1, 10.0.0.9", "198.51.100.1"),
        ("10.0.0.2", "198.51.100.1, nonsense", "10.0.0.2"),
        ("10.0.0.2", "", "10.0.0.2"),
        ("", "198.51.100.1", "198.51.100.1"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("10.0.0.2", "2001:db8::1", "2001:db8::1"),
    ],
)
def test_a_trusted_proxy_says_whom_it_heard(settings, remote, forwarded, expected):
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "unix"]
    client = Client(REMOTE_ADDR=remote, headers={"X-Forwarded-For": forwarded})

    assert client.get("/probe/address/").content.decode() == expected


def test_a_socket_without_a_trusted_proxy_has_no_address(settings):
    settings.TRUSTED_PROXIES = []

    assert Client(REMOTE_ADDR="").get("/probe/address/").content == b""


def test_refusing_a_person_says_why_and_is_written_down(administrator):
    answer = client_of(administrator).get("/api/v1/probe")

    problem = answer.json()
    (event,) = events(Action.ACCESS_REFUSED)
    assert problem["status"] == 403
    assert "recording:find" in problem["detail"]
    assert problem["event_id"] == str(event.pk)
    assert (event.actor_id, event.outcome) == (administrator.pk, "refused")


def test_a_page_refused_shows_the_events_number(supervisor):
    answer = client_of(supervisor).get("/people/")

    (event,) = events(Action.ACCESS_REFUSED)
    assert answer.status_code == 403
    assert str(event.pk).encode() in answer.content


def test_an_account_that_vanished_from_reach_looks_like_one_that_never_was(dpo):
    answer = client_of(dpo).get(f"/people/{uuid4()}/")

    assert answer.status_code == 404


def test_every_persons_role_gives_an_agent_only_their_own_account(db):
    agent = make_person(Role.AGENT)
    client = client_of(agent)

    assert client.get("/me/").status_code == 200
    assert client.get("/people/").status_code == 403
    assert User.objects.get(pk=agent.pk).role == "agent"


def test_nothing_is_done_while_what_seals_the_trail_cannot_be_had(supervisor, monkeypatch):
    def unavailable(at):
        raise KeyManagementUnavailable

    monkeypatch.setattr(subjects, "prepare_month", unavailable)

    answer = client_of(supervisor).get("/api/v1/probe/often")

    assert answer.status_code == 503
    assert answer.json()["code"] == "keys-unavailable"
    assert Client().get("/health/live").status_code == 200
