"""Make nen7513.jsonl and ocsf.jsonl: some events of the trail in these shapes, to be read by a person once.

.venv/bin/python -m tests.vectors.make_shapes
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from audit.shapes.lines import About, Line
from audit.shapes.nen7513 import make_nen7513
from audit.shapes.ocsf import make_ocsf

HERE = Path(__file__).parent
INES, BRAM = "0193a1b2-0000-7000-8000-000000000001", "0193a1b2-0000-7000-8000-000000000002"
CALL = {"kind": "recording", "id": "0193a1b2-0000-7000-8000-00000000c411"}
SHAPES = {"nen7513.jsonl": make_nen7513, "ocsf.jsonl": make_ocsf}
ABOUT = About(
    origin="vault.example/trail",
    export_id="0193a1b2-0000-7000-8000-00000000e801",
    made_at=datetime(2026, 11, 22, 11, 0, tzinfo=UTC),
    asked_at=datetime(2026, 11, 22, 10, 59, tzinfo=UTC),
    asked_by="Katrien Maas",
    ground="The regulator asked for it.",
    filters={},
    with_personal=True,
    language="en",
    tree_size=7,
    checkpoint="vault.example/trail\n7\n16RzJQ5/gWtBLJ8TsqaGCIUIanDKrLnrQQAbEyG3oAo=\n",
    vkey="vault.example/trail+328fabea+AQ",
    site="Harbourvale",
)


def make_line(
    index: int, action: str, outcome: str = "done", *, name: str = "", address: str = "", **members: Any
) -> Line:
    """Return one event with these members beside those that every entry has."""
    entry = {
        "v": 1,
        "id": f"0193a1b2-0000-7000-8000-{index:012x}",
        "at": f"2026-11-22T10:52:{index % 60:02}.123456Z",
        "action": action,
        "outcome": outcome,
        "writer": BRAM,
        "counter": index + 1,
        **members,
    }
    leaf = hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).digest()
    return Line(index, entry, leaf, name=name, address=address)


def person(id: str, role: str) -> dict[str, str]:
    return {"kind": "person", "id": id, "role": role}


LINES = [
    make_line(
        0,
        "session.signed_in",
        name="Ines Verhoeven",
        address="203.0.113.7",
        actor=person(INES, "supervisor"),
        target={"kind": "account", "id": INES},
        access_point="web",
        session="c2Vzc2lvbg",
        facts={"method": "totp"},
    ),
    make_line(
        1,
        "playback.window",
        name="Ines Verhoeven",
        address="203.0.113.7",
        actor=person(INES, "supervisor"),
        target=CALL,
        purpose="complaint",
        rule="team",
        access_point="web",
        request="req-1",
        facts={"grant": "0193a1b2-0000-7000-8000-0000000000a1", "from_ms": 0, "to_ms": 30000},
    ),
    make_line(
        2,
        "playback.granted",
        "refused",
        actor=person(INES, "supervisor"),
        target=CALL,
        purpose="training",
        access_point="web",
        facts={"code": "out-of-reach", "status": 403},
    ),
    make_line(
        3,
        "basis.recorded",
        actor={"kind": "service", "id": "0193a1b2-0000-7000-8000-0000000000f1", "role": "integration"},
        target=CALL,
        access_point="api",
        facts={"party": "caller", "basis": "consent", "state": "given"},
    ),
    make_line(
        4,
        "recording.searched",
        actor=person(BRAM, "dpo"),
        target={"kind": "page", "id": "recordings"},
        access_point="web",
        facts={"count": 2, "field": "number", "query": "9f86d081884c7d65"},
    ),
    make_line(
        5,
        "recording.erased",
        actor={"kind": "system"},
        target=CALL,
        access_point="task:retention.erase_due",
        facts={"ground": "expired", "policy": "complaints"},
    ),
    make_line(
        6,
        "session.sign_in_failed",
        "refused",
        actor={"kind": "unknown"},
        target={"kind": "session", "id": "sign-in"},
        access_point="web",
        facts={"code": "wrong-password"},
    ),
    make_line(
        7,
        "trail.export_downloaded",
        actor=person(BRAM, "dpo"),
        on_behalf_of=INES,
        target={"kind": "export", "id": ABOUT.export_id},
        access_point="api",
        facts={"events": 7, "size": 20480},
    ),
    make_line(
        8,
        "account.role_changed",
        actor=person(BRAM, "administrator"),
        target={"kind": "account", "id": INES},
        access_point="web",
        facts={"old": "agent", "new": "supervisor"},
    ),
    make_line(
        9,
        "residency.violated",
        "failed",
        actor={"kind": "system"},
        target={"kind": "settings", "id": "S3_REGION"},
        access_point="task:residency.look",
        facts={"what": "bucket", "region": "us-east-1"},
    ),
]


def make(name: str) -> bytes:
    return b"".join(SHAPES[name](ABOUT, [LINES], lambda more: None))


if __name__ == "__main__":
    for name in SHAPES:
        (HERE / name).write_bytes(make(name))
