"""Packages made by somebody who means harm, or damaged at random: always a finding, never a traceback."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import verify
from audit.canonical import Value, canonical
from audit.tree import leaf_hash
from audit.tree_head import TreeHead
from tests.audit.packages import (
    SIGNER,
    checkpoint_over,
    entry_line,
    findings,
    make_entries,
    rewrite,
    write_package,
)
from tests.audit.test_verify import addendum_of, kinds, proof_text

SUBJECT = "account:00000000-0000-0000-0000-000000000001"
FLIPS = int(os.environ.get("TRAIL_FLIPS", "20"))  # in each file
CLAIMS: dict[str, Any] = {"filters": {}, "export": "0193a1b2", "made_at": "2026-11-22T10:52:07.123456+00:00"}


def make_full_package(folder: Path) -> Path:
    """Write a package that has one of everything."""
    told = addendum_of(SUBJECT, name="Ines")
    promised: dict[str, Value] = {"sha256": verify.sha256(told).hexdigest(), "subject": SUBJECT}
    entries = make_entries(270)
    entries[4] = canonical({**json.loads(entries[4]), "addenda": [promised]})
    rows = io.StringIO(newline="")
    csv.writer(rows).writerows(
        [
            verify.CSV_COLUMNS,
            *(verify.csv_row(at, json.loads(e), leaf_hash(e), {}) for at, e in enumerate(entries)),
        ]
    )
    write_package(folder, entries, addenda=told + b"\n", **CLAIMS)
    (folder / "checkpoints").mkdir()
    rewrite(folder, "checkpoints/100", checkpoint_over(entries[:100]).encode())
    rewrite(folder, "entries.csv", rows.getvalue().encode())
    rewrite(folder, "verify.py", Path(verify.__file__).read_bytes())
    assert findings(folder) == []
    return folder


def test_a_flipped_byte_in_any_file_is_found_or_shows_in_what_nobody_signed(tmp_path):
    folder = make_full_package(tmp_path / "export")
    plain = verify.verify_export(folder, None, [], whole=True).notes
    unseen = []
    for path in sorted(file for file in folder.rglob("*") if file.is_file()):
        content = path.read_bytes()
        step = max(1, len(content) // FLIPS)
        for at, bit in zip(range(0, len(content), step), cycle(range(8)), strict=False):
            path.write_bytes(content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :])
            checked = verify.verify_export(folder, None, [], whole=True)
            if not checked.all() and checked.notes == plain:
                unseen.append((path.name, at))
        path.write_bytes(content)

    assert {name for name, _ in unseen} == {"README.txt"}
    assert "Nobody signs README.txt; nothing here was checked by what it says." in plain


@pytest.mark.parametrize("cut", [1, 3, 40])
def test_bytes_taken_from_or_put_behind_any_file_are_found(tmp_path, cut):
    folder = make_full_package(tmp_path / "export")
    for path in sorted(file for file in folder.rglob("*") if file.is_file()):
        name, content = path.relative_to(folder).as_posix(), path.read_bytes()
        for changed in (content[:-cut], content + b"\0" * cut):
            path.write_bytes(changed)
            assert findings(folder), name
        path.write_bytes(content)


def pack(folder: Path, path: Path, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    return path


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    return pack(make_full_package(folder / "export"), folder / "export.zip")


def test_a_flipped_byte_anywhere_in_a_zip_is_found(packed, tmp_path):
    content = packed.read_bytes()
    with zipfile.ZipFile(packed) as archive:
        starts = [member.header_offset for member in archive.infolist()]
    entries = [match.start() for match in re.finditer(b"PK\x01\x02", content)]
    # A reader goes by the directory at the end; of what stands before each file it needs the name only. In
    # the directory it does without versions, moments and permissions.
    ignored = {start + at for start in starts for at in range(4, 26)}
    ignored |= {start + at for start in entries for at in (*range(4, 8), *range(12, 16), *range(34, 42))}
    path = tmp_path / "export.zip"
    unseen = []
    for at in range(0, len(content), max(1, len(content) // (10 * FLIPS))):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :])
        if not verify.verify_export(path, None, [], whole=True).all() and at not in ignored:
            unseen.append(at)

    assert unseen == []


def hidden_between(content: bytes) -> bytes:
    """Put bytes before the second file and correct the directory, as a forger would."""
    at = content.index(b"PK\x03\x04", 4)
    directory = content.index(b"PK\x01\x02")
    changed = bytearray(content[:at] + b"hidden" + content[at:])
    place = directory + 6
    while changed[place : place + 4] == b"PK\x01\x02":
        name, extra, comment = struct.unpack_from("<HHH", changed, place + 28)
        (offset,) = struct.unpack_from("<L", changed, place + 42)
        if offset >= at:
            struct.pack_into("<L", changed, place + 42, offset + 6)
        place += 46 + name + extra + comment
    struct.pack_into("<L", changed, place + 16, directory + 6)
    return bytes(changed)


def encrypted(content: bytes) -> bytes:
    at = content.index(b"PK\x01\x02")
    return content[: at + 8] + b"\x01" + content[at + 9 :]


ZIPS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "bytes between two files": (
        hidden_between,
        "FILE: the package has bytes that belong to none of its files",
    ),
    "a file that is encrypted": (encrypted, "BROKEN: README.txt is packed in a way that no export is"),
    "a directory cut short": (lambda content: content[:-60] + content[-22:], "DAMAGED"),
    "nothing": (lambda _: b"", "DAMAGED"),
    "no zip at all": (lambda content: bytes(len(content)), "FILE"),
}


@pytest.mark.parametrize("what", ZIPS)
def test_tricks_with_a_zip_are_named(packed, tmp_path, what):
    change, named = ZIPS[what]
    path = tmp_path / "export.zip"
    path.write_bytes(change(packed.read_bytes()))

    assert any(finding.startswith(named) for finding in findings(path))


def test_a_zip_is_packed_in_the_usual_way_or_refused(tmp_path):
    path = pack(make_full_package(tmp_path / "export"), tmp_path / "export.zip", zipfile.ZIP_LZMA)

    assert "BROKEN: README.txt is packed in a way that no export is" in findings(path)


def test_a_comment_on_a_file_of_a_zip_is_named(tmp_path):
    folder = make_full_package(tmp_path / "export")
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                member = zipfile.ZipInfo(file.relative_to(folder).as_posix())
                member.comment = b"hidden" if file.name == "checkpoint" else b""
                archive.writestr(member, file.read_bytes())

    assert findings(tmp_path / "export.zip") == ["FILE: checkpoint is named in a way that hides something"]


BOMBS = ["entries.jsonl", "entries.csv", "addenda.jsonl", "checkpoint", "manifest.json", "tile/0/000"]


@pytest.mark.parametrize("name", BOMBS)
def test_what_unpacks_without_end_is_refused_within_bounded_memory(tmp_path, name):
    folder = make_full_package(tmp_path / "export")
    path = tmp_path / "export.zip"
    size = 300 << 20
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and (inside := file.relative_to(folder).as_posix()) != name:
                archive.write(file, inside)
        with archive.open(name, "w") as bomb:
            for _ in range(size >> 20):
                bomb.write(b" " * (1 << 20))

    done = run_within(150, path)

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert re.search("too large|longer than any", done.stdout + done.stderr)


def run_within(mebibytes: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the program where it can have no more memory than this."""
    limited = (
        "import resource, runpy, sys\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({mebibytes} << 20,) * 2)\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    words = [sys.executable, "-I", "-c", limited, verify.__file__, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def changed_entry(at: int, old: bytes, new: bytes) -> list[bytes]:
    entries = make_entries(20)
    assert old in entries[at]
    entries[at] = entries[at].replace(old, new, 1)
    return entries


OTHERWISE = {
    "a number with a fraction": (b'"counter":2', b'"counter":2.0'),
    "a number as a power": (b'"counter":2', b'"counter":2e0'),
    "a number too large for every reader": (b'"counter":2', b'"counter":9007199254740992'),
    "a number of ten thousand digits": (b'"counter":2', b'"counter":2' + b"0" * 10_000),
    "a number below zero and nothing": (b'"counter":2', b'"counter":-0'),
    "a number that is text": (b'"counter":2', b'"counter":"2"'),
    "a number that is yes": (b'"counter":2', b'"counter":true'),
    "no number": (b'"counter":2', b'"counter":NaN'),
    "another version": (b'"v":1', b'"v":2'),
    "a version that is yes": (b'"v":1', b'"v":true'),
    "half of a sign": (b'"supervisor"', rb'"\ud800"'),
    "half of a sign as bytes": (b'"supervisor"', b'"\xed\xa0\x80"'),
    "no UTF-8": (b'"supervisor"', b'"\xff"'),
    "a sign that needs no escape": (b'"supervisor"', rb'"\u0041"'),
    "a slash with an escape": (b'"supervisor"', rb'"\/"'),
    "a zero byte": (b'"supervisor"', b'"\0"'),
    "a line feed in front": (b'{"action"', b' {"action"'),
    "a byte order mark": (b'{"action"', b'\xef\xbb\xbf{"action"'),
    "names in another order": (b'"outcome":"done","target"', b'"target":{},"outcome":"done","xtarget"'),
    "a list without end": (b'"supervisor"', b"[" * 8000 + b"]" * 8000),
    "more than any entry may hold": (b'"supervisor"', b'"' + b"x" * 17_000 + b'"'),
    "a writer that is a list": (b'"writer":"', b'"writer":["x"],"writes":"'),
}


@pytest.mark.parametrize("what", OTHERWISE)
def test_an_entry_that_was_hashed_and_signed_in_another_form_is_named(tmp_path, what):
    entries = changed_entry(5, *OTHERWISE[what])

    assert kinds(findings(write_package(tmp_path, entries))) >= {"UNREADABLE"}


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, 400), new=st.binary(min_size=0, max_size=2), cut=st.integers(0, 2))
def test_what_passes_unparsed_is_canonical(at, new, cut):
    """The forms that the verifier recognises without parsing take nothing that parsing would refuse."""
    line = entry_line(7, FORMED)
    changed = line[:at] + new + line[at + cut :]

    matched = FORMS.match(changed)

    if matched is not None:
        raw = changed[9 : matched.start(matched.re.groups) - 9]
        assert canonical(json.loads(raw)) == raw
        assert changed == entry_line(int(matched[matched.re.groups]), raw)


