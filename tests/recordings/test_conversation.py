"""Turns and pauses come from outside: only what has the right shape is shown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recordings.conversation import Pause, Turn, read_pauses, read_title, read_turns

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["turns", "speaker", "start_s", "to_ms", "text"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


def test_turns_are_told_in_order_and_in_milliseconds():
    extra = {
        "turns": [
            {"speaker": "caller", "start_s": 11.93, "end_s": 13.21, "text": " Yes. "},
            {"speaker": "agent", "from_ms": 1_130, "to_ms": 11_450, "text": "Good morning."},
        ]
    }

    assert read_turns(extra, 60_000) == [
        Turn(1_130, 11_450, "agent", "Good morning."),
        Turn(11_930, 13_210, "caller", "Yes."),
    ]


def test_a_customer_is_the_caller():
    extra = {"turns": [{"speaker": "customer", "start_s": 0, "end_s": 1, "text": "Hello"}]}

    assert read_turns(extra, 60_000)[0].speaker == "caller"


@pytest.mark.parametrize(
    "turn",
    [
        {"speaker": "agent", "start_s": 61, "end_s": 62, "text": "after the end"},
        {"speaker": "agent", "start_s": 5, "end_s": 4, "text": "backwards"},
        {"speaker": "agent", "start_s": -1, "end_s": 4, "text": "before the start"},
        {"speaker": "robot", "start_s": 1, "end_s": 4, "text": "nobody"},
        {"speaker": "agent", "start_s": True, "end_s": 4, "text": "not a number"},
        {"speaker": "agent", "start_s": float("nan"), "end_s": 4, "text": "not a moment"},
        {"speaker": "agent", "start_s": 1, "end_s": 4, "text": " "},
        {"speaker": "agent", "start_s": 1, "end_s": 4, "text": ["list"]},
        "a text",
        None,
    ],
)
def test_what_has_another_shape_is_left_out(turn):
    assert read_turns({"turns": [turn]}, 60_000) == []


def test_a_turn_that_runs_over_the_end_is_cut_there():
    extra = {"turns": [{"speaker": "agent", "start_s": 59, "end_s": 70, "text": "Goodbye"}]}

    assert read_turns(extra, 60_000)[0].to_ms == 60_000


def test_pauses_keep_their_reason():
    extra = {
        "pauses": [{"from_ms": 2_000, "to_ms": 3_000, "reason": "hold"}, {"from_ms": 5_000, "to_ms": 6_000}]
    }

    assert read_pauses(extra, 60_000) == [Pause(2_000, 3_000, "hold"), Pause(5_000, 6_000, "")]


def test_a_title_is_one_line():
    assert read_title({"title": "Meter\n reading"}) == "Meter reading"
    assert read_title({"title": 7}) == ""


@settings(max_examples=60)
@given(JSON)
def test_nothing_that_a_source_sends_breaks_the_page(extra):
    outer = extra if isinstance(extra, dict) else {"turns": extra, "pauses": extra, "title": extra}

    for turn in read_turns(outer, 60_000):
        assert 0 <= turn.from_ms < turn.to_ms <= 60_000
    read_pauses(outer, 60_000)
    read_title(outer)
