"""The proof that a recording was erased, as the stand-alone verifier reads it."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from audit import verify
from audit.canonical import canonical
from audit.tree import Tree, leaf_hash
from tests.audit.packages import SIGNER, checkpoint_over, make_entries

RECORDING, ERASURE = "5b0cbd62-1c2f-4d38-9a0c-6f7c1be0e9f4", "8f1f9f0e-0f2f-4a55-8f0b-7d1d9b1d6a11"
ERASED_EVENT = "019c2d1e-6f7a-7c35-8a55-0d8d41e3b0aa"
COPIES = f"copy: original sha256:{'6b' * 32}\ncopy: waveform sha256:{'d4' * 32}\n"
STATEMENT = f"""callvault-erasure/1
recording: {RECORDING}
erasure: {ERASURE}
ground: expired
policy: 0d5c2f1a-6a6d-4a6a-9a52-0c4f6f0f8d11 3
ordered-by: schedule
due: 2026-11-22T11:00:00.000000Z
{COPIES}keys-destroyed: 3
unreadable-since: 2026-11-22T11:00:41.120458Z
copies-absent-since: 2026-11-22T11:00:42.518113Z
beyond-recovery-on: 2026-11-29T11:00:41.120458Z
erased-event: {ERASED_EVENT}
"""
POLICY = verify.Policy.parse(f"log {SIGNER.verifier.vkey}\nquorum none\n")


def make_proof(statement: str = STATEMENT, *, order: tuple[int, int] = (4, 9), **changed: object) -> str:
    """Return a proof of this statement, over a log in which the facts may have been logged otherwise."""
    erased: dict[str, Any] = {
        "id": ERASED_EVENT,
        "at": "2026-11-22T11:00:41.120458Z",
        "action": "recording.erased",
        "outcome": "done",
        "target": {"kind": "recording", "id": RECORDING},
    }
    facts: dict[str, Any] = {
        "erasure": ERASURE,
        "ground": "expired",
        "policy": "0d5c2f1a-6a6d-4a6a-9a52-0c4f6f0f8d11",
        "policy_version": 3,
        "keys": 3,
        "copies": 2,
        "sha256": hashlib.sha256(COPIES.encode()).hexdigest(),
        "due_at": "2026-11-22T11:00:00.000000Z",
    }
    erased |= {name: value for name, value in changed.items() if name in erased}
    facts |= {name: value for name, value in changed.items() if name in facts}
    facts = {name: value for name, value in facts.items() if value is not None}
    certified: dict[str, Any] = {
        "action": "erasure.certified",
        "outcome": "done",
        "target": {"kind": "erasure", "id": ERASURE},
        "facts": {"statement": hashlib.sha256(statement.encode()).hexdigest()},
    }
    entries = make_entries(12)
    entries[order[0]] = canonical({**json.loads(entries[order[0]]), **erased, "facts": facts})
    entries[order[1]] = canonical({**json.loads(entries[order[1]]), **certified})
    first = proof_of(entries, order[0])
    second = proof_of(entries, order[1], statement.encode())
    return f"{statement}\n-- log key\n{SIGNER.verifier.vkey}\n-- erased\n{first}-- certified\n{second}"


def proof_of(entries: list[bytes], index: int, rest: bytes = b"") -> str:
    tree = Tree(len(entries), lambda *_: b"".join(map(leaf_hash, entries)))
    hashes = [base64.b64encode(part).decode() for part in tree.inclusion_proof(index)]
    extra = base64.b64encode(entries[index] + b"\n" + rest).decode()
    head = "\n".join(["c2sp.org/tlog-proof@v1", f"extra {extra}", f"index {index}", *hashes])
    return f"{head}\n\n{checkpoint_over(entries)}"


def test_a_proof_of_what_was_logged_passes():
    with_policy, without = (
        verify.verify_erasure(make_proof(), POLICY),
        verify.verify_erasure(make_proof(), None),
    )

    assert with_policy.all() == without.all() == []
    assert "Not readable in the vault since 2026-11-22T11:00:41.120458Z." in with_policy.notes
    assert without.notes[0].startswith("The signing key came with the proof.")


def test_a_proof_without_a_policy_and_without_copies_passes():
    policy = "policy: 0d5c2f1a-6a6d-4a6a-9a52-0c4f6f0f8d11 3"
    statement = STATEMENT.replace(COPIES, "").replace(policy, "policy: none")
    digest = hashlib.sha256(b"").hexdigest()

    text = make_proof(statement, copies=0, sha256=digest, policy=None, policy_version=None)

    assert verify.verify_erasure(text, POLICY).all() == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ground: expired", "ground: request"),
        ("keys-destroyed: 3", "keys-destroyed: 2"),
        ("unreadable-since: 2026-11-22T11:00:41.120458Z", "unreadable-since: 2026-11-22T11:00:41.120459Z"),
        ("copy: waveform", "copy: transcript"),
        ("due: 2026-11-22T11:00:00", "due: 2026-11-22T11:00:01"),
        ("policy: 0d5c2f1a", "policy: 0d5c2f1b"),
        (f"recording: {RECORDING[:4]}", "recording: ffff"),
        (f"erasure: {ERASURE[:4]}", "erasure: ffff"),
        (f"erased-event: {ERASED_EVENT[:4]}", "erased-event: ffff"),
        ("beyond-recovery-on: 2026-11-29", "beyond-recovery-on: 2026-11-21"),
        ("copies-absent-since: 2026-11-22", "copies-absent-since: 2026-11-21"),
    ],
)
def test_a_statement_that_says_other_than_was_logged_is_refused(old, new):
    changed = STATEMENT.replace(old, new)
    assert changed != STATEMENT

    assert verify.verify_erasure(make_proof(changed), POLICY).all()
    assert verify.verify_erasure(make_proof().replace(old, new), POLICY).all()


@pytest.mark.parametrize("name", ["action", "outcome", "id", "keys", "ground", "erasure"])
def test_an_event_of_something_else_proves_nothing(name):
    values = {"keys": 9, "id": RECORDING, "outcome": "refused", "action": "recording.viewed"}

    assert verify.verify_erasure(make_proof(**{name: values.get(name, "other")}), POLICY).all()


def test_a_certificate_before_the_erasure_is_refused():
    assert verify.verify_erasure(make_proof(order=(9, 4)), POLICY).all() == [
        "STATEMENT: the certificate does not stand behind the erasure in the log"
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n-- erased\n", "\n-- certified\n"),
        ("\n", "\r\n"),
        ("callvault-erasure/1", "callvault-erasure/2"),
        ("ordered-by: schedule\n", ""),
        ("ordered-by: schedule\n", "ordered-by: schedule\nordered-by: schedule\n"),
        ("ground: expired\n", "ground: expired\nmore: than this\n"),
        ("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"),
        ("due: 2026-11-22T11:00:00.000000Z", "due: 2026-11-22"),
        ("index 4\n", "index 5\n"),
    ],
)
def test_a_proof_of_another_form_is_refused(old, new):
    assert verify.verify_erasure(make_proof().replace(old, new), POLICY).all()


def test_the_program_knows_a_proof_by_its_first_line(tmp_path, capsys):
    path = tmp_path / "proof.txt"
    path.write_text(make_proof())

    assert verify.main([str(path)]) == 0
    assert "PASS" in capsys.readouterr().out
    path.write_text(make_proof().replace("ground: expired", "ground: request"))
    assert verify.main([str(path)]) == 1
