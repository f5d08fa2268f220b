"""The breach report: the exact ranges that were sent to an account or a session, and all else it was shown."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta

import pytest

from audit.actions import Action
from privacy import breach, written
from privacy.breach import Report
from privacy.consultations import What
from privacy.periods import Period
from recordings import playback, search, viewing
from recordings.models import Recording
from recordings.tombstones import bury
from tests.privacy.playing import begin, break_off, hear
from tests.recordings.calls import CUSTOMER_NUMBER, NOW, bring_in, wav
from tests.trail import events
from vault.errors import Invalid, Missing


def report(of, by, *, session="", period=Period(), now=NOW) -> Report:  # noqa: B008 - a frozen value
    suspect = breach.find_suspect("account", of.id, session)
    return breach.make_report(suspect, period=period, format="json", language="en", actor=by, now=now)


def test_a_report_lists_the_exact_ranges_of_each_recording(north, exchange, ines, katrien):
    recording, other = bring_in(exchange, audio=wav(90)), bring_in(exchange)
    token = begin(recording, ines)
    hear(token, ines, 2, 5)
    hear(token, ines, 50, 55.5)
    break_off(token, ines, 70, 71)
    playback.close_stale_grants(now=NOW + timedelta(minutes=17))  # the vault ends it, not the person
    viewing.view(other.pk, actor=ines, now=NOW)

    made = report(ines, katrien, now=NOW + timedelta(hours=1))

    (heard,) = made.consultations.heard
    assert heard.sent == [(2_000, 5_000), (50_000, 55_500)]
    assert heard.possibly_sent == [(60_000, 90_000)]
    assert [(one.what, one.recording_id) for one in made.consultations.seen] == [(What.PAGE, other.pk)]
    assert {one.id for one in made.recordings} == {recording.pk, other.pk}
    assert (made.people.numbers, made.people.without_number) == (1, 2)  # one caller, the agent of each call


def test_lists_searches_and_what_was_taken_out_are_counted(recording, ines, katrien):
    search.find(search.CallFilters(), actor=ines, now=NOW)
    search.find_by_number(CUSTOMER_NUMBER, actor=ines, now=NOW)
    report(ines, katrien)

    of_ines, of_katrien = report(ines, katrien), report(katrien, katrien)

    assert (of_ines.lists.pages, of_ines.lists.rows) == (1, 1)
    assert (of_ines.searches.pages, of_ines.searches.rows) == (1, 1)
    assert [one.action for one in of_katrien.taken] == [Action.BREACH_REPORT_MADE] * 2
    assert of_katrien.lists.pages == 0


def test_a_session_is_reported_apart_from_the_others_of_the_account(recording, ines, katrien):
    stolen = replace(ines, session="stolen")
    hear(begin(recording, ines), ines, 0, 1)
    hear(begin(recording, stolen), stolen, 1, 2)

    made = report(ines, katrien, session="stolen")

    assert [one.possibly_sent for one in made.consultations.heard] == [[(0, 3_000)]]  # not closed yet
    assert events(Action.BREACH_REPORT_MADE)[-1].target_kind == "session"


def test_a_grant_that_runs_into_the_period_is_reported_whole(north, exchange, ines, katrien):
    recording = bring_in(exchange, audio=wav(90))
    token = begin(recording, ines)
    hear(token, ines, 0, 1)
    hear(token, ines, 61, 62, now=NOW + timedelta(minutes=10))
    playback.stop(token, actor=ines, now=NOW + timedelta(minutes=11))
    within = Period(NOW + timedelta(minutes=5), NOW + timedelta(minutes=10, seconds=1))
    after = Period(NOW + timedelta(minutes=20), None)

    assert [one.sent for one in report(ines, katrien, period=within).consultations.heard] == [
        [(0, 1_000), (61_000, 62_000)]
    ]
    assert report(ines, katrien, period=after).recordings == ()


def test_of_a_recording_erased_since_the_ranges_stand_but_not_the_people(recording, ines, katrien):
    hear(begin(recording, ines), ines, 0, 1)
    bury(Recording.objects.get(pk=recording.pk), now=NOW)

    made = report(ines, katrien)

    assert len(made.consultations.heard) == 1
    assert (made.people.numbers, made.people.recordings_unknown) == (0, 1)


def test_csv_and_json_say_the_same(recording, ines, katrien):
    token = begin(recording, ines)
    hear(token, ines, 0.5, 1.25)
    playback.stop(token, actor=ines, now=NOW)
    made = report(ines, katrien)

    rows = list(csv.DictReader(io.StringIO(written.report_as_csv(made))))
    said = written.report_as_json(made)

    heard = [row for row in rows if row["kind"] == "heard"]
    assert [row["sent"] for row in heard] == ["500-1250"]
    assert [one["sent"] for one in said["heard"]] == [[[500, 1250]]]
    assert said["affected"]["recordings"] == 1


def test_nobody_unknown_and_no_period_backwards_is_reported(recording, ines, katrien):
    with pytest.raises(Missing):
        breach.find_suspect("token", ines.id)
    with pytest.raises(Invalid):
        Period(NOW, NOW)
    assert events(Action.BREACH_REPORT_MADE) == []
