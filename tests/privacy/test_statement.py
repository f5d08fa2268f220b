"""The statement: what the trail holds about somebody's recordings, all of it, and nothing of anybody else's."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import numpy as np
import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit import trail
from audit.actions import Action
from audit.events import Coverage
from privacy import printed, statement, written
from privacy.consultations import Consultations, Heard, Seen, What
from privacy.periods import Period
from privacy.statement import Asked, GroundTooShort, StatedRecording, Statement
from recordings import playback, ranges, search, viewing
from recordings.errors import NoSuchRecording
from recordings.models import Recording
from recordings.sought import NothingToSearchFor
from recordings.tombstones import bury
from tests.people import client_of
from tests.privacy.playing import begin, break_off, hear
from tests.recordings.calls import CUSTOMER_NUMBER, NOW, REFERENCE, bring_in, document, wav
from tests.recordings.conftest import exchange_actor, person
from tests.trail import events
from vault.access.models import Team, User
from vault.access.roles import Role

VECTOR = Path(__file__).parents[1] / "vectors" / "statement-v1.json"
ABOUT = Asked(number=CUSTOMER_NUMBER)
GROUND = "The caller says that a neighbour works here"


def state(actor, asked=ABOUT, *, now=NOW) -> Statement:
    return statement.make_statement(asked, actor=actor, now=now)


def test_a_statement_says_every_second_that_was_sent_and_no_other(north, exchange, ines, katrien):
    chance = np.random.default_rng(20261122)
    recording = bring_in(exchange, audio=wav(150))
    others = bring_in(exchange, audio=wav(90), said=document(parties=_somebody_else()))
    expected = []
    for minute in range(6):
        now = NOW + timedelta(hours=minute)
        token = begin(recording, ines, now=now)
        parts = [sorted(125 * int(at) for at in chance.integers(0, 1_200, 2)) for _ in range(5)]
        for from_ms, to_ms in parts:
            if from_ms < to_ms:
                hear(token, ines, from_ms / 1000, min(to_ms, from_ms + 60_000) / 1000, now=now)
        playback.stop(token, actor=ines, now=now)
        expected.append(ranges.joined((first, min(last, first + 60_000)) for first, last in parts))
    hear(begin(others, ines), ines, 0, 5)

    stated = state(katrien, now=NOW + timedelta(days=1))

    assert [one.sent for one in stated.consultations.heard] == expected
    assert not any(one.possibly_sent for one in stated.consultations.heard)
    assert {one.recording_id for one in stated.consultations.heard} == {recording.pk}
    assert {(one.purpose, one.role) for one in stated.consultations.heard} == {("quality", "supervisor")}


def test_what_broke_off_or_is_under_way_is_stated_as_possibly_sent(north, exchange, ines, katrien):
    recording = bring_in(exchange, audio=wav(150))
    token = begin(recording, ines)
    hear(token, ines, 0, 10)
    break_off(token, ines, 65, 70)

    (under_way,) = state(katrien).consultations.heard
    playback.stop(token, actor=ines, now=NOW)
    (closed,) = state(katrien).consultations.heard

    assert (under_way.is_open, under_way.sent, under_way.possibly_sent) == (True, [], [(0, 120_000)])
    assert (closed.sent, closed.possibly_sent) == ([(0, 10_000)], [(60_000, 120_000)])
    assert (closed.sent_ms, closed.possibly_sent_ms) == (10_000, 60_000)


def test_looks_and_searches_stand_apart_and_refusals_are_only_counted(recording, ines, sander, katrien):
    viewing.view(recording.pk, actor=ines, now=NOW)
    begin(recording, ines)
    search.find_by_number(CUSTOMER_NUMBER, actor=ines, now=NOW)
    search.find_by_number("0031 97 000 000 012", actor=katrien, now=NOW)
    client_of(User.objects.get(pk=sander.id)).get(f"/recordings/{recording.pk}/")

    stated = state(katrien)
    again = state(katrien)

    assert stated.consultations.heard == []
    assert {one.what for one in stated.consultations.seen} == {What.PAGE, What.PLAYER}
    assert stated.searches == (("dpo", 1), ("supervisor", 1))
    assert stated.consultations.refused == 1
    assert (stated.statements, again.statements) == (0, 1)


def test_a_period_takes_what_lies_in_it(recording, ines, katrien):
    for days in (0, 2, 4):
        hear(
            begin(recording, ines, now=NOW + timedelta(days=days)), ines, 0, 1, now=NOW + timedelta(days=days)
        )
    period = Period(NOW + timedelta(days=1), NOW + timedelta(days=3))

    stated = state(katrien, replace(ABOUT, period=period), now=NOW + timedelta(days=5))

    assert [one.at for one in stated.consultations.heard] == [NOW + timedelta(days=2)]


def test_employees_are_named_only_on_a_ground_that_is_kept_sealed(recording, ines, katrien):
    hear(begin(recording, ines), ines, 0, 1)

    silent = json.dumps(written.statement_as_json(state(katrien), controller="Harbour"))
    for ground in ("", "because", "  because   "):
        with pytest.raises(GroundTooShort):
            state(katrien, replace(ABOUT, with_names=True, ground=ground))
    named = state(katrien, replace(ABOUT, with_names=True, ground=GROUND))

    assert "Ines" not in silent
    assert [one.name for one in named.consultations.heard] == ["Ines"]
    made = events(Action.STATEMENT_MADE)
    assert [event.body["facts"]["names"] for event in made] == [False, True]
    assert GROUND.encode() not in bytes(made[-1].entry)
    assert [part["subject"] for part in made[-1].body["addenda"]] == [f"account:{katrien.id}"] * 2


def test_the_number_is_in_the_trail_as_a_keyed_hash_alone(recording, katrien):
    stated = state(katrien)

    (event,) = events(Action.STATEMENT_MADE)
    facts = event.body["facts"]
    assert event.id == stated.id
    assert (facts["field"], facts["recordings"], facts["consultations"]) == ("number", 1, 0)
    assert len(bytes.fromhex(facts["query"])) == 32
    assert CUSTOMER_NUMBER[-8:].encode() not in bytes(event.entry)


def test_a_reference_is_found_however_it_is_written_and_its_searches_too(recording, ines, katrien):
    search.find_by_reference(f" {REFERENCE.lower()} ", actor=ines, now=NOW)

    stated = state(katrien, Asked(reference=REFERENCE))

    assert [one.id for one in stated.recordings] == [recording.pk]
    assert stated.searches == (("supervisor", 1),)


def test_of_what_was_erased_nothing_can_be_stated_and_the_statement_says_so(recording, ines, katrien):
    hear(begin(recording, ines), ines, 0, 1)
    bury(recording, now=NOW)

    stated = state(katrien)

    assert stated.recordings == ()
    assert written.statement_as_json(stated, controller="")["coverage"]["erased_recordings"] is False
    assert "erased" in printed.statement_html(replace(stated, language="en"), addressee="")


def test_who_asks_about_nobody_gets_no_statement(recording, katrien):
    for asked in (Asked(), Asked(number="anonymous"), Asked(number=CUSTOMER_NUMBER, reference=REFERENCE)):
        with pytest.raises(NothingToSearchFor):
            state(katrien, asked)

    assert events(Action.STATEMENT_MADE) == []


def test_more_recordings_and_more_events_cost_no_more_queries(north, exchange, ines, katrien):
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            state(katrien)
        return len(captured)

    hear(begin(bring_in(exchange), ines), ines, 0, 1)
    queries()
    with_one = queries()
    for _ in range(4):
        hear(begin(bring_in(exchange), ines), ines, 0, 1)

    assert queries() == with_one


def test_a_supervisor_gets_only_what_is_within_reach_even_from_the_use_case(recording, sander):
    assert state(sander).recordings == ()
    with pytest.raises(NoSuchRecording):
        Recording.objects.visible_to(sander).require(recording.pk)


def test_what_cannot_be_recorded_is_not_stated(fresh_database, monkeypatch, settings):
    settings.RECORDING_SCHEDULER = "tests.recordings.calls.plan"
    monkeypatch.setattr(trail, "TIME_LIMIT_MS", 200)
    Team.objects.create(name="North")
    katrien = person("katrien@example.org", Role.DPO)
    bring_in(exchange_actor())
    client = client_of(User.objects.get(pk=katrien.id))
    asked = {"wanted": CUSTOMER_NUMBER, "language": "en", "act": "page"}

    with psycopg.connect(fresh_database.environment["DATABASE_OWNER_URL"]) as somebody:
        somebody.execute("LOCK TABLE audit_event IN SHARE ROW EXCLUSIVE MODE")  # reads go on
        page = client.post("/privacy/who-listened/", asked)
        report = client.post(
            "/privacy/breach-report/", {"who": f"account:{katrien.id}", "language": "en", "act": "csv"}
        )

    assert (page.status_code, report.status_code) == (503, 503)
    assert b"letter" not in page.content
    assert client.post("/privacy/who-listened/", asked).status_code == 200


def test_the_json_is_that_of_the_published_vector():
    at = datetime(2026, 11, 22, 10, 52, 7, tzinfo=UTC)
    call = UUID("0198b2f0-5f3a-7c11-9c7e-4a2d6b1f0e55")
    heard = Heard(call, "g", at, at, "quality", "supervisor", None, "Ines", False)
    heard.sent, heard.possibly_sent = [(2_000, 5_000), (50_000, 55_500)], [(0, 60_000)]
    stated = Statement(
        id=UUID("0198b2f0-5f3a-7c11-9c7e-4a2d6b1f0e56"),
        made_at=at + timedelta(days=1),
        language="nl",
        field="number",
        masked="+31 •••• 12",
        period=Period(None, at + timedelta(days=1)),
        coverage=Coverage(at - timedelta(days=400), ("2025-09",)),
        recordings=(StatedRecording(1, call, at - timedelta(hours=1), 278_000),),
        consultations=Consultations(
            [heard], [Seen(call, at, What.PAGE, "", "dpo", None, "Katrien")], refused=2
        ),
        searches=(("supervisor", 3),),
        statements=1,
        with_names=True,
    )

    assert written.statement_as_json(stated, controller="Harbour Energy") == json.loads(VECTOR.read_text())


def _somebody_else():
    (agent, customer) = document()["parties"]
    return [agent, customer | {"number": "+3197000000099", "reference": "HV-1"}]
