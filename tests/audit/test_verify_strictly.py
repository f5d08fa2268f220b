"""Each thing that a package, a policy, a note or a proof may get wrong, one by one."""

from __future__ import annotations

import base64
import csv
import io
import json
import runpy
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import verify
from audit.canonical import canonical
from audit.tree import leaf_hash
from audit.tree_head import CheckpointRefused, TreeHead, open_checkpoint
from tests.audit.packages import SIGNER, checkpoint_over, findings, make_entries, rewrite, write_package
from tests.audit.test_erasure_proof import make_proof
from tests.audit.test_verify import ENTRIES, POLICY, addendum_of, kinds, proof_text, with_addendum
from vault.crypto.errors import NoteRefused
from vault.crypto.notes import NoteSigner

OTHER = NoteSigner("other.example/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))
SUBJECT = "account:00000000-0000-0000-0000-000000000001"


def change_manifest(folder: Path, **more: Any) -> None:
    path = folder / "manifest.json"
    path.write_bytes(verify.manifest_text({**json.loads(path.read_bytes()), **more}))


MANIFESTS: dict[str, tuple[dict[str, Any], str]] = {
    "another format": ({"format": "x"}, "BROKEN: the package is not of the format"),
    "no files": ({"files": None}, "BROKEN: manifest.json does not list the files"),
    "nothing on what is withheld": ({"withheld": None}, "BROKEN: manifest.json does not say which addenda"),
    "another origin": ({"origin": "x"}, "FILE: the manifest names another log"),
    "another size": ({"size": 3}, "FILE: the manifest names another size"),
    "another count": ({"events": 3}, "FILE: the manifest counts 3 events, there are 20"),
}


@pytest.mark.parametrize("what", MANIFESTS)
def test_what_the_manifest_says_is_checked(tmp_path, what):
    changed, named = MANIFESTS[what]
    folder = write_package(tmp_path, ENTRIES[:20])
    change_manifest(folder, **changed)

    assert any(finding.startswith(named) for finding in findings(folder))


@pytest.mark.parametrize("content", [b"[]", b"{", b"\xff", b"[" * 100_000])
def test_a_manifest_that_is_no_object_is_refused(tmp_path, content):
    folder = write_package(tmp_path, ENTRIES[:20])
    (folder / "manifest.json").write_bytes(content)

    assert findings(folder)[0].startswith("BROKEN: manifest.json is not")


def test_a_length_other_than_the_manifest_says_is_named(tmp_path):
    folder = write_package(tmp_path, ENTRIES[:20])
    (folder / "README.txt").write_text("Another.")

    assert findings(folder) == ["FILE: README.txt has 8 bytes instead of 11"]


@pytest.mark.parametrize("name", ["manifest.json", "checkpoint", "keys.txt"])
def test_a_package_without_what_it_needs_is_refused(tmp_path, name):
    folder = write_package(tmp_path, ENTRIES[:20])
    (folder / name).unlink()

    assert f"BROKEN: {name} is missing from the package" in findings(folder)


def test_a_small_file_that_is_large_is_refused(tmp_path):
    folder = write_package(tmp_path, ENTRIES[:20])
    rewrite(folder, "checkpoint", b"x" * 5_000_000)

    assert "BROKEN: checkpoint is too large" in findings(folder)


def test_what_is_of_another_kind_than_it_should_be_is_refused(tmp_path):
    entries = make_entries(20)
    entries[3] = canonical({**json.loads(entries[3]), "actor": "somebody"})

    assert kinds(findings(write_package(tmp_path / "a", entries))) == {"UNREADABLE"}

    entries[3] = canonical({**json.loads(ENTRIES[3]), "target": "something"})
    folder = write_package(tmp_path / "b", entries)
    rewrite_csv(folder, [[str(at)] for at in range(20)])
    assert "BROKEN: something in the package is not of the kind it should be" in findings(folder)


def test_a_package_without_a_key_is_refused(tmp_path):
    folder = write_package(tmp_path, ENTRIES[:20])
    rewrite(folder, "keys.txt", b"\n")

    assert kinds(findings(folder)) == {"BROKEN"}


TILES: dict[str, Callable[[Path], None]] = {
    "a short leaf tile": lambda folder: rewrite(folder, "tile/0/000", b"x"),
    "a short partial tile": lambda folder: rewrite(folder, "tile/0/001.p/44", b"x"),
    "a short upper tile": lambda folder: rewrite(folder, "tile/1/000.p/1", b"x"),
    "another upper tile": lambda folder: rewrite(folder, "tile/1/000.p/1", b"x" * 32),
    "another partial tile": lambda folder: rewrite(folder, "tile/0/001.p/44", b"x" * 44 * 32),
    "no leaf tile": lambda folder: (folder / "tile/0/000").unlink(),
}


@pytest.mark.parametrize("what", TILES)
def test_tiles_are_checked_from_the_root_down(tmp_path, what):
    folder = write_package(tmp_path, ENTRIES)
    TILES[what](folder)

    assert "TILE" in kinds(findings(folder))


def test_a_full_tile_of_an_upper_level_is_checked_against_the_one_above(tmp_path):
    entries = make_entries(256 * 256)
    folder = write_package(tmp_path, entries)
    assert findings(folder) == []

    hashes = bytearray((folder / "tile/1/000").read_bytes())
    hashes[5] ^= 1
    rewrite(folder, "tile/1/000", bytes(hashes))

    found = findings(folder)
    assert "TILE: tile/1/000 does not match the level above" in found


def selected(folder: Path, wanted: list[int]) -> Path:
    lines = (folder / "entries.jsonl").read_bytes().splitlines(keepends=True)
    rewrite(folder, "entries.jsonl", b"".join(lines[at] for at in wanted))
    change_manifest(folder, scope="selection")
    return folder


def test_a_selection_cannot_be_compared_where_its_tiles_are_missing(tmp_path):
    folder = selected(write_package(tmp_path, make_entries(700)), [600])
    (folder / "tile/0/000").unlink()
    (folder / "tile/0/001").unlink()
    files = json.loads((folder / "manifest.json").read_bytes())["files"]
    change_manifest(
        folder, files={n: size for n, size in files.items() if n not in ("tile/0/000", "tile/0/001")}
    )
    export = verify.verify_export(folder, None, [checkpoint_over(make_entries(300))], whole=False)

    assert export.all() == []
    assert "a checkpoint you kept (300 records) cannot be compared here." in export.notes


def test_a_selection_may_skip_but_not_repeat(tmp_path):
    folder = selected(write_package(tmp_path / "a", ENTRIES), [3, 9, 270])
    assert findings(folder) == []

    folder = selected(write_package(tmp_path / "b", ENTRIES), [3, 9, 9])
    assert "DUPLICATE" in kinds(findings(folder))


def test_a_checkpoint_of_another_log_is_named(tmp_path):
    folder = write_package(tmp_path, ENTRIES[:20])
    policy = f"log {SIGNER.verifier.vkey}\nlog {OTHER.verifier.vkey}\nquorum none\n"

    found = findings(folder, checkpoint_over(ENTRIES[:5], OTHER), policy=policy)

    assert found == ["OTHER LOG: a checkpoint you kept is of other.example/log"]


def test_a_kept_checkpoint_that_is_none_is_named(tmp_path):
    folder = write_package(tmp_path, ENTRIES[:20])

    assert findings(folder, "not a note") == ["UNSIGNED: a checkpoint you kept is not a signed note"]


def test_enclosed_checkpoints_are_checked_too(tmp_path):
    folder = write_package(tmp_path, ENTRIES)
    (folder / "checkpoints").mkdir()
    forged = [*ENTRIES[:100]]
    forged[7] = ENTRIES[8]
    rewrite(folder, "checkpoints/100", checkpoint_over(forged).encode())

    assert kinds(findings(folder)) == {"REWRITTEN"}


def test_addenda_that_belong_to_nothing_are_named(tmp_path):
    told = addendum_of(SUBJECT, name="Ines")
    entries = with_addendum(told, SUBJECT)

    extra = write_package(tmp_path / "a", entries, addenda=told + b"\n" + told + b"\n")
    assert kinds(findings(extra)) == {"ADDENDUM"}
    nonsense = write_package(tmp_path / "b", entries, addenda=b"nonsense\n")
    assert kinds(findings(nonsense)) == {"ADDENDUM ALTERED"}
    of_another = write_package(tmp_path / "c", entries, addenda=addendum_of("account:x", name="Ines") + b"\n")
    assert kinds(findings(of_another)) == {"ADDENDUM MISSING", "ADDENDUM"}
    lying = addendum_of("account:x", name="Ines")
    wrong = write_package(tmp_path / "d", with_addendum(lying, SUBJECT), addenda=lying + b"\n")
    assert kinds(findings(wrong)) == {"ADDENDUM ALTERED"}
    recording = addendum_of("recording:x", reason="complaint")
    other = write_package(tmp_path / "e", with_addendum(recording, "recording:x"), addenda=recording + b"\n")
    assert findings(other) == []


def rewrite_csv(folder: Path, rows: list[list[str]], columns: list[str] | None = None) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([verify.CSV_COLUMNS if columns is None else columns, *rows])
    rewrite(folder, "entries.csv", text.getvalue().encode())


def test_the_reading_copy_must_say_the_same(tmp_path):
    entries = make_entries(3)
    folder = write_package(tmp_path, entries)
    rows = [verify.csv_row(at, json.loads(e), leaf_hash(e), {}) for at, e in enumerate(entries)]

    rewrite_csv(folder, rows)
    assert findings(folder) == []
    rewrite_csv(folder, [rows[0], [*rows[1][:3], "refused", *rows[1][4:]], rows[2]])
    assert findings(folder) == ["CSV: record 1 differs in entries.csv"]
    rewrite_csv(folder, rows[:2])
    assert findings(folder) == ["CSV: record 2 differs in entries.csv"]
    rewrite_csv(folder, [*rows, rows[2]])
    assert findings(folder) == ["CSV: entries.csv has more rows than there are records"]
    rewrite_csv(folder, rows, ["index"])
    assert kinds(findings(folder)) == {"BROKEN"}


def test_a_zip_that_reaches_outside_of_itself_is_refused(tmp_path):
    folder = write_package(tmp_path / "folder", ENTRIES[:20])
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../outside", "x")
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())

    assert "FILE: the package holds a file outside of itself" in findings(path)


