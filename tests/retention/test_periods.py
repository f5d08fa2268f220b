"""Calendar arithmetic: the ends of months, leap days, and the nights the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.periods import Period, end_of

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def local(*parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, tzinfo=AMSTERDAM, fold=fold)


@pytest.mark.parametrize(
    ("start", "period", "end"),
    [
        (local(2026, 8, 31, 10, 0), Period(6, "months"), local(2027, 2, 28, 10, 0)),
        (local(2027, 8, 31, 10, 0), Period(6, "months"), local(2028, 2, 29, 10, 0)),
        (local(2024, 2, 29, 10, 0), Period(1, "years"), local(2025, 2, 28, 10, 0)),
        (local(2024, 2, 29, 10, 0), Period(4, "years"), local(2028, 2, 29, 10, 0)),
        (local(2026, 12, 15, 23, 30), Period(1, "months"), local(2027, 1, 15, 23, 30)),
        (local(2026, 11, 22, 10, 0), Period(90, "days"), local(2027, 2, 20, 10, 0)),
        (local(2026, 3, 28, 10, 0), Period(1, "days"), local(2026, 3, 29, 10, 0)),
        (local(2026, 10, 18, 2, 30), Period(1, "weeks"), local(2026, 10, 25, 2, 30, fold=1)),
        (local(2026, 11, 22, 10, 0), Period(12, "weeks"), local(2027, 2, 14, 10, 0)),
    ],
)
def test_a_period_ends_at_the_same_time_on_the_wall(start, period, end):
    assert end_of(start, period, AMSTERDAM) == end.astimezone(UTC)


def test_an_hour_that_the_night_leaves_out_moves_past_the_gap():
    start = local(2026, 3, 28, 2, 30)

    end = end_of(start, Period(1, "days"), AMSTERDAM)

    assert end == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert end.astimezone(AMSTERDAM).hour == 3


def test_of_an_hour_that_comes_twice_the_later_counts():
    end = end_of(local(2026, 10, 24, 2, 30), Period(1, "days"), AMSTERDAM)

    assert end == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_seconds_take_no_notice_of_the_calendar():
    start = local(2026, 10, 25, 1, 59, 59)

    assert end_of(start, Period(3600, "seconds"), AMSTERDAM) - start == timedelta(hours=1)


def test_an_unknown_unit_is_an_error():
    with pytest.raises(ValueError, match="unknown unit"):
        end_of(local(2026, 1, 1), Period(1, "fortnights"), AMSTERDAM)


@settings(max_examples=60, deadline=None)
@given(
    start=st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001 - the zone is added below
    count=st.integers(1, 120),
    unit=st.sampled_from(["days", "weeks", "months", "years"]),
)
def test_no_period_is_shorter_than_it_says(start, count, unit):
    begins = start.replace(tzinfo=UTC)
    least = {"days": 1, "weeks": 7, "months": 28, "years": 365}[unit] * count

    assert end_of(begins, Period(count, unit), AMSTERDAM) - begins >= timedelta(days=least, hours=-1)
