"""A package of the whole trail against the bare COPY of what it holds, in rows a second by the clock on the wall.

Ours is what the export's job does short of the object store: lines put together, the zip with tiles, checkpoint,
manifest and verifier written and compressed, and all of it sealed. The reference is
`COPY (SELECT index, entry … ORDER BY index) TO STDOUT` of the same rows, read by psycopg and thrown away.
"""

import os
from datetime import UTC, datetime
from uuid import uuid4

from bench._trail import fill
from bench._vault import a_vault
from bench.harness import Row, ratio, wall_seconds

COPY = """
COPY (
    SELECT leaf.index, event.entry FROM audit_leaf AS leaf
    JOIN audit_event AS event ON event.id = leaf.event_id AND event.recorded_at = leaf.recorded_at
    ORDER BY leaf.index
) TO STDOUT
"""


def measure(*, small: bool) -> list[Row]:
    """Measure both in turns."""
    count, rounds = (3_000, 1) if small else (200_000, 5)
    with a_vault():
        from django.db import connection

        from audit import checkpoints, package
        from audit.events import EventFilters
        from vault.crypto.container import Sealer

        fill(count)
        newest = checkpoints.newest()
        if newest is None:
            raise SystemExit("There is no checkpoint.")
        order = package.Order(
            export_id=str(uuid4()),
            checkpoint=newest,
            filters=EventFilters(),
            format="jsonl",
            with_personal=False,
            made_at=datetime.now(UTC),
        )

        def ours() -> None:
            told = [0]
            sealer = Sealer(os.urandom(32), os.urandom(46))
            for _ in sealer.seal(package.write_package(order, on_progress=told.append)):
                pass
            if told[-1] != count:
                raise SystemExit("The package does not hold all events.")

        def copied() -> None:
            with connection.cursor() as cursor, cursor.copy(COPY) as copy:
                rows = sum(1 for _ in copy)
            if rows != count:
                raise SystemExit("The copy does not hold all events.")

        return [ratio("vs_copy", ours, copied, bar=0.5, rounds=rounds, seconds=wall_seconds)]