def key_text(name: str, data: bytes, key_id: str = "") -> str:
    right = verify.sha256(name.encode() + b"\n" + data).digest()[:4].hex()
    return f"{name}+{key_id or right}+{base64.b64encode(data).decode()}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nonsense", "not of the form"),
        ("a+00000000+=", "not base64"),
        ("a+00000000+AA", "not base64"),
        ("a+00000000+AR==", "not the one way"),
        (key_text("a", b"\x01" + bytes(31)), "not an Ed25519 key"),
        (key_text("a", b"\x07" + bytes(32)), "not an Ed25519 key"),
        (key_text("a", b"\x01" + bytes(32), "00000000"), "does not match its own id"),
    ],
)
def test_keys_are_read_strictly(text, why):
    with pytest.raises(verify.Broken, match=why):
        verify.Key.parse(text)


@pytest.mark.parametrize(
    "group", ["group G 2 W", "group G 0 W", "group G x W", "group G any none", "group G any V"]
)
def test_groups_are_read_strictly(group):
    witness = key_text("w", b"\x04" + bytes(32))

    with pytest.raises(verify.Broken, match="group"):
        verify.Policy.parse(f"log {SIGNER.verifier.vkey}\nwitness W {witness}\n{group}\nquorum G\n")


def test_a_quorum_may_be_a_witness_or_a_number_of_them():
    witness = key_text("w", b"\x04" + bytes(32))
    start = f"log {SIGNER.verifier.vkey} https://log.example\nwitness W {witness} https://w.example\n"

    one = verify.Policy.parse(f"{start}quorum W\n")
    group = verify.Policy.parse(f"{start}group G 1 W\ngroup H any G\nquorum H\n")

    assert [policy.is_met(policy.quorum, {"W"}) for policy in (one, group)] == [True, True]
    assert [policy.is_met(policy.quorum, set()) for policy in (one, group)] == [False, False]


