#!/usr/bin/env python3
"""Check an export of a call-recording vault's trail, or one of its proofs, without the vault.

    python verify.py EXPORT.zip            an export, packed or unpacked into a directory
    python verify.py ERASURE-PROOF.txt     the proof that one recording was erased
    python verify.py EVENT.tlog-proof      the proof that one event stands in the trail

    --policy FILE   the keys you trust, obtained elsewhere (c2sp.org/tlog-policy: log, witness, group, quorum)
    --known FILE    a checkpoint you kept from earlier; may be given again and again
    --whole         refuse a package that holds a selection of the events only

It names everything it finds wrong, and ends with 0 only if nothing is; with 1 otherwise. One file, Python's
standard library, no network. The formats are RFC 6962 (tree), c2sp.org/tlog-tiles, c2sp.org/tlog-checkpoint,
c2sp.org/tlog-proof and c2sp.org/signed-note.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import csv
import hashlib
import io
import json
import re
import sys
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast

EXPORT_FORMAT = "callvault-audit-export/1"
ERASURE_FORMAT = "callvault-erasure/1"
PROOF_FORMAT = "c2sp.org/tlog-proof@v1"
CSV_COLUMNS = [
    "index",
    "at",
    "action",
    "outcome",
    "actor_kind",
    "actor_id",
    "actor_role",
    "actor_name",
    "actor_address",
    "target_kind",
    "target_id",
    "purpose",
    "rule",
    "access_point",
    "facts",
    "event_id",
    "sha256",
]

_WIDTH = 256
_HASH = 32
_SMALL_FILE = 4_194_304
_LONGEST_LINE = 131_072
_SHOWN = 40

sha256 = hashlib.sha256
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


class Broken(Exception):
    """Something is malformed or does not hold; the text says what."""


# --- What is found


@dataclass
class Findings:
    """Everything that is wrong; records side by side with one fault are one finding."""

    found: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _runs: list[tuple[str, int, int, str]] = field(default_factory=list)

    def add(self, kind: str, what: str) -> None:
        """Name one fault."""
        self.found.append((kind, what))

    def add_record(self, kind: str, index: int, what: str) -> None:
        """Name a fault of one record; ``what`` continues "record 7 …"."""
        if self._runs:
            last_kind, first, last, last_what = self._runs[-1]
            if (last_kind, last_what) == (kind, what) and index in (last, last + 1):
                self._runs[-1] = (kind, first, index, what)
                return
        self._runs.append((kind, index, index, what))

    def all(self) -> list[str]:
        """Return every finding as one line."""
        lines = [f"{kind}: {what}" for kind, what in self.found]
        for kind, first, last, what in self._runs:
            which = f"record {first}" if first == last else f"records {first} to {last}"
            lines.append(f"{kind}: {which} {what}")
        return lines


# --- Ed25519 (RFC 8032), verification only

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_SQRT_MINUS_1 = pow(2, (_P - 1) // 4, _P)
Point = tuple[int, int, int, int]


def _recover_x(y: int, sign: int) -> int | None:
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _SQRT_MINUS_1 % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    return _P - x if x % 2 != sign else x


def _decode_point(data: bytes) -> Point | None:
    number = int.from_bytes(data, "little")
    y, sign = number & (2**255 - 1), number >> 255
    x = _recover_x(y, sign) if y < _P else None
    return None if x is None else (x, y, 1, x * y % _P)


def _add(a: Point, b: Point) -> Point:
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % _P, (a[1] + a[0]) * (b[1] + b[0]) % _P
    g, h = 2 * a[3] * b[3] * _D % _P, 2 * a[2] * b[2] % _P
    i, j, k, m = f - e, h - g, h + g, f + e
    return i * j % _P, k * m % _P, j * k % _P, i * m % _P


def _multiply(scalar: int, point: Point) -> Point:
    result: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = _add(result, point)
        point = _add(point, point)
        scalar >>= 1
    return result


_BASE_Y = 4 * pow(5, -1, _P) % _P
_BASE_X = _recover_x(_BASE_Y, 0) or 0
_BASE: Point = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)


def ed25519_holds(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether the signature over the message is by this key."""
    if len(signature) != 64 or len(public_key) != 32:
        return False
    key, commitment = _decode_point(public_key), _decode_point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or scalar >= _ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little")
    left, right = _multiply(scalar, _BASE), _add(commitment, _multiply(challenge % _ORDER, key))
    return (left[0] * right[2] - right[0] * left[2]) % _P == 0 and (
        left[1] * right[2] - right[1] * left[2]
    ) % _P == 0


# --- Keys, policy, signed notes

_LOG_KEY, _WITNESS_KEY = 1, 4


@dataclass(frozen=True)
class Key:
    """A verifier key: ``name+id+base64``."""

    name: str
    id: bytes
    kind: int
    public: bytes
    text: str

    @classmethod
    def parse(cls, text: str) -> Key:
        """Read one."""
        match = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)", text)
        if match is None:
            raise Broken("a key is not of the form name+id+key")
        name, key_id, encoded = match.groups()
        data = _base64(encoded, "a key")
        if len(data) != 33 or data[0] not in (_LOG_KEY, _WITNESS_KEY):
            raise Broken(f"the key of {name} is not an Ed25519 key")
        if sha256(name.encode() + b"\n" + data).digest()[:4].hex() != key_id:
            raise Broken(f"the key of {name} does not match its own id")
        return cls(name, bytes.fromhex(key_id), data[0], data[1:], text)

    def has_signed(self, text: bytes, signature: bytes) -> bool:
        """Say whether a signature (behind the key's id) over a note's text holds."""
        if self.kind == _LOG_KEY:
            return ed25519_holds(self.public, text, signature)
        if len(signature) != 72 or signature[0] & 0x80:
            return False
        moment = int.from_bytes(signature[:8], "big")
        return ed25519_holds(self.public, b"cosignature/v1\ntime %d\n" % moment + text, signature[8:])


