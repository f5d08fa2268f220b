"""Exports made by hand, without a database: to be altered in every way, and rebuilt as a forger would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import verify
from audit.canonical import canonical
from audit.tree import TILE_WIDTH, Edge, leaf_hash, tile_path
from audit.tree_head import TreeHead
from vault.crypto.notes import NoteSigner

SIGNER = NoteSigner("vault.example/trail", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
WRITERS = [str(UUID(int=n)) for n in (1, 2, 3)]


def make_entries(count: int, **more: Any) -> list[bytes]:
    """Return entries as three writers wrote them in turn."""
    return [
        canonical(
            {
                "v": 1,
                "id": str(UUID(int=1000 + at)),
                "at": "2026-11-22T10:52:07.123456Z",
                "action": "recording.viewed",
                "outcome": "done",
                "actor": {"kind": "person", "id": WRITERS[at % 3], "role": "supervisor"},
                "target": {"kind": "recording", "id": str(UUID(int=at))},
                "writer": WRITERS[at % 3],
                "counter": at // 3 + 1,
                **more,
            }
        )
        for at in range(count)
    ]


def entry_line(index: int, entry: bytes) -> bytes:
    return b'{"entry":' + entry + b',"index":%d}\n' % index


def checkpoint_over(entries: list[bytes], signer: NoteSigner = SIGNER) -> str:
    edge = Edge()
    edge.append(map(leaf_hash, entries))
    return TreeHead(signer.name, edge.size, edge.root()).sign(signer)


def write_package(
    folder: Path,
    entries: list[bytes],
    *,
    signer: NoteSigner = SIGNER,
    addenda: bytes | None = None,
    **more: Any,
) -> Path:
    """Write a whole export over these entries, signed."""
    files = {
        "README.txt": b"An export.\n",
        "keys.txt": f"{signer.verifier.vkey}\n".encode(),
        "checkpoint": checkpoint_over(entries, signer).encode(),
        "entries.jsonl": b"".join(entry_line(at, entry) for at, entry in enumerate(entries)),
    }
    if addenda is not None:
        files["addenda.jsonl"] = addenda
    row = [leaf_hash(entry) for entry in entries]
    level = 0
    while row:
        for start in range(0, len(row), TILE_WIDTH):
            hashes = row[start : start + TILE_WIDTH]
            files[tile_path(level, start // TILE_WIDTH, len(hashes))] = b"".join(hashes)
        full = len(row) // TILE_WIDTH
        row = [verify.root_of(row[at * TILE_WIDTH : (at + 1) * TILE_WIDTH]) for at in range(full)]
        level += 1
    manifest = {
        "format": verify.EXPORT_FORMAT,
        "origin": signer.name,
        "size": len(entries),
        "events": len(entries),
        "scope": "whole",
        "withheld": [],
        "files": {name: len(content) for name, content in files.items()},
        **more,
    }
    files["manifest.json"] = verify.manifest_text(manifest)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def rewrite(folder: Path, name: str, content: bytes) -> None:
    """Replace a file and adjust the manifest, which nobody signs."""
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"][name] = len(content)
    if name == "entries.jsonl":
        manifest["events"] = content.count(b"\n")
    (folder / "manifest.json").write_bytes(verify.manifest_text(manifest))


def findings(folder: Path, *known: str, policy: str | None = None, whole: bool = False) -> list[str]:
    parsed = verify.Policy.parse(policy) if policy is not None else None
    return verify.verify_export(folder, parsed, list(known), whole=whole).all()
