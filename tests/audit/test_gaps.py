"""A missing record is explained by a removed month, or is a finding: for the verifier and for the vault alike."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from audit import months, verify
from audit.findings import Finding
from audit.gaps import Gaps
from audit.models import AuditEvent

VECTORS = json.loads(Path(__file__).parents[1].joinpath("vectors", "audit-removed-months.json").read_bytes())[
    "cases"
]
each = pytest.mark.parametrize("case", VECTORS, ids=[case["what"] for case in VECTORS])


@each
def test_the_verifier_names_what_no_removed_month_explains(case):
    gaps, findings = verify._Gaps(), verify.Findings()
    gaps.missing = [(first, last) for first, last in case["missing"]]
    gaps.beginnings = [(index, writer, counter) for index, writer, counter in case["beginnings"]]
    gaps.left = [(index, at) for index, at in case.get("left", ())]
    for removal in case["removals"]:
        gaps.add_removal(removal["index"], removal)

    gaps.explain(findings)

    assert findings.all() == case["findings"]


@each
def test_the_vaults_own_check_agrees_with_the_verifier(case):
    gaps = Gaps([told for removal in case["removals"] if (told := read(removal)) is not None])
    found: list[object] = []
    for first, last in case["missing"]:
        found += [index for index in range(first, last + 1) if not gaps.explain(index)]
    for index, at in case.get("left", ()):
        gaps.note_left(index, datetime.fromisoformat(at))
    for index, _writer, counter in case["beginnings"]:
        gaps.explain_beginning(counter, Finding.of("writer-skips", index=index, number=1))

    assert bool([*found, *gaps.findings()]) == bool(case["findings"])


def read(removal: dict[str, Any]) -> months.Removal | None:
    """Read a removal as the vault does, of those that were done."""
    if removal["outcome"] != "done":
        return None
    event = AuditEvent(
        id=UUID(int=1),
        occurred_at=datetime.fromisoformat(removal["at"]),
        entry=json.dumps({"facts": removal["facts"]}).encode(),
    )
    return months._read_removal(event, removal["index"])
