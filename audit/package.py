"""What an export holds, written as a stream: a zip of entries, tiles, checkpoints, keys and the verifier.

Nothing of it stands in memory or on disk as a whole. ``docs/spec/audit-log.md`` specifies the format.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import psycopg
from django.db import connection
from django.db.models import Max, Q, QuerySet
from django.db.models.functions import TruncDate

from audit import checkpoints, events, log_key, verify
from audit.actions import Action
from audit.canonical import Value
from audit.events import EventFilters, Told
from audit.models import Anchor, AuditEvent, Checkpoint, Leaf, Tile
from audit.shapes.formats import FORMATS
from audit.shapes.lines import About, Line
from audit.tiles import StoredTiles
from audit.tree import TILE_WIDTH, leaf_hash, tile_path

BATCH = 2_048
# Level 1 of deflate: 2.3 times less processor time than the default, for 11 % more bytes (as measured on entries).
COMPRESSION = 1
MOST_CHECKPOINTS = 400
ALL_SUBJECTS = ("account", "day", "recording")


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for, and the checkpoint that fixes it. With nothing to say about it, no reading copy is made."""

    export_id: str
    checkpoint: Checkpoint
    filters: EventFilters
    format: str
    with_personal: bool
    made_at: datetime
    about: About | None = None

    @property
    def is_whole(self) -> bool:
        """Say whether the package is to hold every event."""
        return not self.filters.as_facts()


@dataclass(frozen=True, slots=True)
class _Numbered:
    index: int
    told: Told


def count_entries(order: Order) -> int:
    """Return how many entries the package will hold."""
    return order.checkpoint.size if order.is_whole else _leaves(order).count()


def count_work(order: Order, events: int) -> int:
    """Return how far the progress of a package with so many entries goes: the reading copy is work too."""
    return events * (1 + FORMATS[order.format].weight)


