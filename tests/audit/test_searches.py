"""Searches of the trail by person, recording, number and address, and the timelines of one recording and one person."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit import events, rows, sums, trail
from audit.actions import FACTS, FACTS_OF_REFUSAL, Action
from audit.actor import Actor, ActorKind, Ref
from audit.events import EventFilters
from audit.models import AuditEvent, Export
from audit.traces import Traces
from audit.wording import FACT_NAMES, OTHER_FACT_NAMES
from recordings import search, traces
from recordings.models import Recording
from tests.audit.conftest import record
from tests.people import client_of, make_person
from tests.recordings import calls
from tests.recordings.conftest import exchange_actor
from vault import clock
from vault.access.models import Team, User
from vault.access.roles import Role
from vault.demo.organisation import as_actor
from vault.errors import Forbidden

TRAIL = reverse("audit:trail")
ADDRESS = "198.51.100.23"


@pytest.fixture
def katrien(db) -> User:
    return make_person(Role.DPO, name="Katrien Maas")


@pytest.fixture
def dpo(katrien) -> Client:
    return client_of(katrien)


@pytest.fixture
def ines(db) -> User:
    return make_person(Role.SUPERVISOR, name="Ines Verhoeven")


@pytest.fixture
def recording(settings, db) -> Recording:
    """A call with a customer's number and reference."""
    settings.RECORDING_SCHEDULER = "tests.recordings.calls.plan"
    Team.objects.get_or_create(name="North of the river")
    return calls.bring_in(exchange_actor())


def acts(person: User, *, address: str = "") -> Actor:
    return Actor(ActorKind.PERSON, person.pk, person.role, person.name, "web", address)


def of(recording: Recording) -> Ref:
    return Ref("recording", str(recording.pk))


def found(client: Client, **asked: str) -> list[str]:
    """Return the actions that a posted search shows, newest first, without what reads the trail itself."""
    response = client.post(reverse("audit-api:search"), asked, content_type="application/json")
    assert response.status_code == 200, response.content
    actions = [told["entry"]["action"] for told in response.json()["results"]]
    return [action for action in actions if not action.startswith("trail.")]


def test_a_number_finds_what_happened_to_its_recordings_and_who_searched_for_it(
    dpo, katrien, recording, ines
):
    record(acts(ines), target=of(recording), at=clock.now())
    record(acts(ines), at=clock.now())  # of another recording
    search.find_by_number(calls.CUSTOMER_NUMBER, actor=as_actor(katrien), now=clock.now())
    search.find_by_number("+31201234567", actor=as_actor(katrien), now=clock.now())

    page = dpo.post(TRAIL, {"number": "+31 97 000 000 012"}).content.decode()

    assert page.count("<b>Ines Verhoeven</b> opened") == 1
    assert page.count("</b> searched by a number or reference") == 1
    brought_in = {"recording.ingested", "recording.announced"}
    assert found(dpo, number=calls.CUSTOMER_NUMBER)[:2] == ["recording.searched", "recording.viewed"]
    assert set(found(dpo, number=calls.REFERENCE)) == {"recording.viewed"} | brought_in
    assert found(dpo, number="+31612345678") == []


def test_a_number_stands_in_no_address_and_in_the_trail_as_a_keyed_hash(dpo, recording):
    dpo.post(TRAIL, {"number": calls.CUSTOMER_NUMBER, "action": "recording.viewed"})

    event = AuditEvent.objects.get(action=Action.TRAIL_SEARCHED)
    facts = event.body["facts"]
    assert facts["filters"] == f"action=recording.viewed number={facts['query']}"
    assert len(facts["query"]) == 64
    assert calls.CUSTOMER_NUMBER[3:] not in bytes(event.entry).decode()
    for name in ("audit:trail", "audit-api:events"):
        assert dpo.get(reverse(name), {"number": calls.CUSTOMER_NUMBER}).status_code == 400
    # Who looked for the number in the trail is found by it, too.
    response = dpo.post(TRAIL, {"number": calls.CUSTOMER_NUMBER, "group": "trail"})
    assert response.content.decode().count("</b> looked through the trail") == 1


