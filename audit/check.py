"""Check the trail against itself, now: every row, every leaf, every tile, the newest signature.

It compares the trail with the checkpoints that were anchored outside, as far as their evidence stands here. Where
there is none, whoever holds the signing key can rewrite and sign again: only a checkpoint held outside shows that.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from audit import checkpoints, log_key, months, stray_rows, trail
from audit.actions import Action
from audit.actor import Actor, Ref
from audit.addenda import check_addenda
from audit.anchors import witnesses
from audit.findings import Finding
from audit.gaps import Gaps
from audit.lookups import Lookups
from audit.models import Anchor, AuditEvent, Checkpoint, Leaf, RemovedMonth, Tile
from audit.tree import TILE_WIDTH, Edge, FullTile, leaf_hash
from audit.tree_head import CheckpointRefused, TreeHead, open_checkpoint
from vault.crypto.errors import NoteRefused

BATCH = 16 * TILE_WIDTH
MOST_FINDINGS = 100


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check has found: how many events it read, under which checkpoint, and everything that is wrong."""

    size: int
    number: int
    findings: list[Finding]

    @property
    def is_whole(self) -> bool:
        """Say whether nothing was found."""
        return not self.findings


def check_trail(*, actor: Actor, now: datetime) -> CheckResult:
    """Check the whole trail up to the newest checkpoint, and record that it was checked."""
    result = examine(checkpoints.newest())
    with transaction.atomic(durable=True):
        record_result(result, actor=actor, at=now)
    return result


def examine(
    checkpoint: Checkpoint | None, *, on_progress: Callable[[int], None] = lambda done: None
) -> CheckResult:
    """Check all that a checkpoint covers, telling after each batch how many events have been read."""
    findings = list(_findings(checkpoint, on_progress)) if checkpoint else []
    if checkpoint is None:
        return CheckResult(0, 0, findings)
    return CheckResult(checkpoint.size, checkpoint.number, findings)


def record_result(
    result: CheckResult, *, check_id: str | None = None, actor: Actor, at: datetime
) -> AuditEvent:
    """Record, within the caller's transaction, what a check has found."""
    findings = result.findings
    return trail.record(
        Action.TRAIL_VERIFIED,
        actor=actor,
        target=Ref("trail", settings.AUDIT_ORIGIN),
        at=at,
        check=check_id,
        tree_size=result.size,
        checkpoint=result.number,
        whole=result.is_whole,
        findings=len(findings),
        first_finding=findings[0].short[:500] if findings else None,
    )


def last_check() -> AuditEvent | None:
    """Return the event of the last check; None if there never was one."""
    return AuditEvent.objects.filter(action=Action.TRAIL_VERIFIED.value).order_by("-id").first()


def _findings(checkpoint: Checkpoint, on_progress: Callable[[int], None]) -> Iterator[Finding]:
    edge, counters, count = Edge(), dict[UUID, int](), 0
    gaps, lookups = Gaps(months.told_removals()), Lookups()
    last = Leaf.objects.order_by("-index").first()
    size = min(checkpoint.size, last.index + 1 if last else 0)
    if size < checkpoint.size:  # said at once: whatever size was written there, only what is there is read
        count += 1
        yield Finding.of("reaches-beyond", size=checkpoint.size, count=size)
    for first in range(0, size, BATCH):
        leaves = list(
            Leaf.objects.filter(index__gte=first, index__lt=min(first + BATCH, size)).order_by("index")
        )
        for finding in chain(
            _check_anchors(first, leaves, edge),
            _check_batch(first, leaves, edge, counters, gaps, lookups, size),
        ):
            yield finding
            count += 1
            if count == MOST_FINDINGS:
                yield Finding.of("stops-here")
                return
        on_progress(first + len(leaves))
    yield from gaps.findings()
    yield from lookups.findings(checkpoint.size)
    yield from _check_removed_months()
    yield from _check_signature(checkpoint, edge)
    yield from _check_reach()
    yield from stray_rows.find_stray_rows(checkpoint)


def _check_anchors(first: int, leaves: list[Leaf], edge: Edge) -> Iterator[Finding]:
    """Compare the tree with what witnesses have cosigned at the sizes that these leaves reach.

    Where else a checkpoint was brought to, the database holds no evidence of: that is compared outside.
    """
    hashes = [bytes(leaf.hash) for leaf in leaves]
    grown = None
    reached = Anchor.objects.filter(kind=witnesses.KIND, size__gt=first, size__lte=first + len(hashes))
    known = {witness.name: witness for witness in witnesses.configured()}
    for anchor in reached.order_by("size", "pk"):
        if anchor.place not in known:
            continue
        grown = grown or copy.deepcopy(edge)
        grown.append(hashes[grown.size - first : anchor.size - first])
        head = TreeHead(settings.AUDIT_ORIGIN, grown.size, grown.root())
        if not _is_cosigned(anchor, head, known[anchor.place]):
            yield Finding.of("not-cosigned", place=anchor.place, size=anchor.size)


