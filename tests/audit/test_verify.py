"""The stand-alone verifier: it passes what is whole and names whatever was done to the rest."""

from __future__ import annotations

import base64
import json
import os
import re
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit import verify
from audit.canonical import canonical
from audit.tree import Tree, leaf_hash, split, tile_path
from tests.audit.packages import (
    SIGNER,
    checkpoint_over,
    entry_line,
    findings,
    make_entries,
    rewrite,
    write_package,
)
from vault.crypto.notes import NoteSigner

ENTRIES = make_entries(300)
POLICY = verify.Policy.parse(f"log {SIGNER.verifier.vkey}\nquorum none\n")


def lines_of(folder: Path) -> list[bytes]:
    return (folder / "entries.jsonl").read_bytes().splitlines(keepends=True)


def renumbered(entries: list[bytes]) -> bytes:
    return b"".join(entry_line(at, entry) for at, entry in enumerate(entries))


def kinds(found: list[str]) -> set[str]:
    return {finding.split(":")[0] for finding in found}


@pytest.mark.parametrize("count", [0, 1, 2, 255, 256, 257, 300, 1000])
def test_a_whole_package_of_any_size_passes(tmp_path, count):
    assert findings(write_package(tmp_path, make_entries(count))) == []


def test_an_altered_record_is_named(tmp_path):
    folder = write_package(tmp_path, ENTRIES)
    changed = [*ENTRIES]
    changed[7] = ENTRIES[7].replace(b"supervisor", b"reviewer")
    rewrite(folder, "entries.jsonl", renumbered(changed))

    found = findings(folder)

    assert "ALTERED: record 7 is not what was hashed" in found
    assert kinds(found) == {"ALTERED", "ROOT"}


def test_a_removed_record_is_a_gap(tmp_path):
    folder = write_package(tmp_path, ENTRIES)
    lines = lines_of(folder)
    del lines[7]
    rewrite(folder, "entries.jsonl", b"".join(lines))

    found = findings(folder)

    assert "GAP: record 7 is missing" in found
    assert kinds(found) == {"GAP"}


def test_a_removed_record_is_found_though_the_rest_was_renumbered(tmp_path):
    folder = write_package(tmp_path, ENTRIES)
    rewrite(folder, "entries.jsonl", renumbered(ENTRIES[:7] + ENTRIES[8:]))

    found = findings(folder)

    assert kinds(found) >= {"GAP", "TRUNCATED", "MOVED"}


def test_an_inserted_record_is_found(tmp_path):
    folder = write_package(tmp_path, ENTRIES)
    rewrite(folder, "entries.jsonl", renumbered([*ENTRIES[:7], ENTRIES[100], *ENTRIES[7:]]))

    found = findings(folder)

    assert kinds(found) >= {"MOVED", "INSERTED", "GAP"}


def test_a_record_that_stands_twice_is_named(tmp_path):
    folder = write_package(tmp_path, ENTRIES)
    lines = lines_of(folder)
    rewrite(folder, "entries.jsonl", b"".join([*lines[:8], lines[7], *lines[8:]]))

    assert "DUPLICATE: record 7 stands twice or out of order" in findings(folder)


def test_two_swapped_records_are_named(tmp_path):
    folder = write_package(tmp_path, ENTRIES)
    swapped = [*ENTRIES]
    swapped[4], swapped[9] = swapped[9], swapped[4]
    rewrite(folder, "entries.jsonl", renumbered(swapped))

    found = findings(folder)

    assert "MOVED: record 4 stands in another place than it was given" in found
    assert "MOVED: record 9 stands in another place than it was given" in found


def test_a_truncated_package_is_named(tmp_path):
    folder = write_package(tmp_path, ENTRIES)
    rewrite(folder, "entries.jsonl", b"".join(lines_of(folder)[:250]))

    assert findings(folder) == [
        "TRUNCATED: the checkpoint covers 300 records, the package ends with record 249"
    ]