def test_a_search_by_number_is_paged_narrowed_and_exported_without_writing_it_into_an_address(
    dpo, recording, ines
):
    now = clock.now()
    for minutes in range(60):
        record(acts(ines), target=of(recording), at=now - timedelta(minutes=minutes))
    asked = {"number": calls.CUSTOMER_NUMBER}

    first = dpo.post(TRAIL, asked)
    second = dpo.post(TRAIL, asked | {"after": str(first.context["older"])})
    narrowed = dpo.post(TRAIL, asked | {"other_group": "brought"})
    ordered = dpo.post(reverse("audit:order"), asked | {"format": "jsonl"})

    shown = [response.content.decode().count("line__idx") for response in (first, second, narrowed)]
    assert shown == [50, 12, 2]
    assert calls.CUSTOMER_NUMBER not in first.content.decode().split("<title>")[1].split("</title>")[0]
    assert ordered.status_code == 302
    kept = Export.objects.get()
    assert calls.CUSTOMER_NUMBER[3:] not in str(kept.filters)
    again = EventFilters.from_row(kept.filters)
    assert (
        events.count_events(again) == again.apply(AuditEvent.objects.all()).count() == 62 + 3
    )  # and those who looked


def test_what_is_no_number_is_said_beside_the_field_and_nothing_is_shown(dpo, recording, monkeypatch):
    monkeypatch.setattr(traces, "MOST_RECORDINGS", 0)

    response = dpo.post(TRAIL, {"number": calls.CUSTOMER_NUMBER, "address": "the office"})

    page = response.content.decode()
    assert response.status_code == 400
    assert 'id="id_number-error"' in page
    assert 'id="id_address-error"' in page
    assert "line__idx" not in page
    assert not AuditEvent.objects.filter(action=Action.TRAIL_SEARCHED).exists()


def test_an_address_finds_who_came_from_it_however_it_is_written(dpo, ines):
    record(acts(ines, address=ADDRESS), at=clock.now())
    record(acts(ines, address="203.0.113.9"), at=clock.now())
    record(acts(ines, address="2001:DB8::7"), at=clock.now())

    assert found(dpo, address=ADDRESS) == ["recording.viewed"]
    assert found(dpo, address=f"::ffff:{ADDRESS}") == ["recording.viewed"]
    assert found(dpo, address="2001:db8:0::7") == ["recording.viewed"]
    assert found(dpo, address="192.0.2.1") == []
    facts = AuditEvent.objects.filter(action=Action.TRAIL_SEARCHED).earliest("id").body["facts"]
    assert facts["filters"].startswith("address=")
    assert ADDRESS not in facts["filters"]


def test_a_forgotten_person_is_not_found_by_their_address_any_more(dpo, ines):
    record(acts(ines, address=ADDRESS), at=clock.now())
    with transaction.atomic():
        trail.forget(trail.Subject.account(ines.pk), actor=Actor.system("test"), at=clock.now())

    assert found(dpo, address=ADDRESS) == []


def test_a_person_is_found_by_what_they_did_and_by_what_was_done_to_them(dpo, katrien, ines):
    record(acts(ines), at=clock.now())
    disabled = Ref("account", str(ines.pk))
    record(acts(katrien), Action.ACCOUNT_DISABLED, disabled, at=clock.now(), role="supervisor")

    assert found(dpo, person_id=str(ines.pk)) == ["account.disabled", "recording.viewed"]
    assert found(dpo, person_id=str(ines.pk), group="changed") == ["account.disabled"]


def test_the_timeline_of_a_recording_tells_who_heard_it_and_how_it_ended(dpo, recording, ines):
    now, erasure = clock.now(), str(uuid4())
    target, noor = of(recording), make_person(Role.SUPERVISOR, name="Noor Brandsma")
    for person, heard_ms in ((ines, 62_000), (ines, 30_000), (noor, 10_000)):
        record(acts(person), Action.PLAYBACK_CLOSED, target, at=now, heard="0-1", heard_ms=heard_ms)
    refusal = Forbidden(code="out-of-reach")
    trail.record_refusal(refusal, actor=acts(noor), action="playback.refused", target=target, at=now)
    record(Actor.system("task"), Action.RECORDING_ERASED, target, at=now, erasure=erasure)
    record(Actor.system("task"), Action.ERASURE_CERTIFIED, Ref("erasure", erasure), at=now, erasure=erasure)

    page = dpo.get(reverse("audit:recording", args=[recording.pk])).content.decode()

    for words in (
        "1:42",
        "by 2 people",
        "certified the erasure",
        "was refused: tried to hear",
        "8 events match",
    ):
        assert words in page
    event = AuditEvent.objects.get(action=Action.TRAIL_SEARCHED)
    assert event.body["facts"]["filters"] == f"recording_id={recording.pk}"
    assert dpo.get(reverse("audit:recording", args=[uuid4()])).status_code == 404


def test_the_timeline_of_a_person_tells_what_they_heard(dpo, recording, ines):
    closed = Action.PLAYBACK_CLOSED
    record(acts(ines), closed, of(recording), at=clock.now(), heard="0-1", heard_ms=62_000)

    page = dpo.get(reverse("audit:person", args=[ines.pk])).content.decode()

    for words in ("Ines Verhoeven", "1:02", "of 1 recording"):
        assert words in page
    assert dpo.get(reverse("audit:person", args=[uuid4()])).status_code == 404


