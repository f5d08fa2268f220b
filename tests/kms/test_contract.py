"""What every key management service must do; each test runs on all of them."""

from __future__ import annotations

import os

import pytest

from vault.kms import KeyDestroyed, KeyMissing, UnwrapRefused, WrappedKey

NAME = "audio-2027-02"
CONTEXT = b"callvault/v1\0 one recording"
KEY = os.urandom(32)


@pytest.fixture
def wrapped(keys) -> bytes:
    keys.ensure_key(NAME)
    wrapped: bytes = keys.wrap(NAME, KEY, CONTEXT)
    return wrapped


def rewrap(keys, wrapped: bytes) -> bytes | None:
    (rewrapped,) = keys.rewrap(NAME, [WrappedKey(wrapped, CONTEXT)])
    return rewrapped


def test_a_wrapped_key_is_unwrapped(keys, wrapped):
    assert keys.unwrap(NAME, wrapped, CONTEXT) == KEY
    assert KEY not in wrapped


def test_a_key_wrapped_twice_looks_different(keys, wrapped):
    assert keys.wrap(NAME, KEY, CONTEXT) != wrapped


def test_ensuring_a_key_again_changes_nothing(keys, wrapped):
    keys.ensure_key(NAME)

    assert keys.unwrap(NAME, wrapped, CONTEXT) == KEY
    assert [each.version for each in keys.describe()] == [1]


def test_every_single_bit_of_a_wrapped_key_counts(keys, wrapped):
    for bit in range(len(wrapped) * 8):
        changed = bytearray(wrapped)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(UnwrapRefused):
            keys.unwrap(NAME, bytes(changed), CONTEXT)


@pytest.mark.parametrize("length", [0, 1, 5, 61, -1])
def test_a_wrapped_key_that_was_cut_is_refused(keys, wrapped, length):
    with pytest.raises(UnwrapRefused):
        keys.unwrap(NAME, wrapped[:length], CONTEXT)


def test_a_wrapped_key_is_bound_to_its_context_and_its_name(keys, wrapped):
    keys.ensure_key("audio-2027-03")

    with pytest.raises(UnwrapRefused):
        keys.unwrap(NAME, wrapped, CONTEXT + b"x")
    with pytest.raises(UnwrapRefused):
        keys.unwrap("audio-2027-03", wrapped, CONTEXT)


def test_after_a_rotation_old_wraps_open_and_new_ones_are_of_the_new_version(keys, wrapped):
    keys.rotate(NAME)
    newer = keys.wrap(NAME, KEY, CONTEXT)

    assert keys.unwrap(NAME, wrapped, CONTEXT) == KEY
    assert keys.unwrap(NAME, newer, CONTEXT) == KEY
    assert [(each.version, each.versions) for each in keys.describe()] == [(2, 2)]


def test_rewrapping_moves_a_key_to_the_newest_version_once(keys, wrapped):
    assert rewrap(keys, wrapped) == wrapped
    newest = keys.rotate(NAME)

    rewrapped = rewrap(keys, wrapped)

    assert rewrapped not in (None, wrapped)
    assert keys.version_of(rewrapped) == newest == keys.version_of(wrapped) + 1
    assert keys.unwrap(NAME, rewrapped, CONTEXT) == KEY
    assert rewrap(keys, rewrapped) == rewrapped


def test_a_key_that_cannot_be_rewrapped_does_not_hold_up_the_others(keys, wrapped):
    others = [os.urandom(32) for _ in range(300)]
    rows = [WrappedKey(keys.wrap(NAME, key, CONTEXT), CONTEXT) for key in others]
    rows.insert(150, WrappedKey(wrapped, CONTEXT + b"x"))
    rows.insert(17, WrappedKey(b"no wrapped key at all", CONTEXT))
    keys.rotate(NAME)

    rewrapped = keys.rewrap(NAME, rows)

    assert [index for index, each in enumerate(rewrapped) if each is None] == [17, 151]
    assert [keys.unwrap(NAME, each, CONTEXT) for each in rewrapped if each is not None] == others


def test_hardening_keeps_what_was_rewrapped_and_loses_the_rest(keys, wrapped):
    erased = keys.wrap(NAME, os.urandom(32), CONTEXT)
    newest = keys.rotate(NAME)
    kept = rewrap(keys, wrapped)

    keys.trim(NAME, oldest=newest)
    keys.trim(NAME, oldest=newest)

    assert keys.unwrap(NAME, kept, CONTEXT) == KEY
    for lost in (wrapped, erased):
        with pytest.raises(UnwrapRefused):
            keys.unwrap(NAME, lost, CONTEXT)
    assert [(each.version, each.versions) for each in keys.describe()] == [(2, 1)]


def test_a_destroyed_key_opens_nothing_and_its_name_is_never_used_again(keys, wrapped):
    keys.destroy(NAME)
    keys.destroy(NAME)

    for act in (
        lambda: keys.unwrap(NAME, wrapped, CONTEXT),
        lambda: rewrap(keys, wrapped),
        lambda: keys.wrap(NAME, KEY, CONTEXT),
        lambda: keys.ensure_key(NAME),
        lambda: keys.rotate(NAME),
        lambda: keys.trim(NAME, oldest=1),
    ):
        with pytest.raises(KeyDestroyed):
            act()
    (info,) = keys.describe()
    assert info.versions == 0
    assert info.destroyed_at is not None
    assert info.destroyed_at >= info.created_at


def test_nothing_is_trimmed_that_would_leave_no_version(keys, wrapped):
    for oldest in (0, 2):
        with pytest.raises(ValueError, match="version"):
            keys.trim(NAME, oldest=oldest)

    assert keys.unwrap(NAME, wrapped, CONTEXT) == KEY


def test_destroying_one_key_leaves_the_others(keys, wrapped):
    keys.ensure_key("audio-open")
    other = keys.wrap("audio-open", KEY, CONTEXT)

    keys.destroy(NAME)

    assert keys.unwrap("audio-open", other, CONTEXT) == KEY


def test_a_key_that_never_was_is_missing(keys, wrapped):
    for act in (
        lambda: keys.wrap("audio-1999-01", KEY, CONTEXT),
        lambda: keys.unwrap("audio-1999-01", wrapped, CONTEXT),
        lambda: keys.rotate("audio-1999-01"),
        lambda: keys.trim("audio-1999-01", oldest=1),
        lambda: keys.destroy("audio-1999-01"),
    ):
        with pytest.raises(KeyMissing):
            act()


def test_only_keys_of_32_bytes_are_wrapped(keys, wrapped):
    with pytest.raises(ValueError, match="32 bytes"):
        keys.wrap(NAME, b"short", CONTEXT)


def test_keys_are_described_by_name_and_without_themselves(keys, wrapped):
    keys.ensure_key("audio-2026-12")

    described = keys.describe()

    assert [each.name for each in described] == ["audio-2026-12", NAME]
    assert all(each.destroyed_at is None for each in described)


def test_a_service_in_order_says_so(keys):
    keys.check()
    keys.ensure_key(NAME)
    keys.check()


def test_a_service_says_where_its_keys_are(keys, wrapped):
    """On this machine, or by region as Amazon's are."""
    assert {(place.region, place.endpoint) for place in keys.places()} <= {("eu-central-1", "")}
