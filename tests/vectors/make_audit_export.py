"""Make audit-export.json: a small export, and what a verifier must find in it once it was changed.

python -m tests.vectors.make_audit_export
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from audit.canonical import canonical
from audit.verify import sha256
from tests.audit.packages import SIGNER, checkpoint_over, entry_line, make_entries, write_package

INES, GONE = "account:00000000-0000-0000-0000-000000000001", "account:00000000-0000-0000-0000-000000000002"
Files = dict[str, bytes]


def addendum(subject: str, **fields: Any) -> bytes:
    """Return an addendum; its blind is sixteen times the same byte here, and random in a vault."""
    blind = base64.b64encode(bytes([7] * 16)).decode()
    return canonical({"blind": blind, "fields": fields, "subject": subject})


TOLD = addendum(INES, name="Ines Verhoeven", address="203.0.113.7")
LOST = addendum(GONE, name="Somebody who was forgotten")


def entries() -> list[bytes]:
    """Return six entries: one with an addendum, one whose addendum was forgotten, and the event that says so."""
    made = make_entries(6)
    for at, about, subject in ((1, TOLD, INES), (2, LOST, GONE)):
        promised: Any = [{"sha256": sha256(about).hexdigest(), "subject": subject}]
        made[at] = canonical({**json.loads(made[at]), "addenda": promised})
    forgotten: Any = {
        "action": "trail.forgotten",
        "target": {"kind": "account", "id": GONE.partition(":")[2]},
    }
    made[4] = canonical({**json.loads(made[4]), **forgotten})
    return made


def package(made: list[bytes], addenda: bytes = TOLD + b"\n", **more: Any) -> Files:
    """Return the files of a whole export over these entries."""
    with TemporaryDirectory() as name:
        folder = write_package(Path(name), made, addenda=addenda, **more)
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }


def with_file(files: Files, name: str, content: bytes) -> Files:
    """Replace or add one file, and adjust the manifest, which nobody signs."""
    manifest = json.loads(files["manifest.json"])
    manifest["files"][name] = len(content)
    if name == "entries.jsonl":
        manifest["events"] = content.count(b"\n")
    text = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    return {**files, name: content, "manifest.json": text.encode()}


def cases() -> list[dict[str, Any]]:
    """Return each case: what was done, the files that differ, kept checkpoints, the kinds that must be found."""
    made = entries()
    whole = package(made)
    lines = whole["entries.jsonl"].splitlines(keepends=True)
    forged = [*made]
    forged[3] = forged[3].replace(b'"done"', b'"failed"')
    swapped = [made[0], made[3], made[2], made[1], *made[4:]]
    tile = "tile/0/000.p/6"
    kept = checkpoint_over(made)

    def records(*chosen: bytes) -> Files:
        return with_file(whole, "entries.jsonl", b"".join(chosen))

    def case(name: str, files: Files, *kinds: str, known: tuple[str, ...] = ()) -> dict[str, Any]:
        changed: dict[str, str | None] = {
            name: base64.b64encode(content).decode()
            for name, content in files.items()
            if whole.get(name) != content
        }
        gone = dict.fromkeys(whole.keys() - files.keys())
        return {"name": name, "changed": changed | gone, "known": list(known), "findings": sorted(kinds)}

    return [
        case("nothing was done", whole),
        case(
            "nothing was done, and an earlier checkpoint was kept", whole, known=(checkpoint_over(made[:3]),)
        ),
        case("a record was altered", records(*map(entry_line, range(6), forged)), "ALTERED", "ROOT"),
        case("a record was removed", records(*lines[:3], *lines[4:]), "GAP"),
        case("the last record was removed", records(*lines[:5]), "TRUNCATED"),
        case(
            "a record stands twice",
            records(*lines, entry_line(6, made[0])),
            "DUPLICATE",
            "INSERTED",
            "MOVED",
        ),
        case("two records were swapped", records(*map(entry_line, range(6), swapped)), "MOVED", "ROOT"),
        case("a line ends in a carriage return", records(*lines[:5], lines[5][:-1] + b"\r\n"), "UNREADABLE"),
        case(
            "an index has a leading zero",
            records(*lines[:5], lines[5].replace(b":5}", b":05}")),
            "UNREADABLE",
        ),
        case("a tile was altered", with_file(whole, tile, b"\1" + whole[tile][1:]), "ALTERED", "TILE"),
        case(
            "the size in the checkpoint was altered",
            with_file(whole, "checkpoint", whole["checkpoint"].replace(b"\n6\n", b"\n5\n")),
            "UNSIGNED",
        ),
        case(
            "an addendum was altered",
            with_file(whole, "addenda.jsonl", TOLD.replace(b"Ines", b"Vera") + b"\n"),
            "ADDENDUM ALTERED",
        ),
        case("an addendum was removed", with_file(whole, "addenda.jsonl", b""), "ADDENDUM MISSING"),
        case(
            "an addendum was added",
            with_file(whole, "addenda.jsonl", TOLD + b"\n" + TOLD + b"\n"),
            "ADDENDUM",
        ),
        case("a file was added", with_file(whole, "more.txt", b"more"), "FILE"),
        case("a file was removed", {n: c for n, c in whole.items() if n != "README.txt"}, "FILE"),
        case(
            "the manifest has another byte", {**whole, "manifest.json": whole["manifest.json"] + b" "}, "FILE"
        ),
        case("a record was deleted before it was numbered", package(made[1:]), "GAP"),
        case(
            "an entry was signed that is not canonical",
            package([*made[:3], made[3].replace(b":", b": ", 1), *made[4:]]),
            "UNREADABLE",
        ),
        case("an old state is given out", package(made[:5]), "ROLLED BACK", known=(kept,)),
        case(
            "the history was rewritten and signed with the real key",
            package(forged),
            "REWRITTEN",
            known=(kept,),
        ),
    ]


def vectors() -> str:
    """Return the vectors as they are published."""
    files = {name: base64.b64encode(content).decode() for name, content in package(entries()).items()}
    made = {
        "about": "An export of six events, file by file in base64, and what was done to it: the files that differ"
        " (null: gone), the checkpoints given as known, and the kinds of findings, all of them. The key is public.",
        "policy": f"log {SIGNER.verifier.vkey}\nquorum none\n",
        "files": files,
        "cases": cases(),
    }
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("audit-export.json").write_text(vectors(), encoding="utf-8")
