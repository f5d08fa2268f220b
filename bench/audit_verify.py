"""Checking a whole export with its own verifier, as whoever was handed it would: a process of its own.

`vs_sha256` is the processor time of verify.py over an unpacked export, for one of reading and SHA-256 of the same
lines in the same interpreter. `seconds` and `peak_mib` are what it takes over the same export as it is downloaded,
a zip. The export is made once, from entries as the trail writes them, and kept under `var/bench`.
"""

import os
import random  # noqa: TID251 - the same export every time; nothing here is a secret
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import verify
from audit.canonical import Value, canonical
from audit.ids import new_uuid
from audit.tree import TILE_WIDTH, Edge, leaf_hash, tile_path
from audit.tree_head import TreeHead
from bench.harness import Row, summarise
from vault.crypto.notes import NoteSigner

CHECKOUT = Path(__file__).resolve().parents[1]
FORM = 1  # change it with what is made here, so that nothing is measured over an older one
WRITERS = 16
SUM_LINES = """
import hashlib, sys
with open(sys.argv[1], "rb", buffering=1 << 18) as file:
    for line in file:
        hashlib.sha256(line).digest()
"""


def measure(*, small: bool) -> list[Row]:
    """Measure the verifier over a trail of so many events."""
    count, rounds = (20_000, 1) if small else (1_000_000, 3)
    folder, packed = _export_of(count)
    lines = folder / "entries.jsonl"
    sums, unpacked, zipped = [], [], []
    for _ in range(rounds):
        sums.append(_run("-c", SUM_LINES, str(lines)))
        unpacked.append(_run(verify.__file__, "--whole", str(folder)))
        zipped.append(_run(verify.__file__, "--whole", str(packed)))
    return [
        summarise(
            "vs_sha256",
            [ours.processor / theirs.processor for ours, theirs in zip(unpacked, sums, strict=True)],
            bar=12,
            bar_is_ceiling=True,
        ),
        summarise("seconds", [one.seconds for one in zipped], bar=60, unit="s", bar_is_ceiling=True),
        summarise("peak_mib", [one.peak for one in zipped], bar=200, unit="MiB", bar_is_ceiling=True),
    ]


@dataclass(frozen=True, slots=True)
class _Run:
    """What one process took."""

    seconds: float
    processor: float
    peak: float  # mebibytes


