"""The proof that one event stands in the trail: a ``.tlog-proof`` (C2SP tlog-proof), checked without us.

Its ``extra`` line holds, in base64, the event's entry exactly as it was hashed, a line feed, and then
whatever the caller adds. Only the entry is proved; what follows it is words, unless the entry itself holds
their SHA-256 as its fact ``statement``.
"""

from __future__ import annotations

import base64
from uuid import UUID

from audit import checkpoints
from audit.models import AuditEvent, Leaf
from audit.tiles import stored_tree
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
    checkpoint = checkpoints.newest()
    leaf = Leaf.objects.filter(event_id=event_id).first()
    if checkpoint is None or leaf is None or leaf.index >= checkpoint.size:
        if not AuditEvent.objects.filter(id=event_id).exists():
            raise Missing(gettext_noop("There is no such event."))
        raise NotYetSequenced(gettext_noop("The next checkpoint will cover it; try again in a few seconds."))
    checkpoint = checkpoints.newest_cosigned(covering=leaf.index) or checkpoint
    event = AuditEvent.objects.filter(id=event_id, recorded_at=leaf.recorded_at).first()
    if event is None:
        raise Missing(gettext_noop("The event is gone: its month was removed from the trail."))
    hashes = stored_tree(checkpoint.size).inclusion_proof(leaf.index)
    line_feed = b"\n"
    lines = [
        FORMAT,
        f"extra {_base64(bytes(event.entry) + line_feed + extra)}",
        f"index {leaf.index}",
        *map(_base64, hashes),
        "",
        checkpoints.given_out(checkpoint),
    ]
    return "\n".join(lines)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
