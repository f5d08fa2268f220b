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
import struct
import sys
import zipfile
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, TextIO, cast

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
_AHEAD = 32
_LONGEST_ENTRY = 16_384
_LARGEST = 2**53 - 1
_SHOWN = 40
_MOST_FINDINGS = 10_000
_MOST_STRAY_LINES = 10_000
_MOST_MISSING_TILES = 1_000
_MOST_CHARACTERS = 20_000
# How far from the end of a removed month a record that is left may stand before the last that went.
_EDGE_BEFORE, _EDGE_AFTER = timedelta(days=1), timedelta(days=31)

# The events that explain why something else is missing; every other one may pass unparsed.
READ_WHOLE = frozenset({"trail.forgotten", "trail.month_removed", "trail.reimported"})

# What people and other programs read; nothing here is checked by them, and they are not checked.
READING_COPIES = frozenset({"nen7513.jsonl", "ocsf.jsonl", "report.pdf"})
# What may be in a package, beside checkpoints/ and tile/.
FILES = READING_COPIES | frozenset(
    {
        "README.txt",
        "addenda.jsonl",
        "checkpoint",
        "entries.csv",
        "entries.jsonl",
        "keys.txt",
        "manifest.json",
        "verify.py",
    }
)
KEPT = "a checkpoint you kept"

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
    _uncounted: int = 0

    def add(self, kind: str, what: str) -> None:
        """Name one fault."""
        if len(self.found) < _MOST_FINDINGS:
            self.found.append((kind, what))
        else:
            self._uncounted += 1

    def add_record(self, kind: str, index: int, what: str) -> None:
        """Name a fault of one record; ``what`` continues "record 7 …"."""
        if self._runs:
            last_kind, first, last, last_what = self._runs[-1]
            if (last_kind, last_what) == (kind, what) and index in (last, last + 1):
                self._runs[-1] = (kind, first, index, what)
                return
        if len(self._runs) < _MOST_FINDINGS:
            self._runs.append((kind, index, index, what))
        else:
            self._uncounted += 1

    def all(self) -> list[str]:
        """Return every finding as one line."""
        lines = [f"{kind}: {what}" for kind, what in self.found]
        for kind, first, last, what in self._runs:
            which = f"record {first}" if first == last else f"records {first} to {last}"
            lines.append(f"{kind}: {which} {what}")
        if self._uncounted:
            lines.append(f"MORE: {self._uncounted} more faults are not listed")
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
    strangers: tuple[str, ...] = ()  # whose signatures stand there too, unchecked for want of their keys


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
    logs, witnesses, strangers = [], set(), []
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
        keys = (*policy.logs, *policy.witnesses.values())
        if not any((key.name, key.id) == (name, signature[:4]) for key in keys):
            strangers.append(name)
    if not any(key.name == lines[0] for key in logs):
        raise Broken("is not signed by a trusted key of the log it names")
    if not policy.is_met(policy.quorum, witnesses):
        raise Broken("was not seen by the witnesses that the policy asks for")
    signed_by = (*(key.name for key in logs), *sorted(witnesses))
    return Checkpoint(lines[0], size, root, signed_by, tuple(strangers))


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
        value = json.loads(
            data.decode(),
            object_pairs_hook=unique,
            parse_int=_whole,
            parse_float=_refuse,
            parse_constant=_refuse,
        )
    except (ValueError, RecursionError):
        raise Broken(f"{what} is not JSON") from None
    if not isinstance(value, dict):
        raise Broken(f"{what} is not a JSON object")
    return value


def _whole(text: str) -> int:
    number = int(text) if len(text) < 18 else _LARGEST + 1
    if not -_LARGEST <= number <= _LARGEST or text == "-0":
        raise ValueError("a number out of range")
    return number


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text[:20]} is not a whole number")


