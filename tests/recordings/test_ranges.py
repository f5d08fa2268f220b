"""Ranges as RFC 9110 has them, and the minutes they touch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from recordings import ranges
from recordings.errors import RangeNotSatisfiable


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-", (0, 1000)),
        ("bytes=0-0", (0, 1)),
        ("bytes=999-", (999, 1000)),
        ("bytes=10-19", (10, 20)),
        ("bytes=10-99999999999", (10, 1000)),
        ("bytes=-1", (999, 1000)),
        ("bytes=-5000", (0, 1000)),
        ("Bytes = 10 - 19", (10, 20)),
        ("items=0-5", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=20-10", None),
        ("bytes=1" + "0" * 30 + "-", None),
        ("", None),
    ],
)
def test_a_range_is_read_as_the_standard_says(header, expected):
    assert ranges.parse(header, 1000) == expected


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=5000-6000", "bytes=-0", "bytes=0-1,5-6"])
def test_bytes_that_are_not_there_and_several_ranges_are_refused(header):
    with pytest.raises(RangeNotSatisfiable):
        ranges.parse(header, 1000)


@limits(max_examples=200, deadline=None)
@given(total=st.integers(1, 10**7), first=st.integers(0, 10**7), last=st.integers(0, 10**7))
def test_what_is_answered_lies_within_the_file_and_the_cap(total, first, last):
    try:
        found = ranges.parse(f"bytes={first}-{last}", total)
    except RangeNotSatisfiable:
        assert first >= total
        return
    if found is None:
        assert last < first
        return
    start, end = ranges.capped(*found)
    assert start == first
    assert 0 < end - start <= ranges.MOST_BYTES
    assert end <= min(total, last + 1)


@limits(max_examples=200, deadline=None)
@given(header=st.text(max_size=30))
def test_no_header_breaks_anything(header):
    for text in (header, f"bytes={header}"):
        try:
            found = ranges.parse(text, 1000)
        except RangeNotSatisfiable:
            continue
        assert found is None or 0 <= found[0] < found[1] <= 1000


@limits(max_examples=100, deadline=None)
@given(start=st.integers(0, 600_000), length=st.integers(0, 200_000))
def test_minutes_cover_what_is_sent(start, length):
    total = 600_000
    end = min(start + length, total)

    windows = ranges.minutes(min(start, end), end, total)

    assert windows[0][0] <= min(start, end)
    assert windows[-1][1] >= end
    assert all(from_ms % 60_000 == 0 and from_ms < to_ms <= from_ms + 60_000 for from_ms, to_ms in windows)


@limits(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)).map(lambda p: (p[0], p[0] + p[1])), max_size=8)
)
def test_joined_stretches_cover_the_same_moments_once(stretches):
    joined = ranges.joined(stretches)

    covered = {moment for from_ms, to_ms in stretches for moment in range(from_ms, to_ms)}
    assert [moment for from_ms, to_ms in joined for moment in range(from_ms, to_ms)] == sorted(covered)
