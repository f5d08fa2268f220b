"""Every bench runs: whether its rows hold is for a quiet machine to say, not for a test."""

from __future__ import annotations

import importlib
import json

import pytest

NAMES = ["memory", "open", "seal"]  # those that need no database


@pytest.mark.parametrize("name", NAMES)
def test_a_bench_runs_and_its_rows_can_be_printed(name):
    rows = importlib.import_module(f"bench.{name}").measure(small=True)

    assert rows
    for row in rows:
        printed = json.loads(json.dumps(row.as_json()))
        assert {"name", "low", "high", "bar", "holds"} <= printed.keys()
        assert row.low <= row.median <= row.high
