"""The doors: what waits, one request, asking and deciding, on pages and by the API."""

from __future__ import annotations

import pytest
from django.core import mail
from django.test import Client

from audit import trail
from tests.approvals.conftest import REASON, ask
from tests.people import client_of, make_person
from tests.trail import events
from vault import clock
from vault.access.models import Team, User
from vault.access.roles import Role
from vault.approvals.models import Approval, State

JSON = {"content_type": "application/json"}


@pytest.fixture
def asks(bram) -> Client:
    """An administrator's browser."""
    return client_of(User.objects.get(pk=bram.id))


@pytest.fixture
def decides(katrien) -> Client:
    """A DPO's browser."""
    return client_of(User.objects.get(pk=katrien.id))


def body(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_empty_page_says_what_will_stand_here(decides):
    page = body(decides, "/approvals/")

    assert "Nothing waits for you" in page
    assert "nav-side__count" not in page


def test_what_is_asked_on_a_page_waits_for_the_other_with_a_count_and_a_mail(asks, decides):
    page = asks.post("/approvals/ask/test.paint/North/", {"reason": REASON}).headers["Location"]

    assert page in body(decides, "/approvals/")
    assert 'nav-side__count nav-side__count--alert">1' in body(decides, "/people/")
    assert REASON in body(decides, page)
    own = body(asks, page)
    assert "Withdraw the request" in own
    assert "Approve</button>" not in own
    assert "Nothing waits for you" in body(asks, "/approvals/")
    assert "nav-side__count" not in own
    (sent,) = mail.outbox
    assert sent.to == ["katrien@example.org"]
    assert page in sent.body
    assert REASON not in sent.body
    assert "Bram" not in sent.body


def test_asking_for_what_waits_already_leads_to_it(asks, bram):
    waiting = ask(bram, now=clock.now())

    answer = asks.get("/approvals/ask/test.paint/North/")

    assert answer.headers["Location"] == f"/approvals/{waiting.pk}/"


def test_who_reads_a_reason_stands_in_the_trail_before_they_do(asks, decides, bram, monkeypatch):
    asked = ask(bram, now=clock.now())

    body(decides, f"/approvals/{asked.pk}/")
    decides.get(f"/api/v1/approvals/{asked.pk}")

    assert [event.target_id for event in events("approval.read")] == ["North", "North"]

    def fail(*args, **kwargs):
        raise trail.TrailUnavailable

    monkeypatch.setattr(trail, "record_disclosure", fail)
    unseen = decides.get(f"/approvals/{asked.pk}/")
    assert unseen.status_code == 503
    assert REASON not in unseen.content.decode()


def test_refusing_takes_words_and_approving_does_not(asks, decides, bram):
    first, second = ask(bram, now=clock.now()), ask(bram, target="South", now=clock.now())

    silent = decides.post(f"/approvals/{first.pk}/decide/", {"decision": "refuse"})
    decides.post(f"/approvals/{first.pk}/decide/", {"decision": "refuse", "said": "Too green for me"})
    decides.post(f"/approvals/{second.pk}/decide/", {"decision": "approve"})

    assert silent.status_code == 200
    assert "Say why you refuse" in silent.content.decode()
    assert "Too green for me" in body(asks, f"/approvals/{first.pk}/")
    assert list(Team.objects.values_list("name", flat=True)) == ["South"]
    lately = body(decides, "/approvals/")
    assert "Decided lately" in lately
    assert "Refused by Katrien" in lately


def test_a_decision_that_is_no_approval_changes_nothing(decides, bram):
    asked = ask(bram, now=clock.now())

    for said in ({}, {"decision": "yes"}, {"decision": "Approve"}):
        decides.post(f"/approvals/{asked.pk}/decide/", said)

    assert Approval.objects.get().state == State.WAITING


def test_what_became_impossible_is_told_and_nothing_else(decides, bram):
    asked = ask(bram, now=clock.now())
    Team.objects.create(name="North")

    answer = decides.post(f"/approvals/{asked.pk}/decide/", {"decision": "approve"}, follow=True)

    assert "Nothing was carried out: Somebody was quicker." in answer.content.decode()
    assert "No longer possible" in answer.content.decode()


def test_what_became_impossible_after_approval_is_told_to_who_asked(asks, decides, bram):
    asked = ask(bram, "test.secret", now=clock.now())
    decides.post(f"/approvals/{asked.pk}/decide/", {"decision": "approve"})
    Team.objects.create(name="North")

    answer = asks.post(f"/approvals/{asked.pk}/carry-out/", follow=True)

    assert "Nothing was carried out: Somebody was quicker." in answer.content.decode()


def test_what_came_of_it_is_shown_to_who_asked_once(asks, decides, bram):
    asked = ask(bram, "test.secret", now=clock.now())
    decides.post(f"/approvals/{asked.pk}/decide/", {"decision": "approve"})
    assert "Carry it out" in body(asks, "/approvals/")
    assert "Carry it out" in body(asks, f"/approvals/{asked.pk}/")

    stranger = decides.post(f"/approvals/{asked.pk}/carry-out/")
    shown = asks.post(f"/approvals/{asked.pk}/carry-out/")
    again = asks.post(f"/approvals/{asked.pk}/carry-out/")

    assert (stranger.status_code, again.status_code) == (403, 409)
    assert shown.content == b"the secret is green"


def test_one_withdraws_on_the_page(asks, bram):
    asked = ask(bram, now=clock.now())

    asks.post(f"/approvals/{asked.pk}/withdraw/")

    assert Approval.objects.get().state == State.WITHDRAWN
    assert "Withdrawn on" in body(asks, "/approvals/")


def test_who_may_neither_ask_nor_decide_reaches_nothing(db, bram):
    asked = ask(bram, now=clock.now())
    client = client_of(make_person(Role.SUPERVISOR))

    for address in ("/approvals/", f"/approvals/{asked.pk}/", f"/api/v1/approvals/{asked.pk}"):
        assert client.get(address).status_code == 403
    assert "/approvals/" not in client.get("/me/").content.decode()


def test_a_refused_decision_is_in_the_trail_with_its_request(asks, bram):
    asked = ask(bram, now=clock.now())

    answer = asks.post(f"/approvals/{asked.pk}/decide/", {"decision": "approve"})

    assert answer.status_code == 403
    (refusal,) = events("access.refused")
    assert (refusal.target_kind, refusal.target_id) == ("approval", str(asked.pk))
    assert '"code":"own-request"' in bytes(refusal.entry).decode()


def test_the_api_asks_shows_decides_and_withdraws(asks, decides):
    said = {"kind": "test.paint", "target": "North", "reason": REASON}
    asked = asks.post("/api/v1/approvals", said, **JSON)
    assert (asked.status_code, asked.json()["state"]) == (201, "waiting")
    one = f"/api/v1/approvals/{asked.json()['id']}"
    assert asks.post("/api/v1/approvals", said, **JSON).json()["code"] == "already-asked"
    assert asks.post(f"{one}/decision", {"approve": True}, **JSON).json()["code"] == "own-request"
    assert len(decides.get("/api/v1/approvals", {"waiting": "true"}).json()["results"]) == 1
    assert asks.get("/api/v1/approvals", {"waiting": "true"}).json()["results"] == []
    assert "reason" not in decides.get("/api/v1/approvals").json()["results"][0]
    assert decides.get(one).json()["reason"] == REASON
    assert decides.post(f"{one}/decision", {"approve": False}, **JSON).json()["code"] == "reason-needed"

    done = decides.post(f"{one}/decision", {"approve": True, "words": "Fine"}, **JSON)

    assert done.json()["state"] == "done"
    assert asks.get(one).json()["words"] == "Fine"
    assert decides.post(f"{one}/decision", {"approve": True}, **JSON).json()["code"] == "already-decided"
    second = asks.post("/api/v1/approvals", said | {"target": "South"}, **JSON).json()["id"]
    assert decides.delete(f"/api/v1/approvals/{second}").json()["code"] == "not-your-request"
    assert asks.delete(f"/api/v1/approvals/{second}").json()["state"] == "withdrawn"


def test_a_parameter_whose_name_no_database_takes_is_refused(asks):
    said = {"kind": "test.paint", "target": "North", "reason": "Rust", "parameters": {"\0": "x"}}

    answer = asks.post("/api/v1/approvals", said, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, "parameters-invalid")
