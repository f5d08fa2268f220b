"""bin/run says in one sentence what keeps it from starting, and starts nothing then."""

import fcntl
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


def run(folder: Path, *words: str, **given: str) -> subprocess.CompletedProcess[str]:
    """Run bin/run on a state folder of this test's own."""
    return subprocess.run(
        [sys.executable, CHECKOUT / "bin" / "run", *words],
        env=os.environ | {"VAULT_VAR": str(folder)} | given,
        capture_output=True,
        text=True,
    )


def test_a_taken_port_is_named(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])

        refused = run(tmp_path, PORT=port)

    assert refused.returncode == 1
    assert refused.stderr == (
        f"run: Port {port} is taken by another program; choose another with PORT=9000 bin/run\n"
    )
    assert not (tmp_path / "processes").exists()


@pytest.mark.parametrize("port", ["0", "65536", "eighty"])
def test_a_port_that_is_none_is_refused(tmp_path, port):
    assert run(tmp_path, PORT=port).stderr == "run: PORT must be a number from 1 to 65535.\n"


def test_a_second_one_from_the_same_folder_is_refused(tmp_path):
    with (tmp_path / "run.lock").open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)

        refused = run(tmp_path)

    assert refused.returncode == 1
    assert refused.stderr.startswith("run: The vault already runs from this folder")


def test_an_unknown_argument_is_refused(tmp_path):
    refused = run(tmp_path, "--smokes")

    assert (refused.returncode, refused.stderr) == (1, "run: takes no argument but --smoke.\n")