@dataclass
class Policy:
    """Which logs are trusted, and which witnesses must have seen a checkpoint."""

    logs: list[Key]
    witnesses: dict[str, Key] = field(default_factory=dict)
    groups: dict[str, tuple[int, list[str]]] = field(default_factory=dict)
    quorum: str = "none"
    is_from_outside: bool = True

    @classmethod
    def parse(cls, text: str) -> Policy:
        """Read a policy as c2sp.org/tlog-policy writes it."""
        policy, quorum = cls(logs=[]), None
        for number, line in enumerate(text.split("\n"), 1):
            words = line.split("#")[0].split() if line.lstrip(" \t").startswith("#") else line.split()
            if not words:
                continue
            match words:
                case ["log", key] | ["log", key, _]:
                    policy.logs.append(Key.parse(key))
                case ["witness", name, key] | ["witness", name, key, _] if not policy._knows(name):
                    policy.witnesses[name] = Key.parse(key)
                case ["group", name, threshold, *members] if members and not policy._knows(name):
                    policy.groups[name] = (policy._threshold(threshold, members), members)
                case ["quorum", name] if quorum is None and (name == "none" or policy._knows(name)):
                    quorum = name
                case _:
                    raise Broken(f"line {number} of the policy cannot be understood")
        if quorum is None or not policy.logs:
            raise Broken("the policy needs a log and a quorum")
        policy.quorum = quorum
        return policy

    def _knows(self, name: str) -> bool:
        return name in self.witnesses or name in self.groups or name == "none"

    def _threshold(self, word: str, members: list[str]) -> int:
        if word == "all":
            count = len(members)
        elif word == "any":
            count = 1
        else:
            count = int(word) if word.isascii() and word.isdigit() else 0
        if not 1 <= count <= len(members) or not all(m != "none" and self._knows(m) for m in members):
            raise Broken("a group of the policy cannot be understood")
        return count

    def is_met(self, name: str, signed: set[str]) -> bool:
        """Say whether a witness, or enough of a group, has signed."""
        if name == "none":
            return True
        if name in self.witnesses:
            return name in signed
        threshold, members = self.groups[name]
        return sum(self.is_met(member, signed) for member in members) >= threshold


@dataclass(frozen=True)
class Checkpoint:
    """What a signed checkpoint states."""

    origin: str
    size: int
    root: bytes
    signed_by: tuple[str, ...]


def open_checkpoint(note: str, policy: Policy) -> Checkpoint:
    """Return what a checkpoint states, if a trusted log has signed it and enough witnesses saw it."""
    text, gap, below = note.rpartition("\n\n")
    if not gap or not below.endswith("\n") or re.search(r"[\x00-\x09\x0b-\x1f]", note):
        raise Broken("is not a signed note")
    text += "\n"
    lines = text.split("\n")
    if len(lines) < 4 or not lines[0]:
        raise Broken("has too few lines")
    size, root = _number(lines[1], "its size"), _base64(lines[2], "its root")
    if len(root) != _HASH:
        raise Broken("has a root of the wrong length")
    logs, witnesses = [], set()
    for line in below[:-1].split("\n"):
        match = re.fullmatch(r"\N{EM DASH} ([^\s+]+) (\S+)", line)
        if match is None:
            raise Broken("has a malformed signature line")
        name, signature = match[1], _base64(match[2], "a signature")
        for key in policy.logs:
            if (key.name, key.id) == (name, signature[:4]):
                _require_signature(key, text, signature)
                logs.append(key)
        for known_as, key in policy.witnesses.items():
            if (key.name, key.id) == (name, signature[:4]):
                _require_signature(key, text, signature)
                witnesses.add(known_as)
    if not any(key.name == lines[0] for key in logs):
        raise Broken("is not signed by a trusted key of the log it names")
    if not policy.is_met(policy.quorum, witnesses):
        raise Broken("was not seen by the witnesses that the policy asks for")
    return Checkpoint(lines[0], size, root, (*(key.name for key in logs), *sorted(witnesses)))


def _require_signature(key: Key, text: str, signature: bytes) -> None:
    if not key.has_signed(text.encode(), signature[4:]):
        raise Broken(f"carries an invalid signature of {key.name}")


