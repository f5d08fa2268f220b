"""The proof of an erasure: checked by a program that knows nothing of us, refused when a letter differs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.verify import verify_erasure
from recordings.models import Recording
from retention import certificate, proof
from retention.errors import NoSuchErasure, NotYetCertified
from retention.models import Erasure, Ground
from retention.periods import Period
from tests.audit.conftest import sequence
from tests.recordings.conftest import person
from tests.retention.conftest import NOW, due_call, exchange_actor, make_policy, run_sweep
from tests.trail import events
from vault.access.models import Team
from vault.access.roles import Role
from vault.kms import masters

VERIFY = Path(__file__).resolve().parents[2] / "audit" / "verify.py"


@pytest.fixture
def dpo(fresh_database) -> Iterator[object]:
    masters.forget_all()
    Team.objects.create(name="North")
    yield person("katrien@example.org", Role.DPO)
    masters.forget_all()


@pytest.fixture
def erased(dpo) -> Recording:
    make_policy(dpo, keep_at_most=Period(1, "weeks"))
    recording = due_call(exchange_actor())
    run_sweep()
    sequence()
    return recording


def verify(path: Path) -> subprocess.CompletedProcess[str]:
    """Run the verifier in a clean interpreter."""
    return subprocess.run(
        [sys.executable, "-I", str(VERIFY), str(path)], capture_output=True, text=True, check=False
    )


def test_the_proof_holds_in_a_clean_interpreter_and_an_altered_one_does_not(erased, dpo, tmp_path):
    text = proof.read_proof(erased.pk, actor=dpo, now=NOW)
    path = tmp_path / "erasure.proof.txt"
    path.write_text(text)

    checked = verify(path)

    assert checked.returncode == 0, checked.stdout + checked.stderr
    path.write_text(text.replace("unreadable-since: 2026", "unreadable-since: 2025"))
    assert verify(path).returncode == 1
    assert len(events("erasure.proof_read")) == 1


@pytest.mark.parametrize(
    ("told", "lie"),
    [
        ("ground: expired", "ground: request"),
        ("keys-destroyed: 2", "keys-destroyed: 3"),
        ("copy: original sha256:", "copy: playable sha256:"),
        ("ordered-by: schedule", "ordered-by: account 0193a1b2-0000-7000-8000-000000000001"),
    ],
)
def test_a_proof_that_says_something_else_is_refused(erased, dpo, tmp_path, told, lie):
    text = proof.read_proof(erased.pk, actor=dpo, now=NOW)
    assert told in text
    path = tmp_path / "erasure.proof.txt"
    path.write_text(text.replace(told, lie))

    assert verify(path).returncode == 1


def test_the_proof_of_one_recording_is_none_for_another(erased, dpo, tmp_path):
    other = due_call(exchange_actor())
    run_sweep()
    sequence()
    ours, theirs = (proof.read_proof(each.pk, actor=dpo, now=NOW) for each in (erased, other))
    path = tmp_path / "erasure.proof.txt"
    path.write_text(ours.split("-- log key")[0] + "-- log key" + theirs.split("-- log key")[1])

    assert verify(path).returncode == 1


def test_the_statement_has_the_names_of_the_specification_in_order(erased):
    row = Erasure.objects.get(recording=erased)
    lines = proof.write_statement(row).splitlines()

    assert lines[0] == "callvault-erasure/1"
    assert [line.partition(":")[0] for line in lines[1:]] == [
        "recording",
        "erasure",
        "ground",
        "policy",
        "ordered-by",
        "due",
        "copy",
        "keys-destroyed",
        "unreadable-since",
        "copies-absent-since",
        "beyond-recovery-on",
        "erased-event",
    ]
    assert f"policy: {row.policy_id} 1" in lines


def test_the_statement_holds_nothing_personal(erased):
    text = proof.write_statement(Erasure.objects.get(recording=erased))

    for personal in ("3197000000012", "Ashby", "472091", "Whitlock"):
        assert personal not in text


def test_a_proof_is_refused_until_there_is_one(dpo):
    make_policy(dpo, keep_at_most=Period(50, "years"))
    recording = due_call(exchange_actor())

    with pytest.raises(NoSuchErasure):
        proof.read_proof(recording.pk, actor=dpo, now=NOW)

    from retention import erasure

    row = erasure.erase_recording(recording.pk, ground=Ground.REQUEST, actor=dpo, now=NOW)
    with pytest.raises(NotYetCertified):
        proof.read_proof(recording.pk, actor=dpo, now=NOW)
    with pytest.raises(NotYetCertified):
        proof.write_statement(row)


def test_an_erasure_that_has_not_begun_cannot_be_certified():
    with pytest.raises(NotYetCertified):
        certificate.unreadable_since(Erasure())


VECTOR = Path(__file__).resolve().parents[1] / "vectors" / "erasure-proof-v1.txt"


def test_a_proof_written_long_ago_still_holds():
    assert verify(VECTOR).returncode == 0
    assert not verify_erasure(VECTOR.read_text(), None).all()


@pytest.mark.parametrize("number", range(len(VECTOR.read_text().splitlines())))
def test_no_line_of_a_proof_can_be_left_out(number):
    lines = VECTOR.read_text().splitlines(keepends=True)

    assert verify_erasure("".join(lines[:number] + lines[number + 1 :]), None).all()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_letter_of_a_proof_can_be_another(data):
    text = VECTOR.read_text()
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from([letter for letter in "0aZ:\n " if letter != text[at]]))

    assert verify_erasure(text[:at] + other + text[at + 1 :], None).all()
