"""A second opinion: Go's sumdb/note and tlog (Debian's golang-golang-x-mod-dev) accept the same files."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.audit.packages import SIGNER, checkpoint_over, make_entries, write_package
from tests.audit.test_verify import proof_text
from tests.audit.witnesses import running_witness

GO = shutil.which("go") or "/usr/bin/go"
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def go(tmp_path_factory) -> Path:
    """Build the Go program, without a network and without a module."""
    program = tmp_path_factory.mktemp("go") / "check"
    environment = os.environ | {
        "GO111MODULE": "off",
        "GOPATH": "/usr/share/gocode",
        "GOCACHE": str(CHECKOUT / "var" / "go-cache"),
        "GOFLAGS": "",
    }
    subprocess.run(
        [GO, "build", "-o", program, str(Path(__file__).parent / "go" / "check.go")],
        env=environment,
        check=True,
        timeout=110,
    )
    return program


def run(program: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)


def test_go_accepts_an_export_its_tiles_and_its_earlier_checkpoints(go, tmp_path):
    entries = make_entries(700)
    folder = write_package(tmp_path, entries)
    (folder / "checkpoints").mkdir()
    for size in (1, 255, 256, 300):
        (folder / "checkpoints" / str(size)).write_text(checkpoint_over(entries[:size]))

    answer = run(go, folder)

    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout == "700 entries, 4 earlier checkpoints\nok\n"


def test_go_refuses_what_was_altered(go, tmp_path):
    folder = write_package(tmp_path, make_entries(20))
    path = folder / "entries.jsonl"
    path.write_bytes(path.read_bytes().replace(b"supervisor", b"reviewer", 1))

    assert run(go, folder).returncode == 1


def test_go_accepts_the_proof_of_one_event(go, tmp_path):
    path = tmp_path / "event.tlog-proof"
    path.write_text(proof_text(13, b"words\n"))

    assert run(go, SIGNER.verifier.vkey, path).stdout == "ok\n"
    path.write_text(proof_text(13).replace("index 13", "index 12"))
    assert run(go, SIGNER.verifier.vkey, path).returncode == 1


def test_go_accepts_what_our_witness_has_cosigned(go, tmp_path):
    note = checkpoint_over(make_entries(7))
    path = tmp_path / "checkpoint"
    with running_witness(tmp_path / "w", SIGNER.verifier.vkey) as witness:
        _status, _kind, line = witness.ask("/add-checkpoint", f"old 0\n\n{note}")
    path.write_text(note + line)

    assert run(go, "cosigned", SIGNER.verifier.vkey, witness.vkey, path).stdout == "ok\n"
    path.write_text(note.replace("\n7\n", "\n8\n") + line)
    assert run(go, "cosigned", SIGNER.verifier.vkey, witness.vkey, path).returncode == 1
