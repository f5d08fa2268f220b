"""Bring the newest checkpoint to every place that the settings name, and note which of them fails."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

from audit import checkpoints, trail
from audit.actions import Action
from audit.actor import Actor, Ref
from audit.anchors import AnchorFailed, locked_copy, mail, witnesses
from audit.models import Anchor, AnchorPlace, Checkpoint

# How often a place is asked although nothing is new, so that one that no longer answers is noticed.
_ASKED_AT_LEAST = timedelta(minutes=10)

log = structlog.get_logger("audit.anchors")


@dataclass(frozen=True, slots=True)
class Place:
    """One configured place: its kind, its name, and at which host it is."""

    kind: str
    name: str
    host: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".rstrip()


def places() -> list[Place]:
    """Return the places that the settings name; the copy first, so that what a witness saw can be restored."""
    found = []
    if locked_copy.is_configured():
        found.append(Place(locked_copy.KIND, settings.LOCKED_COPY_BUCKET))
    found += [Place(witnesses.KIND, one.name, one.host) for one in witnesses.configured()]
    if mail.is_configured():
        found.append(Place(mail.KIND, ""))
    return found


def anchor(*, actor: Actor, now: datetime) -> int:
    """Bring the newest checkpoint to every place whose time has come; return how many took it."""
    checkpoint = checkpoints.newest()
    if checkpoint is None:
        return 0
    return sum(_try(place, checkpoint, actor=actor, now=now) for place in places())


def anchor_now(checkpoint: Checkpoint, *, actor: Actor, now: datetime) -> None:
    """Bring a checkpoint to copy and witnesses at once, as far as they answer: it is about to be given out."""
    for place in places():
        if place.kind != mail.KIND and _row(place).failing_since is None:
            _try(place, checkpoint, actor=actor, now=now)


def state_of(place: Place) -> AnchorPlace | None:
    """Return how it stands with a place; None if it was never tried."""
    return AnchorPlace.objects.filter(kind=place.kind, name=place.name, origin=settings.AUDIT_ORIGIN).first()


def _row(place: Place) -> AnchorPlace:
    row, _made = AnchorPlace.objects.get_or_create(
        kind=place.kind, name=place.name, origin=settings.AUDIT_ORIGIN
    )
    return row


def _try(place: Place, checkpoint: Checkpoint, *, actor: Actor, now: datetime) -> bool:
    row = _row(place)
    if not _is_due(place, row, checkpoint, now):
        return False
    try:
        evidence = _bring(place, checkpoint, row.size, now)
    except AnchorFailed as failure:
        _note_failure(place, row, str(failure), checkpoint, actor=actor, now=now)
        return False
    _note_success(place, row, checkpoint, evidence, actor=actor, now=now)
    return True


def _is_due(place: Place, row: AnchorPlace, checkpoint: Checkpoint, now: datetime) -> bool:
    if place.kind == mail.KIND:
        return mail.is_due(checkpoint, held=row.size, sent_at=row.worked_at, now=now)
    if checkpoint.size > row.size or row.failing_since is not None:
        return True
    # A locked copy holds a checkpoint once; a witness says again that it holds it.
    is_stale = row.worked_at is None or now - row.worked_at >= _ASKED_AT_LEAST
    return place.kind == witnesses.KIND and is_stale


def _bring(place: Place, checkpoint: Checkpoint, held: int, now: datetime) -> str:
    if place.kind == locked_copy.KIND:
        return locked_copy.copy_up_to(checkpoint, held=min(held, checkpoint.size), now=now)
    if place.kind == mail.KIND:
        return mail.send(checkpoint)
    witness = next(one for one in witnesses.configured() if one.name == place.name)
    return witnesses.cosign(witness, checkpoint, held=min(held, checkpoint.size))


def _note_success(
    place: Place, row: AnchorPlace, checkpoint: Checkpoint, evidence: str, *, actor: Actor, now: datetime
) -> None:
    with transaction.atomic(durable=True):
        row = AnchorPlace.objects.select_for_update().get(pk=row.pk)
        if checkpoint.size > row.size:
            Anchor.objects.create(
                size=checkpoint.size,
                kind=place.kind,
                place=place.name,
                evidence=evidence.encode(),
                anchored_at=now,
            )
        if row.failing_since is not None:
            _record(Action.TRAIL_ANCHOR_WORKS_AGAIN, place, checkpoint, actor=actor, now=now)
        row.size = max(row.size, checkpoint.size)
        row.tried_at = row.worked_at = now
        row.failing_since, row.why = None, ""
        row.save()


def _note_failure(
    place: Place, row: AnchorPlace, why: str, checkpoint: Checkpoint, *, actor: Actor, now: datetime
) -> None:
    log.error("anchor failed", place=str(place), why=why)
    with transaction.atomic(durable=True):
        row = AnchorPlace.objects.select_for_update().get(pk=row.pk)
        if row.failing_since is None:  # once an outage, not once a minute
            _record(Action.TRAIL_ANCHOR_FAILED, place, checkpoint, actor=actor, now=now, why=why)
        row.failing_since = row.failing_since or now
        row.tried_at, row.why = now, why[:64]
        row.save()


def _record(
    action: Action,
    place: Place,
    checkpoint: Checkpoint,
    *,
    actor: Actor,
    now: datetime,
    why: str | None = None,
) -> None:
    facts: dict[str, Any] = {"why": why} if why else {}
    trail.record(
        action,
        actor=actor,
        target=Ref("trail", settings.AUDIT_ORIGIN),
        at=now,
        kind=str(place),
        tree_size=checkpoint.size,
        **facts,
    )