def test_a_record_deleted_before_it_was_numbered_leaves_a_gap_in_its_writers_counter(tmp_path):
    folder = write_package(tmp_path, ENTRIES[:100] + ENTRIES[101:])

    (finding,) = findings(folder)

    assert re.fullmatch(r"GAP: record 102 follows on number 33 of writer \S+ with number 35", finding)


def test_an_old_valid_state_is_a_rollback_for_who_kept_a_later_checkpoint(tmp_path):
    folder = write_package(tmp_path, ENTRIES[:200])

    found = findings(folder, checkpoint_over(ENTRIES))

    assert found == ["ROLLED BACK: a checkpoint you kept covers 300 records, this package only 200"]


def test_a_history_rewritten_and_signed_with_the_real_key_is_found_by_kept_checkpoints(tmp_path):
    forged = [*ENTRIES]
    forged[150] = ENTRIES[150].replace(b"supervisor", b"reviewer")
    folder = write_package(tmp_path, forged)

    assert findings(folder) == []
    found = findings(folder, checkpoint_over(ENTRIES[:100]), checkpoint_over(ENTRIES[:260]))

    assert found == [
        "REWRITTEN: a checkpoint you kept covers 260 records that were others: something in records 100 to 259"
        " was rewritten"
    ]


def test_a_tile_that_was_changed_with_its_record_is_found(tmp_path):
    folder = write_package(tmp_path, ENTRIES)
    changed = [*ENTRIES]
    changed[7] = ENTRIES[7].replace(b"supervisor", b"reviewer")
    rewrite(folder, "entries.jsonl", renumbered(changed))
    rewrite(folder, "tile/0/000", b"".join(map(leaf_hash, changed[:256])))

    assert kinds(findings(folder)) == {"TILE", "ROOT"}


def test_a_tile_of_before_does_not_make_a_rewritten_selection_agree_with_a_kept_checkpoint(tmp_path):
    forged = [*ENTRIES]
    forged[7] = ENTRIES[7].replace(b"supervisor", b"reviewer")
    folder = write_package(tmp_path, forged, scope="selection")
    rewrite(folder, "entries.jsonl", b"".join(lines_of(folder)[256:]))
    rewrite(folder, "tile/0/000", b"".join(map(leaf_hash, ENTRIES[:256])))

    found = findings(folder, checkpoint_over(ENTRIES[:100]))

    assert any("tile/0/000 does not match the level above" in finding for finding in found)


