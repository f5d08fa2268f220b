"""The one spelling of a JSON object: RFC 8785, for strings, whole numbers, yes/no, lists and objects.

Pure. It refuses what RFC 8785 leaves to floating point, and keys outside ASCII, whose order other
implementations may see differently.
"""

from __future__ import annotations

import json
from typing import TypeAlias

Value: TypeAlias = "str | int | bool | list[Value] | dict[str, Value] | None"

_LARGEST = 2**53 - 1
_PLAIN = frozenset({str, bool, type(None)})
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def canonical(value: dict[str, Value]) -> bytes:
    """Return the canonical UTF-8 bytes of an object.

    :raises ValueError: for a number that is not whole or too large for every reader, a key outside ASCII,
        or text that is not Unicode.
    """
    _check(value)
    return _encode(value).encode()


def _check(value: object) -> None:
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) or not key.isascii():
                raise ValueError("a key must be ASCII text")
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            # Most values are plain: no call for each of these, because every event comes by here.
            if inner.__class__ not in _PLAIN:
                _check(inner)
    elif isinstance(value, bool) or value is None or isinstance(value, str):
        return
    elif not isinstance(value, int) or not -_LARGEST <= value <= _LARGEST:
        raise ValueError("a number must be whole and at most 2^53 - 1")
