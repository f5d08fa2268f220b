"""Find something personal wherever it may lie in clear, in whatever form: in tables, the write-ahead log, Redis, files."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
import socket
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

import numpy as np
import psycopg
import redis
from psycopg import sql

if TYPE_CHECKING:
    from tests.conftest import FreshDatabase

_BYTEA = re.compile(rb"\\\\x((?:[0-9a-f]{2})+)")
_LARGEST_FILE = 100_000_000
_AT_ONCE = 4_194_304


def forms_of(text: str) -> set[bytes]:
    """Return a text as programs write it: encoded, escaped, in capitals, and hashed without a key."""
    forms: set[bytes] = set()
    for written in {text, text.lower(), text.upper()}:
        plain = written.encode()
        forms |= {
            plain,
            json.dumps(written)[1:-1].encode(),
            quote(written).encode(),
            written.encode("latin-1"),
        }
        forms |= {written.encode("utf-16-le"), written.encode("utf-16-be")}
        for algorithm in ("md5", "sha1", "sha256", "sha512"):
            hashed = hashlib.new(algorithm, plain).digest()
            forms |= {hashed, hashed.hex().encode(), hashed.hex().upper().encode(), base64.b64encode(hashed)}
        forms |= forms_of_bytes(plain)
    return forms


def forms_of_bytes(content: bytes) -> set[bytes]:
    """Return bytes as they are, in hexadecimal, and in Base64 wherever they begin."""
    forms = {content, content.hex().encode(), content.hex().upper().encode()}
    for before in range(3):
        # What follows, and what stands before, changes the first and the last signs.
        encoded = base64.b64encode(bytes(before) + content)[4 if before else 0 : -4]
        forms |= {encoded, encoded.replace(b"+", b"-").replace(b"/", b"_")}
    return forms


def found_in(content: bytes | bytearray, forms: Iterable[bytes]) -> list[bytes]:
    """Return which of the forms, of eight bytes or more, lie in the content.

    A thousand forms in a hundred megabytes are many: the two bytes with which each begins, then eight, are
    looked for in all of it at once.
    """
    missing: dict[int, set[bytes]] = {}
    for form in forms:
        missing.setdefault(int.from_bytes(form[:8], "little"), set()).add(form)
    begins = np.zeros(65_536, bool)
    begins[[head & 0xFFFF for head in missing]] = True
    heads = np.array(list(missing), np.uint64)
    found: set[bytes] = set()
    for start in range(0, len(content), _AT_ONCE):
        signs = np.frombuffer(content[start : start + _AT_ONCE + 8] + bytes(8), np.uint8)
        places = np.flatnonzero(begins[signs[:-8] | signs[1:-7].astype(np.uint16) << 8])
        words = sum(signs[places + at].astype(np.uint64) << np.uint64(8 * at) for at in range(8))
        known = np.isin(words, heads)
        places, words = places[known], words[known]
        for head, sought in missing.items():
            for place in places[words == head] if sought else ():
                found |= {form for form in sought if content.startswith(form, start + int(place))}
                sought -= found
                if not sought:
                    break
    return sorted(found)


def dump_of(database: FreshDatabase) -> bytes:
    """Return every row of every table as text, and every binary column as the bytes it holds.

    With them what the server itself keeps of them: its samples of columns and the statements it last ran.
    """
    parts = []
    with psycopg.connect(database.environment["DATABASE_OWNER_URL"]) as owner:
        tables = owner.execute(
            "SELECT nspname, relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
            "WHERE relkind IN ('r', 'p', 'm') AND nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"
        ).fetchall()
        for names in tables:
            parts += _rows(owner, sql.SQL("SELECT * FROM {}").format(sql.Identifier(*names)))
        parts += _rows(owner, sql.SQL("SELECT * FROM pg_stats WHERE schemaname <> 'pg_catalog'"))
    with psycopg.connect(database.environment["DATABASE_URL"]) as application:
        parts += _rows(application, sql.SQL("SELECT * FROM pg_stat_activity"))
    return b"\n".join(parts)


def _rows(connection: psycopg.Connection[Any], query: sql.Composable) -> list[bytes]:
    statement = sql.SQL("COPY ({}) TO STDOUT").format(query)
    with connection.cursor().copy(statement) as copy:
        rows = b"".join(bytes(row) for row in copy)
    return [rows, unhexed(rows)]


def unhexed(rows: bytes) -> bytes:
    """Return what the binary columns of dumped rows hold."""
    return b"\n".join(bytes.fromhex(found.group(1).decode()) for found in _BYTEA.finditer(rows))


class WriteAheadLog:
    """What the server writes ahead from now on, read from its own files without the heads of their pages."""

    def __init__(self, database: FreshDatabase) -> None:
        self._address = database.environment["DATABASE_OWNER_URL"]
        self._start = self._flush()[0]

    def read(self) -> bytes:
        """Return all that was written since the beginning, by every database of the server."""
        end, timeline, page, size, folder = self._flush()
        content = b""
        for number in range(self._start // size, end // size + 1):
            high, low = divmod(number, 0x1_0000_0000 // size)
            segment = (folder / f"{timeline}{high:08X}{low:08X}").read_bytes()
            first, last = max(self._start - number * size, 0), min(end - number * size, size)
            for at in range(first // page * page, last, page):
                content += segment[at + (24 if at else 40) : at + page]
        return content

    def _flush(self) -> tuple[int, str, int, int, Path]:
        """Have the server write out what it has; return where it is, and how its files are made."""
        with psycopg.connect(self._address) as owner:
            owner.execute("SET synchronous_commit = on")
            owner.execute("CREATE TABLE flushed ()")
            owner.execute("DROP TABLE flushed")
            owner.commit()
            (position, name) = owner.execute(
                "SELECT pg_current_wal_flush_lsn(), pg_walfile_name(pg_current_wal_flush_lsn())"
            ).fetchone() or ("", "")
            names = ("wal_block_size", "wal_segment_size", "wal_compression")
            shown = {
                row[0]: row[1]
                for row in owner.execute(
                    "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(names)]
                )
            }
            assert shown["wal_compression"] == "off", "a compressed log cannot be searched"
            # A server's process works in its data directory.
            folder = Path(os.readlink(f"/proc/{owner.info.backend_pid}/cwd")) / "pg_wal"
        high, low = (int(part, 16) for part in position.split("/"))
        return (
            high << 32 | low,
            name[:8],
            int(shown["wal_block_size"]),
            int(shown["wal_segment_size"]),
            folder,
        )


@contextmanager
def redis_watched(url: str) -> Iterator[list[bytes | bytearray]]:
    """Collect every command that reaches the server until the block ends, then every value that is kept."""
    address, commands = urlsplit(url), bytearray()
    collected: list[bytes | bytearray] = [commands]
    end = secrets.token_hex(16)
    with (
        redis.Redis.from_url(url) as client,
        socket.create_connection((address.hostname or "", address.port or 0), timeout=30) as connection,
    ):
        connection.sendall(f"AUTH {unquote(address.password or '')}\r\nMONITOR\r\n".encode())

        def collect() -> None:
            while end.encode() not in commands[-4096:] and (received := connection.recv(65_536)):
                commands.extend(received)

        listener = Thread(target=collect, daemon=True)
        listener.start()
        try:
            yield collected
        finally:
            client.echo(end)
            listener.join(timeout=30)
        collected += [bytes(key) + b"\n" + _value_of(client, key) for key in client.scan_iter()]


def _value_of(client: redis.Redis, key: bytes) -> bytes:
    read = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"list": lambda name: client.lrange(name, 0, -1),
        b"set": client.smembers,
        b"zset": lambda name: client.zrange(name, 0, -1),
    }
    kept = read[client.type(key)](key)
    return kept if isinstance(kept, bytes) else repr(kept).encode()


def processes_below(pid: int) -> list[int]:
    """Return a process and all that it has started."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            children = (task / "children").read_text().split()
        except OSError:
            continue  # it has ended
        for child in children:
            found += processes_below(int(child))
    return found