@pytest.mark.parametrize("name", ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"])
def test_a_missing_tile_is_named(tmp_path, name):
    folder = write_package(tmp_path, ENTRIES)
    (folder / name).unlink()

    assert f"FILE: {name} is missing from the package" in findings(folder)


def test_a_whole_package_holds_the_tiles_of_removed_records_too(tmp_path):
    folder = write_package(tmp_path, ENTRIES)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    (folder / "tile/0/000").unlink()
    del manifest["files"]["tile/0/000"]
    (folder / "manifest.json").write_bytes(verify.manifest_text(manifest))
    rewrite(folder, "entries.jsonl", b"".join(lines_of(folder)[256:]))

    found = findings(folder, checkpoint_over(ENTRIES[:100]))

    assert "TILE: tile/0/000 is missing" in found
    assert "TILE: a checkpoint you kept (100 records) cannot be compared: a tile is missing" in found


def test_a_checkpoint_signed_by_another_key_is_refused_under_a_policy(tmp_path):
    other = NoteSigner(SIGNER.name, Ed25519PrivateKey.generate())
    folder = write_package(tmp_path, ENTRIES, signer=other)

    assert findings(folder) == []
    found = findings(folder, policy=f"log {SIGNER.verifier.vkey}\nquorum none\n")

    assert found == [
        "OTHER KEY: keys.txt holds a key that the policy does not",
        "UNSIGNED: the checkpoint is not signed by a trusted key of the log it names",
    ]


def test_a_signature_that_does_not_hold_is_named(tmp_path):
    folder = write_package(tmp_path, ENTRIES)
    note = (folder / "checkpoint").read_text().replace("\n300\n", "\n299\n")
    rewrite(folder, "checkpoint", note.encode())

    assert findings(folder)[0] == f"UNSIGNED: the checkpoint carries an invalid signature of {SIGNER.name}"


def test_a_policy_may_ask_for_witnesses(tmp_path):
    folder = write_package(tmp_path, ENTRIES)
    witness = Ed25519PrivateKey.generate()
    public = b"\x04" + witness.public_key().public_bytes_raw()
    key_id = verify.sha256(b"witness.example\n" + public).digest()[:4]
    vkey = f"witness.example+{key_id.hex()}+{base64.b64encode(public).decode()}"
    policy = f"log {SIGNER.verifier.vkey}\nwitness W {vkey}\ngroup G all W\nquorum G\n"

    assert findings(folder, policy=policy) == [
        "UNSIGNED: the checkpoint was not seen by the witnesses that the policy asks for"
    ]

    note = (folder / "checkpoint").read_text()
    text = note[: note.index("\n\n") + 1]
    signature = witness.sign(f"cosignature/v1\ntime 1763800000\n{text}".encode())
    line = base64.b64encode(key_id + struct.pack(">Q", 1763800000) + signature).decode()
    rewrite(folder, "checkpoint", f"{note}\N{EM DASH} witness.example {line}\n".encode())
    assert findings(folder, policy=policy) == []


@pytest.mark.parametrize(
    "policy",
    [
        "",
        "log x\nquorum none\n",
        "quorum none\n",
        "log {k}\n",
        "log {k}\nquorum W\n",
        "log {k}\nquorum none\nx\n",
    ],
)
def test_a_policy_that_says_nothing_clear_is_refused(policy):
    with pytest.raises(verify.Broken):
        verify.Policy.parse(policy.replace("{k}", SIGNER.verifier.vkey))


STRICTLY = {
    "carriage returns": (lambda data: data.replace(b"\n", b"\r\n"), "UNREADABLE"),
    "no last line feed": (lambda data: data[:-1], "UNREADABLE"),
    "an empty line": (lambda data: data + b"\n", "UNREADABLE"),
    "trailing bytes": (lambda data: data + b"x", "UNREADABLE"),
    "a name twice": (lambda data: data.replace(b'"v":1', b'"v":1,"v":1', 1), "ALTERED"),
    "a leading zero": (lambda data: data.replace(b'"index":5}', b'"index":05}'), "UNREADABLE"),
    "white space": (lambda data: data.replace(b'{"entry":', b'{ "entry":', 1), "UNREADABLE"),
}


@pytest.mark.parametrize("what", STRICTLY)
def test_lines_are_read_strictly(tmp_path, what):
    change, kind = STRICTLY[what]
    folder = write_package(tmp_path, ENTRIES[:20])
    rewrite(folder, "entries.jsonl", change((folder / "entries.jsonl").read_bytes()))

    assert kind in kinds(findings(folder))


def test_an_entry_that_was_hashed_in_no_canonical_form_is_named(tmp_path):
    odd = [*ENTRIES[:20]]
    odd[3] = odd[3].replace(b'"v":1', b'"v":1,"v":1')

    found = findings(write_package(tmp_path, odd))

    assert found == ["UNREADABLE: record 3 is not in canonical form"]


def test_a_manifest_that_names_something_twice_is_refused(tmp_path):
    folder = write_package(tmp_path, ENTRIES[:20])
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace('"size"', '"size": 3, "size"'))

    assert findings(folder) == ["BROKEN: manifest.json names something twice"]


def test_a_file_that_the_manifest_does_not_know_is_named(tmp_path):
    folder = write_package(tmp_path, ENTRIES[:20])
    (folder / "more.txt").write_text("more")

    assert findings(folder) == ["FILE: more.txt is in the package but not in its manifest"]


def test_whoever_asks_for_the_whole_is_not_given_a_selection(tmp_path):
    folder = write_package(tmp_path, ENTRIES[:20], scope="selection")

    assert findings(folder) == []
    assert kinds(findings(folder, whole=True)) == {"SELECTION"}


