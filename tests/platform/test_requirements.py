"""Each promise names where it is kept and which test proves it; both must exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "requirements.md"
IDS = {
    *(f"K{n}" for n in range(1, 8)),
    *(f"L{n}" for n in range(1, 9)),
    *(f"C{n}" for n in range(1, 5)),
    *(f"R{n}" for n in range(1, 8)),
    *(f"A{n}" for n in range(1, 8)),
    *(f"D{n}" for n in range(1, 5)),
    *(f"O{n}" for n in range(1, 5)),
}
# What parts 1 to 3 of the project name; the other promises say in which later part they are due.
DUE_NOW = {
    "K1",
    "K2",
    "K3",
    "K4",
    "K5",
    "K6",
    "K7",
    "L1",
    "L2",
    "L3",
    "L7",
    "C1",
    "C2",
    "C3",
    "A1",
    "A2",
    "A3",
    "A4",
    "A5",
    "A6",
    "A7",
    "R1",
    "R2",
    "R3",
    "R4",
    "R6",
    "O1",
}


def rows() -> dict[str, list[str]]:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if re.match(r"\| [A-Z]\d ", line)]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in cells}


def test_every_promise_is_on_the_page_once():
    assert set(rows()) == IDS


@pytest.mark.parametrize("promise", sorted(DUE_NOW))
def test_a_promise_of_this_part_names_a_module_and_a_test(promise):
    _, kept_in, proved_by = rows()[promise]

    assert re.findall(r"`([^`]+)`", kept_in)
    assert re.findall(r"`(tests/[^`]+::[^`]+)`", proved_by)


def test_every_module_and_test_that_the_page_names_exists():
    missing = []
    for promise, (_, kept_in, proved_by) in rows().items():
        for path in re.findall(r"`([^`]+)`", kept_in):
            if not (ROOT / path).exists():
                missing.append((promise, path))
        for name in re.findall(r"`(tests/[^`]+)`", proved_by):
            path, _, function = name.partition("::")
            file = ROOT / path
            if not file.is_file() or f"def {function}(" not in file.read_text(encoding="utf-8"):
                missing.append((promise, name))

    assert missing == []
