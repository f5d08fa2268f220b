"""The recordings pages as people use them: list, one call, listening, lawful bases."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from audit.actions import Action
from audit.models import AuditEvent
from recordings import renditions, standing
from recordings.models import LawfulBasis, PlaybackGrant, Recording
from recordings.tombstones import bury
from tests.people import client_of, make_person
from tests.recordings import calls
from tests.recordings.calls import CUSTOMER_NAME, CUSTOMER_NUMBER, REFERENCE, consent, document
from vault import clock
from vault.access.roles import Role

REASON = "Second complaint about the estimate"
LISTEN = {"purpose": "complaint", "reason": REASON}


@pytest.fixture(autouse=True)
def _forgetful() -> None:
    standing.forget_all()


@pytest.fixture
def recording(north, exchange) -> Recording:
    found = calls.bring_in(exchange, now=clock.now())
    renditions.derive_copies(now=clock.now())
    return found


@pytest.fixture
def supervisor(north):
    return client_of(make_person(Role.SUPERVISOR, teams=[north]))


@pytest.fixture
def stranger(south):
    return client_of(make_person(Role.SUPERVISOR, teams=[south]))


@pytest.fixture
def dpo(db):
    return client_of(make_person(Role.DPO))


def page_of(recording: Recording) -> str:
    return reverse("recordings:detail", args=[recording.pk])


def listen_at(recording: Recording) -> str:
    return reverse("recordings:listen", args=[recording.pk])


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("recorded_at", "pk").values_list("action", flat=True))


def test_the_list_holds_the_calls_of_ones_own_teams_with_masked_numbers(supervisor, stranger, recording):
    mine, theirs = supervisor.get("/recordings/"), stranger.get("/recordings/")

    assert page_of(recording) in mine.content.decode()
    assert page_of(recording) not in theirs.content.decode()
    assert "+31 970 •••• ••12" in mine.content.decode()
    for secret in (CUSTOMER_NUMBER, CUSTOMER_NUMBER[1:], CUSTOMER_NAME, REFERENCE):
        assert secret not in mine.content.decode()
    assert "no-store" in mine["Cache-Control"]
    assert Action.RECORDING_LISTED in actions()


def test_filters_narrow_the_list_and_can_be_taken_away(supervisor, recording):
    here = supervisor.get("/recordings/", {"basis": "granted", "period": "7d"}).content.decode()
    nowhere = supervisor.get("/recordings/", {"state": "held", "basis": "granted"}).content.decode()

    assert page_of(recording) in here
    assert page_of(recording) not in nowhere
    assert "No call matches these filters" in nowhere
    assert 'href="/recordings/?basis=granted"' in nowhere


@pytest.mark.parametrize(
    "query", [{"team": "x"}, {"basis": "x"}, {"period": "x"}, {"from": "x"}, {"state": "x"}, {"length": "9"}]
)
def test_a_filter_of_no_known_form_is_left_out(supervisor, recording, query):
    answer = supervisor.get("/recordings/", query)

    assert answer.status_code == 200
    assert page_of(recording) in answer.content.decode()


def test_a_list_longer_than_a_page_is_walked_by_key(supervisor, exchange, monkeypatch):
    first, second = (calls.bring_in(exchange, now=clock.now()) for _ in range(2))
    monkeypatch.setattr("recordings.search.find.__kwdefaults__", {"cursor": None, "limit": 1})

    newest = supervisor.get("/recordings/").content.decode()
    older = re.search(r'rel="next" href="([^"]+)"', newest)
    assert older is not None
    oldest = supervisor.get(older.group(1)).content.decode()

    shown = {page_of(each) in newest for each in (first, second)}
    assert shown == {True, False}
    assert (page_of(first) in newest) != (page_of(first) in oldest)
    assert 'rel="prev"' in oldest


@pytest.mark.parametrize("typed", [CUSTOMER_NUMBER, "+31 97 00 00 00 012", REFERENCE, "hv-472091"])
def test_a_number_or_reference_is_posted_and_finds_its_calls(supervisor, recording, typed):
    answer = supervisor.post("/recordings/", {"number": typed})

    assert page_of(recording) in answer.content.decode()
    event = AuditEvent.objects.filter(action=Action.RECORDING_SEARCHED).get()
    assert typed not in bytes(event.entry).decode()


def test_a_search_for_nothing_goes_back_to_the_list(supervisor, recording):
    answer = supervisor.post("/recordings/", {"number": " "}, follow=True)

    assert answer.redirect_chain == [("/recordings/", 302)]
    assert "Type a telephone number" in answer.content.decode()


def test_a_search_that_finds_nothing_says_how_to_write_a_number(supervisor, recording):
    answer = supervisor.post("/recordings/", {"number": "+31612345678"}).content.decode()

    assert page_of(recording) not in answer
    assert "with its country code" in answer


def test_a_call_asks_first_what_it_is_for(supervisor, recording):
    answer = supervisor.get(page_of(recording)).content.decode()

    assert "Before you listen: what is it for?" in answer
    assert "Not possible: nothing allows it" in answer  # training: nobody was asked
    assert "<audio" not in answer
    assert "Complaint about an estimated bill" not in answer
    assert Action.RECORDING_VIEWED in actions()


def test_a_call_out_of_reach_looks_like_one_that_does_not_exist(stranger, recording):
    there = stranger.get(page_of(recording))
    nowhere = stranger.get("/recordings/00000000-0000-4000-8000-000000000000/")

    def strip(page: bytes) -> str:
        """Leave out what differs on every page."""
        return re.sub(r'value="\w{64}"|[0-9a-f-]{32,36}|"X-CSRFToken": "\w+"', "", page.decode())

    assert there.status_code == nowhere.status_code == 404
    assert strip(there.content) == strip(nowhere.content)


@pytest.mark.parametrize(
    ("posted", "field"),
    [
        ({"purpose": "complaint", "reason": "short"}, "reason-error"),
        ({"purpose": "complaint", "reason": "a        b        c"}, "reason-error"),
        ({"purpose": "", "reason": REASON}, "purpose-error"),
    ],
)
def test_a_reason_or_purpose_that_is_missing_is_said_beside_its_field(supervisor, recording, posted, field):
    answer = supervisor.post(listen_at(recording), posted)

    assert answer.status_code == 400
    assert f'id="{field}"' in answer.content.decode()
    assert not PlaybackGrant.objects.exists()


def test_an_answer_opens_the_player_with_its_story_under_a_nonce(supervisor, recording):
    answer = supervisor.post(listen_at(recording), LISTEN, follow=True)

    page = answer.content.decode()
    assert answer.redirect_chain == [(page_of(recording), 302)]
    assert "Complaint about an estimated bill" in page
    assert re.search(r'<audio preload="none" src="/api/v1/grants/[^"]+/audio"', page)
    nonce = re.search(r'data-nonce="([^"]+)"', page)
    assert nonce is not None
    assert f"'nonce-{nonce.group(1)}'" in answer["Content-Security-Policy"]
    assert "'unsafe" not in answer["Content-Security-Policy"]
    assert Action.PLAYBACK_GRANTED in actions()


def test_the_players_addresses_answer_this_session_and_no_other(supervisor, stranger, recording):
    page = supervisor.post(listen_at(recording), LISTEN, follow=True).content.decode()
    addresses = re.findall(r'(/api/v1/grants/[^"]+)"', page)

    assert len(addresses) == 3
    for address in addresses:
        assert supervisor.get(address, headers={"Range": "bytes=0-99"}).status_code in {200, 206}
        assert stranger.get(address, headers={"Range": "bytes=0-99"}).status_code == 404


def test_stopping_ends_the_permission_and_asks_again(supervisor, recording):
    supervisor.post(listen_at(recording), LISTEN)

    answer = supervisor.post(reverse("recordings:stop", args=[recording.pk]), follow=True).content.decode()

    assert "You stopped listening" in answer
    assert "Before you listen" in answer
    assert PlaybackGrant.objects.get().ended_because == "stopped"


def test_a_permission_that_ran_out_asks_again(supervisor, recording, monkeypatch):
    supervisor.post(listen_at(recording), LISTEN)
    later = clock.now() + timedelta(minutes=16)
    monkeypatch.setattr(clock, "now", lambda: later)

    assert "Before you listen" in supervisor.get(page_of(recording)).content.decode()


def test_a_refused_purpose_is_recorded_as_a_refused_listening(supervisor, recording):
    answer = supervisor.post(listen_at(recording), {"purpose": "training", "reason": REASON})

    assert answer.status_code == 403
    assert "no-lawful-basis" in answer.content.decode()
    assert Action.PLAYBACK_REFUSED in actions()


def test_a_call_in_quarantine_stays_closed_and_says_why(supervisor, exchange, north):
    quarantined = calls.bring_in(exchange, said=document(lawful_bases=[]), now=clock.now())

    answer = supervisor.get(page_of(quarantined)).content.decode()

    assert "This call is in quarantine" in answer
    assert "Nobody may hear it now." in answer
    assert "You still need to say what it is for." not in answer
    assert "Open the recording" not in answer


def test_a_restricted_call_stays_closed_and_says_why(supervisor, recording):
    Recording.objects.filter(pk=recording.pk).update(is_restricted=True)

    assert "This call is restricted" in supervisor.get(page_of(recording)).content.decode()


def test_a_call_whose_every_purpose_was_withdrawn_says_so(supervisor, exchange, recording):
    Recording.objects.filter(pk=recording.pk).update(state="active")
    said = document(lawful_bases=[consent("quality")])
    other = calls.bring_in(exchange, said=said, now=clock.now())
    supervisor.post(
        reverse("recordings:bases", args=[other.pk]),
        {"party": "1", "purpose": "quality", "basis": "consent", "status": "withdrawn"},
    )

    answer = supervisor.get(page_of(other)).content.decode()

    assert "Nothing allows listening to this call" in answer


def test_the_dpo_sees_history_and_retention_and_cannot_open_it(dpo, recording):
    answer = dpo.get(page_of(recording)).content.decode()

    assert "you do not listen" in answer
    assert reverse("retention:recording", args=[recording.pk]) in answer
    assert dpo.post(listen_at(recording), LISTEN).status_code == 403


def test_an_erased_call_shows_its_tombstone_and_nothing_else(supervisor, recording):
    bury(recording, now=clock.now())
    assert "Not yet" not in supervisor.get(reverse("recordings:list")).content.decode()

    answer = supervisor.get(page_of(recording))

    assert answer.status_code == 410
    assert "This call has been erased" in answer.content.decode()
    assert str(recording.pk) in answer.content.decode()
    assert CUSTOMER_NUMBER[-2:] + "</" not in answer.content.decode()


def test_a_withdrawal_by_page_stands_in_the_history(supervisor, recording):
    address = reverse("recordings:bases", args=[recording.pk])
    assert "What happened" in supervisor.get(address).content.decode()

    answer = supervisor.post(
        address,
        {
            "party": "1",
            "purpose": "complaint",
            "basis": "consent",
            "status": "withdrawn",
            "method": "letter",
            "notice_version": "",
        },
        follow=True,
    )

    assert "It stands in the history" in answer.content.decode()
    entry = LawfulBasis.objects.latest("recorded_at")
    assert (entry.status, entry.method) == ("withdrawn", "letter")


def test_an_entry_that_makes_no_sense_is_refused_beside_its_field(supervisor, recording):
    before = LawfulBasis.objects.count()

    answer = supervisor.post(reverse("recordings:bases", args=[recording.pk]), {"party": "7"})

    assert answer.status_code == 400
    assert 'aria-invalid="true"' in answer.content.decode()
    assert LawfulBasis.objects.count() == before


def test_who_listened_stands_beside_the_call(supervisor, recording):
    page = supervisor.post(listen_at(recording), LISTEN, follow=True).content.decode()
    audio = re.search(r'src="(/api/v1/grants/[^"]+/audio)"', page)
    assert audio is not None
    answer = supervisor.get(audio.group(1), headers={"Range": "bytes=0-"})
    b"".join(answer.streaming_content)

    seen = supervisor.get(page_of(recording)).content.decode()

    assert "1 person." in seen
    assert "You have heard" in seen