def write_package(order: Order, on_progress: Callable[[int], None]) -> Iterator[bytes]:
    """Yield the zip, piece by piece, telling after each how much of the work is done."""
    shape = FORMATS[order.format]
    pipe = _Pipe()
    sizes: dict[str, int] = {}
    kept_tiles: set[int] = set()
    count = shaped = 0
    with zipfile.ZipFile(cast(io.BytesIO, pipe), "w", zipfile.ZIP_DEFLATED) as archive:

        def member(name: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
            stamp = order.made_at.astimezone(UTC).timetuple()[:6]
            info = zipfile.ZipInfo(name, stamp)
            info.compress_type = zipfile.ZIP_STORED if name.startswith("tile/") else zipfile.ZIP_DEFLATED
            info._compresslevel = COMPRESSION  # type: ignore[attr-defined]
            sizes[name] = 0
            with archive.open(info, "w", force_zip64=name.endswith((".jsonl", ".csv"))) as file:
                for piece in pieces:
                    sizes[name] += len(piece)
                    file.write(piece)
                    yield from pipe.take()
            yield from pipe.take()

        def entries() -> Iterator[bytes]:
            nonlocal count
            for batch in _entry_lines(order):
                kept_tiles.update(batch.tiles)
                count += batch.count
                yield batch.lines
                on_progress(count)

        def going_on(pieces: Iterable[bytes]) -> Iterator[bytes]:
            for piece in pieces:
                yield piece
                on_progress(count + shaped * shape.weight)

        def note_shaped(more: int) -> None:
            nonlocal shaped
            shaped = min(shaped + more, count)
            on_progress(count + shaped * shape.weight)

        for name, content in _plain_files(order):
            yield from member(name, [content])
        yield from member("entries.jsonl", entries())
        if order.with_personal:
            yield from member("addenda.jsonl", going_on(_addenda(order)))
        if shape.make is not None and order.about is not None:
            about = replace(order.about, events=count)
            yield from member(shape.file, shape.make(about, _lines(order), note_shaped))
            note_shaped(count)
        enclosed = _enclosed_checkpoints(order)
        for checkpoint in enclosed:
            yield from member(f"checkpoints/{checkpoint.size}", [checkpoints.given_out(checkpoint).encode()])
        kept_tiles.update(checkpoint.size // TILE_WIDTH for checkpoint in enclosed)
        for name, hashes in _tiles(order, kept_tiles):
            yield from member(name, going_on([hashes]))
        yield from member("manifest.json", [_manifest(order, sizes, count)])
    yield from pipe.take()


class _Pipe(io.RawIOBase):
    """Takes what the archive writes, for whoever asks next."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[bytes] = []

    def write(self, piece: object) -> int:
        kept = bytes(cast(bytes, piece))
        self._waiting.append(kept)
        return len(kept)

    def take(self) -> Iterator[bytes]:
        waiting, self._waiting = self._waiting, []
        yield from waiting


def _leaves(order: Order) -> QuerySet[Leaf]:
    leaves = Leaf.objects.filter(index__lt=order.checkpoint.size)
    if order.is_whole:
        return leaves
    chosen = Q(event_id__in=order.filters.apply(AuditEvent.objects.all()).values("id"))
    # Why an addendum is missing must be in the package too.
    explaining = (
        Action.TRAIL_FORGOTTEN.value,
        Action.TRAIL_MONTH_REMOVED.value,
        Action.TRAIL_REIMPORTED.value,
    )
    explained = AuditEvent.objects.filter(action__in=explaining).values("id")
    return leaves.filter(chosen | Q(event_id__in=explained))


def _numbered(order: Order) -> Iterator[list[_Numbered]]:
    """Yield the events in the order of the tree, some at a time."""
    leaves, last = _leaves(order), -1
    while True:
        rows = list(leaves.filter(index__gt=last).order_by("index")[:BATCH])
        if not rows:
            return
        last = rows[-1].index
        moments = [row.recorded_at for row in rows]
        found = AuditEvent.objects.filter(
            id__in=[row.event_id for row in rows], recorded_at__range=(min(moments), max(moments))
        )
        by_id = {event.id: event for event in found}
        if order.with_personal:
            told = {one.event.id: one for one in events.tell(by_id.values())}
        else:
            told = {event.id: Told(event) for event in by_id.values()}
        # A row that is gone from the table is left out: the verifier names the gap.
        yield [_Numbered(row.index, told[row.event_id]) for row in rows if row.event_id in told]


@dataclass(frozen=True, slots=True)
class _EntryLines:
    highest: int
    count: int
    tiles: list[int]
    lines: bytes


def _entry_lines(order: Order) -> Iterator[_EntryLines]:
    """Yield the lines of the events in the order of the tree, some at a time.

    A thread with a connection of its own reads on while what it has read is compressed, sealed and sent.
    """
    with ThreadPoolExecutor(1) as reader:
        try:
            reading = reader.submit(_read_lines, order, -1)
            while batch := reading.result():
                reading = reader.submit(_read_lines, order, batch.highest)
                yield batch
        finally:
            reader.submit(_hang_up)


def _hang_up() -> None:
    connection.close()  # this thread's own


def _read_lines(order: Order, last: int) -> _EntryLines | None:
    """Have the database put together the lines of the next events."""
    some = _leaves(order).filter(index__gt=last).order_by("index")
    chosen, values = some.values("index", "event_id", "recorded_at")[:BATCH].query.sql_with_params()
    tiles = (
        "NULL::bigint[]"
        if order.is_whole
        else f"array_agg(leaf.index / {TILE_WIDTH}) FILTER (WHERE entry IS NOT NULL)"
    )
    # Each row is looked up: no batch reads the whole table, however many there are. A row that is gone from
    # the table is left out: the verifier names the gap.
    statement = f"""
        SELECT max(leaf.index), count(entry), {tiles},
               string_agg('{{"entry":'::bytea || entry || convert_to(',"index":' || leaf.index || E'}}\n', 'UTF8'),
                          ''::bytea ORDER BY leaf.index)
        FROM ({chosen}) AS leaf
        LEFT JOIN LATERAL (
            SELECT entry FROM audit_event WHERE id = leaf.event_id AND recorded_at = leaf.recorded_at LIMIT 1
        ) AS event ON true
    """  # noqa: S608 - Django's own statement, with placeholders
    connection.ensure_connection()
    # Read as bytes, where Django's cursors would read twice as many hexadecimal digits.
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        row = cursor.execute(statement, values, prepare=False, binary=True).fetchone()
    if row is None or row[0] is None:
        return None
    return _EntryLines(row[0], row[1], row[2] or [], row[3] or b"")


def _addenda(order: Order) -> Iterator[bytes]:
    for batch in _numbered(order):
        opened = (part.raw for one in batch for part in one.told.addenda)
        yield b"".join(raw + b"\n" for raw in opened if raw is not None)


def _lines(order: Order) -> Iterator[list[Line]]:
    """Yield the events as every shape is made of them."""
    for batch in _numbered(order):
        yield [_line(one) for one in batch]


def _line(one: _Numbered) -> Line:
    told, entry = one.told, bytes(one.told.event.entry)
    fields = [part.fields for part in told.addenda if part.fields]
    parsed = told.event.body
    return Line(
        index=one.index,
        entry=parsed,
        leaf=leaf_hash(entry),
        name=told.actor_name,
        address=told.actor_address,
        words=tuple(
            text for part in fields for name, text in part.items() if name not in ("name", "address")
        ),
        withheld=len(parsed.get("addenda", ())) - len(fields),
    )


def _plain_files(order: Order) -> Iterator[tuple[str, bytes]]:
    yield "README.txt", _readme(order).encode()
    yield "verify.py", Path(verify.__file__).read_bytes()
    yield "keys.txt", f"{log_key.verifier().vkey}\n".encode()
    yield "checkpoint", checkpoints.given_out(order.checkpoint).encode()


def _enclosed_checkpoints(order: Order) -> list[Checkpoint]:
    """Return the checkpoints that are anchored, and the last of each day."""
    earlier = checkpoints.of_this_origin().filter(size__lt=order.checkpoint.size)
    days = earlier.annotate(day=TruncDate("signed_at", tzinfo=UTC)).values("day").annotate(last=Max("size"))
    wanted = Q(size__in=days.values("last")) | Q(size__in=Anchor.objects.values("size"))
    return list(earlier.filter(wanted).order_by("-size")[:MOST_CHECKPOINTS])


def _tiles(order: Order, kept: set[int]) -> Iterator[tuple[str, bytes]]:
    """Yield every tile from level 1 up, and of level 0 those that hold something of the package.

    A whole package holds those of removed months too: a checkpoint kept from then is compared by them.
    """
    size = order.checkpoint.size
    level = 0
    while count := size >> 8 * level:
        full, width = divmod(count, TILE_WIDTH)
        stored = Tile.objects.filter(level=level, number__lt=full)
        if not (level or order.is_whole):
            stored = stored.filter(number__in=kept)
        yield from _full_tiles(level, stored)
        if width:
            yield tile_path(level, full, width), StoredTiles()(level, full, width)
        level += 1


def _full_tiles(level: int, stored: QuerySet[Tile]) -> Iterator[tuple[str, bytes]]:
    """Yield what is stored, some at a time: a size that nothing stands behind costs no query for each tile."""
    last = -1
    while rows := stored.filter(number__gt=last).order_by("number").values_list("number", "hashes")[:BATCH]:
        for last, hashes in rows:
            yield tile_path(level, last), bytes(hashes)


def _manifest(order: Order, sizes: dict[str, int], count: int) -> bytes:
    manifest: dict[str, Value] = {
        "format": verify.EXPORT_FORMAT,
        "origin": log_key.verifier().name,
        "size": order.checkpoint.size,
        "events": count,
        "scope": "whole" if order.is_whole else "selection",
        "filters": {**order.filters.as_facts()},
        "withheld": [] if order.with_personal else list(ALL_SUBJECTS),
        "export": order.export_id,
        "made_at": order.made_at.astimezone(UTC).isoformat(),
        "files": {**sizes},
    }
    return verify.manifest_text(manifest)


def _readme(order: Order) -> str:
    scope = "every event" if order.is_whole else "a selection of the events (see manifest.json)"
    people = "open" if order.with_personal else "withheld"
    return f"""An export of the trail of {log_key.verifier().name}

It holds {scope} of the trail's first {order.checkpoint.size} entries.
Names, addresses and reasons are {people}.

  entries.jsonl   one line an event: the entry exactly as it was hashed, and its place in the tree
  addenda.jsonl   what the entries hold only as a hash: names, addresses, reasons (where open)
  entries.csv     the same events for a spreadsheet (where asked for); compared with the entries
  report.pdf, nen7513.jsonl, ocsf.jsonl
                  the same events in other shapes (where asked for): reading copies, not checked
  tile/           the hash tree (RFC 6962 in the tiles of c2sp.org/tlog-tiles)
  checkpoint      size and root of the tree, signed (c2sp.org/tlog-checkpoint)
  checkpoints/    earlier ones: the last of each day, and every anchored one
  keys.txt        the public key of the log
  manifest.json   what is in here, and what is withheld
  verify.py       checks all of it; needs Python 3.10 or newer and nothing else

Check it on a machine that has nothing to do with the vault:

  python3 verify.py THIS-FILE.zip

The program is better had from elsewhere than from this package, and the key too: compare keys.txt with the
key you were given, or write it into a policy file and add --policy FILE. A checkpoint that you kept from
earlier, or that somebody else kept, shows that nothing before it was rewritten: add --known FILE.
"""