def _is_cosigned(anchor: Anchor, head: TreeHead, witness: witnesses.Witness) -> bool:
    """Say whether a cosignature holds over this head, under the name of the log then or now."""
    origins = {head.origin}
    if note := Checkpoint.objects.filter(size=anchor.size).values_list("note", flat=True).first():
        origins.add(note.split("\n", 1)[0])
    evidence = bytes(anchor.evidence).decode(errors="replace")
    return any(witness.has_cosigned(replace(head, origin=origin).text(), evidence) for origin in origins)


def _check_batch(
    first: int,
    leaves: list[Leaf],
    edge: Edge,
    counters: dict[UUID, int],
    gaps: Gaps,
    lookups: Lookups,
    size: int,
) -> Iterator[Finding]:
    expected = min(BATCH, size - first)
    if [leaf.index for leaf in leaves] != list(range(first, first + expected)):
        yield Finding.of("leaves-missing", first=first, last=first + expected - 1)
    moments = [leaf.recorded_at for leaf in leaves]
    ids = [leaf.event_id for leaf in leaves]
    found = (
        AuditEvent.objects.filter(id__in=ids, recorded_at__range=(min(moments), max(moments))) if ids else ()
    )
    by_id = {event.id: event for event in found}
    for leaf in leaves:
        event = by_id.get(leaf.event_id)
        if event is None:
            if not (gaps.explain(leaf.index) and gaps.is_of_removed_month(leaf.index, leaf.recorded_at)):
                yield Finding.of("event-gone", index=leaf.index)
            continue
        gaps.note_left(leaf.index, event.occurred_at)
        if leaf_hash(bytes(event.entry)) != bytes(leaf.hash):
            yield Finding.of("event-changed", index=leaf.index)
        elif columns := _differing_columns(event):
            yield Finding.of("columns-differ", index=leaf.index, columns=", ".join(columns))
        before = counters.get(event.writer, 0)
        if event.counter != before + 1:
            finding = Finding.of("writer-skips", index=leaf.index, number=before + 1)
            if before == 0 and gaps.months:
                gaps.explain_beginning(event.counter, finding)
            else:
                yield finding
        counters[event.writer] = event.counter
    numbered = [(leaf.index, by_id[leaf.event_id]) for leaf in leaves if leaf.event_id in by_id]
    yield from check_addenda(numbered, removed_months=gaps.months, lookups=lookups)
    full = edge.append(bytes(leaf.hash) for leaf in leaves)
    yield from _check_tiles(full)


def _differing_columns(event: AuditEvent) -> list[str]:
    """Return the columns that do not repeat what the entry says."""
    body: dict[str, Any] = event.body
    actor, target = (
        part if isinstance(part, dict) else {} for part in (body.get("actor"), body.get("target"))
    )
    told = {
        "id": body.get("id"),
        "occurred_at": body.get("at"),
        "action": body.get("action"),
        "outcome": body.get("outcome"),
        "actor_kind": actor.get("kind"),
        "actor_id": actor.get("id"),
        "actor_role": actor.get("role", ""),
        "target_kind": target.get("kind"),
        "target_id": target.get("id"),
        "purpose": body.get("purpose", ""),
        "writer": body.get("writer"),
        "counter": body.get("counter"),
    }
    stored = {
        **{name: getattr(event, name) for name in told},
        "id": str(event.id),
        "occurred_at": trail.moment(event.occurred_at),
        "actor_id": str(event.actor_id) if event.actor_id else None,
        "writer": str(event.writer),
    }
    return [name for name in told if told[name] != stored[name]]


def _check_tiles(full: list[FullTile]) -> Iterator[Finding]:
    for level in {tile.level for tile in full}:
        made = {tile.number: (tile.hashes, tile.root) for tile in full if tile.level == level}
        stored = {
            tile.number: (bytes(tile.hashes), bytes(tile.root))
            for tile in Tile.objects.filter(level=level, number__in=made)
        }
        for number in sorted(made):
            if stored.get(number) != made[number]:
                yield Finding.of("tile-changed", level=level, number=number)


def _check_removed_months() -> Iterator[Finding]:
    """Compare the table of removed months with what events say: pages and keys go by the table."""
    told = {(one.month, one.first, one.last, one.events) for one in months.told_removals()}
    for row in RemovedMonth.objects.order_by("month"):
        if (row.month, row.first, row.last, row.events) not in told:
            yield Finding.of("removal-untold", month=row.month)


def _check_signature(checkpoint: Checkpoint, edge: Edge) -> Iterator[Finding]:
    try:
        head = open_checkpoint(checkpoint.note, [log_key.verifier()], origin=settings.AUDIT_ORIGIN)
    except (NoteRefused, CheckpointRefused):
        yield Finding.of("checkpoint-unsigned")
        return
    if (head.size, head.root) != (edge.size, edge.root()):
        yield Finding.of("root-differs")


def _check_reach() -> Iterator[Finding]:
    """Compare how far the anchors and the trail reach, both as they are now: the trail may have grown meanwhile."""
    anchor, newest = Anchor.objects.order_by("-size", "-pk").first(), checkpoints.newest()
    if anchor and newest and anchor.size > newest.size:
        yield Finding.of("anchor-beyond", kind=anchor.kind, size=anchor.size, count=newest.size)
