"""How long a call is kept: floors, ceilings, conflicts, quarantine, withdrawal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from recordings.facts import CallFacts
from retention import rules
from retention.periods import Period
from retention.rules import House, Rule, compute

HOUSE = House(zone=ZoneInfo("Europe/Amsterdam"), quarantine=timedelta(days=14))
ENDED = datetime(2026, 8, 31, 8, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
BILLING = UUID(int=11)
CALL = CallFacts(
    started_at=ENDED - timedelta(minutes=5),
    ended_at=ENDED,
    ingested_at=ENDED + timedelta(minutes=1),
    team_id=BILLING,
    queue="billing",
    category="Complaint",
    language="nl",
    basis="consent",
    basis_status="granted",
    is_quarantined=False,
)


def rule(number: int = 1, **changes: Any) -> Rule:
    said: dict[str, Any] = {
        "policy_id": UUID(int=number),
        "version": 1,
        "name": f"Policy {number}",
        "lawful_basis": "legitimate_interests",
        "keep_at_least": None,
        "keep_at_most": Period(6, "months"),
    }
    return Rule(**said | changes)


def plan_of(*found: Rule, call: CallFacts = CALL, now: datetime = NOW):
    return compute(found, call, house=HOUSE, now=now)


def test_one_policy_gives_the_end_the_month_and_its_name():
    plan = plan_of(rule())

    assert plan.expires_at == datetime(2027, 2, 28, 9, 0, tzinfo=UTC)
    assert (plan.month, plan.policy_name, plan.policy_version, plan.in_conflict) == (
        "2027-02",
        "Policy 1",
        1,
        False,
    )
    assert plan.why == rules.BY_POLICY


def test_the_earliest_ceiling_and_the_latest_floor_decide():
    plan = plan_of(
        rule(1, keep_at_most=Period(12, "months"), keep_at_least=Period(2, "months")),
        rule(2, keep_at_most=Period(6, "months"), keep_at_least=Period(3, "months")),
        rule(3, keep_at_most=Period(9, "months")),
    )

    assert plan.policy_id == UUID(int=2)
    assert plan.expires_at == datetime(2027, 2, 28, 9, 0, tzinfo=UTC)
    assert plan.keep_until_at_least == datetime(2026, 11, 30, 9, 0, tzinfo=UTC)


def test_a_floor_beyond_a_ceiling_is_a_conflict_and_never_the_longest():
    plan = plan_of(
        rule(1, keep_at_most=Period(7, "years"), keep_at_least=Period(7, "years")),
        rule(2, keep_at_most=Period(5, "years")),
    )

    assert plan.expires_at is None
    assert (plan.in_conflict, plan.month, plan.why) == (True, "open", rules.IN_CONFLICT)


def test_a_policy_of_exactly_so_long_is_no_conflict_even_in_the_night_the_clocks_change():
    ended = datetime(2026, 10, 24, 0, 30, tzinfo=UTC)
    plan = plan_of(
        rule(keep_at_least=Period(1, "days"), keep_at_most=Period(1, "days")),
        call=replace(CALL, ended_at=ended),
    )

    assert not plan.in_conflict
    assert plan.expires_at == plan.keep_until_at_least


def test_a_call_without_a_policy_waits_for_the_dpo():
    plan = plan_of(rule(queue="sales"))

    assert (plan.expires_at, plan.in_conflict, plan.month, plan.why) == (None, True, "open", rules.NO_POLICY)


@pytest.mark.parametrize(
    ("conditions", "applies"),
    [
        ({}, True),
        ({"team_id": BILLING}, True),
        ({"team_id": UUID(int=12)}, False),
        ({"queue": "billing", "category": "Complaint"}, True),
        ({"queue": "billing", "category": "Praise"}, False),
        ({"basis": "consent"}, True),
        ({"basis": "contract"}, False),
    ],
)
def test_a_policy_applies_where_every_condition_fits(conditions, applies):
    assert rule(**conditions).applies_to(CALL) is applies


def test_quarantine_has_a_ceiling_of_its_own():
    plan = plan_of(rule(), call=replace(CALL, basis="", basis_status="", is_quarantined=True))

    assert plan.expires_at == CALL.ingested_at + timedelta(days=14)
    assert (plan.policy_id, plan.why) == (None, rules.IN_QUARANTINE)


def test_refused_consent_leaves_a_day():
    plan = plan_of(rule(), call=replace(CALL, basis_status="refused", is_quarantined=True))

    assert plan.expires_at == CALL.ingested_at + timedelta(days=1)
    assert plan.why == rules.CONSENT_REFUSED


def test_withdrawn_consent_is_due_at_once():
    plan = plan_of(rule(), call=replace(CALL, basis_status="withdrawn"))

    assert (plan.expires_at, plan.policy_id, plan.why) == (NOW, None, rules.CONSENT_WITHDRAWN)


def test_after_a_withdrawal_a_duty_keeps_the_call_exactly_as_long_as_it_demands():
    duty = rule(
        1, lawful_basis="legal_obligation", keep_at_least=Period(1, "years"), keep_at_most=Period(2, "years")
    )
    call = replace(CALL, basis_status="withdrawn")

    plan = plan_of(duty, rule(2), call=call)

    assert plan.expires_at == plan.keep_until_at_least == datetime(2027, 8, 31, 8, 0, tzinfo=UTC)
    assert plan.why == rules.DUTY_AFTER_WITHDRAWAL
    later = plan_of(duty, call=call, now=datetime(2027, 9, 1, tzinfo=UTC))
    assert later.why == rules.CONSENT_WITHDRAWN


def test_a_floor_that_rests_on_consent_ends_with_it():
    resting = rule(
        1, lawful_basis="consent", keep_at_least=Period(1, "years"), keep_at_most=Period(2, "years")
    )

    assert plan_of(resting, call=replace(CALL, basis_status="withdrawn")).why == rules.CONSENT_WITHDRAWN


def test_trials_count_in_seconds():
    assert rules.is_trial(rule(keep_at_most=Period(30, "seconds")))
    assert not rules.is_trial(rule())
