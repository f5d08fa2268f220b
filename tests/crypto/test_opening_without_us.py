"""The guide's two programs open what the vault sealed, in an environment that has cryptography and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import venv
from importlib.metadata import distribution
from pathlib import Path
from uuid import uuid4

import pytest

from vault.crypto.container import CopyKind, Sealer, context
from vault.kms.keyring import Keyring
from vault.kms.master import MasterFile

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "guides"
OPEN, UNWRAP = GUIDES / "open_sealed.py", GUIDES / "unwrap_data_key.py"
AUDIO = os.urandom(3_000_000)
RECORDING, KEY_ID = uuid4(), uuid4()


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    """Give the Python of an empty virtual environment with cryptography in it, taken from ours, not the network."""
    place = tmp_path_factory.mktemp("empty") / "venv"
    venv.create(place, with_pip=False)
    (libraries,) = place.glob("lib/python*/site-packages")
    for package in ("cryptography", "cffi", "pycparser"):  # it, and what it asks for
        found = distribution(package)
        for top in {file.parts[0] for file in found.files or []} - {"..", "__pycache__"}:
            (libraries / top).symlink_to(Path(str(found.locate_file(top))))
    return place / "bin" / "python"


@pytest.fixture
def sealed(tmp_path) -> tuple[bytes, Path]:
    data_key = os.urandom(32)
    sealer = Sealer(data_key, context(RECORDING, KEY_ID, CopyKind.ORIGINAL))
    path = tmp_path / "recording.sealed"
    path.write_bytes(b"".join(sealer.seal([AUDIO])))
    return data_key, path


@pytest.fixture
def key_file(tmp_path, sealed) -> Path:
    path = tmp_path / "key.json"
    said = {"data_key": sealed[0].hex(), "recording_id": str(RECORDING), "key_id": str(KEY_ID), "kind": 1}
    path.write_text(json.dumps(said))
    return path


def run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, env={}, cwd="/")


def test_the_programs_of_the_guide_are_short_enough_to_read():
    assert len(OPEN.read_text().splitlines()) <= 40
    assert len(UNWRAP.read_text().splitlines()) <= 50


def test_an_object_and_its_data_key_are_all_it_takes(python, key_file, sealed, tmp_path):
    done = run(python, OPEN, key_file, sealed[1], tmp_path / "recording.wav")

    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "recording.wav").read_bytes() == AUDIO
    assert (tmp_path / "recording.wav").stat().st_mode & 0o077 == 0


def test_the_environment_has_nothing_of_ours(python):
    assert run(python, "-c", "import django").returncode == 1
    assert run(python, "-c", "import vault").returncode == 1


@pytest.mark.parametrize(
    "change",
    [
        "a bit",
        "a cut",
        "a cut between segments",
        "a cut in the header",
        "nothing",
        "segments swapped",
        "another key",
    ],
)
def test_a_changed_object_is_refused_and_leaves_no_output(python, key_file, sealed, tmp_path, change):
    content = bytearray(sealed[1].read_bytes())
    if change == "a bit":
        content[-1] ^= 1
    elif change == "a cut":
        del content[-1]
    elif change == "a cut between segments":
        del content[56 + 3 * 16_400 :]
    elif change == "a cut in the header":
        del content[20:]
    elif change == "nothing":
        content.clear()
    elif change == "segments swapped":
        first, second = content[56:16_456], content[16_456:32_856]
        content[56:32_856] = second + first
    else:
        key_file.write_text(key_file.read_text().replace('"kind": 1', '"kind": 2'))
    sealed[1].write_bytes(content)

    done = run(python, OPEN, key_file, sealed[1], tmp_path / "recording.wav")

    assert done.returncode == 1
    assert done.stderr.startswith("Not opened")
    assert not (tmp_path / "recording.wav").exists()


def test_master_keyring_and_row_give_the_data_key(python, sealed, tmp_path):
    keyring = Keyring(tmp_path / "keyring", MasterFile(tmp_path / "master"))
    keyring.ensure_key("audio-2027-02")
    keyring.rotate("audio-2027-02")
    wrapped = keyring.wrap("audio-2027-02", sealed[0], context(RECORDING, KEY_ID, CopyKind.ORIGINAL))

    row = ("audio-2027-02", wrapped.hex(), RECORDING, KEY_ID, 1)
    done = run(python, UNWRAP, tmp_path / "master", tmp_path / "keyring", *row)

    assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "key.json").write_text(done.stdout)
    assert run(python, OPEN, tmp_path / "key.json", sealed[1], tmp_path / "out").returncode == 0
    assert (tmp_path / "out").read_bytes() == AUDIO


def test_a_program_called_wrongly_says_how_it_is_called(python):
    for program in (OPEN, UNWRAP):
        done = run(python, program)
        assert done.returncode == 1
        assert f"python {program.name}" in done.stderr
