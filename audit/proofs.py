"""The proof that one event stands in the trail: a ``.tlog-proof`` (C2SP tlog-proof), checked without us.

Its ``extra`` line holds, in base64, the event's entry exactly as it was hashed, a line feed, and then
whatever the caller adds. Only the entry is proved; what follows it is words, unless the entry itself holds
their SHA-256 as its fact ``statement``.
"""

from __future__ import annotations

import base64
from uuid import UUID

from django.conf import settings

from audit import checkpoints
from audit.anchors import witnesses
from audit.models import AuditEvent, Checkpoint, Leaf
from audit.prepared import prepared_cursor
from audit.tiles import proving_tree
from vault.errors import Missing, Unavailable, gettext_noop

FORMAT = "c2sp.org/tlog-proof@v1"


class NotYetSequenced(Unavailable):
    """The event is recorded, but no checkpoint covers it yet: a matter of seconds."""

    code = "not-yet-sequenced"
    title = gettext_noop("Not yet in a signed checkpoint")


def event_proof(event_id: UUID, extra: bytes = b"") -> str:
    """Return the proof that the event stands in the newest checkpoint, or the newest that a witness cosigned.

    :raises Missing: if there is no such event, or its month has been removed.
    :raises NotYetSequenced: if no checkpoint covers it yet.
    """
    found = _find(event_id)
    if found is None:
        if not AuditEvent.objects.filter(id=event_id).exists():
            if Leaf.objects.filter(event_id=event_id).exists():
                raise Missing(gettext_noop("The event is gone: its month was removed from the trail."))
            raise Missing(gettext_noop("There is no such event."))
        raise NotYetSequenced(gettext_noop("The next checkpoint will cover it; try again in a few seconds."))
    index, entry, checkpoint = found
    hashes = proving_tree(checkpoint.size, index).inclusion_proof(index)
    line_feed = b"\n"
    lines = [
        FORMAT,
        f"extra {_base64(entry + line_feed + extra)}",
        f"index {index}",
        *map(_base64, hashes),
        "",
        checkpoints.given_out(checkpoint),
    ]
    return "\n".join(lines)


def _find(event_id: UUID) -> tuple[int, bytes, Checkpoint] | None:
    """Return the event's index and entry with the checkpoint to prove it by, if there is one that covers it."""
    with prepared_cursor() as cursor:
        cursor.execute(
            """
            SELECT leaf.index, event.entry,
                   coalesce(cosigned.size, newest.size), coalesce(cosigned.note, newest.note)
            FROM audit_leaf AS leaf
            JOIN audit_event AS event ON event.id = leaf.event_id AND event.recorded_at = leaf.recorded_at
            CROSS JOIN (SELECT size, note FROM audit_checkpoint ORDER BY size DESC LIMIT 1) AS newest
            LEFT JOIN LATERAL (
                SELECT size FROM audit_anchor WHERE kind = %s AND size > leaf.index ORDER BY size DESC LIMIT 1
            ) AS witnessed ON true
            LEFT JOIN audit_checkpoint AS cosigned
                ON cosigned.size = witnessed.size AND starts_with(cosigned.note, %s)
            WHERE leaf.event_id = %s AND leaf.index < newest.size
            """,
            [witnesses.KIND, f"{settings.AUDIT_ORIGIN}\n", event_id],
        )
        row = cursor.fetchone()
    return (row[0], bytes(row[1]), Checkpoint(size=row[2], note=row[3])) if row else None


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
