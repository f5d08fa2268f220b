"""Check the rows that the tree does not cover: what repeats a signed thing elsewhere, and what belongs to nothing.

The tree covers entries. Whoever owns the database may leave all of them as they were and still put an event
beside the tree, where the sequencer never looks, or lay an addendum under an event that promises none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db import connection

from audit import log_key
from audit.actions import Action, Outcome
from audit.findings import Finding
from audit.models import AuditEvent, Checkpoint, Leaf
from audit.tree_head import CheckpointRefused, TreeHead, open_checkpoint
from vault.crypto.errors import NoteRefused
from vault.crypto.notes import open_note

MOST_SIGNATURES = 10_000
_MOST_ROWS = 20
_CHECKS_READ = 10

_MOVED_MOMENTS = """
    SELECT leaf.index FROM audit_leaf AS leaf JOIN audit_event AS event ON event.id = leaf.event_id
    WHERE leaf.index < %s AND event.recorded_at <> leaf.recorded_at ORDER BY leaf.index LIMIT %s
"""
# Below the transaction that the newest checkpoint names the sequencer reads no more, if the cluster is the same; what
# claims one that has not begun it would never reach.
_PASSED_OVER = """
    SELECT event.id FROM audit_event AS event
    WHERE (event.tx < %s::text::xid8 OR event.tx >= pg_snapshot_xmax(pg_current_snapshot())::text::xid8)
      AND %s = (SELECT system_identifier FROM pg_control_system())
      AND NOT EXISTS (SELECT FROM audit_leaf AS leaf WHERE leaf.event_id = event.id)
    ORDER BY event.id LIMIT %s
"""
_UNSIGNED_LEAVES = """
    SELECT index FROM audit_leaf WHERE index >= (SELECT max(size) FROM audit_checkpoint) ORDER BY index LIMIT %s
"""
_STRAY_TILES = """
    SELECT level, number FROM audit_tile
    WHERE level NOT BETWEEN 0 AND 6 OR number < 0
       OR number >= (SELECT max(size) FROM audit_checkpoint) >> (8 * (least(level, 6) + 1))
    ORDER BY level, number LIMIT %s
"""
_STRAY_ADDENDA = """
    SELECT encode(addendum.digest, 'hex') FROM audit_addendum AS addendum
    WHERE NOT EXISTS (
        SELECT FROM audit_event AS event WHERE event.id = addendum.event_id
        AND position(convert_to(encode(addendum.digest, 'hex'), 'UTF8') IN event.entry) > 0
    )
    ORDER BY addendum.digest LIMIT %s
"""


def find_stray_rows(checkpoint: Checkpoint) -> Iterator[Finding]:
    """Yield everything that is wrong with the rows beside the tree."""
    for (index,) in _rows(_MOVED_MOMENTS, checkpoint.size):
        yield Finding.of("moment-moved", index=index)
    for (event_id,) in _rows(_PASSED_OVER, checkpoint.tx, checkpoint.cluster):
        yield Finding.of("passed-over", id=str(event_id))
    for (index,) in _rows(_UNSIGNED_LEAVES):
        yield Finding.of("leaf-unsigned", index=index)
    for level, number in _rows(_STRAY_TILES):
        yield Finding.of("tile-stray", level=level, number=number)
    for (digest,) in _rows(_STRAY_ADDENDA):
        yield Finding.of("addendum-stray", digest=digest)
    yield from _find_odd_checkpoints()


def _rows(query: str, *values: int) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, [*values, _MOST_ROWS])
        found: list[Any] = cursor.fetchall()
    return found


def _find_odd_checkpoints() -> Iterator[Finding]:
    """Compare each checkpoint's row with its note; the newest of them with the log's key as well."""
    opened = AuditEvent.objects.filter(action=Action.TRAIL_ORIGIN_OPENED.value)
    told = (event.body.get("facts") for event in opened)
    brought_back = _brought_back()
    former = {facts.get("old") for facts in told if isinstance(facts, dict)}
    above: Checkpoint | None = None
    for at, row in enumerate(Checkpoint.objects.order_by("-size").iterator(chunk_size=2_000)):
        if above is None and row.number < (told_number := _told_number()):
            yield _removed(row.size, row.size, told_number - row.number)
        # What was signed before checkpoints were numbered has no number, and stands before the first that has.
        if above and row.number != max(above.number - 1, 0):
            missing = above.number - row.number - 1
            yield (
                _removed(row.size, above.size, missing)
                if missing > 0
                else Finding.of("checkpoint-odd", size=row.size)
            )
        above = row
        origin = row.note.partition("\n")[0]
        origin = origin if origin in former else settings.AUDIT_ORIGIN
        try:
            if at < MOST_SIGNATURES:
                head = open_checkpoint(row.note, [log_key.verifier_of(origin)], origin=origin)
                if row.number and row.size not in brought_back:
                    text = f"{head.numbered_text(row.number)}\n{row.number_signature}"
                    open_note(text, [log_key.verifier_of(origin)])
            else:
                head = TreeHead.parse(row.note.partition("\n\n")[0] + "\n")
            holds = (head.size, head.root) == (row.size, bytes(row.root))
        except (NoteRefused, CheckpointRefused):
            holds = False
        if not holds:
            yield Finding.of("checkpoint-odd", size=row.size)
    if above and above.number > 1:
        yield _removed(0, above.size, above.number - 1)


def _told_number() -> int:
    """Return the number of the newest checkpoint when the trail was last checked, as a numbered event says."""
    checks = AuditEvent.objects.filter(action=Action.TRAIL_VERIFIED.value, outcome=Outcome.DONE.value)
    for event in checks.order_by("-id")[:_CHECKS_READ]:
        facts = event.body.get("facts")
        number = facts.get("checkpoint") if isinstance(facts, dict) else None
        if isinstance(number, int) and Leaf.objects.filter(event_id=event.id).exists():
            return number
    return 0


def _removed(low: int, high: int, count: int) -> Finding:
    return Finding.of("checkpoints-missing", low=low, high=high, count=count)


def _brought_back() -> set[int]:
    """Return the sizes whose checkpoints came back from a locked copy, which holds no numbers, as numbered events say."""
    found = AuditEvent.objects.filter(action=Action.TRAIL_REIMPORTED.value, outcome=Outcome.DONE.value)
    numbered = set(Leaf.objects.filter(event_id__in=found.values("id")).values_list("event_id", flat=True))
    facts = [event.body.get("facts") for event in found if event.id in numbered]
    return {
        told["tree_size"]
        for told in facts
        if isinstance(told, dict) and isinstance(told.get("tree_size"), int)
    }
