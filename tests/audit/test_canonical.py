"""The one spelling of an entry (RFC 8785)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audit.canonical import canonical

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "audit-canonical.json").read_text())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["about"])
def test_an_object_has_one_spelling(vector):
    assert canonical(vector["value"]).hex() == vector["canonical"]


@pytest.mark.parametrize("value", [1.5, 2**53, -(2**53), float("nan"), b"bytes", {"é": 1}, {1: 2}, "\ud800"])
def test_what_has_no_one_spelling_is_refused(value):
    with pytest.raises(ValueError):  # noqa: PT011 - each has words of its own
        canonical({"value": value})