def _run(*words: str) -> _Run:
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-I", *words], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError("the verifier found something wrong with the export of this bench")
    return _Run(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def _export_of(count: int) -> tuple[Path, Path]:
    """Return an export of so many events, unpacked and packed; make it if there is none."""
    folder = CHECKOUT / "var" / "bench" / f"export-{count}-{FORM}"
    packed = folder.with_suffix(".zip")
    if not packed.exists():
        shutil.rmtree(folder, ignore_errors=True)
        _write(folder, count)
        making = packed.with_suffix(".making")
        with zipfile.ZipFile(making, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(file for file in folder.rglob("*") if file.is_file()):
                name = path.relative_to(folder).as_posix()
                is_stored = name.startswith("tile/")
                archive.write(path, name, zipfile.ZIP_STORED if is_stored else zipfile.ZIP_DEFLATED)
        making.rename(packed)
    return folder, packed


def _write(folder: Path, count: int) -> None:
    signer = NoteSigner("vault.example/trail", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    sizes: dict[str, int] = {}

    def keep(name: str, content: bytes) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        sizes[name] = len(content)

    folder.mkdir(parents=True)
    edge = Edge()
    rows: dict[int, list[bytes]] = {}
    with (folder / "entries.jsonl").open("wb") as file:
        entries = enumerate(_entries(count))
        while batch := list(islice(entries, TILE_WIDTH)):
            leaves = [leaf_hash(entry) for _, entry in batch]
            file.writelines(b'{"entry":%b,"index":%d}\n' % (entry, index) for index, entry in batch)
            rows.setdefault(0, []).extend(leaves)
            for tile in edge.append(leaves):
                keep(tile_path(tile.level, tile.number), tile.hashes)
                rows[tile.level].clear()
                rows.setdefault(tile.level + 1, []).append(tile.root)
    sizes["entries.jsonl"] = (folder / "entries.jsonl").stat().st_size
    for level, row in rows.items():
        if row:
            keep(tile_path(level, count >> 8 * (level + 1), len(row)), b"".join(row))
    keep("README.txt", b"An export made for measuring.\n")
    keep("verify.py", Path(verify.__file__).read_bytes())
    keep("keys.txt", f"{signer.verifier.vkey}\n".encode())
    keep("checkpoint", TreeHead(signer.name, edge.size, edge.root()).sign(signer).encode())
    manifest: dict[str, Value] = {
        "format": verify.EXPORT_FORMAT,
        "origin": signer.name,
        "size": count,
        "events": count,
        "scope": "whole",
        "filters": {},
        "withheld": ["account", "day", "recording"],
        "export": str(UUID(int=1)),
        "made_at": "2026-11-22T10:52:07.123456+00:00",
        "files": {**sizes},
    }
    (folder / "manifest.json").write_bytes(verify.manifest_text(manifest))


def _entries(count: int) -> Iterator[bytes]:
    """Yield entries as a vault's processes write them: people who look and listen, calls that come in, work."""
    dice = random.Random(20261122)  # noqa: S311 - as above
    at = datetime(2026, 1, 1, tzinfo=UTC)
    people = [
        (_uuid(dice), role) for role in ("supervisor", "supervisor", "reviewer", "dpo") for _ in range(30)
    ]
    calls = [_uuid(dice) for _ in range(2000)]
    writers = [(_uuid(dice), 0) for _ in range(WRITERS)]
    for _ in range(count):
        at += timedelta(microseconds=dice.randrange(2_000_000))
        chosen = dice.randrange(WRITERS)
        writer, counter = writers[chosen]
        # A connection ends now and then; the next one is another writer.
        writers[chosen] = (_uuid(dice), 0) if dice.random() < 0.001 else (writer, counter + 1)
        body: dict[str, Value] = {
            "v": 1,
            "id": str(new_uuid(at)),
            "at": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "writer": writer,
            "counter": counter + 1,
        }
        yield canonical(body | _what_happened(dice, people, dice.choice(calls)))


def _what_happened(dice: random.Random, people: list[tuple[str, str]], call: str) -> dict[str, Value]:
    kind = dice.random()
    if kind < 0.15:
        return {
            "action": "recording.ingested",
            "outcome": "done",
            "actor": {"kind": "service", "id": people[0][0], "role": "integration"},
            "target": {"kind": "recording", "id": call},
            "access_point": "api",
            "request": _uuid(dice),
            "facts": {
                "source": "pbx-north",
                "bytes": dice.randrange(100_000, 60_000_000),
                "duration_ms": dice.randrange(4000, 3_600_000),
                "media_type": "audio/wav",
                "channels": 2,
                "state": "active",
                "sha256": _digest(dice),
            },
        }
    if kind < 0.25:
        return {
            "action": "recording.expiry_set",
            "outcome": "done",
            "actor": {"kind": "system"},
            "target": {"kind": "recording", "id": call},
            "rule": "policy",
            "access_point": "task:retention.sweep",
            "facts": {"new": "2027-01-01T00:00:00Z", "policy": _uuid(dice), "policy_version": 3},
        }
    person, role = dice.choice(people)
    by_person: dict[str, Value] = {
        "actor": {"kind": "person", "id": person, "role": role},
        "access_point": "web",
        "request": _uuid(dice),
        "session": _digest(dice)[:32],
        "addenda": [{"sha256": _digest(dice), "subject": f"account:{person}"}],
    }
    if kind < 0.3:
        return by_person | {
            "action": "access.refused",
            "outcome": "refused",
            "target": {"kind": "route", "id": "recordings"},
            "facts": {"method": "GET", "route": "recordings", "code": "forbidden", "status": 403},
        }
    by_person |= {"outcome": "done", "purpose": "quality", "rule": "team"}
    if kind < 0.45:
        query: dict[str, Value] = {"count": dice.randrange(50), "field": "number", "query": _digest(dice)}
        return by_person | {
            "action": "recording.searched",
            "target": {"kind": "recordings", "id": "list"},
            "facts": query,
        }
    by_person["target"] = {"kind": "recording", "id": call}
    if kind < 0.6:
        return by_person | {"action": "recording.viewed", "facts": {"state": "active"}}
    begin = dice.randrange(3_600_000)
    return by_person | {
        "action": "playback.window",
        "facts": {"grant": _uuid(dice), "from_ms": begin, "to_ms": begin + 15_000},
    }


def _uuid(dice: random.Random) -> str:
    return str(UUID(int=dice.getrandbits(128), version=4))


def _digest(dice: random.Random) -> str:
    return sha256(dice.randbytes(16)).hexdigest()
