"""Number what has been committed, extend the tree, sign a checkpoint. One at a time does this, as its account.

Rows are taken by the horizon of transactions, never by "id above the last": a transaction that began earlier
may commit later, and its rows would be lost. Below ``pg_snapshot_xmin`` every transaction has ended, so
nothing more can appear there. Within one transaction the writers' counters give the order.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connections, transaction

from audit import log_key
from audit.actions import Action
from audit.models import Checkpoint
from audit.tiles import stored_edge
from audit.tree import Edge, FullTile, leaf_hash
from audit.tree_head import TreeHead, open_checkpoint

ALIAS = "sequencer"
BATCH = 10_000
LOCK = 0x7661_756C_7453  # one sequencer for each database: any number that all of them agree on


class TreeDiffers(Exception):
    """The stored tree is not the one that was signed; nothing more is signed on top of it."""


class OriginChanged(Exception):
    """The last checkpoint is of another origin, and no event says that a new one was opened."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where reading goes on: all transactions below ``tx`` of this cluster have been read."""

    size: int
    tx: int
    cluster: int


def sequence_once(*, now: datetime) -> Checkpoint | None:
    """Take the events committed since the last round into the tree; return the new checkpoint.

    None if there are none, or another sequencer is at work.

    :raises TreeDiffers: if the last checkpoint does not match the stored tree.
    """
    with transaction.atomic(using=ALIAS, durable=True), connections[ALIAS].cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return None
        last = Checkpoint.objects.using(ALIAS).order_by("-size").first()
        if last and origin_of(last) != settings.AUDIT_ORIGIN:
            return _open_origin(cursor, last, now)
        place = _Place(last.size, last.tx, last.cluster) if last else _Place(0, 0, 0)
        cluster, horizon, after = _horizon(cursor)
        is_moved = place.size > 0 and place.cluster != cluster
        rows = _unnumbered(cursor, place, horizon, after, is_moved=is_moved)
        if not rows:
            return None
        edge = _signed_edge(last) if last else Edge()
        is_cut = len(rows) == BATCH
        leaves = [(edge.size + at, row[0], row[1], leaf_hash(bytes(row[2]))) for at, row in enumerate(rows)]
        _keep_leaves(cursor, leaves)
        _keep_tiles(cursor, edge.append(leaf[3] for leaf in leaves))
        return Checkpoint.objects.using(ALIAS).create(
            **signed(TreeHead(settings.AUDIT_ORIGIN, edge.size, edge.root()), last),
            signed_at=now,
            # A move to another cluster is over only when everything brought along has been numbered.
            cluster=place.cluster if is_moved and is_cut else cluster,
            tx=_next_tx(rows, horizon, place, is_cut=is_cut, is_moved=is_moved),
        )


def origin_of(checkpoint: Checkpoint) -> str:
    """Return the name of the log that a checkpoint is of."""
    return checkpoint.note.partition("\n")[0]


def lag() -> timedelta:
    """Return how long the oldest event without a number has been waiting, by the database's clock."""
    last = Checkpoint.objects.order_by("-size").first()
    with connections["default"].cursor() as cursor:
        cursor.execute(
            """
            SELECT coalesce(clock_timestamp() - min(recorded_at), interval '0') FROM audit_event AS event
            WHERE tx >= %s::text::xid8
              AND NOT EXISTS (SELECT FROM audit_leaf AS leaf WHERE leaf.event_id = event.id)
            """,
            [last.tx if last else 0],
        )
        waiting: timedelta = cursor.fetchone()[0]
    return waiting


