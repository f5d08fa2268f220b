"""A clock that jumps deletes nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from recordings.models import Recording
from retention import clock_guard, erasure
from retention.clock_rules import Doubt, Mark, Reading, is_cleared_by, judge
from retention.errors import ClockDoubted
from retention.models import ClockDoubt, ClockMark, Ground
from tests.retention.conftest import NOW, SWEEPER, run_sweep
from tests.trail import events
from vault import storage

START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def reading(after: timedelta, *, ran: timedelta | None = None, boot: str = "one") -> Reading:
    """Return a reading so long after the start by the database, and so long by the machine."""
    return Reading(START + after, boot, 1000 + (after if ran is None else ran).total_seconds())


def mark(last: timedelta = timedelta(0), *, boot: str = "one") -> Mark:
    return Mark(boot, START, 1000.0, START + last)


@pytest.mark.parametrize(
    ("now", "marks", "doubt"),
    [
        (reading(HOUR), [], None),
        (reading(timedelta(minutes=1)), [mark()], None),
        (reading(timedelta(days=3)), [mark()], None),  # switched off for three days, and the machine says so
        (reading(timedelta(days=3), ran=timedelta(minutes=1)), [mark()], Doubt.FORWARD),
        (reading(timedelta(minutes=59), ran=timedelta(minutes=1)), [mark()], None),
        (reading(timedelta(minutes=-4)), [mark()], None),
        (reading(timedelta(minutes=-6)), [mark()], Doubt.BACK),
        (reading(HOUR, ran=HOUR), [mark(last=3 * HOUR)], Doubt.BACK),
        (reading(timedelta(minutes=30), boot="two"), [mark()], None),
        (reading(timedelta(minutes=61), boot="two"), [mark()], Doubt.UNKNOWN_GAP),
        (reading(4 * HOUR, boot="two"), [mark(), mark(last=3.5 * HOUR, boot="three")], None),
    ],
)
def test_a_jump_is_told_from_an_outage(now, marks, doubt):
    assert judge(now, marks).doubt is doubt


def test_steps_that_are_each_too_small_add_up():
    steps = [timedelta(minutes=40 * n) for n in range(1, 4)]

    verdicts = [
        judge(reading(at, ran=timedelta(minutes=index + 1)), [mark(last=at)]).doubt
        for index, at in enumerate(steps)
    ]

    assert verdicts == [None, Doubt.FORWARD, Doubt.FORWARD]


def test_a_mark_outside_the_database_counts_where_the_database_has_none():
    assert judge(reading(HOUR), [], outside=START + 2 * HOUR).doubt is Doubt.BACK
    assert judge(reading(3 * HOUR), [], outside=START).doubt is Doubt.UNKNOWN_GAP
    assert judge(reading(HOUR), [], outside=START + HOUR).doubt is None


def test_only_an_independent_clock_that_shows_the_same_time_clears_a_gap():
    now = reading(timedelta(days=3), boot="two")
    gap, back = judge(now, [mark()]), judge(reading(-HOUR), [mark()])

    assert is_cleared_by(now.at + timedelta(minutes=2), now, gap)
    assert not is_cleared_by(now.at - timedelta(days=3), now, gap)
    assert not is_cleared_by(None, now, gap)
    assert not is_cleared_by(START - HOUR, reading(-HOUR), back)


@pytest.fixture
def jump(monkeypatch):
    """Make the database's clock jump, as the guard sees it."""
    real = clock_guard.read

    def by(how_far: timedelta) -> None:
        def read() -> Reading:
            seen = real()
            return Reading(seen.at + how_far, seen.boot_id, seen.monotonic_s)

        monkeypatch.setattr(clock_guard, "read", read)

    return by