def _text_of(data: bytes, what: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Broken(f"{what} is not UTF-8") from None


# --- The tree


def root_of(hashes: list[bytes]) -> bytes:
    """Return the root over hashes that stand side by side; there is at least one."""
    while len(hashes) > 1:
        odd = hashes[-1:] if len(hashes) % 2 else []
        pairs = zip(hashes[::2], hashes[1::2], strict=False)
        hashes = [sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
    return hashes[0]


_TILE_NAME = re.compile(r"tile/([0-9]{1,2})/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/[0-9]{1,3})?")


def _place_of_tile(name: str) -> tuple[int, int]:
    """Return level and number of the tile that a file is named for; a level that no tree has, if for none."""
    match = _TILE_NAME.fullmatch(name)
    if match is None or len(match[2]) > 40:
        return 99, 0
    return int(match[1]), int(match[2].replace("x", "").replace("/", ""))


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
            self.sizes = _files_in(path, findings)

    def _open_zip(self, path: Path, findings: Findings) -> dict[str, int]:
        with path.open("rb") as raw:
            start = raw.read(4)
            raw.seek(-22, io.SEEK_END)
            end = raw.read()
            if start != b"PK\x03\x04" or end[:4] != b"PK\x05\x06" or end[-2:] != b"\0\0":
                findings.add("FILE", "the package has bytes before its beginning or behind its end")
            self._zip = zipfile.ZipFile(path)
            if not _is_seamless(self._zip, raw):
                findings.add("FILE", "the package has bytes that belong to none of its files")
        sizes: dict[str, int] = {}
        for member in self._zip.infolist():
            name = member.filename
            if name in sizes:
                findings.add("FILE", f"{name} stands in the package twice")
            if name.startswith("/") or "\\" in name or ".." in name.split("/"):
                findings.add("FILE", "the package holds a file outside of itself")
            if name != member.orig_filename or member.comment:
                findings.add("FILE", f"{name} is named in a way that hides something")
            is_usual = member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
            if not is_usual or member.flag_bits & ~_USUAL_FLAGS:
                raise Broken(f"{name} is packed in a way that no export is")
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
        """Yield a file's lines; each ends in a line feed, but for the last where it lacks one.

        :raises Broken: where a line is longer than any that belongs there.
        """
        with self.open(name) as file:
            while line := file.readline(_LONGEST_LINE):
                if len(line) == _LONGEST_LINE and line[-1:] != b"\n":
                    raise Broken(f"{name} has a line that is longer than any that belongs there")
                yield line


_USUAL_FLAGS = 0x80E  # how hard it was packed, sizes behind the file, names in UTF-8; not: encrypted


def _files_in(folder: Path, findings: Findings) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not path.is_symlink():
            sizes[name] = path.stat().st_size
        elif not path.is_dir() or path.is_symlink():
            findings.add("FILE", f"{name} is not a plain file")
    return sizes


def _is_seamless(archive: zipfile.ZipFile, raw: BinaryIO) -> bool:
    """Say whether a zip's files lie side by side from its first byte to its directory, and nothing else does."""
    at = directory = 0
    for member in sorted(archive.infolist(), key=lambda one: one.header_offset):
        raw.seek(at)
        head = raw.read(30)
        if member.header_offset != at or len(head) < 30:
            return False
        at += 30 + sum(struct.unpack("<HH", head[26:])) + member.compress_size
        if member.flag_bits & 0x08:
            raw.seek(at)
            behind = raw.read(24)
            sizes = (b"PK\x07\x08", member.CRC, member.compress_size, member.file_size)
            if behind == struct.pack("<4sLQQ", *sizes):
                at += 24
            elif max(sizes[2:]) < 1 << 32 and behind[:16] == struct.pack("<4sLLL", *sizes):
                at += 16
            else:
                return False
        name = member.orig_filename.encode("utf-8" if member.flag_bits & 0x800 else "cp437")
        directory += 46 + len(name) + len(member.extra) + len(member.comment)
    behind_directory = raw.seek(0, io.SEEK_END) - archive.start_dir - directory
    return at == archive.start_dir and behind_directory in (22, 22 + 76)  # with what a zip64 has more


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
    except Exception as error:  # noqa: BLE001 - whatever a forged package provokes is a finding
        findings.add("DAMAGED", f"the package cannot be read to its end ({type(error).__name__}: {error})")
    return findings


def manifest_text(manifest: dict[str, Any]) -> bytes:
    """Return the one way to write a manifest."""
    text = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


class _Export:
    """The checks of one package, in order."""

    def __init__(
        self, package: Package, policy: Policy | None, known: list[str], findings: Findings, *, whole: bool
    ) -> None:
        self.package = package
        self.findings = findings
        self.manifest = _json(package.need("manifest.json"), "manifest.json")
        self.known = known
        self.policy = self._compare_keys(policy)
        self.must_be_whole = whole
        self.checkpoint = Checkpoint("", 0, b"", ())
        self.tiles = Tiles(0, lambda _: None)
        self.trusted_tiles = True
        self.tiles_seen: set[int] = set()
        self.forgotten: dict[str, tuple[int, str]] = {}
        self.missing: dict[tuple[str, str], _Missing] = {}
        self.gaps = _Gaps()
        self.reimported: list[tuple[int, int]] = []
        self.withheld = 0

    def check(self) -> None:
        """Run every check."""
        self._check_manifest()
        if not self._check_checkpoint():
            return
        self._check_upper_tiles()
        self._check_entries()
        self.gaps.explain(self.findings, whole=self.is_whole)
        self._check_other_tiles()
        self._check_addenda_are_explained()
        self._check_known_checkpoints()

    def _compare_keys(self, policy: Policy | None) -> Policy:
        lines = _text_of(self.package.need("keys.txt"), "keys.txt").split("\n")
        if lines.pop() or not lines:
            raise Broken("keys.txt is not one key a line")
        keys = [Key.parse(line) for line in lines]
        if policy is None:
            self.findings.notes.append(
                "The signing key came with the package. Compare it with the one you were given elsewhere: "
                + ", ".join(key.text for key in keys)
            )
            return Policy(logs=keys, is_from_outside=False)
        if not {key.text for key in keys} <= {key.text for key in policy.logs}:
            self.findings.add("OTHER KEY", "keys.txt holds a key that the policy does not")
        return policy

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
            if name in READING_COPIES:
                self.findings.notes.append(
                    f"{name} is a reading copy and was not checked; entries.jsonl was."
                )
            elif name not in FILES and not name.startswith(("checkpoints/", "tile/")):
                self.findings.add("FILE", f"{name} does not belong in a package")
        if manifest_text(manifest) != self.package.need("manifest.json"):
            self.findings.add("FILE", "manifest.json is not written in its one form")
        if manifest.get("scope") not in ("whole", "selection"):
            raise Broken("manifest.json says neither that the package is whole nor that it is a selection")
        self._note_what_nobody_signed()
        self.is_whole = manifest["scope"] == "whole"
        if not self.is_whole and self.must_be_whole:
            self.findings.add("SELECTION", "the package holds a selection of the events, not the whole trail")
        if not self.is_whole:
            self.findings.notes.append(
                "This is a selection: it proves each event it holds, not that it holds every one."
            )

    def _note_what_nobody_signed(self) -> None:
        told = {
            name: value
            for name, value in self.manifest.items()
            if name not in ("events", "files", "format", "origin", "scope", "size", "withheld")
        }
        if told:
            self.findings.notes.append(f"The manifest, which nobody signs, also says: {_encode(told)}")
        enclosed = {name: self.package.read(name) for name in ("README.txt", "verify.py")}
        if enclosed["README.txt"] is not None:
            self.findings.notes.append("Nobody signs README.txt; nothing here was checked by what it says.")
        if enclosed["verify.py"] not in (None, Path(__file__).read_bytes()):
            self.findings.notes.append(
                "The enclosed verify.py is another program than the one that is running."
            )

    def _check_checkpoint(self) -> bool:
        note = self.package.need("checkpoint")
        try:
            self.checkpoint = open_checkpoint(_text_of(note, "it"), self.policy)
        except Broken as error:
            self.findings.add("UNSIGNED", f"the checkpoint {error}")
            return False
        if self.checkpoint.origin != self.manifest.get("origin"):
            self.findings.add("FILE", "the manifest names another log than the checkpoint")
        if self.checkpoint.size != self.manifest.get("size"):
            self.findings.add("FILE", "the manifest names another size than the checkpoint")
        if self.checkpoint.strangers:
            self.findings.notes.append(
                "Not checked, for want of a key: the checkpoint's signatures by "
                + ", ".join(self.checkpoint.strangers)
            )
        self.tiles = Tiles(self.checkpoint.size, self.package.read)
        return True

    def _check_upper_tiles(self) -> None:
        """Check level 1 and above, from the signed root down; what they say of level 0 can then be trusted."""
        level, missing = 1, 0
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
                    missing += 1
                    if missing > _MOST_MISSING_TILES:
                        raise Broken("the package lacks tile after tile of a tree of this size")
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
        rows = _Rows(self.package) if "entries.csv" in self.package.sizes else None
        reader = _Reader(self, parses_all=rows is not None)
        block: list[tuple[int, bytes]] = []
        roots = _Roots()
        expected = count = stray = 0
        for line in self.package.lines("entries.jsonl"):
            record = reader.read(line, expected)
            count += 1
            if record is None or count > self.checkpoint.size:
                stray += 1
                if stray > _MOST_STRAY_LINES:
                    raise Broken("entries.jsonl goes on and on with what are no records of this trail")
            if record is None:
                expected += 1
                continue
            index, entry, leaf, names = record
            if rows is not None and not rows.has_next(csv_row(index, entry, leaf, names)):
                self.findings.add_record("CSV", index, "differs in entries.csv")
            if block and block[-1][0] >> 8 != index >> 8:
                self._check_block(block, roots)
                block = []
            block.append((index, leaf))
            expected = index + 1
        if block:
            self._check_block(block, roots)
        if rows is not None and not rows.is_at_end():
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
        self.tiles_seen.add(number)
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

    def _check_other_tiles(self) -> None:
        """Check the tiles that no record of the package led to, and that each belongs to the tree."""
        if self.is_whole and self.trusted_tiles:  # then there is a hash of each, so they have an end
            for number in range(-(-self.checkpoint.size // _WIDTH)):
                name = tile_path(0, number, self.tiles.width(0, number))
                if number not in self.tiles_seen and name not in self.package.sizes:
                    self.findings.add("TILE", f"{name} is missing")
        for name in sorted(self.package.sizes):
            if not name.startswith("tile/"):
                continue
            level, number = _place_of_tile(name)
            width = self.tiles.width(level, number)
            if not width or name != tile_path(level, number, width):
                self.findings.add("FILE", f"{name} is no tile of a tree of this size")
            elif (level, width) == (0, _WIDTH) and self.trusted_tiles and number not in self.tiles_seen:
                try:
                    hashes = self.tiles.get(0, number, keep=False)
                    above = self.tiles.get(1, number // _WIDTH)
                except Broken as error:
                    self.findings.add("TILE", str(error))
                    continue
                if not hashes or not above or above[number % _WIDTH] != root_of(hashes):
                    self.findings.add("TILE", f"{name} does not match the level above")

    def _check_addenda_are_explained(self) -> None:
        lost = 0
        months = {removal["month"] for _, removal in self.gaps.removals}
        for (subject, month), missing in sorted(self.missing.items(), key=lambda item: item[1].indexes[:1]):
            if month in months:
                continue
            indexes = missing.not_forgotten(self.forgotten.get(subject))
            unexplained = [n for n in indexes if not any(low <= n <= high for low, high in self.reimported)]
            lost += len(indexes) - len(unexplained)
            if unexplained:
                self.findings.add(
                    "ADDENDUM MISSING",
                    f"record {unexplained[0]} lacks its addendum about {subject}, whom no event says was forgotten",
                )
        if lost:
            self.findings.notes.append(f"{lost} addenda were lost with the database that was restored.")
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
        notes += [(KEPT, text) for text in self.known]
        checked: list[tuple[int, bool, str]] = []
        for what, text in notes:
            try:
                earlier = open_checkpoint(text, Policy(self.policy.logs, self.policy.witnesses))
            except Broken as error:
                self.findings.add("UNSIGNED", f"{what} {error}")
                continue
            if what.startswith("the checkpoint ") and what != f"the checkpoint checkpoints/{earlier.size}":
                self.findings.add("FILE", f"{what} is named for another size than its own")
            if earlier.origin != self.checkpoint.origin:
                self.findings.add("OTHER LOG", f"{what} is of {earlier.origin}")
            elif earlier.size > self.checkpoint.size:
                self.findings.add(
                    "ROLLED BACK",
                    f"{what} covers {earlier.size} records, this package only {self.checkpoint.size}",
                )
            else:
                root = self.tiles.root_at(earlier.size)
                if root is None and self.is_whole:
                    self.findings.add(
                        "TILE", f"{what} ({earlier.size} records) cannot be compared: a tile is missing"
                    )
                elif root is None:
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
        if kept := sum(holds and what == KEPT for _, holds, what in checked):
            self.findings.notes.append(f"Agrees with {kept} checkpoint{'s' * (kept > 1)} that you kept.")

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


@dataclass
class _Missing:
    """The records of one month that lack their addendum about one subject, and the moment of the last."""

    indexes: array[int] = field(default_factory=lambda: array("Q"))
    at: str = ""

    def add(self, index: int, at: str) -> None:
        """Note one; they come in order."""
        self.indexes.append(index)
        self.at = at

    def not_forgotten(self, forgotten: tuple[int, str] | None) -> list[int]:
        """Return those that came after their subject was last forgotten, and more than the minute that may be."""
        if forgotten is None:
            return list(self.indexes)
        later = [index for index in self.indexes if index > forgotten[0]]
        if not later:
            return []
        moments = [datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S.%fZ") for moment in (self.at, forgotten[1])]  # noqa: DTZ007 - both in UTC
        return later if moments[0] > moments[1] + timedelta(minutes=1) else []


def _days_after(month: str, at: str) -> int:
    """Return how many days after a month's end a moment lies; far away if it is none."""
    year, following = divmod(int(month[:4]) * 12 + int(month[5:]), 12)
    try:
        return (date.fromisoformat(at[:10]) - date(year, following + 1, 1)).days
    except ValueError:
        return _LARGEST


class _Gaps:
    """What is missing, held against the months that the vault says it has removed."""

    def __init__(self) -> None:
        self.missing: list[tuple[int, int]] = []
        self.beginnings: list[tuple[int, str, int]] = []
        self.removals: list[tuple[int, dict[str, Any]]] = []
        # The first record that is there, and each that stands before missing ones: index and moment.
        self.left: list[tuple[int, str]] = []

    def add_removal(self, index: int, entry: dict[str, Any]) -> None:
        """Take up what an event says was removed, unless it cannot rightly say so."""
        facts = entry["facts"]
        numbers = [facts[name] for name in ("first", "last", "events", "writers", "numbers")]
        if not re.fullmatch(r"[2-8]\d{3}-(0[1-9]|1[0-2])", facts["month"], re.ASCII):
            return
        year, month = divmod(int(facts["month"][:4]) * 12 + int(facts["month"][5:]) - 1 + 13, 12)
        is_over = f"{year:04}-{month + 1:02}" <= entry["at"]
        is_number = all(type(number) is int and number >= 0 for number in numbers)
        if entry["outcome"] == "done" and is_over and is_number and numbers[0] <= numbers[1] < index:
            self.removals.append((index, facts))

    def _fits(self, removal: dict[str, Any]) -> bool:
        """Say whether what is left allows that this month went: its last is missing, nothing older is there."""
        if not any(start <= removal["last"] <= end for start, end in self.missing):
            return False
        nearby = range(-_EDGE_BEFORE.days, _EDGE_AFTER.days)
        return all(
            _days_after(removal["month"], at) in nearby for index, at in self.left if index < removal["last"]
        )

    def explain(self, findings: Findings, *, whole: bool = True) -> None:
        """Name everything that no removed month explains, and note those that do."""
        if whole:
            self.removals = [(index, removal) for index, removal in self.removals if self._fits(removal)]
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
        if self.removals and self.left:
            month = max(removal["month"] for _, removal in self.removals)
            idle = _days_after(month, self.left[0][1])
            if idle > _EDGE_AFTER.days:
                findings.notes.append(
                    f"Between the end of {month}, the newest removed month, and the first record left lie {idle} days."
                )
        for index, removal in self.removals:
            findings.notes.append(
                f"{removal['events']} of the records {removal['first']} to {removal['last']} ({removal['month']}) were"
                f" removed when their time was over, as record {index} says."
            )


class _Reader:
    """Reads records one by one: their form, their order, their writers' counters, their addenda."""

    def __init__(self, export: _Export, *, parses_all: bool) -> None:
        self._export = export
        self._findings = export.findings
        self._counters: dict[bytes, int] = {}
        self._forms = _Forms()
        self._parses_all = parses_all
        self._is_whole = export.is_whole
        self._size = export.checkpoint.size
        self._at = b""
        withheld = export.manifest.get("withheld")
        if not isinstance(withheld, list):
            raise Broken("manifest.json does not say which addenda are withheld")
        self._withheld = frozenset(map(str, withheld))
        has_addenda = "addenda.jsonl" in export.package.sizes
        self._addenda = export.package.lines("addenda.jsonl") if has_addenda else iter(())
        # The addenda that come next, and what records promised since the last that was there.
        self._ahead: deque[tuple[str, bytes]] = deque()
        self._absent: deque[tuple[int, str, str]] = deque(maxlen=4096)
        self._look_ahead()

    def read(self, line: bytes, expected: int) -> Record | None:
        """Check one record; None if it is none."""
        matched = None if self._parses_all else self._forms.match(line)
        if matched is None:
            return self._read_slowly(line, expected)
        actor, *promised, at, counter, writer, place = matched.groups()
        raw = line[9 : matched.start(matched.re.groups) - 9]
        index = int(place)
        if index != expected or index >= self._size:
            self._check_place(index, expected)
        self._check_counter(index, writer, int(counter))
        self._at = at
        if promised:
            words = [str(word, "ascii") for word in promised]
            pairs = list(zip(words[::2], words[1::2], strict=True))
            self._check_addenda(index, str(actor, "ascii"), str(at, "ascii"), pairs)
        return index, {}, sha256(b"\x00" + raw).digest(), {}

    def _read_slowly(self, line: bytes, expected: int) -> Record | None:
        cut = line.rfind(b',"index":')
        number = line[cut + 9 : -2]
        if line[:9] != b'{"entry":' or cut < 0 or line[-2:] != b"}\n" or not _is_number(number):
            self._findings.add_record("UNREADABLE", expected, "is not a record")
            return None
        index, raw = int(number), line[9:cut]
        leaf = sha256(b"\x00" + raw).digest()
        try:
            entry = _parse_entry(raw)
            if _encode(entry).encode() != raw:
                self._findings.add_record("UNREADABLE", index, "is not in canonical form")
            elif entry["action"] not in READ_WHOLE:
                self._forms.learn(line, entry)
            self._check_place(index, expected)
            self._check_counter(index, entry["writer"].encode(), entry["counter"])
            self._note_moment(index, entry["at"])
            if entry["action"] in READ_WHOLE:
                self._note_what_it_explains(index, entry)
            promised = [(part["sha256"], part["subject"]) for part in entry.get("addenda", ())]
            names = self._check_addenda(index, entry["actor"].get("id", ""), entry["at"], promised)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self._findings.add_record("UNREADABLE", index, "is not an event")
            entry, names = {}, {}
        return index, entry, leaf, names

    def finish(self) -> None:
        """Say what is left over when every record has been read."""
        while self._ahead and self._name_altered(self._ahead.popleft()[1]):
            self._look_ahead()

    def _note_what_it_explains(self, index: int, entry: dict[str, Any]) -> None:
        """Keep what an event of READ_WHOLE says about others, so that what is missing there is explained."""
        if entry["outcome"] != "done":
            return
        if entry["action"] == "trail.forgotten":
            target = entry["target"]
            self._export.forgotten[f"{target['kind']}:{target['id']}"] = (index, entry["at"])
        elif entry["action"] == "trail.month_removed":
            self._export.gaps.add_removal(index, entry)
        elif entry["action"] == "trail.reimported":
            facts = entry["facts"]
            # It speaks of what stands before it: nobody may explain away what comes later.
            self._export.reimported.append((int(facts["first"]), min(int(facts["last"]), index - 1)))

    def _check_place(self, index: int, expected: int) -> None:
        if index < expected:
            self._findings.add_record("DUPLICATE", index, "stands twice or out of order")
        elif index > expected and self._is_whole:
            self._export.gaps.missing.append((expected, index - 1))
            if expected:
                self._export.gaps.left.append((expected - 1, self._at.decode()))
        if index >= self._size:
            self._findings.add_record("INSERTED", index, "lies beyond the checkpoint")

    def _note_moment(self, index: int, at: str) -> None:
        if not self._at:  # the first record; each that gives a form its first example comes here, too
            self._export.gaps.left.append((index, at))
        self._at = at.encode()

    def _check_counter(self, index: int, writer: bytes, counter: int) -> None:
        before = self._counters.get(writer, 0)
        self._counters[writer] = counter
        if counter == before + 1:
            return
        name = writer.decode()
        if counter <= before:
            self._findings.add_record("DUPLICATE", index, f"repeats number {counter} of writer {name}")
        elif self._is_whole and before == 0:
            self._export.gaps.beginnings.append((index, name, counter))
        elif self._is_whole:
            self._findings.add_record(
                "GAP", index, f"follows on number {before} of writer {name} with number {counter}"
            )

    def _check_addenda(
        self, index: int, actor: str, at: str, promised: list[tuple[str, str]]
    ) -> dict[str, str]:
        """Check what a record promises (digest and subject of each); return the words about its actor."""
        names: dict[str, str] = {}
        for digest, subject in promised:
            line = self._take(digest)
            if line is not None:
                told = json.loads(line)
                if told["subject"] != subject:
                    self._findings.add_record(
                        "ADDENDUM ALTERED", index, "has an addendum about somebody else"
                    )
                if subject == f"account:{actor}" or subject.startswith("day:"):
                    names = {**told["fields"], **names}
            elif subject.partition(":")[0] in self._withheld:
                self._export.withheld += 1
            else:
                self._export.missing.setdefault((subject, at[:7]), _Missing()).add(index, at)
                self._absent.append((index, subject, at))
        return names

    def _take(self, digest: str) -> bytes | None:
        """Return the addendum with this digest if it is among the next; those before it belong to nothing."""
        ahead = self._ahead
        if not ahead or ahead[0][0] != digest:
            if all(known != digest for known, _ in ahead):
                return None
            while ahead[0][0] != digest:
                self._name_altered(ahead.popleft()[1])
        _, line = ahead.popleft()
        self._absent.clear()
        self._look_ahead()
        return line

    def _look_ahead(self) -> None:
        while len(self._ahead) < _AHEAD and (line := next(self._addenda, None)) is not None:
            digest = sha256(line[:-1]).hexdigest() if line[-1:] == b"\n" else ""
            self._ahead.append((digest, line))

    def _name_altered(self, line: bytes) -> bool:
        """Name the record whose addendum this was, by its subject; return whether there is one."""
        about = _subject_of(line)
        for index, subject, at in self._absent:
            if about in (None, subject):
                self._absent.remove((index, subject, at))
                self._export.missing[subject, at[:7]].indexes.remove(index)
                self._findings.add_record(
                    "ADDENDUM ALTERED", index, "has an addendum that is not what was hashed"
                )
                return True
        self._findings.add("ADDENDUM", "addenda.jsonl holds addenda that no record speaks of")
        return False


# Index, parsed entry (empty where nobody needed it), leaf hash, disclosed words about the actor.
Record = tuple[int, dict[str, Any], bytes, dict[str, str]]


class _Forms:
    """Recognises canonical entries without parsing each of them.

    Events of one kind differ in their texts and numbers only. Of an entry that was parsed and found canonical
    a regular expression is made: the same names in the same order, texts of plain characters, which are
    spelled in one way only, whole numbers of one spelling, and the same action. Whatever it matches is
    canonical too; what none matches is parsed.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, list[re.Pattern[bytes]]] = {}
        self._count = 0

    def match(self, line: bytes) -> re.Match[bytes] | None:
        """Return the match of a record; its groups are actor, addenda, at, counter, writer, index."""
        forms = self._known.get(line[: line.find(b'"actor"')])
        if forms is None or len(line) > _LONGEST_ENTRY:
            return None
        for at, form in enumerate(forms):
            if matched := form.fullmatch(line):
                if at:
                    forms[0], forms[at] = forms[at], forms[0]
                return matched
        return None

    def learn(self, line: bytes, entry: dict[str, Any]) -> None:
        """Remember the form of an entry that is known to be canonical."""
        start = line[: line.find(b'"actor"')]
        if self._count == _FORMS_KEPT or len(self._known.get(start, ())) == _FORMS_TRIED:
            return
        captured: list[str] = []
        try:
            pattern = _form(entry, "", captured)
        except _NoForm:
            return
        addenda = ["addenda.sha256", "addenda.subject"] * ((len(captured) - 4) // 2)
        if captured == ["actor.id", *addenda, "at", "counter", "writer"]:
            form = re.compile(rb'\{"entry":' + pattern + b',"index":(' + _PLAIN_NUMBER + rb")\}\n")
            self._known.setdefault(start, []).append(form)
            self._count += 1


_FORMS_TRIED, _FORMS_KEPT = 16, 4096
_PLAIN_TEXT = rb"[ !#-\[\]-~]*"
_PLAIN_NUMBER = rb"(?:0|[1-9][0-9]{0,14})"
_CAPTURED = frozenset({"actor.id", "addenda.sha256", "addenda.subject", "at", "counter", "writer"})


class _NoForm(Exception):
    """An entry holds something that is spelled in more ways than one; such entries are parsed, each."""


def _form(value: object, path: str, captured: list[str]) -> bytes:
    """Return the regular expression of all values that differ from this one in texts and numbers only."""
    if isinstance(value, dict):
        members = []
        if path == "actor" and "id" not in value:
            captured.append("actor.id")
            members.append(b"()")
        for name, inner in value.items():
            if not re.fullmatch("[A-Za-z0-9_]+", name):
                raise _NoForm
            comma = b"," if members[-1:] not in ([], [b"()"]) else b""
            form = _form(inner, f"{path}.{name}" if path else name, captured)
            members.append(b'%b"%b":%b' % (comma, name.encode(), form))
        return rb"\{" + b"".join(members) + rb"\}"
    if isinstance(value, list):
        return rb"\[" + b",".join(_form(inner, path, captured) for inner in value) + rb"\]"
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if path == "v":
        return b"1"
    if path == "action":
        return b'"%b"' % re.escape(str(value).encode())
    if not isinstance(value, str | int):
        raise _NoForm
    form = _PLAIN_TEXT if isinstance(value, str) else _PLAIN_NUMBER
    if path in _CAPTURED:
        captured.append(path)
        form = b"(" + form + b")"
    return b'"' + form + b'"' if isinstance(value, str) else form


def _parse_entry(raw: bytes) -> dict[str, Any]:
    """Return an entry, restricted to what the canonical form knows."""
    if len(raw) > _LONGEST_ENTRY:
        raise ValueError("too long")
    entry = json.loads(raw.decode(), parse_int=_whole, parse_float=_refuse, parse_constant=_refuse)
    if not isinstance(entry, dict) or (entry["v"], type(entry["v"])) != (1, int):
        raise ValueError("not an entry of version 1")
    if type(entry["counter"]) is not int or type(entry["action"]) is not str:
        raise ValueError("not an event")
    return entry


def _subject_of(line: bytes) -> str | None:
    """Return whom an addendum says it is about; None where it says nothing of the kind."""
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return None
    subject = told.get("subject") if isinstance(told, dict) else None
    return subject if isinstance(subject, str) else None


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


class _Rows:
    """The reading copy ``entries.csv``, row by row."""

    def __init__(self, package: Package) -> None:
        self._lines = package.lines("entries.csv")
        if not self.has_next(CSV_COLUMNS):
            raise Broken("entries.csv does not have the columns it should have")

    def has_next(self, row: list[str]) -> bool:
        """Say whether the next row is this one, to the byte."""
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\r\n").writerow(row)
        expected = text.getvalue().encode("utf-8", "surrogatepass")
        return b"".join(islice(self._lines, expected.count(b"\n"))) == expected

    def is_at_end(self) -> bool:
        """Say whether there are no more rows."""
        return next(self._lines, None) is None


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
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


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


class _Parser(argparse.ArgumentParser):
    """Ends with 1 where it is called wrongly: nothing but 0 may be taken for a check that found nothing."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(1, f"FAIL  {message}\n")


def main(arguments: list[str] | None = None) -> int:
    """Check what the command line names; return 0 if nothing is wrong with it."""
    parser = _Parser(
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
    except (Broken, OSError) as error:
        _say(f"FAIL  {error}", sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001 - whatever a forged proof provokes is a finding
        _say(f"FAIL  it is not of the form it should be ({type(error).__name__}: {error})", sys.stderr)
        return 1
    found = findings.all()
    for line in found[:_SHOWN]:
        _say(f"FOUND {line}")
    if len(found) > _SHOWN:
        _say(f"FOUND … and {len(found) - _SHOWN} more")
    for line in findings.notes:
        _say(f"NOTE  {line}")
    _say("FAIL  Not everything holds." if found else "PASS  Everything holds.")
    return 1 if found else 0


def _say(line: str, stream: TextIO | None = None) -> None:
    """Print a line that may quote a forger: nothing in it moves the cursor, or cannot be encoded."""
    stream = stream or sys.stdout
    shown = "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode()
        for sign in line[:_MOST_CHARACTERS]
    )
    encoding = stream.encoding or "utf-8"
    print(shown.encode(encoding, "backslashreplace").decode(encoding), file=stream)


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
    return _text_of(path.read_bytes(), path.name)


if __name__ == "__main__":
    sys.exit(main())