FORMED = canonical(
    {
        **json.loads(
            make_entries(1, facts={"from_ms": 1200, "is_last": True, "query": "", "days": [1, 20]})[0]
        ),
        "addenda": [{"sha256": "00", "subject": "account:x"}],
    }
)
FORMS = verify._Forms()
FORMS.learn(entry_line(7, FORMED), json.loads(FORMED))


def test_the_form_of_an_entry_is_recognised_with_other_words_and_numbers():
    other = FORMED.replace(b"1200", b"4711").replace(b"supervisor", b"reviewer").replace(b'"00"', b'"ff"')

    assert FORMS.match(entry_line(7, FORMED)) is not None
    assert FORMS.match(entry_line(123_456, other)) is not None
    for old, new in ((b"1200", b"01200"), (b"supervisor", b"super\\u0076isor"), (b"viewed", b"erased")):
        assert FORMS.match(entry_line(7, FORMED.replace(old, new))) is None


def test_forms_are_remembered_up_to_a_number():
    forms = verify._Forms()
    for at in range(100):
        entry = canonical({**json.loads(FORMED), f"more_{at}": 1})
        forms.learn(entry_line(7, entry), json.loads(entry))

    assert sum(map(len, forms._known.values())) == verify._FORMS_TRIED


PACKAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a file that the manifest lists but no package has": (
        lambda folder: rewrite(folder, "more.txt", b"more"),
        "FILE: more.txt does not belong in a package",
    ),
    "a tile of a larger tree": (
        lambda folder: rewrite(folder, "tile/0/002", bytes(8192)),
        "FILE: tile/0/002 is no tile of a tree of this size",
    ),
    "a tile under another name": (
        lambda folder: rewrite(folder, "tile/0/1", bytes(8192)),
        "FILE: tile/0/1 is no tile of a tree of this size",
    ),
    "a link": (
        lambda folder: (folder / "link").symlink_to("/etc/passwd"),
        "FILE: link is not a plain file",
    ),
    "a checkpoint under another name": (
        lambda folder: shutil.move(folder / "checkpoints/100", folder / "checkpoints/99"),
        "FILE: the checkpoint checkpoints/99 is named for another size than its own",
    ),
    "a manifest in another form": (
        lambda folder: (folder / "manifest.json").write_bytes(
            (folder / "manifest.json").read_bytes() + b"\n"
        ),
        "FILE: manifest.json is not written in its one form",
    ),
    "a manifest with a fraction": (
        lambda folder: change(folder / "manifest.json", b'"size": 270', b'"size": 270.0'),
        "BROKEN: manifest.json is not JSON",
    ),
    "a scope that is none": (
        lambda folder: change(folder / "manifest.json", b'"whole"', b'"hole"'),
        "BROKEN: manifest.json says neither",
    ),
    "a reading copy with other line ends": (
        lambda folder: rewrite(
            folder, "entries.csv", (folder / "entries.csv").read_bytes().replace(b"\r", b"")
        ),
        "BROKEN: entries.csv does not have the columns",
    ),
    "a checkpoint that is no text": (
        lambda folder: rewrite(folder, "checkpoint", b"\xff\n\n\n"),
        "UNSIGNED: the checkpoint it is not UTF-8",
    ),
    "an addendum without end": (
        lambda folder: rewrite(folder, "addenda.jsonl", b"[" * 100_000 + b"\n"),
        "ADDENDUM",
    ),
}


