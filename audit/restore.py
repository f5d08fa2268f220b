"""After a backup was put back: bring what is missing from the locked copy, or go on under a new name.

Run by an operator, over the owner's connection; the sequencer, which refused to sign, is started afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, connection, connections, transaction

from audit import log_key, months, subjects, trail
from audit.actions import Action
from audit.actor import Actor, Ref
from audit.anchors import AnchorFailed, locked_copy
from audit.continuation import anchored_heads
from audit.models import Checkpoint
from audit.sequencer import LOCK, origin_of
from audit.tiles import stored_edge
from audit.tree import TILE_WIDTH, Edge, FullTile, leaf_hash, split
from audit.tree_head import TreeHead, open_checkpoint

OWNER = "owner"
LONGEST_REASON = 500
_LONGEST_WAIT_S = 10  # whoever writes waits for it too


class RestoreRefused(Exception):
    """It cannot be done so; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class _Block:
    """The entries of one tile that the database lacks leaves of, with the index of the first."""

    first: int
    entries: list[bytes]


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back: from which index, how large the trail is now, and which months went again."""

    first: int
    size: int
    removed_months: list[str]


def from_copy(*, actor: Actor, now: datetime) -> Restored:
    """Bring back what the copy holds beyond the database, but for months that were removed after the backup.

    The copy is read twice: everything is compared with the signed checkpoint before anything is written. The event
    is committed before the rows, so that a verifier knows why their addenda are missing, whatever happens then.

    :raises RestoreRefused: if the copy holds nothing more, or does not continue what the database holds.
    """
    note = locked_copy.newest(settings.AUDIT_ORIGIN)
    last = Checkpoint.objects.using(OWNER).order_by("-size").first()
    if note is None:
        raise RestoreRefused(
            "The locked copy holds no checkpoint of this origin that the log's key has signed."
        )
    if last and origin_of(last) != settings.AUDIT_ORIGIN:
        raise RestoreRefused("The database is of another origin than AUDIT_ORIGIN: set that back first.")
    head = open_checkpoint(note, [log_key.verifier()], origin=settings.AUDIT_ORIGIN)
    size = last.size if last else 0
    if head.size <= size:
        raise RestoreRefused(
            f"The copy holds {head.size} entries, the database {size}: nothing is missing here."
        )
    _check_copy(head, size)
    with transaction.atomic(durable=True):
        trail.record(
            Action.TRAIL_REIMPORTED,
            actor=actor,
            target=Ref("trail", settings.AUDIT_ORIGIN),
            at=now,
            first=size,
            last=head.size - 1,
            events=head.size - size,
            tree_size=head.size,
            root=head.root.hex(),
        )
    gone = _bring(head, note, last, now)
    for month in gone:
        with transaction.atomic(durable=True):
            subjects.destroy_month(month)
    return Restored(size, head.size, gone)


def open_origin(*, why: str, actor: Actor, now: datetime) -> TreeHead:
    """Record that the log goes on under the name that AUDIT_ORIGIN now has; return what was known last of the old.

    :raises RestoreRefused: if AUDIT_ORIGIN was not changed, or the reason is missing.
    :raises AnchorSilent: if a place does not answer that may know more of the old origin than the database.
    """
    last = Checkpoint.objects.order_by("-size").first()
    if last is None:
        raise RestoreRefused("The database holds no checkpoint: a new origin begins by itself, without this.")
    old = origin_of(last)
    if old == settings.AUDIT_ORIGIN:
        raise RestoreRefused(
            "Set AUDIT_ORIGIN to a name that no log had before, in every process, and come again."
        )
    if not why.strip() or len(why) > LONGEST_REASON:
        raise RestoreRefused(f"Say why, in at most {LONGEST_REASON} characters, and name no person.")
    heads = [TreeHead(old, last.size, bytes(last.root)), *(head for _place, head in anchored_heads(old))]
    known = max(heads, key=lambda head: head.size)
    connection.close()  # a writer of its own: this event is numbered before what waits already
    with transaction.atomic(durable=True):
        trail.record(
            Action.TRAIL_ORIGIN_OPENED,
            actor=actor,
            target=Ref("trail", settings.AUDIT_ORIGIN),
            at=now,
            old=old,
            tree_size=known.size,
            root=known.root.hex(),
            why=why.strip(),
        )
    return known


def _check_copy(head: TreeHead, size: int) -> None:
    edge = stored_edge(size, using=OWNER)
    for block in _missing(head, size):
        edge.append(map(leaf_hash, block.entries))
    if (edge.size, edge.root()) != (head.size, head.root):
        raise RestoreRefused(
            "The copy does not continue what the database holds, or was changed: its entries do not lead to the"
            " root that was signed. Go on under a new origin."
        )


def _missing(head: TreeHead, size: int) -> Iterator[_Block]:
    """Yield the entries from an index on, as the copy has them, a tile at a time."""
    for number in range(size // TILE_WIDTH, -(-head.size // TILE_WIDTH)):
        first = max(size, number * TILE_WIDTH)
        width = min(TILE_WIDTH, head.size - number * TILE_WIDTH)
        tile = locked_copy.read_tile(settings.AUDIT_ORIGIN, 0, number, width, None)
        try:
            entries = locked_copy.read_entries(
                settings.AUDIT_ORIGIN, number, split(tile), head.size, since=first - number * TILE_WIDTH
            )
        except AnchorFailed as failure:
            raise RestoreRefused(f"The copy is damaged at bundle {number} ({failure}).") from failure
        yield _Block(first, entries[first - number * TILE_WIDTH :])


def _bring(head: TreeHead, note: str, last: Checkpoint | None, now: datetime) -> list[str]:
    size = last.size if last else 0
    with transaction.atomic(using=OWNER, durable=True), connections[OWNER].cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s)", [LOCK]
        )  # the sequencer's: it must not run meanwhile
        newest = Checkpoint.objects.using(OWNER).order_by("-size").first()
        if (newest.size if newest else 0) != size:
            raise RestoreRefused("The sequencer has signed meanwhile: stop it, and look what happened.")
        edge = stored_edge(size, using=OWNER)
        for block in _missing(head, size):
            _insert(cursor, block, edge)
        if (edge.size, edge.root()) != (head.size, head.root):
            raise RestoreRefused("The copy was changed while it was read.")
        Checkpoint.objects.using(OWNER).create(
            size=head.size,
            root=head.root,
            note=note,
            signed_at=now,
            # Reading goes on where it stood: what is numbered already is not numbered again.
            cluster=last.cluster if last else 0,
            tx=last.tx if last else 0,
            # Nobody here can sign that: the event that says what came back stands for it.
            number=(last.number if last else 0) + 1,
        )
        cursor.execute(f"SET LOCAL lock_timeout = '{_LONGEST_WAIT_S}s'")
        try:
            return months.remove_again(using=OWNER)
        except OperationalError as problem:  # whoever reads the trail holds its months
            raise RestoreRefused(
                "Somebody reads the trail: nothing was brought back. Come again."
            ) from problem


def _insert(cursor: Any, block: _Block, edge: Edge) -> None:
    bodies = [json.loads(entry) for entry in block.entries]
    there = _stored(cursor, [body["id"] for body in bodies])
    leaves = []
    for at, (entry, body) in enumerate(zip(block.entries, bodies, strict=True)):
        known = there.get(UUID(body["id"]))
        if known is None:
            recorded_at = _insert_event(cursor, entry, body)
        elif known[1] == entry:
            recorded_at = known[0]  # the backup had it, only without a number
        else:
            raise RestoreRefused(f"The database holds another event {body['id']} than the copy.")
        leaves.append((block.first + at, body["id"], recorded_at, leaf_hash(entry)))
    cursor.executemany(
        "INSERT INTO audit_leaf (index, event_id, recorded_at, hash) VALUES (%s, %s, %s, %s)", leaves
    )
    tiles: list[FullTile] = edge.append(leaf[3] for leaf in leaves)
    cursor.executemany(
        "INSERT INTO audit_tile (level, number, hashes, root) VALUES (%s, %s, %s, %s)",
        [(tile.level, tile.number, tile.hashes, tile.root) for tile in tiles],
    )


def _stored(cursor: Any, ids: list[str]) -> dict[UUID, tuple[datetime, bytes]]:
    cursor.execute("SELECT id, recorded_at, entry FROM audit_event WHERE id = ANY(%s::uuid[])", [ids])
    return {row[0]: (row[1], bytes(row[2])) for row in cursor.fetchall()}


def _insert_event(cursor: Any, entry: bytes, body: dict[str, Any]) -> datetime:
    """Insert an event as its entry tells it; the moment it happened stands for that of its insert, which is lost."""
    actor = body["actor"]
    at = datetime.fromisoformat(body["at"])
    cursor.execute(
        "SELECT audit_make_partition('audit_event', date_trunc('month', %s AT TIME ZONE 'UTC'))", [at]
    )
    cursor.execute(
        "INSERT INTO audit_event (id, recorded_at, occurred_at, action, outcome, actor_kind, actor_id, actor_role,"
        " target_kind, target_id, purpose, writer, counter, entry)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            body["id"],
            at,
            at,
            body["action"],
            body["outcome"],
            actor["kind"],
            actor.get("id"),
            actor.get("role", ""),
            body["target"]["kind"],
            body["target"]["id"],
            body.get("purpose", ""),
            body["writer"],
            body["counter"],
            entry,
        ],
    )
    return at