def addendum_of(subject: str, **fields: str) -> bytes:
    return canonical({"blind": "AAAAAAAAAAAAAAAAAAAAAA==", "fields": {**fields}, "subject": subject})


def with_addendum(told: bytes, subject: str) -> list[bytes]:
    digest = verify.sha256(told).hexdigest()
    return make_entries(1, addenda=[{"sha256": digest, "subject": subject}])


def test_an_addendum_is_checked_against_its_digest(tmp_path):
    subject = "account:00000000-0000-0000-0000-000000000001"
    told = addendum_of(subject, name="Ines")
    folder = write_package(tmp_path, with_addendum(told, subject), addenda=told + b"\n")

    assert findings(folder) == []
    rewrite(folder, "addenda.jsonl", told.replace(b"Ines", b"Inez") + b"\n")
    assert findings(folder) == ["ADDENDUM ALTERED: record 0 has an addendum that is not what was hashed"]


def test_a_missing_addendum_needs_a_forgetting_or_a_word_in_the_manifest(tmp_path):
    subject = "account:00000000-0000-0000-0000-000000000001"
    entries = with_addendum(addendum_of(subject, name="Ines"), subject)
    forgotten = canonical(
        {
            **json.loads(make_entries(2)[1]),
            "action": "trail.forgotten",
            "target": {"kind": "account", "id": subject.split(":")[1]},
        }
    )

    assert kinds(findings(write_package(tmp_path / "a", entries, addenda=b""))) == {"ADDENDUM MISSING"}
    assert findings(write_package(tmp_path / "b", entries, withheld=["account"])) == []
    assert findings(write_package(tmp_path / "c", [*entries, forgotten], addenda=b"")) == []


@pytest.mark.parametrize(
    ("lost", "first", "last", "found"),
    [
        ((1, 2), 1, 2, []),
        ((1, 2), 1, 1, ["record 2 lacks its addendum"]),
        ((0,), 1, 2, ["record 0 lacks its addendum"]),
        ((2, 4), 1, 5, ["record 4 lacks its addendum"]),  # it says nothing about what comes after it
    ],
)
def test_a_reimport_explains_addenda_of_the_records_it_brought_back_and_no_others(
    tmp_path, lost, first, last, found
):
    subject = "account:00000000-0000-0000-0000-000000000001"
    told = [addendum_of(subject, name=f"Ines {n}") for n in range(6)]
    entries = [
        canonical(
            {**json.loads(entry), "addenda": [{"sha256": verify.sha256(one).hexdigest(), "subject": subject}]}
        )
        for entry, one in zip(make_entries(6), told, strict=True)
    ]
    del told[3]
    entries[3] = canonical(
        {
            **json.loads(make_entries(4)[3]),
            "action": "trail.reimported",
            "facts": {"first": first, "last": last, "events": 2, "tree_size": 3, "root": "00"},
        }
    )
    numbers = [0, 1, 2, 4, 5]
    kept = [one for number, one in zip(numbers, told, strict=True) if number not in lost]

    named = findings(write_package(tmp_path, entries, addenda=b"".join(one + b"\n" for one in kept)))

    assert [line.split(": ")[1].split(" about ")[0] for line in named] == found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_in_the_records_is_found(tmp_path, at, bit):
    folder = write_package(tmp_path, ENTRIES[:40])
    data = bytearray((folder / "entries.jsonl").read_bytes())
    data[at % len(data)] ^= 1 << bit
    rewrite(folder, "entries.jsonl", bytes(data))

    assert findings(folder)


@pytest.fixture
def packed(tmp_path) -> Path:
    folder = write_package(tmp_path / "folder", ENTRIES[:20])
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    return path


def test_a_packed_export_passes(packed):
    assert findings(packed) == []


def test_bytes_before_or_behind_the_zip_are_found(packed):
    whole = packed.read_bytes()

    for altered in (b"x" + whole, whole + b"x" * 30):
        packed.write_bytes(altered)
        assert findings(packed)


