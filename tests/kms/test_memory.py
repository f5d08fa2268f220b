"""Keys in memory: few, and not for long."""

from __future__ import annotations

import time

import pytest

from vault.kms.memory import KeyCache


@pytest.fixture
def passed(monkeypatch):
    """Give a clock that a test moves."""
    clock = {"now": 1_000.0}
    monkeypatch.setattr(time, "monotonic", lambda: clock["now"])
    return clock


def test_a_key_is_kept_until_its_time_is_over(passed):
    kept: KeyCache[bytes] = KeyCache(seconds=60)
    kept.put("a", b"key")

    passed["now"] += 60
    assert kept.find("a") == b"key"

    passed["now"] += 1
    assert kept.find("a") is None


def test_a_key_may_be_asked_for_anew_before_its_time_is_over(passed):
    kept: KeyCache[bytes] = KeyCache(seconds=60)
    kept.put("a", b"key")

    passed["now"] += 31

    assert kept.find("a", put_within=30) is None
    assert kept.find("a") == b"key"


def test_the_oldest_goes_when_there_are_too_many(passed):
    kept: KeyCache[bytes] = KeyCache(limit=2)
    for name in ("a", "b", "a", "c"):
        kept.put(name, name.encode())

    assert [kept.find(name) for name in ("a", "b", "c")] == [b"a", None, b"c"]


def test_putting_a_key_drops_those_whose_time_is_over(passed):
    kept: KeyCache[bytes] = KeyCache(seconds=60)
    kept.put("a", b"key")
    passed["now"] += 61

    kept.put("b", b"key")

    assert list(kept._kept) == ["b"]


def test_forgotten_keys_are_gone(passed):
    kept: KeyCache[bytes] = KeyCache()
    for name in ("a", "b"):
        kept.put(name, b"key")

    kept.forget("a")
    kept.forget("never there")
    assert [kept.find(name) for name in ("a", "b")] == [None, b"key"]

    kept.clear()
    assert kept.find("b") is None
