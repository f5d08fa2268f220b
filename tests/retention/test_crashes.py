"""The sweep killed between any two steps, run twice at once, woken up late: it finishes, once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from threading import Barrier, BrokenBarrierError
from uuid import uuid4

import psycopg
import pytest
from django.db import connection, connections
from django.db.models.functions import Now

from audit import trail
from recordings import keys, tombstones
from recordings.models import PendingObject, Recording, StoredKey
from retention import (
    certificate,
    claims,
    clock_guard,
    copies_gone,
    erasure,
    ledger,
    proof,
    rescheduling,
    sweep,
)
from retention.errors import NoSuchErasure, NotStuck
from retention.models import BEFORE_DESTRUCTION, Erasure, ErasureState, LedgerEntry, Rescheduling
from retention.periods import Period
from tests.recordings.conftest import person
from tests.retention.conftest import NOW, SWEEPER, due_call, exchange_actor, make_policy, run_sweep
from tests.trail import events
from vault import storage
from vault.access.models import Team
from vault.access.roles import Role
from vault.kms import keks, masters
from vault.storage import ObjectLocked, ObjectMissing, StoreUnavailable


class Killed(BaseException):
    """The process is gone: nothing catches this."""


# Every call of the state machine into the database, the store or the keys.
STEPS = [
    (clock_guard, "check"),
    (claims, "notice_due"),
    (claims, "claim"),
    (erasure, "destroy_keys"),
    (clock_guard, "recheck"),
    (erasure, "copies_of"),
    (keys, "shred"),
    (tombstones, "bury"),
    (trail, "forget"),
    (trail, "record"),
    (ledger, "enter"),
    (copies_gone, "delete_objects"),
    (copies_gone, "_write_deleted"),
    (copies_gone, "verify_absence"),
    (copies_gone, "_check_absent"),
    (copies_gone, "_finish"),
    (ledger, "flush"),
    (ledger, "_next_batch"),
    (ledger, "_put"),
    (ledger, "_mark_written"),
    (certificate, "certify"),
    (proof, "write_statement"),
]
NAMES = [f"{module.__name__}.{name}" for module, name in STEPS]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("module", "name"), STEPS, ids=NAMES)
def test_a_sweep_killed_at_any_step_is_finished_by_the_next(due, monkeypatch, module, name, when):
    real = getattr(module, name)

    def killing(*args, **options):
        if when == "after":
            real(*args, **options)
        raise Killed

    monkeypatch.setattr(module, name, killing)
    with pytest.raises(Killed):
        run_sweep()
    monkeypatch.undo()
    let_leases_run_out()

    run_sweep()

    assert_gone_once(due)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", ["delete", "versions", "read", "put_if_absent", "check"])
def test_a_sweep_killed_at_any_call_of_the_store_is_finished_by_the_next(due, monkeypatch, name, when):
    store = storage.store()
    real = getattr(store, name)
    clock_guard.check(actor=SWEEPER)

    def killing(*args):
        if when == "after":
            with suppress(ObjectMissing):  # what was deleted is not there to be read
                real(*args)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(store, name, killing)
        with pytest.raises(Killed):
            run_sweep()
    let_leases_run_out()

    run_sweep()

    assert_gone_once(due)


def test_a_worker_that_wakes_up_late_does_nothing(due):
    clock_guard.check(actor=SWEEPER)
    claims.notice_due()
    late = claims.claim(BEFORE_DESTRUCTION, actor=SWEEPER, limit=10)
    let_leases_run_out()
    claims.claim(BEFORE_DESTRUCTION, actor=SWEEPER, limit=10)

    assert erasure.destroy_keys(late, actor=SWEEPER) == 0

    assert StoredKey.objects.filter(recording_id=due.pk).exists()
    let_leases_run_out()
    run_sweep()
    assert copies_gone.delete_objects(late, actor=SWEEPER) == 0
    assert copies_gone.verify_absence(late, actor=SWEEPER) == 0
    assert_gone_once(due)


def test_a_claim_is_held_by_one_at_a_time(due):
    claims.notice_due()

    assert len(claims.claim(BEFORE_DESTRUCTION, actor=SWEEPER, limit=10)) == 1
    assert claims.claim(BEFORE_DESTRUCTION, actor=SWEEPER, limit=10) == []


def test_two_sweeps_at_once_erase_each_recording_once(fresh_database):
    masters.forget_all()
    Team.objects.create(name="North")
    make_policy(person("katrien@example.org", Role.DPO), keep_at_most=Period(1, "weeks"))
    exchange = exchange_actor()
    recordings = [due_call(exchange) for _ in range(12)]
    start = Barrier(3)

    def one(_number: int) -> sweep.Swept:
        start.wait()
        try:
            return run_sweep(batch=2)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as pool:
        swept = list(pool.map(one, range(3)))
    run_sweep()

    assert sum(each.destroyed for each in swept) == 12
    for recording in recordings:
        assert_gone_once(recording, count=12)
    masters.forget_all()


def test_two_sweeps_at_once_keep_to_the_days_cap_together(fresh_database, monkeypatch, settings):
    masters.forget_all()
    Team.objects.create(name="North")
    make_policy(person("katrien@example.org", Role.DPO), keep_at_most=Period(1, "weeks"))
    exchange = exchange_actor()
    for _ in range(2):
        due_call(exchange)
    settings.ERASURES_PER_DAY = 1
    clock_guard.check(actor=SWEEPER)
    claims.notice_due()
    batches = [claims.claim(BEFORE_DESTRUCTION, actor=SWEEPER, limit=1) for _ in range(2)]
    room_today, counted = erasure.room_today, Barrier(2)

    def counted_by_both(at):
        room = room_today(at)
        with suppress(BrokenBarrierError):
            counted.wait(timeout=0.5)
        return room

    def destroy(claimed):
        try:
            return erasure.destroy_keys(claimed, actor=SWEEPER)
        finally:
            connections.close_all()

    monkeypatch.setattr(erasure, "room_today", counted_by_both)
    with ThreadPoolExecutor(2) as pool:
        destroyed = list(pool.map(destroy, batches))

    assert sorted(destroyed) == [0, 1]
    masters.forget_all()


def test_a_change_of_policy_that_another_run_carries_is_left_to_it(fresh_database):
    change = Rescheduling.objects.create(asked_at=NOW, asked_by=uuid4())

    with psycopg.connect(fresh_database.environment["DATABASE_URL"]) as another:
        another.execute("SELECT FROM retention_rescheduling FOR UPDATE")
        assert rescheduling.reschedule(actor=SWEEPER, now=NOW) == 0
        change.refresh_from_db()
        assert change.finished_at is None
    rescheduling.reschedule(actor=SWEEPER, now=NOW)

    change.refresh_from_db()
    assert change.finished_at == NOW


def test_what_somebody_erases_at_this_moment_is_noticed_later(fresh_database):
    masters.forget_all()
    Team.objects.create(name="North")
    make_policy(person("katrien@example.org", Role.DPO), keep_at_most=Period(1, "weeks"))
    due = due_call(exchange_actor())

    with psycopg.connect(fresh_database.environment["DATABASE_URL"]) as somebody:
        somebody.execute("SELECT FROM recordings_recording WHERE id = %s FOR UPDATE", [due.pk])
        assert claims.notice_due() == 0
    assert claims.notice_due() == 1
    with (
        psycopg.connect(fresh_database.environment["DATABASE_URL"]) as somebody,
        connection.cursor() as cursor,
    ):
        somebody.execute("SELECT FROM recordings_recording WHERE id = %s FOR UPDATE", [due.pk])
        # Claiming waits for nobody who has a recording: they wait for the erasure, and so for this.
        cursor.execute("SET lock_timeout = '5s'")
        assert len(claims.claim(BEFORE_DESTRUCTION, actor=SWEEPER, limit=1)) == 1
    masters.forget_all()


def test_a_store_that_is_away_delays_the_copies_but_not_the_keys(due, monkeypatch):
    store = storage.store()
    clock_guard.check(actor=SWEEPER)

    def away(*args):
        raise StoreUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(store, "check", away)
        with pytest.raises(StoreUnavailable):
            run_sweep()

    assert Recording.objects.get(pk=due.pk).is_erased
    assert not StoredKey.objects.filter(recording_id=due.pk).exists()
    run_sweep()
    assert_gone_once(due)


def test_a_step_that_fails_is_tried_again_later_and_given_up_after_eight_times(due, katrien, monkeypatch):
    store = storage.store()

    def failing(names):
        raise StoreUnavailable

    clock_guard.check(actor=SWEEPER)
    with monkeypatch.context() as patched:
        patched.setattr(store, "delete", failing)
        for _ in range(claims.TRIES + 1):
            run_sweep()
            let_leases_run_out()
    row = Erasure.objects.get()
    assert (row.state, row.tries, row.last_error) == (ErasureState.NEEDS_ATTENTION, 8, "StoreUnavailable")
    assert len(events("erasure.stuck")) == 1

    claims.retry(row.pk, actor=katrien, now=NOW)
    run_sweep()

    assert_gone_once(due)


def test_one_recording_that_fails_does_not_stop_the_others(north, exchange, a_week, monkeypatch):
    bad, good = due_call(exchange), due_call(exchange)
    real = keys.shred

    def failing(recording):
        if recording.pk == bad.pk:
            raise StoreUnavailable
        return real(recording)

    monkeypatch.setattr(keys, "shred", failing)

    assert run_sweep().destroyed == 1
    assert Recording.objects.get(pk=good.pk).is_erased
    assert StoredKey.objects.filter(recording_id=bad.pk).exists()


def test_an_object_lock_blocks_and_is_looked_at_again(due, monkeypatch):
    store = storage.store()

    def locked(names):
        raise ObjectLocked

    clock_guard.check(actor=SWEEPER)
    with monkeypatch.context() as patched:
        patched.setattr(store, "delete", locked)
        run_sweep()
    assert Erasure.objects.get().state == ErasureState.BLOCKED

    let_leases_run_out()
    run_sweep()

    assert_gone_once(due)


def test_a_copy_that_is_still_there_is_deleted_again(due, monkeypatch):
    store = storage.store()
    clock_guard.check(actor=SWEEPER)
    with monkeypatch.context() as patched:
        patched.setattr(store, "delete", lambda names: None)
        assert run_sweep().verified == 0
    assert Erasure.objects.get().state == ErasureState.OBJECTS_DELETED

    let_leases_run_out()
    run_sweep()
    let_leases_run_out()
    run_sweep()

    assert_gone_once(due)


def test_a_copy_that_is_being_written_delays_the_certificate(due):
    PendingObject.objects.create(
        object_name="objects/aa/aa", recording_id=due.pk, kind=4, lease_until=NOW + timedelta(days=365)
    )

    swept = run_sweep()

    assert (swept.destroyed, swept.verified) == (1, 0)
    assert PendingObject.objects.get().is_condemned
    PendingObject.objects.all().delete()
    let_leases_run_out()
    run_sweep()
    assert_gone_once(due)


@pytest.mark.parametrize(
    ("moments", "state"),
    [
        ((), ErasureState.DUE),
        (("key_destroyed_at",), ErasureState.KEY_DESTROYED),
        (("key_destroyed_at", "objects_deleted_at"), ErasureState.OBJECTS_DELETED),
        (("key_destroyed_at", "objects_deleted_at", "verified_at"), ErasureState.VERIFIED_ABSENT),
    ],
)
def test_an_erasure_is_taken_up_at_the_step_where_it_stood(moments, state):
    row = Erasure(state=ErasureState.NEEDS_ATTENTION, **dict.fromkeys(moments, NOW))

    assert claims._standing(row) == state


def test_only_what_is_stuck_is_taken_up_again(due, katrien):
    run_sweep()

    with pytest.raises(NotStuck):
        claims.retry(Erasure.objects.get().pk, actor=katrien, now=NOW)
    with pytest.raises(NoSuchErasure):
        claims.retry(uuid4(), actor=katrien, now=NOW)


def test_a_key_that_comes_back_is_found_before_the_certificate(due, monkeypatch):
    monkeypatch.setattr(copies_gone, "verify_absence", lambda claimed, *, actor: 0)
    monkeypatch.setattr(claims, "claim", _once(claims.claim))
    run_sweep()
    monkeypatch.undo()
    keks.ensure("audio-2026-10")
    StoredKey.objects.create(
        recording_id=due.pk, kind=1, kek="audio-2026-10", kek_version=1, wrapped=b"x", created_at=NOW
    )
    let_leases_run_out()

    assert run_sweep().verified == 0

    assert Erasure.objects.get().last_error == "CopyStillThere"
    assert not events("erasure.certified")


def test_an_old_version_that_can_still_be_read_is_found(due, monkeypatch):
    store = storage.store()
    clock_guard.check(actor=SWEEPER)
    with monkeypatch.context() as patched:
        patched.setattr(store, "read", lambda *args: b"x")
        assert run_sweep().verified == 0

    assert Erasure.objects.get().last_error == "CopyStillThere"


def _once(claim):
    """Let each kind of state be claimed once in a run."""
    asked = []

    def claim_once(states, *, actor, limit):
        if states in asked:
            return []
        asked.append(states)
        return claim(states, actor=actor, limit=limit)

    return claim_once


def let_leases_run_out() -> None:
    """Let the time pass that a lease and a pause take."""
    Erasure.objects.exclude(state=ErasureState.CERTIFIED).update(
        lease_until=None, next_try_at=Now() - timedelta(seconds=1)
    )


def assert_gone_once(recording: Recording, count: int = 1) -> None:
    """Check that a recording is gone, with one event and one certificate, and that the ledger has it once."""
    row = Erasure.objects.get(recording=recording)
    assert row.state == ErasureState.CERTIFIED
    assert not StoredKey.objects.filter(recording_id=recording.pk).exists()
    assert len([event for event in events("recording.erased") if event.target_id == str(recording.pk)]) == 1
    assert len([event for event in events("erasure.certified") if event.target_id == str(row.pk)]) == 1
    assert list(storage.store().listing("objects/")) == []
    batches = set(LedgerEntry.objects.values_list("batch", flat=True))
    outside = [entry for batch in batches for entry in ledger.read_batch(batch or 0) or []]
    assert len(outside) == LedgerEntry.objects.count() == count