def test_a_file_that_stands_in_the_zip_twice_is_found(packed):
    with zipfile.ZipFile(packed, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("README.txt", "Another.\n")

    assert "FILE: README.txt stands in the package twice" in findings(packed)


def test_a_damaged_zip_is_found(packed):
    data = packed.read_bytes()

    packed.write_bytes(data[: len(data) // 2])

    assert kinds(findings(packed)) <= {"DAMAGED", "FILE"}
    assert findings(packed)


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-S", verify.__file__, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "PYTHONUTF8": "1"},
        check=False,
    )


def test_the_program_stands_alone_and_says_what_it_found(packed, tmp_path):
    policy = tmp_path / "policy"
    policy.write_text(f"# ours\nlog {SIGNER.verifier.vkey}\nquorum none\n")
    kept = tmp_path / "kept"
    kept.write_text(checkpoint_over(ENTRIES[:10]))

    good = run(packed, "--policy", policy, "--known", kept, "--whole")
    assert (good.returncode, good.stdout.splitlines()[-1]) == (0, "PASS  Everything holds.")

    kept.write_text(checkpoint_over(ENTRIES))
    bad = run(packed, "--policy", policy, "--known", kept)
    assert bad.returncode == 1
    assert bad.stdout.startswith("FOUND ROLLED BACK")

    assert run(tmp_path / "nowhere").returncode == 1
    assert "EXPORT.zip" in run("--help").stdout


def proof_text(index: int, rest: bytes = b"") -> str:
    tree = Tree(20, lambda level, number, width: b"".join(map(leaf_hash, ENTRIES[:20])))
    extra = base64.b64encode(ENTRIES[index] + b"\n" + rest).decode()
    hashes = [base64.b64encode(part).decode() for part in tree.inclusion_proof(index)]
    lines = ["c2sp.org/tlog-proof@v1", f"extra {extra}", f"index {index}", *hashes, ""]
    return "\n".join([*lines, checkpoint_over(ENTRIES[:20])])


def test_the_proof_of_one_event_is_checked(tmp_path):
    good = verify.verify_event_proof(proof_text(5), POLICY)

    assert good.all() == []
    assert "Event 5:" in good.notes[-1]
    assert verify.verify_event_proof(proof_text(5), None).all()
    for altered in (
        proof_text(5).replace("index 5", "index 6"),
        proof_text(5).replace("index 5", "index 05"),
        proof_text(5).replace("index 5\n", ""),
        proof_text(5).replace("\n20\n", "\n21\n"),
        proof_text(5).replace(
            base64.b64encode(ENTRIES[5]).decode()[:60], base64.b64encode(ENTRIES[6]).decode()[:60]
        ),
    ):
        if altered != proof_text(5):
            assert verify.verify_event_proof(altered, POLICY).all()


def test_ed25519_agrees_with_the_library():
    key = Ed25519PrivateKey.generate()
    public, message = key.public_key().public_bytes_raw(), b"a note\n"
    signature = key.sign(message)

    assert verify.ed25519_holds(public, message, signature)
    for at in range(0, 64, 7):
        changed = bytearray(signature)
        changed[at] ^= 1
        assert not verify.ed25519_holds(public, message, bytes(changed))
    assert not verify.ed25519_holds(public, message + b"x", signature)
    assert not verify.ed25519_holds(public, message, signature[:63])
    assert not verify.ed25519_holds(b"\xff" * 32, message, signature)
    above = int.from_bytes(signature[32:], "little") + verify._ORDER
    assert not verify.ed25519_holds(public, message, signature[:32] + above.to_bytes(32, "little"))


def test_the_verifier_and_the_vault_see_the_same_tree():
    hashes = [leaf_hash(entry) for entry in ENTRIES[:77]]

    assert verify.root_of(hashes) == Tree(77, lambda *_: b"".join(hashes)).root()
    assert split(b"".join(hashes)) == hashes
    for number, width in ((0, 256), (1_234_067, 256), (5, 17)):
        assert verify.tile_path(1, number, width) == tile_path(1, number, width)
