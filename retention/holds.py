"""What stops the clock of a recording: legal holds, open access requests, restrictions.

Each act is one transaction: the hold, the recording's flag, the event, the entry for the ledger outside. It
takes the recording's row first, as the destruction of its key does: one of the two sees the other. A legal hold
is released when a second person has approved it (``retention.hold_release``).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction

from audit import trail
from audit.actions import Action
from audit.actor import Actor, Ref
from audit.subjects import Subject
from recordings import fields, keys
from recordings.errors import AlreadyErased
from recordings.models import Recording
from retention import ledger
from retention.errors import (
    AlreadyFrozen,
    AlreadyReleased,
    AlreadyRestricted,
    NoSuchHold,
    NotFrozen,
    NotRestricted,
    ReasonMissing,
)
from retention.models import Hold, HoldKind, LedgerKind
from vault.access.second_person import NeedsSecondPerson


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of hold shows on the recording and in the trail."""

    flag: str
    placed: Action
    released: Action


KINDS: dict[str, Kind] = {
    HoldKind.LEGAL_HOLD: Kind("is_held", Action.HOLD_PLACED, Action.HOLD_RELEASED),
    HoldKind.ACCESS_REQUEST: Kind("is_frozen", Action.FREEZE_PLACED, Action.FREEZE_LIFTED),
    HoldKind.RESTRICTION: Kind("is_restricted", Action.RESTRICTION_SET, Action.RESTRICTION_LIFTED),
}


def place_hold(
    recording_id: uuid.UUID,
    *,
    reason: str,
    case: str = "",
    review_on: date | None = None,
    kind: HoldKind = HoldKind.LEGAL_HOLD,
    actor: Actor,
    now: datetime,
) -> Hold:
    """Stop the clock of a recording until the hold is released.

    :raises AlreadyErased: if there is nothing left to hold.
    """
    hold_id = uuid.uuid4()
    recording = Recording.objects.visible_to(actor).require(recording_id)
    if recording.is_erased:
        raise AlreadyErased
    sealed = _seal("reason", hold_id, recording_id, reason)
    with transaction.atomic(durable=True):
        recording = Recording.objects.select_for_update(of=("self",)).require(recording_id)
        if recording.is_erased:
            raise AlreadyErased
        _refuse_second(recording, kind)
        hold = Hold.objects.create(
            id=hold_id,
            recording=recording,
            kind=kind,
            case=case.strip(),
            reason_sealed=sealed,
            owner=_account(actor),
            review_on=review_on,
            placed_at=now,
            placed_by=_account(actor),
        )
        _set_flag(recording, kind)
        _record(KINDS[kind].placed, hold, reason, actor=actor, now=now)
        _enter(LedgerKind.HOLD_PLACED, hold, account=hold.placed_by, now=now)
    return hold


def release_hold(hold_id: uuid.UUID, *, reason: str, actor: Actor, now: datetime) -> Hold:
    """End a freeze or a restriction; what is overdue and not held otherwise goes with the next sweep.

    :raises AlreadyReleased: if somebody did so before.
    :raises NeedsSecondPerson: for a legal hold.
    """
    hold = require_hold(hold_id, actor=actor)
    if hold.released_at is not None:
        raise AlreadyReleased
    if hold.kind == HoldKind.LEGAL_HOLD:
        raise NeedsSecondPerson
    sealed = seal_release_reason(hold, reason)
    with transaction.atomic(durable=True):
        return end_hold(
            hold_id, reason=reason, sealed=sealed, released_by=_account(actor), actor=actor, now=now
        )


def seal_release_reason(hold: Hold, reason: str) -> bytes:
    """Seal why a hold ends, ahead of the transaction that ends it."""
    return _seal("release_reason", hold.pk, hold.recording_id, reason)


def lock_in_force(hold_id: uuid.UUID) -> Hold:
    """Return a hold, locked after its recording, or refuse one that ended."""
    hold = Hold.objects.get(pk=hold_id)
    Recording.objects.select_for_update(of=("self",)).require(hold.recording_id)
    hold = Hold.objects.select_for_update(of=("self",)).select_related("recording").get(pk=hold_id)
    if hold.released_at is not None:
        raise AlreadyReleased
    return hold


def end_hold(
    hold_id: uuid.UUID,
    *,
    reason: str,
    sealed: bytes,
    released_by: uuid.UUID,
    actor: Actor,
    now: datetime,
    approval: uuid.UUID | None = None,
) -> Hold:
    """End a hold in the caller's transaction; when no other is in force, the clock goes on."""
    hold = lock_in_force(hold_id)
    hold.released_at, hold.released_by, hold.release_reason_sealed = now, released_by, sealed
    hold.save(update_fields=["released_at", "released_by", "release_reason_sealed"])
    _set_flag(hold.recording, HoldKind(hold.kind))
    _record(KINDS[hold.kind].released, hold, reason, actor=actor, now=now, approval=approval)
    _enter(LedgerKind.HOLD_RELEASED, hold, account=released_by, now=now)
    return hold


