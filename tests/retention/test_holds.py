"""A hold beats every ground for erasure: in the code, in the database, and in a race."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, connections, transaction

from audit.actor import Actor
from recordings.errors import AlreadyErased, NoSuchRecording, UnderLegalHold
from recordings.models import Recording, StoredKey
from retention import claims, erasure, holds
from retention.errors import (
    AlreadyFrozen,
    AlreadyReleased,
    AlreadyRestricted,
    Frozen,
    NoSuchHold,
    NotFrozen,
    NotRestricted,
    ReasonMissing,
    RestrictedFromErasure,
)
from retention.models import (
    BEFORE_DESTRUCTION,
    Erasure,
    ErasureState,
    Ground,
    Hold,
    LedgerEntry,
    RetentionPolicy,
)
from retention.periods import Period
from tests.recordings import calls
from tests.recordings.conftest import person
from tests.retention.conftest import (
    NOW,
    SWEEPER,
    due_call,
    exchange_actor,
    make_policy,
    release,
    run_sweep,
)
from tests.trail import events
from vault.access.models import Team
from vault.access.roles import Role
from vault.errors import Refusal
from vault.kms import masters


def hold(recording, actor, **more) -> Hold:
    return holds.place_hold(recording.pk, reason="Dispute about the meter.", actor=actor, now=NOW, **more)


def test_a_hold_is_placed_with_flag_event_and_ledger_entry(kept, katrien):
    placed = hold(kept, katrien, case="C-17", review_on=date(2027, 1, 31))

    assert Recording.objects.get(pk=kept.pk).is_held
    assert [event.action for event in events("hold.placed")] == ["hold.placed"]
    assert LedgerEntry.objects.get().body["hold"] == str(placed.pk)
    assert holds.open_reasons([placed]) == {placed.pk: ("Dispute about the meter.", "")}


def test_a_held_recording_outlives_its_end_and_goes_when_it_is_released(due, katrien):
    placed = hold(due, katrien)
    run_sweep()
    assert not Recording.objects.get(pk=due.pk).is_erased

    release(placed, asker=katrien)
    run_sweep()

    assert Recording.objects.get(pk=due.pk).is_erased


def test_a_hold_placed_after_the_claim_still_beats_the_destruction(due, katrien):
    claims.notice_due()
    claimed = claims.claim(BEFORE_DESTRUCTION, actor=SWEEPER, limit=10)
    hold(due, katrien)

    assert erasure.destroy_keys(_with_checked_clock(claimed), actor=SWEEPER) == 0

    assert Erasure.objects.get().state == ErasureState.HELD
    assert StoredKey.objects.filter(recording_id=due.pk).exists()
    assert not events("recording.erased")


def test_nobody_freezes_twice_or_releases_what_is_out_of_reach(kept, katrien, ines):
    holds.freeze(kept.pk, reason="Art. 15.", actor=katrien, now=NOW)
    with pytest.raises(AlreadyFrozen):
        holds.freeze(kept.pk, reason="Art. 15.", actor=katrien, now=NOW)
    sander = person("sander@example.org", Role.SUPERVISOR, Team.objects.create(name="South"))
    with pytest.raises(NoSuchHold):
        holds.release_hold(Hold.objects.get().pk, reason="Mine.", actor=sander, now=NOW)


def test_two_holds_both_have_to_be_released(kept, katrien):
    first, second = hold(kept, katrien), hold(kept, katrien)

    release(first, asker=katrien)
    assert Recording.objects.get(pk=kept.pk).is_held
    release(second, asker=katrien)
    assert not Recording.objects.get(pk=kept.pk).is_held


def test_a_restriction_and_a_freeze_stop_the_clock_too(due, katrien):
    holds.restrict(due.pk, reason="Art. 18.", actor=katrien, now=NOW)
    with pytest.raises(AlreadyRestricted):
        holds.restrict(due.pk, reason="Art. 18.", actor=katrien, now=NOW)
    with pytest.raises(RestrictedFromErasure):
        erasure.erase_recording(due.pk, ground=Ground.REQUEST, actor=katrien, now=NOW)
    holds.freeze(due.pk, reason="Art. 15.", actor=katrien, now=NOW)
    holds.lift_restriction(due.pk, reason="Checked.", actor=katrien, now=NOW)

    run_sweep()
    assert not Recording.objects.get(pk=due.pk).is_erased
    with pytest.raises(Frozen):
        erasure.erase_recording(due.pk, ground=Ground.REQUEST, actor=katrien, now=NOW)

    holds.lift_freeze(due.pk, reason="Answered.", actor=katrien, now=NOW)
    run_sweep()
    assert Recording.objects.get(pk=due.pk).is_erased
    assert [
        event.action
        for event in events("restriction.set", "freeze.placed", "restriction.lifted", "freeze.lifted")
    ]


def test_what_is_not_there_is_refused(kept, katrien, ines):
    with pytest.raises(ReasonMissing):
        holds.place_hold(kept.pk, reason="  ", actor=katrien, now=NOW)
    with pytest.raises(NotRestricted):
        holds.lift_restriction(kept.pk, reason="x", actor=katrien, now=NOW)
    with pytest.raises(NotFrozen):
        holds.lift_freeze(kept.pk, reason="x", actor=katrien, now=NOW)
    placed = hold(kept, katrien)
    release(placed, asker=katrien)
    with pytest.raises(AlreadyReleased):
        release(placed, asker=katrien)
    sander = person("sander@example.org", Role.SUPERVISOR, Team.objects.create(name="South"))
    with pytest.raises(NoSuchRecording):
        holds.place_hold(kept.pk, reason="Mine.", actor=sander, now=NOW)


def test_an_erased_recording_takes_no_hold(due, katrien):
    run_sweep()

    with pytest.raises(AlreadyErased):
        hold(due, katrien)
    with pytest.raises(IntegrityError, match="has been erased"), transaction.atomic():
        Hold.objects.create(
            recording=due,
            kind="legal_hold",
            reason_sealed=b"x",
            owner=katrien.id,
            placed_at=NOW,
            placed_by=katrien.id,
        )


def test_erasing_blanks_the_reasons_of_old_holds(due, katrien):
    placed = hold(due, katrien)
    release(placed, asker=katrien)
    run_sweep()

    assert holds.open_reasons([placed]) == {}


FORBIDDEN = {
    "a key of a held recording is deleted": "DELETE FROM recordings_storedkey WHERE recording_id = %(recording)s",
    "a key is given to another recording": "UPDATE recordings_storedkey SET recording_id = gen_random_uuid()",
    "a hold's owner changes": "UPDATE retention_hold SET owner = gen_random_uuid()",
    "a hold's kind changes": "UPDATE retention_hold SET kind = 'restriction'",
    "a policy is lengthened": "UPDATE retention_retentionpolicy SET keep_at_most_count = 99",
    "a policy's approval is taken back": "UPDATE retention_retentionpolicy SET approved_at = NULL, approved_by = NULL",
}


@pytest.mark.parametrize("statement", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_the_database_forbids_it_whatever_the_code_does(kept, katrien, statement):
    hold(kept, katrien)

    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, {"recording": kept.pk})

    assert StoredKey.objects.filter(recording_id=kept.pk).exists()
    assert RetentionPolicy.objects.get().keep_at_most_count == 50


@pytest.mark.parametrize("table", ["retention_hold", "retention_retentionpolicy"])
def test_the_owner_of_the_tables_meets_the_triggers_too(fresh_database, table):
    recording, katrien = _committed()
    hold(recording, katrien)

    with connections["owner"].cursor() as cursor:
        for statement in ("DELETE FROM {}", "TRUNCATE {} CASCADE", "DELETE FROM recordings_storedkey"):
            with pytest.raises(IntegrityError):
                cursor.execute(statement.format(table))


def test_a_released_hold_is_not_touched_again(kept, katrien):
    placed = hold(kept, katrien)
    release(placed, asker=katrien)

    for statement in (
        "UPDATE retention_hold SET released_at = NULL, released_by = NULL, release_reason_sealed = NULL",
        "UPDATE retention_hold SET released_at = now()",
    ):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


@pytest.mark.parametrize("attempt", range(6))
def test_hold_and_destruction_meet_never_both_never_neither(two_at_once, attempt):
    recording, katrien = _committed()
    clock_checked = _with_checked_clock([])
    assert clock_checked == []

    outcomes = two_at_once(
        lambda: hold(recording, katrien),
        lambda: erasure.erase_recording(recording.pk, ground=Ground.REQUEST, actor=katrien, now=NOW),
    )

    is_erased = Recording.objects.get(pk=recording.pk).is_erased
    is_held = Hold.objects.in_force().filter(recording=recording).exists()
    assert is_erased != is_held
    assert StoredKey.objects.filter(recording_id=recording.pk).exists() == is_held
    assert [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [
        AlreadyErased if is_erased else UnderLegalHold
    ]


def test_a_raw_delete_waits_for_a_hold_that_is_being_placed(two_at_once):
    recording, katrien = _committed()
    started = Barrier(2)

    def place_slowly() -> None:
        with transaction.atomic():
            Recording.objects.select_for_update().get(pk=recording.pk)
            started.wait()
            Hold.objects.create(
                recording=recording,
                kind="legal_hold",
                reason_sealed=b"x",
                owner=katrien.id,
                placed_at=NOW,
                placed_by=katrien.id,
            )

    def delete() -> None:
        started.wait()
        StoredKey.objects.filter(recording_id=recording.pk).delete()

    outcomes = two_at_once(place_slowly, delete)

    assert isinstance(outcomes[1], IntegrityError)
    assert StoredKey.objects.filter(recording_id=recording.pk).exists()


@pytest.fixture
def two_at_once(fresh_database) -> Iterator[Callable[..., list[object]]]:
    """Run functions at once, each on a connection of its own; return what each returned or raised."""
    masters.forget_all()

    def run(*functions: Callable[[], object]) -> list[object]:
        barrier = Barrier(len(functions))

        def one(function: Callable[[], object]) -> object:
            barrier.wait()
            try:
                return function()
            except (Refusal, IntegrityError) as error:
                return error
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(functions)) as pool:
            return list(pool.map(one, functions))

    yield run
    masters.forget_all()


def _committed() -> tuple[Recording, Actor]:
    masters.forget_all()
    Team.objects.create(name="North")
    katrien = person("katrien@example.org", Role.DPO)
    make_policy(katrien, keep_at_most=Period(50, "years"))
    return calls.bring_in(exchange_actor(), audio=calls.wav(0.1)), katrien


def _with_checked_clock(claimed: list[claims.Claim]) -> list[claims.Claim]:
    from retention import clock_guard

    clock_guard.check(actor=SWEEPER)
    return claimed


def test_a_due_call_among_held_ones_still_goes(north, exchange, a_week, katrien):
    held, due = due_call(exchange), due_call(exchange)
    hold(held, katrien)

    assert run_sweep().destroyed == 1
    assert Recording.objects.get(pk=due.pk).is_erased
    assert not Recording.objects.get(pk=held.pk).is_erased
