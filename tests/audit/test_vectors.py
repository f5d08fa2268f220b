"""The published vectors of exports: this verifier finds in each what any other must find."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from audit import verify
from tests.vectors import make_audit_export

TEXT = (Path(__file__).resolve().parents[1] / "vectors" / "audit-export.json").read_text(encoding="utf-8")
VECTORS: dict[str, Any] = json.loads(TEXT)


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_the_verifier_finds_what_the_vectors_say(tmp_path, case):
    for name, content in (VECTORS["files"] | case["changed"]).items():
        if content is not None:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(base64.b64decode(content))

    policy = verify.Policy.parse(VECTORS["policy"])
    found = verify.verify_export(tmp_path, policy, case["known"], whole=True).all()

    assert sorted({finding.split(":")[0] for finding in found}) == case["findings"]


def test_the_vectors_are_those_that_their_program_makes():
    assert make_audit_export.vectors() == TEXT