def test_what_somebody_left_without_stopping_counts_as_theirs(dpo, recording, ines):
    target, grant, at = of(recording), str(uuid4()), clock.now() - timedelta(minutes=16)
    record(acts(ines), Action.PLAYBACK_GRANTED, target, at=at, grant=grant)
    record(acts(ines), Action.PLAYBACK_WINDOW, target, at=at, grant=grant, from_ms=0, to_ms=60_000)
    vault = Actor.system("task:recordings.close_stale_grants")
    record(
        vault, Action.PLAYBACK_CLOSED, target, at=clock.now(), grant=grant, heard="0-62000", heard_ms=62_000
    )

    assert sums.of_person(ines.pk) == sums.Sums(1, 62_000, at, 0)
    assert sums.of_recording(recording.pk) == sums.Sums(1, 62_000, at, 0)
    page = dpo.get(reverse("audit:recording", args=[recording.pk])).content.decode()
    assert "<b>The vault</b> noted what was heard of" in page


def test_timelines_are_linked_for_who_may_read_the_trail_and_for_nobody_else(dpo, recording, ines):
    of_recording = reverse("audit:recording", args=[recording.pk])
    recording_page, person_page = (
        reverse("recordings:detail", args=[recording.pk]),
        reverse("access:person", args=[ines.pk]),
    )

    assert of_recording in dpo.get(recording_page).content.decode()
    assert reverse("audit:person", args=[ines.pk]) in dpo.get(person_page).content.decode()
    supervisor = client_of(make_person(Role.SUPERVISOR, teams=list(Team.objects.all())))
    assert of_recording not in supervisor.get(recording_page).content.decode()
    assert supervisor.get(of_recording).status_code == 403


def test_a_row_opens_in_its_place_to_all_its_fields_in_words(dpo, ines):
    event = record(acts(ines, address=ADDRESS), Action.PLAYBACK_CLOSED, at=clock.now(), heard_ms=62_000)

    assert ADDRESS not in dpo.get(TRAIL).content.decode()
    inside = dpo.get(reverse("audit:inside", args=[event.id])).content.decode()

    for words in (
        "Network address",
        ADDRESS,
        "time heard",
        "1:02 (62000 ms)",
        "Access point",
        "&quot;heard_ms&quot;",
    ):
        assert words in inside
    assert AuditEvent.objects.get(action=Action.TRAIL_EVENT_READ).body["facts"]["event"] == str(event.id)


def test_what_an_event_opens_to_is_told_even_where_nobody_has_a_word_for_it(dpo):
    unknown = Ref("account", "unknown-0123456789abcdef0123456789abcdef")
    event = record(
        Actor.unknown("web"), Action.SESSION_SIGN_IN_FAILED, unknown, at=clock.now(), method="password"
    )
    told = events.read_event(event.id)
    told.event.body["facts"] |= {"of_tomorrow": ["a", 1]}

    inside = {field.name: field.value for field in rows.inside_of(told).fields}

    assert inside["of_tomorrow"] == '["a", 1]'
    assert unknown.id in inside["To what"]
    assert "<b>Somebody unknown</b> failed to sign in" in dpo.get(TRAIL).content.decode()


def test_an_order_keeps_all_that_was_looked_for():
    now = clock.now()
    traces = (Traces("number", "ab", ("00ff",), ("c411",)), Traces("address", "cd", ("01",)))
    asked = EventFilters(
        actor_id=uuid4(),
        target_id="t",
        person_id=uuid4(),
        recording_id=uuid4(),
        group="heard",
        action="recording.viewed",
        outcome="done",
        purpose="complaint",
        since=now,
        until=now,
        traces=traces,
    )

    kept = json.loads(json.dumps(asked.as_row()))

    assert EventFilters.from_row(kept) == asked
    assert asked.as_facts()["number"] == "ab"


def test_every_fact_has_a_name_in_words():
    named = FACT_NAMES.keys() | OTHER_FACT_NAMES.keys()

    assert set().union(FACTS_OF_REFUSAL, *FACTS.values()) <= named


def test_a_page_asks_the_database_as_often_for_many_events_as_for_few(dpo, ines):
    asked = []
    for more in (1, 30):
        for _ in range(more):
            record(acts(ines), at=clock.now())
        with CaptureQueriesContext(connection) as queries:
            dpo.get(TRAIL, {"person": str(ines.pk)})
        asked.append(len(queries))

    assert asked[0] == asked[1]