def _open_origin(cursor: Any, last: Checkpoint, now: datetime) -> Checkpoint | None:
    """Sign the first checkpoint under a new origin: it adds the event that says so, and nothing else.

    None while an older transaction is still open.

    :raises OriginChanged: if there is no such event without a number.
    """
    _cluster, horizon, _after = _horizon(cursor)
    cursor.execute(
        """
        SELECT id, recorded_at, entry, tx::text::bigint FROM audit_event AS event
        WHERE action = %s AND target_id = %s
          AND NOT EXISTS (SELECT FROM audit_leaf AS leaf WHERE leaf.event_id = event.id)
        ORDER BY id LIMIT 1
        """,
        [Action.TRAIL_ORIGIN_OPENED.value, settings.AUDIT_ORIGIN],
    )
    row = cursor.fetchone()
    if row is None or json.loads(bytes(row[2]))["facts"].get("old") != origin_of(last):
        raise OriginChanged(
            f"AUDIT_ORIGIN is {settings.AUDIT_ORIGIN}, but the last checkpoint is of {origin_of(last)}. Set it back,"
            " or run bin/manage restore_trail --new-origin --why TEXT."
        )
    if row[3] >= horizon:
        return None
    edge = stored_edge(last.size, using=ALIAS)
    if edge.root() != bytes(last.root):
        raise TreeDiffers(f"The stored tree does not match checkpoint {last.size}.")
    leaf = (edge.size, row[0], row[1], leaf_hash(bytes(row[2])))
    _keep_leaves(cursor, [leaf])
    _keep_tiles(cursor, edge.append([leaf[3]]))
    return Checkpoint.objects.using(ALIAS).create(
        **signed(TreeHead(settings.AUDIT_ORIGIN, edge.size, edge.root()), last),
        signed_at=now,
        cluster=last.cluster,
        tx=last.tx,
    )


def signed(head: TreeHead, last: Checkpoint | None) -> dict[str, Any]:
    """Return what a checkpoint's row says that the log has signed: the note, and which one it is of all."""
    signer, number = log_key.signer(), (last.number if last else 0) + 1
    return {
        "size": head.size,
        "root": head.root,
        "note": head.sign(signer),
        "number": number,
        "number_signature": signer.signature_line(head.numbered_text(number)),
    }


def _signed_edge(last: Checkpoint) -> Edge:
    """Return the right edge of the stored tree, if it is the one that was signed."""
    edge = stored_edge(last.size, using=ALIAS)
    signed = open_checkpoint(last.note, [log_key.verifier()], origin=settings.AUDIT_ORIGIN)
    if (signed.size, signed.root) != (last.size, edge.root()):
        raise TreeDiffers(f"The stored tree does not match checkpoint {last.size}.")
    return edge


def _horizon(cursor: Any) -> tuple[int, int, int]:
    cursor.execute(
        """
        SELECT (SELECT system_identifier FROM pg_control_system()),
               pg_snapshot_xmin(now)::text::bigint, pg_snapshot_xmax(now)::text::bigint
        FROM pg_current_snapshot() AS now
        """
    )
    cluster, horizon, after = cursor.fetchone()
    return cluster, horizon, after


def _unnumbered(
    cursor: Any, place: _Place, horizon: int, after: int, *, is_moved: bool
) -> list[tuple[Any, datetime, bytes, int]]:
    """Return the events to number next, in order: id, recorded_at, entry, transaction.

    In another cluster than last time transaction numbers start anew: then everything is looked through, and
    a row of a transaction that this cluster has not yet reached was brought along.
    """
    span = (
        "(tx < %s::text::xid8 OR tx >= %s::text::xid8)"
        if is_moved
        else "tx >= %s::text::xid8 AND tx < %s::text::xid8"
    )
    bounds = [horizon, after] if is_moved else [place.tx, horizon]
    cursor.execute(
        f"""
        SELECT id, recorded_at, entry, tx::text::bigint FROM audit_event AS event
        WHERE {span} AND NOT EXISTS (SELECT FROM audit_leaf AS leaf WHERE leaf.event_id = event.id)
        ORDER BY tx, counter, id LIMIT %s
        """,  # noqa: S608 - one of two fixed conditions
        [*bounds, BATCH],
    )
    found: list[tuple[Any, datetime, bytes, int]] = cursor.fetchall()
    return found


def _next_tx(rows: list[Any], horizon: int, place: _Place, *, is_cut: bool, is_moved: bool) -> int:
    if is_moved and is_cut:
        return place.tx
    last: int = rows[-1][3]
    return last if is_cut else horizon


def _keep_leaves(cursor: Any, leaves: list[tuple[int, Any, datetime, bytes]]) -> None:
    with cursor.copy("COPY audit_leaf (index, event_id, recorded_at, hash) FROM STDIN") as copy:
        for leaf in leaves:
            copy.write_row(leaf)


def _keep_tiles(cursor: Any, tiles: list[FullTile]) -> None:
    if tiles:
        cursor.executemany(
            "INSERT INTO audit_tile (level, number, hashes, root) VALUES (%s, %s, %s, %s)",
            [(tile.level, tile.number, tile.hashes, tile.root) for tile in tiles],
        )