@pytest.mark.parametrize("how_far", [timedelta(days=400), timedelta(minutes=-10)])
def test_after_a_jump_nothing_is_erased_and_an_alarm_is_raised(due, katrien, jump, how_far):
    clock_guard.check(actor=SWEEPER)
    jump(how_far)

    for _ in range(2):
        with pytest.raises(ClockDoubted):
            run_sweep()
    with pytest.raises(ClockDoubted):
        erasure.erase_recording(due.pk, ground=Ground.REQUEST, actor=katrien, now=NOW)

    assert not Recording.objects.get(pk=due.pk).is_erased
    assert len(events("clock.doubted")) == 1
    assert ClockDoubt.objects.get().ended_at is None


def test_a_clock_that_comes_back_settles_the_doubt_by_itself(due, jump):
    clock_guard.check(actor=SWEEPER)
    jump(timedelta(days=400))
    with pytest.raises(ClockDoubted):
        run_sweep()

    jump(timedelta(0))

    assert run_sweep().destroyed == 1
    assert ClockDoubt.objects.get().ended_at is not None
    assert len(events("clock.believed")) == 1


def test_the_dpo_confirms_the_time_and_the_sweep_goes_on(due, katrien, jump):
    clock_guard.check(actor=SWEEPER)
    jump(timedelta(days=2))
    with pytest.raises(ClockDoubted):
        run_sweep()

    clock_guard.confirm_time(actor=katrien, now=NOW)

    assert run_sweep().destroyed == 1
    assert ClockDoubt.objects.get().ended_by == katrien.id
    assert len(events("clock.confirmed")) == 1


def test_a_jump_between_the_check_and_the_destruction_is_noticed(due, jump):
    clock_guard.check(actor=SWEEPER)
    jump(timedelta(days=2))

    with pytest.raises(ClockDoubted):
        clock_guard.recheck()


def test_one_mark_stands_outside_the_database_and_is_not_later_than_now(db):
    clock_guard.check(actor=SWEEPER)

    outside = clock_guard.outside_mark()

    assert outside is not None
    assert timedelta(0) <= ClockMark.objects.get().last_at - outside < timedelta(minutes=10)


def test_a_database_without_marks_asks_the_one_outside(db, jump):
    clock_guard.check(actor=SWEEPER)
    ClockMark.objects.all().delete()
    jump(timedelta(days=3))

    with pytest.raises(ClockDoubted):
        clock_guard.check(actor=SWEEPER)


def test_the_store_dates_what_it_is_given_and_keeps_nothing_of_it(db, monkeypatch):
    monkeypatch.setattr(clock_guard, "_store_is_elsewhere", lambda: True)
    seen = clock_guard.read()

    shown = clock_guard._independent_clock(seen)

    assert shown is not None
    assert abs(shown - seen.at) < timedelta(minutes=5)
    assert [found.name for found in storage.store().listing("clock/asked")] == []


def test_an_independent_clock_explains_that_a_machine_was_off(due, monkeypatch):
    clock_guard.check(actor=SWEEPER)
    ClockMark.objects.update(boot_id="an earlier start", last_at=clock_guard.read().at - timedelta(days=2))
    storage.store().delete([found.name for found in storage.store().listing("clock/")])
    with pytest.raises(ClockDoubted):
        run_sweep()

    monkeypatch.setattr(clock_guard, "_store_is_elsewhere", lambda: True)

    assert run_sweep().destroyed == 1
    assert [mark.boot_id for mark in ClockMark.objects.all()] == [clock_guard.read().boot_id]


@pytest.mark.parametrize(
    ("kind", "address", "elsewhere"),
    [
        ("s3", "https://s3.nl-ams.example", True),
        ("s3", "", True),
        ("s3", "https://192.0.2.7:9000", True),
        ("s3", "http://127.0.0.1:25765", False),
        ("s3", "http://localhost:9000", False),
        ("directory", "", False),
    ],
)
def test_a_store_on_this_machine_is_no_witness(settings, kind, address, elsewhere):
    settings.STORE_KIND, settings.S3_ENDPOINT_URL = kind, address

    assert clock_guard._store_is_elsewhere() is elsewhere


def test_confirming_a_time_that_nobody_doubts_changes_nothing_in_the_trail(katrien):
    clock_guard.confirm_time(actor=katrien, now=NOW)

    assert not events("clock.confirmed")
