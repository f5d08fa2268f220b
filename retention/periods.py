"""Calendar arithmetic in the customer's time zone. Pure: values in, values out.

Days, weeks, months and years keep the time on the wall: six months after 31 August is the last day of
February at the same hour. In the night the clocks go back an hour comes twice and the later one counts; in
the night they go forward an hour is missing and the moment moves past the gap. Either way nothing is early.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

SECONDS, DAYS, WEEKS, MONTHS, YEARS = "seconds", "days", "weeks", "months", "years"


@dataclass(frozen=True, slots=True)
class Period:
    """A count of one unit, for example six months."""

    count: int
    unit: str


def end_of(start: datetime, period: Period, zone: ZoneInfo) -> datetime:
    """Return the moment a period ends that begins at ``start``, in UTC."""
    if period.unit == SECONDS:
        return start.astimezone(UTC) + timedelta(seconds=period.count)
    wall = start.astimezone(zone).replace(tzinfo=None, fold=0)
    if period.unit == DAYS:
        wall += timedelta(days=period.count)
    elif period.unit == WEEKS:
        wall += timedelta(weeks=period.count)
    elif period.unit == MONTHS:
        wall = _months_later(wall, period.count)
    elif period.unit == YEARS:
        wall = _months_later(wall, 12 * period.count)
    else:
        raise ValueError(f"unknown unit {period.unit!r}")
    return _never_early(wall, zone)


def _months_later(wall: datetime, months: int) -> datetime:
    years, month = divmod(wall.month - 1 + months, 12)
    year, month = wall.year + years, month + 1
    return wall.replace(year=year, month=month, day=min(wall.day, monthrange(year, month)[1]))


def _never_early(wall: datetime, zone: ZoneInfo) -> datetime:
    return max(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
