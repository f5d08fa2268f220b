"""What a history of lawful bases adds up to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from recordings.basis_rules import Admission, Entry, Verdict, judge, people_to_ask

START = datetime(2026, 11, 22, 10, tzinfo=UTC)
CUSTOMER = frozenset({1})


def said(
    status: str, *, party: int = 1, purpose: str = "quality", basis: str = "consent", after: int = 0
) -> Entry:
    return Entry(party, purpose, basis, status, START + timedelta(seconds=after))


def test_without_a_word_a_call_goes_to_quarantine():
    state = judge([], CUSTOMER)

    assert (state.admission, state.because, state.status) == (Admission.QUARANTINE, "no-lawful-basis", "")
    assert state.of("quality").verdict is Verdict.NONE


def test_consent_covers_its_purpose_and_no_other():
    state = judge([said("granted")], CUSTOMER)

    assert state.admission is Admission.KEEP
    assert state.of("quality").verdict is Verdict.GRANTED
    assert state.of("training").verdict is Verdict.NONE
    assert (state.basis, state.status) == ("consent", "granted")


def test_the_newest_word_counts():
    history = [said("granted"), said("withdrawn", after=1)]

    assert judge(history, CUSTOMER).of("quality").verdict is Verdict.WITHDRAWN
    assert judge([*history, said("granted", after=2)], CUSTOMER).of("quality").verdict is Verdict.GRANTED


def test_no_to_one_purpose_leaves_the_others():
    state = judge([said("granted"), said("refused", purpose="training")], CUSTOMER)

    assert state.admission is Admission.KEEP
    assert state.of("training").verdict is Verdict.REFUSED


def test_another_basis_may_still_hold_after_consent_was_withdrawn():
    state = judge([said("granted", basis="contract"), said("withdrawn")], CUSTOMER)

    assert state.of("quality").verdict is Verdict.GRANTED
    assert state.basis == "contract"


def test_everybody_who_must_be_asked_must_have_said_yes():
    both = frozenset({1, 2})

    assert judge([said("granted")], both).of("quality").verdict is Verdict.NONE
    assert judge([said("granted"), said("refused", party=2)], both).because == "consent-refused"
    assert judge([said("granted"), said("granted", party=2)], both).admission is Admission.KEEP


def test_an_agent_who_was_not_asked_but_withdraws_counts():
    history = [said("granted"), said("withdrawn", party=0)]

    assert judge(history, CUSTOMER).of("quality").verdict is Verdict.WITHDRAWN


def test_the_customers_are_asked_or_else_everybody_who_is_a_person():
    assert people_to_ask(["agent", "customer", "customer"]) == {1, 2}
    assert people_to_ask(["agent", "agent"]) == {0, 1}
    assert people_to_ask(["mixed", "ivr", "other"]) == {2}


entries = st.builds(
    Entry,
    party=st.integers(0, 2),
    purpose=st.sampled_from(["quality", "complaint"]),
    basis=st.sampled_from(["consent", "contract"]),
    status=st.sampled_from(["granted", "refused", "withdrawn"]),
    at=st.just(START),
)


@limits(max_examples=200, deadline=None)
@given(history=st.lists(entries, max_size=8), people=st.frozensets(st.integers(0, 2), min_size=1))
def test_a_recording_is_kept_exactly_when_some_purpose_is_covered(history, people):
    state = judge(history, people)

    covered = [purpose for purpose, found in state.purposes.items() if found.verdict is Verdict.GRANTED]
    assert (state.admission is Admission.KEEP) == bool(covered)
    assert (state.status == "granted") == bool(covered)
    assert (state.because == "") == bool(covered)


@limits(max_examples=200, deadline=None)
@given(history=st.lists(entries, max_size=6), people=st.frozensets(st.integers(0, 2), min_size=1))
def test_withdrawing_everything_leaves_nothing_covered(history, people):
    undone = [
        Entry(party, purpose, basis, "withdrawn", START)
        for party in (0, 1, 2)
        for purpose in ("quality", "complaint")
        for basis in ("consent", "contract")
    ]

    assert judge([*history, *undone], people).admission is Admission.QUARANTINE
