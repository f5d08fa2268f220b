"""Policies: versions, refusals, what a change does to what is here, and what it says beforehand."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command

from recordings import lawful_bases
from recordings.lawful_bases import NewBasis
from recordings.models import Recording, State
from retention import clock_guard, holds, policies, rescheduling, tasks
from retention.dry_run import dry_run
from retention.errors import ClockDoubted, NoSuchPolicy, PolicyInvalid, PolicyNotInForce
from retention.models import Erasure, Rescheduling, RetentionPolicy
from retention.periods import Period
from retention.reasons import why_kept
from tests.recordings import calls
from tests.retention.conftest import LONG_AGO, NOW, SWEEPER, due_call, make_policy, run_sweep, terms
from tests.trail import events
from vault.jobs.models import Heartbeat

FIFTY = Period(50, "years")


def test_a_change_makes_a_version_and_the_old_one_stays(katrien):
    first = make_policy(katrien)

    second = policies.change_policy(
        first.policy_id, terms(keep_at_most=Period(2, "weeks")), actor=katrien, now=NOW
    )

    first.refresh_from_db()
    assert (first.version, second.version) == (1, 2)
    assert first.retired_at == NOW
    assert list(RetentionPolicy.objects.in_force()) == [second]
    assert [event.action for event in events("policy.created", "policy.changed", "policy.approved")] == [
        "policy.created",
        "policy.approved",
        "policy.changed",
        "policy.approved",
    ]


def test_a_retired_policy_cannot_be_changed_or_retired_again(katrien):
    policy = make_policy(katrien)
    policies.retire_policy(policy.policy_id, actor=katrien, now=NOW)

    with pytest.raises(PolicyNotInForce):
        policies.retire_policy(policy.policy_id, actor=katrien, now=NOW)
    with pytest.raises(PolicyNotInForce):
        policies.change_policy(policy.policy_id, terms(), actor=katrien, now=NOW)
    with pytest.raises(NoSuchPolicy):
        policies.retire_policy(uuid4(), actor=katrien, now=NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": " "},
        {"justification": ""},
        {"keep_at_most": Period(0, "days")},
        {"keep_at_most": Period(1, "fortnights")},
        {"keep_at_most": Period(1000, "years")},
        {"keep_at_least": Period(8, "days")},
        {"team_id": UUID(int=1)},
    ],
)
def test_terms_that_nobody_can_follow_are_refused(katrien, changes):
    with pytest.raises(PolicyInvalid):
        make_policy(katrien, **changes)

    assert not RetentionPolicy.objects.exists()


def test_seconds_are_for_trials_only(katrien, settings):
    settings.TRIAL = False

    with pytest.raises(PolicyInvalid):
        make_policy(katrien, keep_at_most=Period(30, "seconds"))


def test_a_recording_under_a_policy_of_seconds_goes_as_a_trial(north, exchange, katrien):
    make_policy(katrien, keep_at_most=Period(2, "seconds"))
    recording = calls.bring_in(exchange)

    run_sweep()

    assert Erasure.objects.get(recording=recording).ground == "trial"


def test_a_changed_policy_reaches_the_recordings_that_are_here(north, exchange, katrien, monkeypatch):
    monkeypatch.setattr(rescheduling, "BATCH", 2)
    policy = make_policy(katrien, keep_at_most=FIFTY)
    recordings = [due_call(exchange) for _ in range(3)]

    policies.change_policy(policy.policy_id, terms(keep_at_most=Period(60, "years")), actor=katrien, now=NOW)
    changed = rescheduling.reschedule(actor=SWEEPER, now=NOW)

    assert changed == 3
    for recording in recordings:
        recording.refresh_from_db()
        assert (recording.policy_version, recording.expires_at.year) == (2, 2086)
    assert not Rescheduling.objects.filter(finished_at__isnull=True).exists()
    assert rescheduling.reschedule(actor=SWEEPER, now=NOW) == 0


def test_without_a_policy_a_recording_waits_for_the_dpo_and_never_goes(north, exchange, katrien):
    policy = make_policy(katrien)
    recording = due_call(exchange)
    policies.retire_policy(policy.policy_id, actor=katrien, now=NOW)
    rescheduling.reschedule(actor=SWEEPER, now=NOW)

    run_sweep()

    recording.refresh_from_db()
    assert (recording.in_conflict, recording.expires_at, recording.is_erased) == (True, None, False)
    assert "No policy applies" in why_kept(recording)


def test_a_dry_run_says_what_a_change_would_do(north, exchange, katrien):
    policy = make_policy(katrien, keep_at_most=FIFTY)
    first, _second = due_call(exchange), due_call(exchange)
    holds.place_hold(first.pk, reason="Dispute.", actor=katrien, now=NOW)

    shorter = dry_run(terms(keep_at_most=Period(1, "weeks")), policy_id=policy.policy_id, now=NOW)
    sooner = dry_run(terms(keep_at_most=Period(40, "years")), policy_id=policy.policy_id, now=NOW)
    longer = dry_run(terms(keep_at_most=Period(60, "years")), policy_id=policy.policy_id, now=NOW)
    retired = dry_run(None, policy_id=policy.policy_id, now=NOW)
    elsewhere = dry_run(terms(queue="sales", keep_at_most=Period(1, "days")), now=NOW)

    assert (shorter.due, shorter.spared) == (1, 1)
    assert (sooner.sooner, longer.later, retired.conflict) == (2, 2, 2)
    assert (elsewhere.looked_at, elsewhere.touched) == (0, 0)
    assert RetentionPolicy.objects.count() == 1


def test_withdrawing_consent_leads_to_erasure_with_that_ground(kept, ines):
    for purpose in ("quality", "complaint"):
        lawful_bases.record_basis(
            kept.pk,
            NewBasis(party=1, purpose=purpose, basis="consent", status="withdrawn", at=NOW, method="letter"),
            actor=ines,
            now=NOW,
        )
    kept.refresh_from_db()
    assert "withdrawn" in why_kept(kept)

    run_sweep()

    assert Recording.objects.get(pk=kept.pk).is_erased
    assert Erasure.objects.get().ground == "consent-withdrawn"
    assert "withdrawn" in why_kept(Recording.objects.get(pk=kept.pk))


def test_planning_anew_does_not_move_the_end_of_a_withdrawn_consent(kept, katrien):
    Recording.objects.filter(pk=kept.pk).update(basis_status="withdrawn", expires_at=NOW, policy_id=None)
    make_policy(katrien, name="Another", keep_at_most=FIFTY)

    rescheduling.reschedule(actor=SWEEPER, now=NOW + timedelta(hours=1))

    assert Recording.objects.get(pk=kept.pk).expires_at == NOW


def test_a_dry_run_counts_what_gets_an_end_and_says_when_it_was_capped(north, exchange, katrien, monkeypatch):
    policy = make_policy(katrien, keep_at_most=FIFTY, queue="sales")
    calls.bring_in(exchange)
    monkeypatch.setattr("retention.dry_run.MOST", 1)

    effect = dry_run(terms(keep_at_most=FIFTY), policy_id=policy.policy_id, now=NOW)
    same = dry_run(terms(keep_at_most=FIFTY, queue="sales"), policy_id=policy.policy_id, now=NOW)

    assert (effect.settled, effect.is_capped) == (1, True)
    assert same.touched == 0


def test_a_recording_in_quarantine_goes_when_its_own_ceiling_is_reached(north, exchange, katrien):
    make_policy(katrien, keep_at_most=FIFTY)
    recording = calls.bring_in(
        exchange, said=calls.document(call=LONG_AGO, lawful_bases=[]), now=NOW - timedelta(days=15)
    )
    assert recording.state == State.QUARANTINED
    assert "quarantine" in why_kept(recording)

    run_sweep()

    assert Erasure.objects.get(recording=recording).ground == "quarantine-expired"


@pytest.mark.parametrize(
    ("flag", "word"), [("is_held", "legal hold"), ("is_frozen", "asked to see"), ("is_restricted", "Art. 18")]
)
def test_one_sentence_says_why_it_is_still_here(kept, flag, word):
    assert "Customer service" in why_kept(kept)

    setattr(kept, flag, True)

    assert word in why_kept(kept)


def test_policies_that_disagree_say_until_when_one_demands(kept):
    kept.in_conflict, kept.keep_until_at_least = True, NOW

    assert "disagree" in why_kept(kept)


def test_a_duty_after_a_withdrawal_is_named(kept):
    kept.basis_status = "withdrawn"

    assert "still demands" in why_kept(kept)


def test_the_jobs_do_their_work_and_leave_a_life_sign(due):
    tasks.reschedule()
    tasks.sweep()
    tasks.flush_ledger()

    assert Recording.objects.get(pk=due.pk).is_erased
    beats = Heartbeat.objects.in_bulk()
    assert {"retention.sweep", "retention.reschedule", "retention.flush_ledger"} <= beats.keys()
    assert beats["retention.sweep"].done == 2


def test_the_command_sweeps_once_and_says_what_it_did(due, capsys):
    call_command("sweep")

    assert "keys destroyed 1" in capsys.readouterr().out


def test_the_command_fails_loudly_when_the_clock_is_doubted(due, monkeypatch):
    def doubted(*, actor):
        raise ClockDoubted

    monkeypatch.setattr(clock_guard, "check", doubted)

    with pytest.raises(CommandError, match="clock"):
        call_command("sweep")