@contextmanager
def files_watched(*pids: int) -> Iterator[dict[str, bytes]]:
    """Keep reading whatever file processes, or those they start, have open for writing, deleted ones too."""
    seen: dict[str, bytes] = {}
    over = Event()

    def watch() -> None:
        while not over.wait(0.02):
            for link in _open_files(pids):
                try:
                    seen[os.readlink(link)] = link.read_bytes()
                except OSError:
                    continue  # it was closed meanwhile

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def _open_files(pids: Iterable[int]) -> Iterator[Path]:
    for process in [process for pid in pids for process in processes_below(pid)]:
        try:
            for link in Path(f"/proc/{process}/fd").iterdir():
                status = link.stat()
                flags = re.search(r"flags:\s*(\d+)", Path(f"/proc/{process}/fdinfo/{link.name}").read_text())
                if stat.S_ISREG(status.st_mode) and status.st_size < _LARGEST_FILE and int(flags[1], 8) & 3:
                    yield link
        except OSError:
            continue  # it has ended


def new_files(since: float) -> dict[str, bytes]:
    """Return the files that have appeared where programs put what is temporary."""
    found = {}
    for folder in ("/tmp", "/var/tmp", "/dev/shm"):  # noqa: S108 - what is looked into, not written to
        for path in Path(folder).iterdir():
            try:
                status = path.stat()
                if (
                    stat.S_ISREG(status.st_mode)
                    and since <= status.st_mtime
                    and status.st_size < _LARGEST_FILE
                ):
                    found[str(path)] = path.read_bytes()
            except OSError:
                continue  # it has gone
    return found