def change(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))


@pytest.mark.parametrize("what", PACKAGES)
def test_what_does_not_belong_is_named(tmp_path, what):
    folder = make_full_package(tmp_path / "export")
    do, named = PACKAGES[what]
    do(folder)

    assert any(finding.startswith(named) for finding in findings(folder)), findings(folder)


def test_a_tile_that_no_record_of_a_selection_needs_is_checked_too(tmp_path):
    folder = write_package(tmp_path, make_entries(600))
    lines = (folder / "entries.jsonl").read_bytes().splitlines(keepends=True)
    rewrite(folder, "entries.jsonl", lines[580])
    change(folder / "manifest.json", b'"whole"', b'"selection"')
    assert findings(folder) == []

    rewrite(folder, "tile/0/001", bytes(8192))
    assert findings(folder) == ["TILE: tile/0/001 does not match the level above"]
    rewrite(folder, "tile/0/001", b"x")
    assert findings(folder) == ["TILE: tile/0/001 has 1 bytes instead of 8192"]


def test_records_without_end_are_not_read_to_their_end(tmp_path, monkeypatch):
    monkeypatch.setattr(verify, "_MOST_STRAY_LINES", 50)
    monkeypatch.setattr(verify, "_MOST_FINDINGS", 5)
    folder = write_package(tmp_path, make_entries(20))
    rewrite(folder, "entries.jsonl", b"x\n" * 100 + b'{"entry":{},"index":1}\n' * 100)

    found = findings(folder)

    assert "BROKEN: entries.jsonl goes on and on with what are no records of this trail" in found


