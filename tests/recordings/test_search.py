"""Finding calls: within reach, by page, by what the list shows, and by number without telling which."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from audit.actions import Action
from recordings import moving, search, sought
from recordings.models import Recording
from recordings.paging import BadCursor
from recordings.search import CallFilters
from recordings.sought import NothingToSearchFor
from recordings.tombstones import bury
from tests.recordings.calls import CUSTOMER_NUMBER, NOW, REFERENCE, bring_in, consent, document, wav
from tests.trail import events
from vault.errors import Invalid


def find(actor, cursor=None, limit=50, **filters):
    return search.find(CallFilters(**filters), actor=actor, cursor=cursor, limit=limit, now=NOW)


def ids(page) -> list[UUID]:
    return [row.recording.pk for row in page.rows]


def call_at(minutes_ago: int, **changes):
    started_at = NOW - timedelta(minutes=minutes_ago)
    return document(call={"started_at": started_at.isoformat(), "direction": "in"}, **changes)


def test_each_finds_what_is_within_reach(recording, exchange, other_exchange, ines, sander, katrien, bram):
    assert ids(find(ines)) == ids(find(katrien)) == ids(find(exchange)) == [recording.pk]
    for actor in (sander, bram, other_exchange):
        assert ids(find(actor)) == []
        assert search.count(CallFilters(), actor=actor, now=NOW) == 0


def test_a_call_without_a_team_is_found_by_the_dpo_alone(north, exchange, ines, katrien):
    said = document()
    said["parties"][0]["team_ref"] = "Nobody's"
    recording = bring_in(exchange, said=said)

    assert ids(find(katrien)) == [recording.pk]
    assert ids(find(ines)) == []


def test_the_list_shows_a_masked_number(recording, ines):
    assert find(ines).rows[0].number == "+31 970 •••• ••12"


def test_pages_go_both_ways_and_miss_nothing_even_at_the_same_second(north, exchange, ines):
    made = [bring_in(exchange, said=call_at(minutes // 2), audio=wav(0.1)) for minutes in range(7)]
    newest_first = sorted(made, key=lambda call: (call.started_at, call.pk), reverse=True)
    expected = [call.pk for call in newest_first]

    first = find(ines, limit=3)
    second = find(ines, first.older, limit=3)
    third = find(ines, second.older, limit=3)

    assert ids(first) + ids(second) + ids(third) == expected
    assert first.newer is None
    assert third.older is None
    assert ids(find(ines, third.newer, limit=3)) == ids(second)
    back = find(ines, second.newer, limit=3)
    assert ids(back) == ids(first)
    assert back.newer is None


@pytest.mark.parametrize("cursor", ["x", "bm9wZQ", "é", "WyIyMDI2IiwgMSwgMV0", "W10"])
def test_a_cursor_that_was_not_made_here_is_refused(ines, cursor):
    with pytest.raises(BadCursor):
        find(ines, cursor)


def test_each_filter_keeps_what_it_says(north, exchange, ines):
    kept = bring_in(exchange, said=call_at(30, classification=["House move"]), audio=wav(4))
    other = bring_in(exchange, said=call_at(90, lawful_bases=[consent("quality", "refused")]), audio=wav(1))

    finds: list[tuple[dict[str, Any], list[UUID]]] = [
        ({"category": "House move"}, [kept.pk]),
        ({"shortest_s": 3}, [kept.pk]),
        ({"started_from": NOW - timedelta(hours=1)}, [kept.pk]),
        ({"basis_status": "granted"}, [kept.pk]),
        ({"state": "kept"}, [kept.pk]),
        ({"longest_s": 3}, [other.pk]),
        ({"started_before": NOW - timedelta(hours=1)}, [other.pk]),
        ({"basis_status": "refused"}, [other.pk]),
        ({"state": "quarantined"}, [other.pk]),
        ({"team": uuid4()}, []),
        ({"agent": uuid4()}, []),
        ({"queue": "elsewhere"}, []),
        ({"direction": "out"}, []),
        ({"basis": "contract"}, []),
        ({"basis_status": "none"}, []),
        ({"state": "held"}, []),
        ({"state": "restricted"}, []),
        ({"state": "due"}, []),
        ({"state": "erased"}, []),
    ]
    for filters, found in finds:
        assert ids(find(ines, **filters)) == found, filters
    assert len(ids(find(ines, team=north.pk, queue="billing", direction="in", basis="consent"))) == 2
    assert search.count(CallFilters(category="House move"), actor=ines, now=NOW) == 1


def test_a_filter_that_does_not_exist_is_refused(ines):
    for filters in ({"state": "lost"}, {"direction": "up"}, {"basis": "x"}, {"basis_status": "x"}):
        with pytest.raises(Invalid):
            find(ines, **filters)


def test_states_are_found_as_they_are_shown(recording, ines):
    for field, state in [("is_held", "held"), ("is_frozen", "held"), ("is_restricted", "restricted")]:
        Recording.objects.filter(pk=recording.pk).update(**{field: True})
        assert ids(find(ines, state=state)) == [recording.pk]
        assert ids(find(ines, state="kept")) == []
        Recording.objects.filter(pk=recording.pk).update(**{field: False})
    Recording.objects.filter(pk=recording.pk).update(expires_at=NOW + timedelta(hours=47))
    assert ids(find(ines, state="due")) == [recording.pk]


@pytest.mark.parametrize("written", ["+31 970 000 00012", "097000000012", "0031-97000000012"])
def test_a_number_finds_its_calls_however_it_is_written(recording, exchange, ines, written):
    other = document()
    other["parties"][1]["number"] = "+442079460123"
    bring_in(exchange, said=other)

    page = search.find_by_number(written, actor=ines, now=NOW)

    assert ids(page) == [recording.pk]


def test_a_reference_finds_its_calls_whatever_its_case(recording, ines):
    page = search.find_by_reference(REFERENCE.lower() + " ", actor=ines, now=NOW)

    assert ids(page) == [recording.pk]
    assert ids(search.find_by_reference("HV-000000", actor=ines, now=NOW)) == []


def test_what_looks_like_a_number_is_searched_as_one_and_the_rest_as_a_reference(recording, ines):
    for text in (CUSTOMER_NUMBER, REFERENCE):
        assert ids(search.find_by_number_or_reference(text, actor=ines, now=NOW)) == [recording.pk]


def test_bare_digits_that_are_nobodys_number_are_searched_as_a_reference(north, exchange, ines):
    call = document()
    call["parties"][1]["reference"] = "20240012345"
    recording = bring_in(exchange, said=call)

    assert ids(search.find_by_number_or_reference("20240012345", actor=ines, now=NOW)) == [recording.pk]
    assert ids(search.find_by_number_or_reference("097000000012", actor=ines, now=NOW)) == [recording.pk]
    assert [
        json.loads(bytes(event.entry))["facts"]["field"] for event in events(Action.RECORDING_SEARCHED)
    ] == [
        "number",
        "reference",
        "number",
    ]


def test_a_search_is_in_the_trail_without_what_was_searched_for(recording, ines):
    for _ in range(2):
        search.find_by_number(CUSTOMER_NUMBER, actor=ines, now=NOW)
    search.find_by_number("+442079460123", actor=ines, now=NOW)

    facts = [json.loads(bytes(event.entry))["facts"] for event in events(Action.RECORDING_SEARCHED)]
    assert [fact["count"] for fact in facts] == [1, 1, 0]
    assert facts[0]["query"] == facts[1]["query"] != facts[2]["query"]
    assert all(b"9700000" not in bytes(event.entry) for event in events(Action.RECORDING_SEARCHED))


def test_nothing_cannot_be_searched_for(ines):
    for empty in ("", "  ", "anonymous"):
        with pytest.raises(NothingToSearchFor):
            search.find_by_number(empty, actor=ines, now=NOW)
    with pytest.raises(NothingToSearchFor):
        search.find_by_reference(" ", actor=ines, now=NOW)


def test_a_search_reaches_no_further_than_the_list(recording, sander):
    assert ids(search.find_by_number(CUSTOMER_NUMBER, actor=sander, now=NOW)) == []


def test_an_erased_call_is_listed_as_a_tombstone_and_not_found_by_number(recording, ines):
    bury(recording, now=NOW)

    (row,) = find(ines).rows
    assert (row.number, row.recording.state) == ("", "erased")
    assert ids(search.find_by_number(CUSTOMER_NUMBER, actor=ines, now=NOW)) == []


def test_months_in_use_are_found_by_hopping(north, exchange, settings, katrien):
    bring_in(exchange)
    settings.RECORDING_SCHEDULER = "tests.recordings.calls.plan_later"
    bring_in(exchange)

    assert sought.live_months() == ["2027-02", "2027-11"]
    assert len(ids(search.find_by_number(CUSTOMER_NUMBER, actor=katrien, now=NOW))) == 2


def test_a_call_is_still_found_by_number_when_its_keys_have_moved(recording, ines):
    Recording.objects.filter(pk=recording.pk).update(planned_month="open")

    assert moving.move_keys(now=NOW) == 1

    assert sought.live_months() == ["open"]
    assert ids(search.find_by_number(CUSTOMER_NUMBER, actor=ines, now=NOW)) == [recording.pk]
    assert ids(search.find_by_reference(REFERENCE, actor=ines, now=NOW)) == [recording.pk]
    assert find(ines).rows[0].number == "+31 970 •••• ••12"
