"""Keyed hashes: the same value is found, and nothing else gives the same hash."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from vault.crypto import blind_index

KEY, OTHER = bytes(range(32)), bytes(32)


def test_the_form_is_the_one_that_is_specified():
    message = b"index" + b"\0\0\0\x06number" + b"\0\0\0\x0c+31201234567"

    expected = hmac.new(KEY, message, hashlib.sha256).digest()[:16]

    assert blind_index.index(KEY, "number", "+31201234567") == expected


def test_an_index_depends_on_key_field_and_value():
    found = {
        blind_index.index(key, field, value)
        for key in (KEY, OTHER)
        for field in ("number", "reference")
        for value in ("+31201234567", "+31201234568", "")
    }

    assert len(found) == 12
    assert {len(each) for each in found} == {16}


def test_an_identity_depends_on_where_its_parts_begin():
    found = {
        blind_index.identity(KEY, *parts)
        for parts in (("ab", "c"), ("a", "bc"), ("abc",), ("a", "b", "c"), ("abc", ""), ("", "abc"), ())
    }

    assert len(found) == 7
    assert {len(each) for each in found} == {32}


def test_an_identity_is_no_index():
    assert blind_index.identity(KEY, "number", "1")[:16] != blind_index.index(KEY, "number", "1")


def test_a_key_of_another_length_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        blind_index.index(b"short", "number", "1")