def test_a_witness_signs_in_its_own_form_only():
    key = verify.Key.parse(key_text("w", b"\x04" + bytes(32)))

    assert not key.has_signed(b"text\n", bytes(71))
    assert not key.has_signed(b"text\n", b"\x80" + bytes(71))


def note(text: str, *lines: str) -> str:
    return text + "\n" + "".join(f"{line}\n" for line in lines)


ROOT = base64.b64encode(bytes(32)).decode()
NOTES = {
    "control characters": "a\r\n1\n",
    "no signature": f"a\n1\n{ROOT}\n",
    "too few lines": note("a\n1\n", "\N{EM DASH} a AAAA"),
    "no origin": note(f"\n1\n{ROOT}\n", "\N{EM DASH} a AAAA"),
    "a size with a leading zero": note(f"a\n01\n{ROOT}\n", "\N{EM DASH} a AAAA"),
    "a root that is not base64": note("a\n1\n!\n", "\N{EM DASH} a AAAA"),
    "a root of another length": note("a\n1\nAAAA\n", "\N{EM DASH} a AAAA"),
    "a root written otherwise": note(f"a\n1\n{ROOT[:-2]}B=\n", "\N{EM DASH} a AAAA"),
    "a malformed signature": note(f"a\n1\n{ROOT}\n", "- a AAAA"),
    "a signature of a stranger": note(f"a\n1\n{ROOT}\n", "\N{EM DASH} a AAAAAAAA"),
}


@pytest.mark.parametrize("what", NOTES)
def test_checkpoints_are_read_strictly_by_the_verifier_and_by_the_vault(what):
    with pytest.raises(verify.Broken):
        verify.open_checkpoint(NOTES[what], POLICY)
    with pytest.raises((NoteRefused, CheckpointRefused, ValueError)):
        open_checkpoint(NOTES[what], [SIGNER.verifier], origin="a")