def _base64(text: str, what: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Broken(f"{what} is not base64") from None
    if base64.b64encode(data).decode() != text:
        raise Broken(f"{what} is not the one way to write it in base64")
    return data


def _number(text: str, what: str) -> int:
    if re.fullmatch(r"0|[1-9][0-9]{0,18}", text) is None:
        raise Broken(f"{what} is not a whole number")
    return int(text)


def _json(data: bytes, what: str) -> dict[str, Any]:
    """Return a JSON object, in which no name stands twice."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise Broken(f"{what} names something twice")
        return dict(pairs)

    try:
        value = json.loads(data.decode(), object_pairs_hook=unique)
    except (ValueError, RecursionError):
        raise Broken(f"{what} is not JSON") from None
    if not isinstance(value, dict):
        raise Broken(f"{what} is not a JSON object")
    return value


# --- The tree


def root_of(hashes: list[bytes]) -> bytes:
    """Return the root over hashes that stand side by side; there is at least one."""
    while len(hashes) > 1:
        odd = hashes[-1:] if len(hashes) % 2 else []
        pairs = zip(hashes[::2], hashes[1::2], strict=False)
        hashes = [sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
    return hashes[0]


def _split(data: bytes) -> list[bytes]:
    return [data[at : at + _HASH] for at in range(0, len(data), _HASH)]


def tile_path(level: int, number: int, width: int = _WIDTH) -> str:
    """Return where a tile stands (c2sp.org/tlog-tiles)."""
    parts = [f"{number % 1000:03}"]
    while number := number // 1000:
        parts.insert(0, f"x{number % 1000:03}")
    return f"tile/{level}/{'/'.join(parts)}{'' if width == _WIDTH else f'.p/{width}'}"


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that a leaf stands at this place of the tree (RFC 9162, 2.1.3.2)."""
    if index >= size:
        raise Broken("the index lies outside the tree")
    place, last, computed = index, size - 1, leaf
    for part in proof:
        if last == 0:
            raise Broken("the inclusion proof is too long")
        if place % 2 or place == last:
            computed = sha256(b"\x01" + part + computed).digest()
            while not place % 2 and place:
                place, last = place >> 1, last >> 1
        else:
            computed = sha256(b"\x01" + computed + part).digest()
        place, last = place >> 1, last >> 1
    if last or computed != root:
        raise Broken("the inclusion proof does not lead to the signed root")


class Tiles:
    """The tree of one size as the tiles of a package give it."""

    def __init__(self, size: int, read: Callable[[str], bytes | None]) -> None:
        self.size = size
        self._read = read
        self._kept: dict[tuple[int, int], list[bytes] | None] = {}

    def width(self, level: int, number: int) -> int:
        """Return how many hashes a tile has in this tree."""
        return max(0, min(_WIDTH, (self.size >> 8 * level) - number * _WIDTH))

    def get(self, level: int, number: int, *, keep: bool = True) -> list[bytes] | None:
        """Return a tile's hashes; None if the package lacks it.

        :raises Broken: if it has not the size of its width.
        """
        if (level, number) in self._kept:
            return self._kept[level, number]
        width = self.width(level, number)
        data = self._read(tile_path(level, number, width))
        if data is not None and len(data) != width * _HASH:
            raise Broken(
                f"{tile_path(level, number, width)} has {len(data)} bytes instead of {width * _HASH}"
            )
        hashes = None if data is None else _split(data)
        if keep:
            self._kept[level, number] = hashes
        return hashes

    def root_at(self, size: int) -> bytes | None:
        """Return the root of this tree when it had this size; None if the package lacks what it takes."""
        root: bytes | None = None
        level, count = 0, size
        while count:
            number, width = divmod(count, _WIDTH)
            if width:
                hashes = self.get(level, number)
                if hashes is None:
                    return None
                if level == 0 and self.width(0, number) == _WIDTH:
                    above = self.get(1, number // _WIDTH)
                    if above is None or above[number % _WIDTH] != root_of(hashes):
                        raise Broken(f"{tile_path(0, number)} does not match the level above")
                root = _fold(hashes[:width], root)
            level, count = level + 1, number
        return sha256(b"").digest() if root is None else root


def _fold(row: list[bytes], right: bytes | None) -> bytes:
    """Return the hash of a partial tile together with what stands to the right of it."""
    root, end = right, len(row)
    while end:
        start = end & (end - 1)
        block = root_of(row[start:end])
        root = block if root is None else sha256(b"\x01" + block + root).digest()
        end = start
    return root or b""


# --- The package


class Package:
    """An export, packed or as a directory: files by name, and nothing else in it."""

    def __init__(self, path: Path, findings: Findings) -> None:
        self._folder = path if path.is_dir() else None
        self._zip: zipfile.ZipFile | None = None
        if self._folder is None:
            self.sizes = self._open_zip(path, findings)
        else:
            self.sizes = {
                file.relative_to(path).as_posix(): file.stat().st_size
                for file in sorted(path.rglob("*"))
                if file.is_file()
            }

    def _open_zip(self, path: Path, findings: Findings) -> dict[str, int]:
        with path.open("rb") as raw:
            start = raw.read(4)
            raw.seek(-22, io.SEEK_END)
            end = raw.read()
        if start != b"PK\x03\x04" or end[:4] != b"PK\x05\x06" or end[-2:] != b"\0\0":
            findings.add("FILE", "the package has bytes before its beginning or behind its end")
        self._zip = zipfile.ZipFile(path)
        sizes: dict[str, int] = {}
        for member in self._zip.infolist():
            name = member.filename
            if name in sizes:
                findings.add("FILE", f"{name} stands in the package twice")
            if name.startswith("/") or "\\" in name or ".." in name.split("/"):
                findings.add("FILE", "the package holds a file outside of itself")
            sizes[name] = member.file_size
        return sizes

    def open(self, name: str) -> BinaryIO:
        """Open one file."""
        if self._zip is not None:
            return io.BufferedReader(cast(io.RawIOBase, self._zip.open(name)), 1 << 18)
        assert self._folder is not None  # noqa: S101 - one of the two is set
        return (self._folder / name).open("rb", buffering=1 << 18)

    def read(self, name: str) -> bytes | None:
        """Return a small file; None if there is none."""
        if name not in self.sizes:
            return None
        if self.sizes[name] > _SMALL_FILE:
            raise Broken(f"{name} is too large")
        with self.open(name) as file:
            return file.read()

    def need(self, name: str) -> bytes:
        """Return a small file that has to be there."""
        data = self.read(name)
        if data is None:
            raise Broken(f"{name} is missing from the package")
        return data

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield a file's lines; each ends in a line feed."""
        with self.open(name) as file:
            while line := file.readline(_LONGEST_LINE):
                yield line


def verify_export(path: Path, policy: Policy | None, known: list[str], *, whole: bool) -> Findings:
    """Check an export; return everything that is wrong with it."""
    findings = Findings()
    try:
        package = Package(path, findings)
        _Export(package, policy, known, findings, whole=whole).check()
    except Broken as error:
        findings.add("BROKEN", str(error))
    except (AttributeError, IndexError, KeyError, TypeError):
        findings.add("BROKEN", "something in the package is not of the kind it should be")
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        findings.add("DAMAGED", f"the package cannot be read to its end ({type(error).__name__}: {error})")
    return findings


class _Export:
    """The checks of one package, in order."""

    def __init__(
        self, package: Package, policy: Policy | None, known: list[str], findings: Findings, *, whole: bool
    ) -> None:
        self.package = package
        self.findings = findings
        self.manifest = _json(package.need("manifest.json"), "manifest.json")
        self.known = known
        self.policy = policy or self._policy_of_package()
        self.must_be_whole = whole
        self.checkpoint = Checkpoint("", 0, b"", ())
        self.tiles = Tiles(0, lambda _: None)
        self.trusted_tiles = True
        self.forgotten: dict[str, tuple[int, str]] = {}
        self.missing: dict[tuple[str, str], tuple[int, str]] = {}
        self.gaps = _Gaps()
        self.withheld = 0

    def check(self) -> None:
        """Run every check."""
        self._check_manifest()
        if not self._check_checkpoint():
            return
        self._check_upper_tiles()
        self._check_entries()
        self.gaps.explain(self.findings)
        self._check_addenda_are_explained()
        self._check_known_checkpoints()

    def _policy_of_package(self) -> Policy:
        lines = self.package.need("keys.txt").decode("ascii", "replace").split("\n")
        keys = [Key.parse(line) for line in lines if line]
        self.findings.notes.append(
            "The signing key came with the package. Compare it with the one you were given elsewhere: "
            + ", ".join(key.text for key in keys)
        )
        return Policy(logs=keys, is_from_outside=False)

    def _check_manifest(self) -> None:
        manifest, sizes = self.manifest, self.package.sizes
        if manifest.get("format") != EXPORT_FORMAT:
            raise Broken(f"the package is not of the format {EXPORT_FORMAT}")
        listed = manifest.get("files")
        if not isinstance(listed, dict):
            raise Broken("manifest.json does not list the files")
        for name in sorted(listed.keys() - sizes.keys()):
            self.findings.add("FILE", f"{name} is missing from the package")
        for name in sorted(sizes.keys() - listed.keys() - {"manifest.json"}):
            self.findings.add("FILE", f"{name} is in the package but not in its manifest")
        for name in sorted(listed.keys() & sizes.keys()):
            if listed[name] != sizes[name]:
                self.findings.add("FILE", f"{name} has {sizes[name]} bytes instead of {listed[name]}")
        self.is_whole = manifest.get("scope") == "whole"
        if not self.is_whole and self.must_be_whole:
            self.findings.add("SELECTION", "the package holds a selection of the events, not the whole trail")
        if not self.is_whole:
            self.findings.notes.append(
                "This is a selection: it proves each event it holds, not that it holds every one."
            )

    def _check_checkpoint(self) -> bool:
        note = self.package.need("checkpoint").decode("utf-8", "replace")
        try:
            self.checkpoint = open_checkpoint(note, self.policy)
        except Broken as error:
            self.findings.add("UNSIGNED", f"the checkpoint {error}")
            return False
        if self.checkpoint.origin != self.manifest.get("origin"):
            self.findings.add("FILE", "the manifest names another log than the checkpoint")
        if self.checkpoint.size != self.manifest.get("size"):
            self.findings.add("FILE", "the manifest names another size than the checkpoint")
        self.tiles = Tiles(self.checkpoint.size, self.package.read)
        return True

    def _check_upper_tiles(self) -> None:
        """Check level 1 and above, from the signed root down; what they say of level 0 can then be trusted."""
        level = 1
        while self.checkpoint.size >> 8 * level:
            for number in range(-(-(self.checkpoint.size >> 8 * level) // _WIDTH)):
                path = tile_path(level, number, self.tiles.width(level, number))
                try:
                    hashes = self.tiles.get(level, number)
                except Broken as error:
                    hashes = None
                    self.findings.add("TILE", str(error))
                if hashes is None:
                    self.trusted_tiles = False
                    self.findings.add("TILE", f"{path} is missing or damaged")
                elif len(hashes) == _WIDTH:
                    above = self.tiles.get(level + 1, number // _WIDTH)
                    if above is None or above[number % _WIDTH] != root_of(hashes):
                        self.trusted_tiles = False
                        self.findings.add("TILE", f"{path} does not match the level above")
            level += 1
        if not self.trusted_tiles:
            return
        try:
            root = self.tiles.root_at(self.checkpoint.size)
        except Broken as error:
            root = None
            self.findings.add("TILE", str(error))
        if root != self.checkpoint.root:
            self.trusted_tiles = False
            self.findings.add("TILE", "the tiles do not lead to the signed root")

    def _check_entries(self) -> None:
        reader = _Reader(self)
        rows = _csv_rows(self.package) if "entries.csv" in self.package.sizes else None
        block: list[tuple[int, bytes]] = []
        roots = _Roots()
        expected, count = 0, 0
        for line in self.package.lines("entries.jsonl"):
            record = reader.read(line, expected)
            count += 1
            if record is None:
                expected += 1
                continue
            index, entry, leaf, names = record
            if rows is not None:
                self._check_row(next(rows, None), index, entry, leaf, names)
            if block and block[-1][0] >> 8 != index >> 8:
                self._check_block(block, roots)
                block = []
            block.append((index, leaf))
            expected = index + 1
        if block:
            self._check_block(block, roots)
        if rows is not None and next(rows, None) is not None:
            self.findings.add("CSV", "entries.csv has more rows than there are records")
        reader.finish()
        size = self.checkpoint.size
        if self.is_whole and expected < size:
            self.findings.add(
                "TRUNCATED",
                f"the checkpoint covers {size} records, the package ends with record {expected - 1}",
            )
        if self.is_whole and roots.is_gapless(size) and roots.root() != self.checkpoint.root:
            self.findings.add("ROOT", "the records do not hash to the signed root")
        if count != self.manifest.get("events"):
            self.findings.add(
                "FILE", f"the manifest counts {self.manifest.get('events')} events, there are {count}"
            )
        self.count = count

    def _check_block(self, block: list[tuple[int, bytes]], roots: _Roots) -> None:
        """Compare the records of one tile with the tile."""
        number = block[0][0] >> 8
        leaves = [leaf for _, leaf in block]
        width = self.tiles.width(0, number)
        is_full = len(block) == _WIDTH
        roots.add(number, leaves)
        try:
            hashes = self.tiles.get(0, number, keep=width < _WIDTH)
        except Broken as error:
            self.findings.add("TILE", str(error))
            return
        if hashes is None:
            self.findings.add("TILE", f"{tile_path(0, number, width)} is missing")
            return
        if width == _WIDTH and self.trusted_tiles:
            above = self.tiles.get(1, number // _WIDTH)
            computed = roots.last if is_full and leaves == hashes else root_of(hashes)
            if above is None or above[number % _WIDTH] != computed:
                self.findings.add("TILE", f"{tile_path(0, number)} does not match the level above")
        if is_full and leaves == hashes:
            return
        elsewhere = set(hashes)
        for index, leaf in block:
            if hashes[index % _WIDTH : index % _WIDTH + 1] == [leaf]:
                continue
            if leaf in elsewhere:
                self.findings.add_record("MOVED", index, "stands in another place than it was given")
            else:
                self.findings.add_record("ALTERED", index, "is not what was hashed")

    def _check_row(
        self, row: list[str] | None, index: int, entry: dict[str, Any], leaf: bytes, names: dict[str, str]
    ) -> None:
        if row != csv_row(index, entry, leaf, names):
            self.findings.add_record("CSV", index, "differs in entries.csv")

    def _check_addenda_are_explained(self) -> None:
        months = {removal["month"] for _, removal in self.gaps.removals}
        for (subject, month), (index, at) in sorted(self.missing.items(), key=lambda item: item[1]):
            if month not in months and not _was_forgotten(index, at, self.forgotten.get(subject)):
                self.findings.add(
                    "ADDENDUM MISSING",
                    f"record {index} lacks its addendum about {subject}, whom no event says was forgotten",
                )
        if self.withheld:
            self.findings.notes.append(
                f"{self.withheld} addenda (names, addresses, reasons) are withheld, as the manifest says."
            )
        if self.forgotten:
            self.findings.notes.append(
                f"{len(self.forgotten)} subjects were forgotten; their addenda are blank."
            )

    def _check_known_checkpoints(self) -> None:
        """Compare with every checkpoint that is known from elsewhere, or came along."""
        notes = [(f"the checkpoint {name}", text) for name, text in self._enclosed()]
        notes += [("a checkpoint you kept", text) for text in self.known]
        checked: list[tuple[int, bool, str]] = []
        for what, text in notes:
            try:
                earlier = open_checkpoint(text, Policy(self.policy.logs, self.policy.witnesses))
            except Broken as error:
                self.findings.add("UNSIGNED", f"{what} {error}")
                continue
            if earlier.origin != self.checkpoint.origin:
                self.findings.add("OTHER LOG", f"{what} is of {earlier.origin}")
            elif earlier.size > self.checkpoint.size:
                self.findings.add(
                    "ROLLED BACK",
                    f"{what} covers {earlier.size} records, this package only {self.checkpoint.size}",
                )
            else:
                root = self.tiles.root_at(earlier.size)
                if root is None:
                    self.findings.notes.append(f"{what} ({earlier.size} records) cannot be compared here.")
                else:
                    checked.append((earlier.size, root == earlier.root, what))
        agreed = 0
        for size, holds, what in sorted(checked):
            if holds:
                agreed = size
            else:
                self.findings.add(
                    "REWRITTEN",
                    f"{what} covers {size} records that were others: something in records {agreed} to"
                    f" {size - 1} was rewritten",
                )
                break
        if self.known and not any(not holds for _, holds, _ in checked):
            self.findings.notes.append(f"Agrees with {len(self.known)} checkpoints that you kept.")

    def _enclosed(self) -> Iterator[tuple[str, str]]:
        for name in sorted(self.package.sizes):
            if name.startswith("checkpoints/"):
                yield name, self.package.need(name).decode("utf-8", "replace")


class _Roots:
    """The root over all records as they stand in the package, a tile at a time."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._tail: list[bytes] = []
        self._is_gapless = True
        self.last = b""

    def add(self, number: int, leaves: list[bytes]) -> None:
        if self._tail or number != len(self._blocks):
            self._is_gapless = False
        if len(leaves) == _WIDTH:
            self.last = root_of(leaves)
            self._blocks.append(self.last)
        else:
            self._tail = leaves

    def is_gapless(self, size: int) -> bool:
        return self._is_gapless and len(self._blocks) * _WIDTH + len(self._tail) == size

    def root(self) -> bytes:
        row, right = self._blocks, _fold(self._tail, None) if self._tail else None
        return _fold(row, right) or sha256(b"").digest()


class _Reader:
    """Reads records one by one: their form, their order, their writers' counters, their addenda."""

    def __init__(self, export: _Export) -> None:
        self._export = export
        self._findings = export.findings
        self._counters: dict[str, int] = {}
        self._is_whole = export.is_whole
        withheld = export.manifest.get("withheld")
        if not isinstance(withheld, list):
            raise Broken("manifest.json does not say which addenda are withheld")
        self._withheld = frozenset(map(str, withheld))
        self._addenda = _Addenda(export)

    def read(self, line: bytes, expected: int) -> tuple[int, dict[str, Any], bytes, dict[str, str]] | None:
        """Return index, entry, leaf hash and the disclosed words about the actor; None if unreadable."""
        cut = line.rfind(b',"index":')
        number = line[cut + 9 : -2]
        if line[:9] != b'{"entry":' or cut < 0 or line[-2:] != b"}\n" or not _is_number(number):
            self._findings.add_record("UNREADABLE", expected, "is not a record")
            return None
        index, raw = int(number), line[9:cut]
        leaf = sha256(b"\x00" + raw).digest()
        try:
            entry = json.loads(raw)
            if _encode(entry).encode() != raw:
                self._findings.add_record("UNREADABLE", index, "is not in canonical form")
            self._check_place(index, expected)
            self._check_counter(index, entry["writer"], entry["counter"])
            names = self._check_addenda(index, entry)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self._findings.add_record("UNREADABLE", index, "is not an event")
            entry, names = {}, {}
        return index, entry, leaf, names

    def finish(self) -> None:
        self._addenda.finish()

    def _check_place(self, index: int, expected: int) -> None:
        if index < expected:
            self._findings.add_record("DUPLICATE", index, "stands twice or out of order")
        elif index > expected and self._is_whole:
            self._export.gaps.missing.append((expected, index - 1))
        if index >= self._export.checkpoint.size:
            self._findings.add_record("INSERTED", index, "lies beyond the checkpoint")

    def _check_counter(self, index: int, writer: str, counter: int) -> None:
        before = self._counters.get(writer, 0)
        self._counters[writer] = counter
        if counter == before + 1:
            return
        if counter <= before:
            self._findings.add_record("DUPLICATE", index, f"repeats number {counter} of writer {writer}")
        elif self._is_whole and before == 0:
            self._export.gaps.beginnings.append((index, writer, counter))
        elif self._is_whole:
            self._findings.add_record(
                "GAP", index, f"follows on number {before} of writer {writer} with number {counter}"
            )

    def _check_addenda(self, index: int, entry: dict[str, Any]) -> dict[str, str]:
        if entry["action"] == "trail.forgotten":
            target = entry["target"]
            self._export.forgotten[f"{target['kind']}:{target['id']}"] = (index, entry["at"])
        elif entry["action"] == "trail.month_removed":
            self._export.gaps.add_removal(index, entry)
        names: dict[str, str] = {}
        actor = entry["actor"].get("id")
        for promised in entry.get("addenda", ()):
            digest, subject = promised["sha256"], promised["subject"]
            told = self._addenda.take(digest)
            if told is not None:
                if told["subject"] != subject:
                    self._findings.add_record(
                        "ADDENDUM ALTERED", index, "has an addendum about somebody else"
                    )
                if subject == f"account:{actor}" or subject.startswith("day:"):
                    names = {**told["fields"], **names}
            elif subject.split(":")[0] in self._withheld:
                self._export.withheld += 1
            else:
                self._addenda.miss(index, subject, entry["at"])
        return names


class _Addenda:
    """The disclosed addenda, in the order in which the records name them; some may be missing, some altered.

    What a record names and the next lines do not hold is missing, unless a line that no record names says that it
    is about the same subject: then that is what was altered.
    """

    _AHEAD = 64
    _WAITING = 512

    def __init__(self, export: _Export) -> None:
        self._export = export
        has_any = "addenda.jsonl" in export.package.sizes
        self._lines = export.package.lines("addenda.jsonl") if has_any else iter(())
        self._ahead: deque[tuple[str, bytes]] = deque()
        self._waiting: deque[tuple[int, str, str]] = deque()
        self._is_strange = False
        self._read_on()

    def take(self, digest: str) -> Any:
        """Return the addendum with this digest if it comes next, or soon; else None."""
        for place, (found, line) in enumerate(self._ahead):
            if found == digest:
                for _ in range(place):
                    self._blame(self._ahead.popleft()[1])
                self._give_up(0)
                self._ahead.popleft()
                self._read_on()
                return json.loads(line)
        return None

    def miss(self, index: int, subject: str, at: str) -> None:
        """Note that a record's addendum does not come next."""
        self._waiting.append((index, subject, at))
        self._give_up(self._WAITING)

    def finish(self) -> None:
        """Say of everything that is left what it is."""
        while self._ahead:
            self._blame(self._ahead.popleft()[1])
            self._read_on()
        self._give_up(0)
        if self._is_strange:
            self._export.findings.add("ADDENDUM", "addenda.jsonl holds addenda that no record speaks of")

    def _read_on(self) -> None:
        while len(self._ahead) < self._AHEAD and (line := next(self._lines, None)) is not None:
            self._ahead.append((sha256(line[:-1]).hexdigest() if line[-1:] == b"\n" else "", line))

    def _blame(self, line: bytes) -> None:
        claimed = _subject_of(line)
        for place, (index, subject, _) in enumerate(self._waiting):
            if claimed in (subject, ""):
                del self._waiting[place]
                self._export.findings.add_record(
                    "ADDENDUM ALTERED", index, "has an addendum that is not what was hashed"
                )
                return
        self._is_strange = True

    def _give_up(self, most: int) -> None:
        while len(self._waiting) > most:
            index, subject, at = self._waiting.popleft()
            self._export.missing[subject, at[:7]] = (index, at)


class _Gaps:
    """What is missing, held against the months that the vault says it has removed."""

    def __init__(self) -> None:
        self.missing: list[tuple[int, int]] = []
        self.beginnings: list[tuple[int, str, int]] = []
        self.removals: list[tuple[int, dict[str, Any]]] = []

    def add_removal(self, index: int, entry: dict[str, Any]) -> None:
        """Take up what an event says was removed, unless it cannot rightly say so."""
        facts = entry["facts"]
        numbers = [facts[name] for name in ("first", "last", "events", "writers", "numbers")]
        if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", facts["month"], re.ASCII):
            return
        year, month = divmod(int(facts["month"][:4]) * 12 + int(facts["month"][5:]) - 1 + 13, 12)
        is_over = f"{year:04}-{month + 1:02}" <= entry["at"]
        is_number = all(type(number) is int and number >= 0 for number in numbers)
        if entry["outcome"] == "done" and is_over and is_number and numbers[0] <= numbers[1] < index:
            self.removals.append((index, facts))

    def explain(self, findings: Findings) -> None:
        """Name everything that no removed month explains, and note those that do."""
        stretches: list[list[int]] = []
        for first, last, events in sorted((r["first"], r["last"], r["events"]) for _, r in self.removals):
            if stretches and first <= stretches[-1][1]:
                stretches[-1][1:] = [max(last, stretches[-1][1]), stretches[-1][2] + events]
            else:
                stretches.append([first, last, events])
        unexplained = list(self.missing)
        for first, last, events in stretches:
            rest: list[tuple[int, int]] = []
            count = 0
            for start, end in unexplained:
                begins, ends = max(start, first), min(end, last)
                if begins > ends:
                    rest.append((start, end))
                    continue
                count += ends - begins + 1
                rest += [(start, begins - 1)] * (start < begins) + [(ends + 1, end)] * (ends < end)
            if count == events:
                unexplained = rest
        for start, end in unexplained:
            findings.add(
                "GAP",
                f"record {start} is missing" if start == end else f"records {start} to {end} are missing",
            )
        went_on = max(
            ((r["month"], r["writers"], r["numbers"]) for _, r in self.removals), default=("", 0, 0)
        )[1:]
        if (len(self.beginnings), sum(counter - 1 for *_, counter in self.beginnings)) != went_on:
            for index, writer, counter in self.beginnings:
                findings.add_record(
                    "GAP", index, f"follows on number 0 of writer {writer} with number {counter}"
                )
        for index, removal in self.removals:
            findings.notes.append(
                f"{removal['events']} of the records {removal['first']} to {removal['last']} ({removal['month']}) were"
                f" removed when their time was over, as record {index} says."
            )


def _was_forgotten(index: int, at: str, forgotten: tuple[int, str] | None) -> bool:
    """Say whether a record came before its subject was last forgotten, or in the minute after, as it may."""
    if forgotten is None or index < forgotten[0]:
        return forgotten is not None
    moments = [datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S.%fZ") for moment in (at, forgotten[1])]  # noqa: DTZ007 - both in UTC
    return moments[0] <= moments[1] + timedelta(minutes=1)


def _subject_of(line: bytes) -> str:
    """Return whom an addendum that matches no digest says it is about; empty if it does not say."""
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return ""
    return str(told.get("subject", "")) if isinstance(told, dict) else ""


def _is_number(text: bytes) -> bool:
    return text.isdigit() and len(text) < 19 and (text == b"0" or text[:1] != b"0")


def csv_row(index: int, entry: dict[str, Any], leaf: bytes, names: dict[str, str]) -> list[str]:
    """Return the row of ``entries.csv`` that stands for a record."""
    actor, target = entry.get("actor", {}), entry.get("target", {})
    cells = [
        str(index),
        entry.get("at", ""),
        entry.get("action", ""),
        entry.get("outcome", ""),
        actor.get("kind", ""),
        actor.get("id", ""),
        actor.get("role", ""),
        names.get("name", ""),
        names.get("address", ""),
        target.get("kind", ""),
        target.get("id", ""),
        entry.get("purpose", ""),
        entry.get("rule", ""),
        entry.get("access_point", ""),
        _encode(entry["facts"]) if entry.get("facts") else "",
        entry.get("id", ""),
        leaf.hex(),
    ]
    return [_harmless(cell) for cell in cells]


def _harmless(cell: str) -> str:
    """Keep a spreadsheet from taking a cell for a formula."""
    return f"'{cell}" if cell[:1] in "=+-@\t\r" and cell else cell


def _csv_rows(package: Package) -> Iterator[list[str]]:
    with package.open("entries.csv") as file, io.TextIOWrapper(file, "utf-8", newline="") as text:
        rows = csv.reader(text, strict=True)
        if next(rows, None) != CSV_COLUMNS:
            raise Broken("entries.csv does not have the columns it should have")
        yield from rows


# --- Proofs


@dataclass(frozen=True)
class Proved:
    """An event that a proof shows to stand in the trail."""

    index: int
    entry: dict[str, Any]
    rest: bytes
    checkpoint: Checkpoint


def open_proof(text: str, policy: Policy) -> Proved:
    """Check one ``.tlog-proof`` whose extra line begins with the entry."""
    head, gap, note = text.partition("\n\n")
    lines = head.split("\n")
    if not gap or len(lines) < 3 or lines[0] != PROOF_FORMAT or not lines[1].startswith("extra "):
        raise Broken(f"it is not a {PROOF_FORMAT} with an entry")
    if not lines[2].startswith("index "):
        raise Broken("the proof names no index")
    index = _number(lines[2].removeprefix("index "), "the index")
    hashes = [_base64(line, "a hash of the proof") for line in lines[3:]]
    if any(len(part) != _HASH for part in hashes):
        raise Broken("a hash of the proof has the wrong length")
    raw, end, rest = _base64(lines[1].removeprefix("extra "), "the extra line").partition(b"\n")
    if not end:
        raise Broken("the extra line does not hold an entry and a line feed")
    try:
        checkpoint = open_checkpoint(note, policy)
    except Broken as error:
        raise Broken(f"the checkpoint {error}") from None
    entry = _json(raw, "the entry")
    if _encode(entry).encode() != raw:
        raise Broken("the entry is not in canonical form")
    check_inclusion(sha256(b"\x00" + raw).digest(), index, checkpoint.size, hashes, checkpoint.root)
    return Proved(index, entry, rest, checkpoint)


def verify_event_proof(text: str, policy: Policy | None) -> Findings:
    """Check the proof of one event."""
    findings = Findings()
    if policy is None:
        findings.add("NO KEY", "a proof of one event holds no key: give the log's key with --policy")
        return findings
    try:
        proved = open_proof(text, policy)
    except Broken as error:
        findings.add("PROOF", str(error))
        return findings
    if proved.rest:
        is_bound = proved.entry.get("facts", {}).get("statement") == sha256(proved.rest).hexdigest()
        about = "is bound to the entry" if is_bound else "is not proved: only the entry is"
        findings.notes.append(f"What follows the entry {about}.")
    findings.notes.append(f"Event {proved.index}: {_encode(proved.entry)}")
    return findings


_STATEMENT_NAMES = [
    "recording",
    "erasure",
    "ground",
    "policy",
    "ordered-by",
    "due",
    "copy",
    "keys-destroyed",
    "unreadable-since",
    "copies-absent-since",
    "beyond-recovery-on",
    "erased-event",
]
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def verify_erasure(text: str, policy: Policy | None) -> Findings:
    """Check the proof that one recording was erased."""
    findings = Findings()
    try:
        statement, key, erased_text, certified_text = _erasure_sections(text)
        told, copies = _read_statement(statement)
        log = Key.parse(key)
        if policy is None:
            policy = Policy(logs=[log], is_from_outside=False)
            findings.notes.append(
                f"The signing key came with the proof. Compare it with the one you were given elsewhere: {key}"
            )
        elif log.public not in [known.public for known in policy.logs]:
            findings.add("OTHER KEY", "the proof names a log key that the policy does not")
        erased, certified = open_proof(erased_text, policy), open_proof(certified_text, policy)
        if {erased.checkpoint.origin, certified.checkpoint.origin} != {log.name}:
            findings.add("OTHER LOG", "the checkpoints are not of the log that the proof names")
        _check_erasure(findings, statement, told, copies, erased, certified)
    except Broken as error:
        findings.add("PROOF", str(error))
        return findings
    findings.notes += [
        f"Recording {told['recording']}, ground: {told['ground']}.",
        f"Not readable in the vault since {told['unreadable-since']}.",
        f"No copy was found any more on {told['copies-absent-since']}.",
        f"Beyond recovery from backups from {told['beyond-recovery-on']}.",
        "The proof shows that the vault logged these acts; not that nobody had copied the audio before.",
    ]
    return findings


def _erasure_sections(text: str) -> tuple[str, str, str, str]:
    match = re.fullmatch(
        r"(.*?\n)\n-- log key\n(\S+)\n-- erased\n(.*?\n)-- certified\n(.*\n)", text, re.DOTALL | re.ASCII
    )
    if match is None or "\r" in text:
        raise Broken("the proof does not have its four sections")
    return match[1], match[2], match[3], match[4]


def _read_statement(statement: str) -> tuple[dict[str, str], list[str]]:
    lines = statement[:-1].split("\n")
    if lines[0] != ERASURE_FORMAT:
        raise Broken(f"the statement is not of the format {ERASURE_FORMAT}")
    told: dict[str, str] = {}
    copies: list[str] = []
    order: list[str] = []
    for line in lines[1:]:
        name, colon, value = line.partition(": ")
        if not colon or not value or name not in _STATEMENT_NAMES or (name in told and name != "copy"):
            raise Broken("the statement has a line that does not belong there")
        if name == "copy":
            if not re.fullmatch(
                r"(original|playable|redacted|waveform|transcript) sha256:[0-9a-f]{64}", value
            ):
                raise Broken("the statement names a copy in another form")
            copies.append(value)
        told[name] = value
        order.append(name)
    if order != [n for n in _STATEMENT_NAMES for _ in (copies if n == "copy" else [n])] or copies != sorted(
        copies
    ):
        raise Broken("the lines of the statement are not in their order")
    for name in ("due", "unreadable-since", "copies-absent-since", "beyond-recovery-on"):
        if not _MOMENT.fullmatch(told[name]):
            raise Broken(f"the statement's {name} is not a moment")
    return told, copies


def _check_erasure(
    findings: Findings,
    statement: str,
    told: dict[str, str],
    copies: list[str],
    erased: Proved,
    certified: Proved,
) -> None:
    first, second = erased.entry, certified.entry
    facts = first.get("facts", {})
    copy_lines = "".join(f"copy: {value}\n" for value in copies)
    policy = f"{facts['policy']} {facts.get('policy_version')}" if "policy" in facts else "none"
    pairs: Iterable[tuple[str, object, object]] = (
        ("the first event's action", first.get("action"), "recording.erased"),
        ("the first event's outcome", first.get("outcome"), "done"),
        ("the first event's target", first.get("target"), {"kind": "recording", "id": told["recording"]}),
        ("erased-event", first.get("id"), told["erased-event"]),
        ("unreadable-since", first.get("at"), told["unreadable-since"]),
        ("erasure", facts.get("erasure"), told["erasure"]),
        ("ground", facts.get("ground"), told["ground"]),
        ("keys-destroyed", str(facts.get("keys")), told["keys-destroyed"]),
        ("due", facts.get("due_at"), told["due"]),
        ("policy", policy, told["policy"]),
        ("the number of copies", facts.get("copies"), len(copies)),
        ("the hash of the copies", facts.get("sha256"), sha256(copy_lines.encode()).hexdigest()),
        ("the second event's action", second.get("action"), "erasure.certified"),
        ("the second event's outcome", second.get("outcome"), "done"),
        ("the second event's target", second.get("target"), {"kind": "erasure", "id": told["erasure"]}),
        ("the statement", second.get("facts", {}).get("statement"), sha256(statement.encode()).hexdigest()),
        ("the enclosed statement", certified.rest, statement.encode()),
        ("what follows the first entry", erased.rest, b""),
    )
    for name, logged, stated in pairs:
        if logged != stated:
            findings.add("STATEMENT", f"{name} is not what was logged")
    if not told["due"] <= told["unreadable-since"] <= told["copies-absent-since"]:
        findings.add("STATEMENT", "the moments are not in their order")
    if told["unreadable-since"] > told["beyond-recovery-on"]:
        findings.add("STATEMENT", "it was beyond recovery before it was unreadable")
    if erased.index >= certified.index:
        findings.add("STATEMENT", "the certificate does not stand behind the erasure in the log")


# --- The program


def main(arguments: list[str] | None = None) -> int:
    """Check what the command line names; return 0 if nothing is wrong with it."""
    parser = argparse.ArgumentParser(
        prog="verify.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", type=Path, metavar="EXPORT.zip|DIRECTORY|PROOF")
    parser.add_argument("--policy", type=Path, metavar="FILE")
    parser.add_argument("--known", type=Path, metavar="FILE", action="append", default=[])
    parser.add_argument("--whole", action="store_true")
    asked = parser.parse_args(arguments)
    try:
        policy = Policy.parse(_text(asked.policy)) if asked.policy else None
        findings = _verify(asked.path, policy, [_text(path) for path in asked.known], whole=asked.whole)
    except (Broken, OSError, UnicodeDecodeError) as error:
        print(f"FAIL  {error}", file=sys.stderr)
        return 1
    found = findings.all()
    for line in found[:_SHOWN]:
        print(f"FOUND {line}")
    if len(found) > _SHOWN:
        print(f"FOUND … and {len(found) - _SHOWN} more")
    for line in findings.notes:
        print(f"NOTE  {line}")
    print("FAIL  Not everything holds." if found else "PASS  Everything holds.")
    return 1 if found else 0


def _verify(path: Path, policy: Policy | None, known: list[str], *, whole: bool) -> Findings:
    if path.is_dir():
        return verify_export(path, policy, known, whole=whole)
    with path.open("rb") as file:
        start = file.read(64)
    if start.startswith(PROOF_FORMAT.encode()):
        return verify_event_proof(_text(path), policy)
    if start.startswith(ERASURE_FORMAT.encode()):
        return verify_erasure(_text(path), policy)
    return verify_export(path, policy, known, whole=whole)


def _text(path: Path) -> str:
    if path.stat().st_size > _SMALL_FILE:
        raise Broken(f"{path.name} is too large")
    return path.read_bytes().decode()


if __name__ == "__main__":
    sys.exit(main())