def freeze(recording_id: uuid.UUID, *, reason: str, case: str = "", actor: Actor, now: datetime) -> Hold:
    """Stop the clock because somebody asked to see what is kept about them."""
    kind = HoldKind.ACCESS_REQUEST
    return place_hold(recording_id, kind=kind, reason=reason, case=case, actor=actor, now=now)


def lift_freeze(recording_id: uuid.UUID, *, reason: str, actor: Actor, now: datetime) -> Hold:
    """Let the clock go on: the access request has been answered."""
    hold = _in_force(recording_id, HoldKind.ACCESS_REQUEST, actor)
    if hold is None:
        raise NotFrozen
    return release_hold(hold.pk, reason=reason, actor=actor, now=now)


def restrict(recording_id: uuid.UUID, *, reason: str, actor: Actor, now: datetime) -> Hold:
    """Keep a recording but let nobody use it (Art. 18 GDPR); playing ends, the clock stops."""
    return place_hold(recording_id, kind=HoldKind.RESTRICTION, reason=reason, actor=actor, now=now)


def lift_restriction(recording_id: uuid.UUID, *, reason: str, actor: Actor, now: datetime) -> Hold:
    """Let a recording be used again."""
    hold = _in_force(recording_id, HoldKind.RESTRICTION, actor)
    if hold is None:
        raise NotRestricted
    return release_hold(hold.pk, reason=reason, actor=actor, now=now)


def require_hold(hold_id: uuid.UUID, *, actor: Actor) -> Hold:
    """Return a hold on a recording within reach, or refuse alike for unknown and for out of reach."""
    within_reach = Recording.objects.visible_to(actor)
    hold = Hold.objects.filter(pk=hold_id, recording__in=within_reach).first()
    if hold is None:
        raise NoSuchHold
    return hold


def open_reasons(holds: Sequence[Hold]) -> dict[uuid.UUID, tuple[str, str]]:
    """Return why each was placed and released, in clear; empty once the recording has been erased."""
    field_keys = keys.open_field_keys({hold.recording_id for hold in holds})
    opened = {}
    for hold in holds:
        if found := field_keys.get(hold.recording_id):
            key = fields.FieldKey(found)
            opened[hold.pk] = (
                key.open("hold", "reason", hold.pk, hold.reason_sealed),
                key.open("hold", "release_reason", hold.pk, hold.release_reason_sealed),
            )
    return opened


def _refuse_second(recording: Recording, kind: HoldKind) -> None:
    if kind == HoldKind.RESTRICTION and recording.is_restricted:
        raise AlreadyRestricted
    if kind == HoldKind.ACCESS_REQUEST and recording.is_frozen:
        raise AlreadyFrozen


def _seal(column: str, hold_id: uuid.UUID, recording_id: uuid.UUID, reason: str) -> bytes:
    if not reason.strip():
        raise ReasonMissing
    return fields.key_of(recording_id).seal("hold", column, hold_id, reason.strip())


def _in_force(recording_id: uuid.UUID, kind: HoldKind, actor: Actor) -> Hold | None:
    recording = Recording.objects.visible_to(actor).require(recording_id)
    return recording.holds.in_force().filter(kind=kind).order_by("placed_at", "pk").first()


def _set_flag(recording: Recording, kind: HoldKind) -> None:
    flag = KINDS[kind].flag
    setattr(recording, flag, recording.holds.in_force().filter(kind=kind).exists())
    recording.save(update_fields=[flag])


def _record(
    action: Action,
    hold: Hold,
    reason: str,
    *,
    actor: Actor,
    now: datetime,
    approval: uuid.UUID | None = None,
) -> None:
    facts: dict[str, Any] = {"approval": str(approval)} if approval else {}
    trail.record(
        action,
        actor=actor,
        target=Ref("recording", str(hold.recording_id)),
        at=now,
        personal=[trail.Personal(Subject.recording(hold.recording_id), {"reason": reason.strip()})],
        hold=str(hold.pk),
        **facts,
    )


def _enter(kind: LedgerKind, hold: Hold, *, account: uuid.UUID, now: datetime) -> None:
    ledger.enter_hold(
        kind,
        hold_id=hold.pk,
        recording_id=hold.recording_id,
        hold_kind=hold.kind,
        account=account,
        now=now,
    )


def _account(actor: Actor) -> uuid.UUID:
    return actor.id or uuid.UUID(int=0)