def test_the_vault_reads_the_text_of_a_checkpoint_strictly():
    for text in (
        "a\n1\n",
        f"\n1\n{ROOT}\n",
        f"a\n01\n{ROOT}\n",
        "a\n1\n!\n",
        "a\n1\nAAAA\n",
        f"a\n1\n{ROOT}",
    ):
        with pytest.raises(CheckpointRefused):
            TreeHead.parse(text)
    signed = TreeHead(SIGNER.name, 1, bytes(32)).sign(SIGNER)
    with pytest.raises(CheckpointRefused, match="another log"):
        open_checkpoint(signed, [SIGNER.verifier], origin="other.example")


def test_a_signature_line_of_another_log_is_not_enough(tmp_path):
    text = TreeHead("somebody.example", 1, bytes(32)).text()

    with pytest.raises(verify.Broken, match="not signed by a trusted key of the log it names"):
        verify.open_checkpoint(SIGNER.sign(text), POLICY)


def with_extra(extra: bytes) -> str:
    lines = proof_text(5).split("\n")
    lines[1] = f"extra {base64.b64encode(extra).decode()}"
    return "\n".join(lines)


PROOFS: dict[str, Callable[[str], str]] = {
    "another format": lambda text: text.replace("@v1", "@v2"),
    "no extra": lambda text: text.replace("extra ", "other "),
    "no index": lambda text: text.replace("index 5", "place 5"),
    "an index beyond the tree": lambda text: text.replace("index 5", "index 20"),
    "a hash of another length": lambda text: text.replace("index 5\n", "index 5\nAAAA\n"),
    "a hash too many": lambda text: text.replace("\n\n", f"\n{ROOT}\n\n", 1),
    "no line feed behind the entry": lambda text: with_extra(ENTRIES[5]),
    "an entry that is no object": lambda text: with_extra(b"[]\n"),
    "an entry in another form": lambda text: with_extra(ENTRIES[5].replace(b":", b": ", 1) + b"\n"),
    "another entry": lambda text: with_extra(ENTRIES[6] + b"\n"),
    "another signature": lambda text: text.replace("\n20\n", "\n21\n"),
}


@pytest.mark.parametrize("what", PROOFS)
def test_proofs_are_read_strictly(what):
    changed = PROOFS[what](proof_text(5))
    assert changed != proof_text(5)

    assert kinds(verify.verify_event_proof(changed, POLICY).all()) == {"PROOF"}


def test_what_follows_an_entry_is_said_to_be_proved_or_not():
    unbound = verify.verify_event_proof(proof_text(5, b"words\n"), POLICY)

    assert "What follows the entry is not proved: only the entry is." in unbound.notes


def test_an_erasure_proof_of_a_log_that_the_policy_does_not_know_is_refused():
    policy = verify.Policy.parse(f"log {OTHER.verifier.vkey}\nquorum none\n")

    found = kinds(verify.verify_erasure(make_proof(), policy).all())

    assert found == {"OTHER KEY", "PROOF"}


def test_an_erasure_proof_over_checkpoints_of_another_log_than_it_names_is_refused():
    both = verify.Policy.parse(f"log {OTHER.verifier.vkey}\nlog {SIGNER.verifier.vkey}\nquorum none\n")
    text = make_proof().replace(SIGNER.verifier.vkey, OTHER.verifier.vkey)

    assert kinds(verify.verify_erasure(text, both).all()) == {"OTHER LOG"}


def test_an_erasure_proof_names_copies_in_one_form():
    text = make_proof().replace("copy: original sha256:", "copy: tape sha256:")

    assert verify.verify_erasure(text, POLICY).all() == ["PROOF: the statement names a copy in another form"]


def test_the_program_shows_the_first_findings_and_counts_the_rest(tmp_path, capsys):
    folder = write_package(tmp_path / "folder", ENTRIES)
    for at in range(50):
        (folder / f"more-{at}").write_text("x")

    assert verify.main([str(folder)]) == 1
    assert "… and 10 more" in capsys.readouterr().out


def test_the_program_checks_the_proof_of_an_event_and_refuses_what_is_too_large(tmp_path, capsys):
    proof, policy, large = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    proof.write_text(proof_text(5))
    policy.write_text(f"log {SIGNER.verifier.vkey}\nquorum none\n")
    large.write_bytes(bytes(5_000_000))

    assert verify.main([str(proof), "--policy", str(policy)]) == 0
    assert verify.main([str(proof), "--policy", str(large)]) == 1
    assert "too large" in capsys.readouterr().err


def test_the_program_is_run_as_a_file(tmp_path, monkeypatch, capsys):
    folder = write_package(tmp_path / "folder", ENTRIES[:20])
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    monkeypatch.setattr("sys.argv", ["verify.py", str(path)])

    with pytest.raises(SystemExit) as ended:
        runpy.run_path(verify.__file__, run_name="__main__")

    assert ended.value.code == 0
    assert "PASS" in capsys.readouterr().out
