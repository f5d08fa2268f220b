"""Asking for a second person, and withdrawing what one has asked for."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction

from audit import trail
from audit.actions import Action
from audit.actor import Actor, ActorKind
from vault.approvals import kinds, words
from vault.approvals.errors import (
    AlreadyAsked,
    AlreadyDecided,
    ApprovalExpired,
    NotYourRequest,
    ParametersInvalid,
    ReasonNeeded,
)
from vault.approvals.kinds import Kind
from vault.approvals.models import OPEN, Approval, State
from vault.approvals.reading import visible_to
from vault.errors import Forbidden


def ask(
    code: str,
    target_id: str,
    *,
    reason: str,
    parameters: Mapping[str, str] | None = None,
    actor: Actor,
    now: datetime,
) -> Approval:
    """Ask for an act that nobody does alone; it waits for somebody else until it expires.

    :raises AlreadyAsked: if the same kind of request about the same target waits.
    :raises Refusal: whatever the kind finds against it.
    """
    kind = kinds.require(code)
    if not reason.strip():
        raise ReasonNeeded
    asked = _draft(kind, target_id, parameters or {}, actor=actor, now=now)
    words.prepare(now, asked)
    asked.reason_sealed = words.seal(asked, "reason", reason)
    actor = replace(actor, rule=kind.ask.value)
    with transaction.atomic(durable=True):
        _make_room(asked, kind, now)
        # The row first, then what it is about: deciding locks in the same order.
        _insert(asked)
        kind.check(asked, asker=actor)
        trail.record(
            Action.APPROVAL_REQUESTED,
            actor=actor,
            target=kind.ref(asked),
            at=now,
            personal=[trail.Personal(kind.subject(asked), {"reason": reason.strip()})],
            kind=code,
            approval=str(asked.pk),
            expires_at=asked.expires_at.isoformat(),
        )
    return asked


def draft(
    code: str, target_id: str, *, parameters: Mapping[str, str], actor: Actor, now: datetime
) -> Approval:
    """Return what would be asked for, unsaved, or refuse as ``ask`` would."""
    kind = kinds.require(code)
    asked = _draft(kind, target_id, parameters, actor=actor, now=now)
    with transaction.atomic():
        kind.check(asked, asker=actor)
    return asked


def withdraw(approval_id: uuid.UUID, *, actor: Actor, now: datetime) -> Approval:
    """Take back what one has asked for, unless it was carried out or is over.

    :raises NotYourRequest: if somebody else asked for it.
    """
    words.prepare(now)
    with transaction.atomic(durable=True):
        asked = visible_to(actor).select_for_update(of=("self",)).require(approval_id)
        if asked.asked_by_id != actor.id:
            raise NotYourRequest
        if asked.is_expired(now):
            raise ApprovalExpired
        if asked.state not in OPEN:
            raise AlreadyDecided
        asked.state, asked.ended_at = State.WITHDRAWN, now
        asked.save(update_fields=["state", "ended_at"])
        trail.record(
            Action.APPROVAL_WITHDRAWN,
            actor=actor,
            target=kinds.require(asked.kind).ref(asked),
            at=now,
            kind=asked.kind,
            approval=str(asked.pk),
        )
    return asked


def end_expired(asked: Approval, kind: Kind, *, actor: Actor, now: datetime) -> None:
    """Say that the time of a locked request has passed, in the caller's transaction."""
    asked.state, asked.ended_at = State.EXPIRED, now
    asked.save(update_fields=["state", "ended_at"])
    trail.record(
        Action.APPROVAL_EXPIRED,
        actor=actor,
        target=kind.ref(asked),
        at=now,
        kind=asked.kind,
        approval=str(asked.pk),
    )


def _draft(
    kind: Kind, target_id: str, parameters: Mapping[str, str], *, actor: Actor, now: datetime
) -> Approval:
    if actor.kind is not ActorKind.PERSON or actor.id is None or not actor.may(kind.ask):
        raise Forbidden
    if not all(name.isascii() and name.isidentifier() for name in parameters):
        raise ParametersInvalid
    return Approval(
        id=uuid.uuid4(),
        kind=kind.code,
        target_id=target_id,
        parameters=dict(parameters),
        asked_by_id=actor.id,
        asked_at=now,
        expires_at=now + timedelta(hours=settings.APPROVAL_HOURS),
    )


def _make_room(asked: Approval, kind: Kind, now: datetime) -> None:
    """End a request for the same whose time has passed and that no job has ended yet."""
    same = Approval.objects.filter(
        kind=asked.kind, target_id=asked.target_id, state=State.WAITING, expires_at__lte=now
    )
    for old in same.select_for_update():
        end_expired(old, kind, actor=Actor.system("approvals"), now=now)


def _insert(asked: Approval) -> None:
    try:
        with transaction.atomic():
            asked.save(force_insert=True)
    except IntegrityError as error:
        if "one_request_of_a_kind_waits_for_each_target" not in str(error):
            raise
        raise AlreadyAsked from None
