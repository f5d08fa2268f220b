"""Keys follow the end: a recording whose end moves to another month gets that month's keys and indexes."""

from __future__ import annotations

import time
from datetime import datetime
from uuid import UUID

import structlog
from django.db import DatabaseError, transaction
from django.db.models import F

from audit import trail
from audit.actions import Action
from audit.actor import Actor, Ref
from recordings import fields, keks, keys
from recordings.models import Details, Party, Recording, State, StoredKey
from vault.crypto.errors import NotAuthentic
from vault.errors import Refusal

_BATCH = 200
_BUDGET_S = 240.0  # a run leaves what it does not get done to the next, and the worker to other jobs
_FIRST = UUID(int=0)

log = structlog.get_logger("recordings.moving")


def move_keys(*, now: datetime) -> int:
    """Move the keys of recordings whose end has moved, as far as a run gets; return how many.

    One whose keys cannot be moved now is passed by, and does not stand in the way of the others.
    """
    waiting = (
        Recording.objects.exclude(state=State.ERASED).exclude(key_month=F("planned_month")).order_by("pk")
    )
    moved, after, until = 0, _FIRST, time.monotonic() + _BUDGET_S
    while batch := list(waiting.filter(pk__gt=after).values_list("pk", flat=True)[:_BATCH]):
        for after in batch:
            if time.monotonic() > until:
                return moved
            moved += _move_or_pass_by(after, now)
    return moved


def move(recording_id: UUID, *, actor: Actor, now: datetime) -> bool:
    """Wrap a recording's keys under the month of its planned end, and index it there; say if it was moved.

    Where the keys of that month have been destroyed, it is ``open``, and the plan says so too.
    """
    recording = Recording.objects.require_kept(recording_id)
    planned = recording.planned_month
    month = keks.usable_month(planned)
    if month == recording.key_month:
        Recording.objects.filter(pk=recording_id, planned_month=planned).update(planned_month=month)
        return False
    moved = keys.moved_to(recording_id, month)
    details = fields.open_details(recording)
    with transaction.atomic(durable=True):
        recording = Recording.objects.select_for_update().require_kept(recording_id)
        there = StoredKey.objects.select_for_update().filter(recording_id=recording_id)
        # A key that came or a plan that changed meanwhile: the next sweep begins again. One that was wrapped
        # under a newer version of its old key is the same key: what was made of it here holds.
        if recording.planned_month != planned or {row.pk for row in there} != {row.pk for row in moved}:
            return False
        StoredKey.objects.bulk_update(moved, ["kek", "kek_version", "wrapped"])
        _index(recording_id, details, month)
        before, recording.key_month, recording.planned_month = recording.key_month, month, month
        recording.save(update_fields=["key_month", "planned_month"])
        trail.record(
            Action.KEY_MOVED,
            actor=actor,
            target=Ref("recording", str(recording_id)),
            at=now,
            keys=len(moved),
            old=before,
            new=month,
        )
    return True


def _move_or_pass_by(recording_id: UUID, now: datetime) -> bool:
    try:
        return move(recording_id, actor=Actor.system("task:recordings.move_keys"), now=now)
    except (Refusal, NotAuthentic, DatabaseError) as error:
        log.error("keys not moved", recording=str(recording_id), error=type(error).__name__)
        return False


def _index(recording_id: UUID, details: fields.OpenDetails, month: str) -> None:
    if details.reference:
        index = fields.index_of("reference", details.reference, month)
        Details.objects.filter(pk=recording_id).update(reference_index=index)
    for party in details.parties:
        if party.number is not None:
            index = fields.index_of("number", party.number.tagged, month)
            Party.objects.filter(pk=party.id).update(number_index=index)