def test_a_signed_size_beyond_all_measure_is_refused_within_bounded_time(tmp_path):
    entries = make_entries(20)
    head = TreeHead(SIGNER.name, 2**50, bytes(32))
    folder = write_package(tmp_path, entries, size=head.size)
    rewrite(folder, "checkpoint", head.sign(SIGNER).encode())

    found = findings(folder)

    assert "BROKEN: the package lacks tile after tile of a tree of this size" in found


def test_findings_are_counted_when_there_are_too_many_to_list():
    found = verify.Findings()
    for at in range(10_005):
        found.add("FILE", "x")
        found.add_record("GAP", 2 * at, "x")

    assert len(found.all()) == 20_001
    assert found.all()[-1] == "MORE: 10 more faults are not listed"


def with_entry(entry: bytes) -> str:
    lines = proof_text(5).split("\n")
    lines[1] = "extra " + base64.b64encode(entry + b"\nmore").decode()
    return "\n".join(lines)


ODD_PROOFS = {
    "facts that are a list": with_entry(b'{"facts":[]}'),
    "a statement that is a list": with_entry(b'{"facts":{"statement":[]}}'),
    "a list without end": with_entry(b"[" * 8000),
    "a fraction": with_entry(b'{"a":1e5}'),
    "a line too many": proof_text(5) + "\n",
    "carriage returns": proof_text(5).replace("\n", "\r\n"),
    "a byte order mark": "\ufeff" + proof_text(5),
    "digits of another script": proof_text(5).replace("index 5", "index \u0665"),
    "three bytes less": proof_text(5)[:-3],
    "a first line only": "c2sp.org/tlog-proof@v1",
    "a first line only, of an erasure": "callvault-erasure/1",
}


@pytest.mark.parametrize("what", ODD_PROOFS)
def test_the_program_ends_with_one_whatever_a_proof_holds(tmp_path, capsys, what):
    path, policy = tmp_path / "proof", tmp_path / "policy"
    path.write_bytes(ODD_PROOFS[what].encode())
    policy.write_text(f"log {SIGNER.verifier.vkey}\nquorum none\n")

    assert verify.main([str(path), "--policy", str(policy)]) == 1
    assert "PASS" not in capsys.readouterr().out


def test_what_a_forger_wrote_moves_no_cursor_and_stops_no_terminal(tmp_path):
    folder = write_package(tmp_path, make_entries(3), made_at="\x1b[2J\u202e\U0001f4de")
    (folder / "\x1b[31mred").write_text("x")
    environment = {"PYTHONIOENCODING": "ascii"}
    words = [sys.executable, verify.__file__, str(folder)]

    done = subprocess.run(words, capture_output=True, env=environment, check=False)

    assert done.returncode == 1
    assert b"\\x1b[31mred" in done.stdout
    assert b"\x1b" not in done.stdout
    assert done.stderr == b""


@pytest.mark.parametrize("words", [[], ["a", "b"], ["--unknown"], ["does-not-exist"], ["a\0b"]])
def test_a_program_called_wrongly_never_seems_to_have_found_nothing(words, capsys):
    try:
        code: object = verify.main(words)
    except SystemExit as ended:
        code = ended.code

    assert code == 1
    assert "FAIL" in capsys.readouterr().err
