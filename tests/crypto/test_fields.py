"""Small values and wrapped keys: bound to their place, and never one passing for the other."""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from vault.crypto import fields
from vault.crypto.errors import NotAuthentic, UnknownFormat

KEY = os.urandom(32)
PLACE = b"recordings_details|customer_number|7|1"


@settings(max_examples=50, deadline=None)
@given(plain=st.binary(max_size=300), place=st.binary(max_size=60))
def test_a_value_is_opened_where_it_was_sealed(plain, place):
    sealed = fields.seal_field(KEY, plain, place)

    assert fields.open_field(KEY, sealed, place) == plain
    assert fields.open_field(KEY, memoryview(sealed), place) == plain
    assert len(sealed) == len(plain) + fields.OVERHEAD


def test_the_form_is_the_one_that_is_specified():
    sealed = fields.seal_field(KEY, b"+31201234567", PLACE)

    assert sealed[0] == 1
    plain = AESGCM(KEY).decrypt(sealed[1:13], sealed[13:], b"\x01field\0" + PLACE)
    assert plain == b"+31201234567"


def test_every_single_bit_of_a_value_counts():
    sealed = fields.seal_field(KEY, b"+31201234567", PLACE)

    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(NotAuthentic):
            fields.open_field(KEY, bytes(changed), PLACE)


def test_a_value_cut_moved_or_under_another_key_is_refused():
    sealed = fields.seal_field(KEY, b"secret", PLACE)

    for length in range(len(sealed)):
        with pytest.raises(NotAuthentic):
            fields.open_field(KEY, sealed[:length], PLACE)
    with pytest.raises(NotAuthentic):
        fields.open_field(KEY, sealed, PLACE.replace(b"7", b"8"))
    with pytest.raises(NotAuthentic):
        fields.open_field(os.urandom(32), sealed, PLACE)


def test_a_form_that_is_not_known_says_so():
    with pytest.raises(UnknownFormat):
        fields.open_field(KEY, b"\x02" + bytes(60), PLACE)


def test_equal_values_look_different():
    assert fields.seal_field(KEY, b"same", PLACE) != fields.seal_field(KEY, b"same", PLACE)


def test_a_key_is_unwrapped_where_it_was_wrapped():
    key = os.urandom(32)
    wrapped = fields.wrap_key(KEY, key, PLACE)

    assert fields.unwrap_key(KEY, wrapped, PLACE) == key
    with pytest.raises(NotAuthentic):
        fields.unwrap_key(KEY, wrapped, PLACE + b"x")
    with pytest.raises(NotAuthentic):
        fields.unwrap_key(os.urandom(32), wrapped, PLACE)


def test_a_field_does_not_pass_for_a_key_nor_a_key_for_a_field():
    with pytest.raises(NotAuthentic):
        fields.unwrap_key(KEY, fields.seal_field(KEY, os.urandom(32), PLACE), PLACE)
    with pytest.raises(NotAuthentic):
        fields.open_field(KEY, fields.wrap_key(KEY, os.urandom(32), PLACE), PLACE)


def test_keys_of_another_length_are_refused():
    short = AESGCM(KEY)
    nonce = os.urandom(12)
    wrapped = b"\x01" + nonce + short.encrypt(nonce, bytes(16), b"\x01key\0" + PLACE)

    with pytest.raises(NotAuthentic):
        fields.unwrap_key(KEY, wrapped, PLACE)
    with pytest.raises(ValueError, match="32 bytes"):
        fields.wrap_key(KEY, bytes(16), PLACE)
    with pytest.raises(ValueError, match="32 bytes"):
        fields.seal_field(bytes(16), b"x", PLACE)
