"""The bench harness says honestly on which side of its bar a result lies."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.harness import Row, ratio, summarise

CHECKOUT = Path(__file__).resolve().parents[2]
BENCHES = sorted({path.stem for path in (CHECKOUT / "bench").glob("[a-z]*.py")} - {"harness"})


def test_the_median_decides_and_the_spread_is_told():
    row = summarise("read a range", [0.9, 0.7, 0.8], bar=0.75)

    assert row.as_json() == {
        "name": "read a range", "ratio": 0.8, "low": 0.7, "high": 0.9, "bar": 0.75, "holds": True,
    }  # fmt: skip


def test_a_value_has_a_unit_and_may_have_a_ceiling():
    row = Row("memory", median=70, low=60, high=80, bar=64, unit="MiB", bar_is_ceiling=True)

    assert row.as_json()["value"] == 70
    assert row.as_json()["unit"] == "MiB"
    assert not row.holds
    assert row.as_line() == "memory: 70 MiB (60 to 80), at most 64: DOES NOT HOLD"


def test_both_sides_take_turns_and_a_slower_side_has_the_smaller_share():
    turns = []
    seconds = {"ours": 2.0, "theirs": 1.0}

    def clock(work):
        turns.append(work())
        return seconds[work()]

    row = ratio("sealing", lambda: "ours", lambda: "theirs", bar=0.5, rounds=2, seconds=clock)

    assert turns == ["ours", "theirs", "ours", "theirs", "theirs", "ours"]
    assert row.median == pytest.approx(0.5)
    assert row.holds


@pytest.mark.parametrize("name", BENCHES)
def test_every_bench_still_runs_in_a_small_size(name):
    done = subprocess.run(
        [sys.executable, CHECKOUT / "bin" / "bench", name, "--json", "--small"],
        capture_output=True,
        text=True,
    )

    assert done.stderr == ""
    result = json.loads(done.stdout)
    assert result["bench"] == name
    for row in result["rows"]:
        assert {"name", "low", "high", "bar", "holds"} <= row.keys()
        assert "ratio" in row or {"value", "unit"} <= row.keys()
