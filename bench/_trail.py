"""A trail of many events, made quickly: rows, leaves, tiles and one signed checkpoint, as the product leaves them."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

ROWS_OF_A_WRITER = 10_000
AT_ONCE = 20_000


def fill(count: int) -> list[UUID]:
    """Fill an empty trail; return the ids of its events, in order."""
    from django.conf import settings
    from django.db import connections

    from audit import trail
    from audit.models import Checkpoint
    from audit.sequencer import signed
    from audit.tree import Edge, leaf_hash
    from audit.tree_head import TreeHead

    connections["owner"].ensure_connection()
    raw = connections["owner"].connection
    edge, began = Edge(), datetime.now(UTC)
    ids: list[UUID] = []
    columns = ", ".join([*trail._COLUMNS, "recorded_at"])
    events = _events(count, began)
    while rows := list(islice(events, AT_ONCE)):
        first = len(ids)
        ids += [row[0] for row in rows]
        with raw.cursor() as cursor:
            with cursor.copy(f"COPY audit_event ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            hashes = [leaf_hash(row[-2]) for row in rows]
            with cursor.copy("COPY audit_leaf (index, event_id, recorded_at, hash) FROM STDIN") as copy:
                for at, (row, own) in enumerate(zip(rows, hashes, strict=True)):
                    copy.write_row((first + at, row[0], row[-1], own))
            with cursor.copy("COPY audit_tile (level, number, hashes, root) FROM STDIN") as copy:
                for tile in edge.append(hashes):
                    copy.write_row((tile.level, tile.number, tile.hashes, tile.root))
    head = TreeHead(settings.AUDIT_ORIGIN, edge.size, edge.root())
    Checkpoint.objects.using("owner").create(**signed(head, None), signed_at=began, cluster=0, tx=2**40)
    with connections["owner"].cursor() as cursor:
        for table in ("event", "leaf", "tile", "checkpoint"):
            cursor.execute(f"VACUUM ANALYZE audit_{table}")
    return ids


def _events(count: int, began: datetime) -> Iterator[list[Any]]:
    writer = uuid4()
    for number in range(count):
        if number % ROWS_OF_A_WRITER == 0:
            writer = uuid4()
        at = began + timedelta(microseconds=number)
        yield [*event(writer, number % ROWS_OF_A_WRITER + 1, at), at]


def event(writer: UUID, counter: int, at: datetime | None = None) -> list[Any]:
    """Return the values of one event, in the order of the trail's columns."""
    from audit import trail
    from audit.canonical import canonical
    from audit.ids import new_uuid

    at = at or datetime.now(UTC)
    event_id, actor, target = new_uuid(at), uuid4(), str(uuid4())
    entry = canonical(
        {
            "v": 1,
            "id": str(event_id),
            "at": trail.moment(at),
            "action": "recording.viewed",
            "outcome": "done",
            "actor": {"kind": "person", "id": str(actor), "role": "supervisor"},
            "target": {"kind": "recording", "id": target},
            "purpose": "complaint",
            "access_point": "web",
            "request": str(uuid4()),
            "addenda": [{"sha256": os.urandom(32).hex(), "subject": f"account:{actor}"}],
            "writer": str(writer),
            "counter": counter,
        }
    )
    given = {
        "id": event_id,
        "occurred_at": at,
        "action": "recording.viewed",
        "outcome": "done",
        "actor_kind": "person",
        "actor_id": actor,
        "actor_role": "supervisor",
        "target_kind": "recording",
        "target_id": target,
        "purpose": "complaint",
        "writer": writer,
        "counter": counter,
        "entry": entry,
    }
    return [given[column] for column in trail._COLUMNS]
