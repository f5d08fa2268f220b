"""The witness as a program: it cosigns what continues, and nothing else, and remembers who showed it two histories."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from audit import verify
from audit.tree import Edge, Tree, leaf_hash
from audit.witness import continues
from tests.audit.packages import SIGNER, checkpoint_over, make_entries
from tests.audit.witnesses import COMMAND, RunningWitness, running_witness

ENTRIES = make_entries(30)
OTHERS = make_entries(30, purpose="complaint")
LOG = SIGNER.verifier.vkey


@pytest.fixture
def witness(tmp_path):
    with running_witness(tmp_path / "w", LOG) as running:
        yield running


def request(old: int, entries: list[bytes], proof_of: list[bytes] | None = None) -> str:
    """Return a request to go on from the old size to a tree over these entries."""
    leaves = [leaf_hash(entry) for entry in proof_of or entries]
    tree = Tree(len(leaves), lambda level, number, width: b"".join(leaves[:width]))
    proof = tree.consistency_proof(old) if old <= len(leaves) else []
    return "\n".join(
        [f"old {old}", *(base64.b64encode(part).decode() for part in proof), "", checkpoint_over(entries)]
    )


def add(witness: RunningWitness, old: int, entries: list[bytes]) -> tuple[int, str, str]:
    return witness.ask("/add-checkpoint", request(old, entries))


def test_what_it_cosigns_meets_a_policy_that_asks_for_it(witness):
    status, _kind, line = add(witness, 0, ENTRIES[:7])
    policy = verify.Policy.parse(f"log {LOG}\nwitness dpo {witness.vkey}\nquorum dpo\n")

    opened = verify.open_checkpoint(checkpoint_over(ENTRIES[:7]) + line, policy)

    assert status == 200
    assert opened.signed_by == (SIGNER.name, "dpo")
    with pytest.raises(verify.Broken, match="was not seen"):
        verify.open_checkpoint(checkpoint_over(ENTRIES[:7]), policy)


def test_it_follows_a_log_that_grows_and_hands_out_the_newest(witness):
    sizes = (7, 8, 20, 20, 30)

    statuses = [add(witness, old, ENTRIES[:new])[0] for old, new in zip((0, *sizes), sizes, strict=False)]

    assert statuses == [200] * 5
    _status, _kind, newest = witness.ask(f"/{quote(SIGNER.name, safe='')}/checkpoint")
    assert newest.startswith(checkpoint_over(ENTRIES))


def test_it_answers_with_its_size_who_does_not_know_it(witness):
    add(witness, 0, ENTRIES[:7])

    assert add(witness, 0, ENTRIES[:9]) == (409, "text/x.tlog.size", "7\n")


def test_a_rewritten_history_is_refused_and_remembered(witness):
    add(witness, 0, ENTRIES[:7])

    assert add(witness, 7, OTHERS[:7])[0] == 409
    assert add(witness, 7, OTHERS[:9])[0] == 422

    told = subprocess.run([*COMMAND, "status", "--state", witness.state], capture_output=True, text=True)
    assert told.returncode == 1
    assert told.stdout.count("FORK") == 2
    assert checkpoint_over(OTHERS[:9]) in told.stdout
    assert "FORK" in witness.log.read_text()
    assert json.loads(witness.state.read_text())["logs"][SIGNER.name]["size"] == 7


def test_its_memory_outlives_it(tmp_path):
    with running_witness(tmp_path / "w", LOG) as first:
        add(first, 0, ENTRIES[:7])
    with running_witness(tmp_path / "w", LOG) as second:
        assert add(second, 0, OTHERS[:9]) == (409, "text/x.tlog.size", "7\n")
        assert add(second, 7, ENTRIES[:9])[0] == 200


def test_two_never_share_one_state(witness):
    key = witness.state.with_name("key")
    options = ["--listen", "127.0.0.1:0", "--state", witness.state, "--key", key, "--log", LOG]

    second = subprocess.run([*COMMAND, "run", *options], capture_output=True, text=True, timeout=30)

    assert (second.returncode, "Another witness" in second.stderr) == (1, True)


def test_without_its_memory_it_does_not_start(witness, tmp_path):
    state = tmp_path / "broken"
    state.write_text("{")
    options = [
        "--listen",
        "127.0.0.1:0",
        "--state",
        state,
        "--key",
        witness.state.with_name("key"),
        "--log",
        LOG,
    ]

    started = subprocess.run([*COMMAND, "run", *options], capture_output=True, text=True, timeout=30)

    assert (started.returncode, "not the state of a witness" in started.stderr) == (1, True)


GOOD = request(0, ENTRIES[:7])


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, GOOD.replace(f"\n{SIGNER.name}\n", "\nother.example/log\n", 1)),
        (403, GOOD.replace("\n7\n", "\n8\n")),
        (400, GOOD.replace("old 0", "old 00")),
        (400, GOOD.replace("old 0", "old 8")),
        (400, GOOD.replace("old 0", "Old 0")),
        (400, GOOD.replace("old 0\n", "old 0\r\n")),
        (400, GOOD.replace("old 0", "old -1")),
        (400, GOOD.replace("old 0\n", "old 0\nAAAA\n")),
        (400, GOOD.replace("old 0\n", "old 0\n" + f"{base64.b64encode(bytes(32)).decode()}\n" * 64)),
        (400, GOOD[:-1]),
        (400, GOOD + "more"),
        (400, GOOD.replace("\n7\n", "\n07\n")),
        (400, ""),
        (400, b"\xff\xfe"),
        (413, GOOD + "x" * 70_000),
        (422, GOOD.replace("old 0\n", f"old 0\n{base64.b64encode(bytes(32)).decode()}\n")),
    ],
)
def test_what_is_not_as_it_should_be_is_refused_as_the_protocol_says(witness, status, body):
    assert witness.ask("/add-checkpoint", body)[0] == status
    assert witness.ask(f"/{quote(SIGNER.name, safe='')}/checkpoint")[0] == 404


def test_who_sends_no_length_or_stops_halfway_is_hung_up_on(witness):
    address = urlsplit(witness.url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as line:
        line.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert b" 400 " in line.recv(100)


def test_its_key_is_for_its_user_alone(tmp_path):
    key = tmp_path / "key"
    subprocess.run([*COMMAND, "new-key", "--name", "a", "--key", key], check=True, capture_output=True)
    assert Path(key).stat().st_mode & 0o777 == 0o600
    again = subprocess.run([*COMMAND, "new-key", "--name", "a", "--key", key], capture_output=True)
    assert again.returncode == 1
    key.chmod(0o644)
    options = ["--listen", "127.0.0.1:0", "--state", tmp_path / "s", "--key", key, "--log", LOG]

    started = subprocess.run([*COMMAND, "run", *options], capture_output=True, text=True, timeout=30)

    assert "chmod 600" in started.stderr


def test_every_consistency_proof_holds_and_no_other():
    leaves = [leaf_hash(bytes([n])) for n in range(40)]

    def root(size: int) -> bytes:
        edge = Edge()
        edge.append(leaves[:size])
        return edge.root()

    for size in range(1, 41):
        tree = Tree(size, lambda level, number, width: b"".join(leaves[:width]))
        for earlier in range(size + 1):
            proof = tree.consistency_proof(earlier)
            assert continues(earlier, root(earlier), size, root(size), proof)
            assert not continues(earlier, root(earlier), size, root(size), [*proof, leaves[0]])
            if earlier:
                assert not continues(earlier, leaves[39], size, root(size), proof) or size == earlier == 40
