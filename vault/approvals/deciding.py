"""Deciding on what somebody else has asked for, and carrying out what was approved.

What was true when it was asked for is asked again: a request whose asker or target is no longer what it was
is void, and carries nothing out.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from audit import trail
from audit.actions import Action
from audit.actor import Actor, ActorKind
from vault.access.models import User
from vault.access.roles import Role, permissions_of
from vault.approvals import kinds, words
from vault.approvals.errors import (
    AboutYourself,
    AlreadyDecided,
    ApprovalExpired,
    AskerGone,
    NoLongerPossible,
    NotApproved,
    NotYourRequest,
    OwnRequest,
    ReasonNeeded,
)
from vault.approvals.kinds import CarriedOut, Kind
from vault.approvals.models import Approval, State
from vault.approvals.reading import visible_to
from vault.errors import Forbidden, Refusal, Unavailable


def approve(approval_id: UUID, *, said: str = "", actor: Actor, now: datetime) -> Approval:
    """Approve what somebody else asked for; unless it is for their eyes, it is carried out with this.

    :raises OwnRequest: if the actor asked for it.
    :raises AboutYourself: if it is about the actor's own account.
    :raises AlreadyDecided: if it does not wait any more.
    :raises NoLongerPossible: if it cannot be carried out any more; the request is over then.
    """
    asked = visible_to(actor).require(approval_id)
    kind = kinds.require(asked.kind)
    actor = replace(actor, rule=kind.decide.value)
    words.prepare(now, asked)
    prepared = obstacle = None
    if kind.carried_out is CarriedOut.ON_APPROVAL:
        prepared, obstacle = _prepare(kind, asked)
    with transaction.atomic(durable=True):
        asked = _lock(approval_id)
        _check_may_decide(asked, kind, actor=actor, now=now)
        try:
            with transaction.atomic():
                if obstacle is not None:
                    raise obstacle
                _check_still(asked, kind)
                _decide(asked, kind, State.APPROVED, said, actor=actor, now=now)
                if kind.carried_out is CarriedOut.ON_APPROVAL:
                    # Who approves acts on behalf of who asked: the event names both.
                    acting = replace(actor, on_behalf_of=asked.asked_by_id)
                    kind.carry_out(asked, prepared, actor=acting, now=now)
                    _end(asked, State.DONE, now)
        except Unavailable:
            raise
        except Refusal as refusal:
            obstacle = refusal
            _void(asked, kind, refusal, actor=actor, now=now)
    if obstacle is not None:
        raise NoLongerPossible(obstacle.detail) from obstacle
    return asked


def refuse(approval_id: UUID, *, said: str, actor: Actor, now: datetime) -> Approval:
    """Refuse what somebody else asked for, and say why.

    :raises ReasonNeeded: without words.
    """
    if not said.strip():
        raise ReasonNeeded
    asked = visible_to(actor).require(approval_id)
    kind = kinds.require(asked.kind)
    actor = replace(actor, rule=kind.decide.value)
    words.prepare(now, asked)
    with transaction.atomic(durable=True):
        asked = _lock(approval_id)
        _check_may_decide(asked, kind, actor=actor, now=now)
        _decide(asked, kind, State.REFUSED, said, actor=actor, now=now)
    return asked


def carry_out(approval_id: UUID, *, actor: Actor, now: datetime) -> Any:
    """Carry out once what was approved for the actor's own eyes; return what came of it.

    :raises NotYourRequest: if somebody else asked for it.
    :raises NotApproved: if nobody has approved it yet.
    :raises AlreadyDecided: if it was carried out, refused or withdrawn.
    :raises ApprovalExpired: if its time has passed.
    :raises NoLongerPossible: if it cannot be carried out any more; the request is over then.
    """
    asked = visible_to(actor).require(approval_id)
    _check_may_carry_out(asked, actor=actor, now=now)
    kind = kinds.require(asked.kind)
    actor = replace(actor, rule=kind.ask.value)
    words.prepare(now, asked)
    prepared, obstacle = _prepare(kind, asked)
    result = None
    with transaction.atomic(durable=True):
        asked = _lock(approval_id)
        _check_may_carry_out(asked, actor=actor, now=now)
        try:
            with transaction.atomic():
                if obstacle is not None:
                    raise obstacle
                _check_still(asked, kind)
                result = kind.carry_out(asked, prepared, actor=actor, now=now)
                _end(asked, State.DONE, now)
                _record(Action.APPROVAL_CARRIED_OUT, asked, kind, actor=actor, now=now)
        except Unavailable:
            raise
        except Refusal as refusal:
            obstacle = refusal
            _void(asked, kind, refusal, actor=actor, now=now)
    if obstacle is not None:
        raise NoLongerPossible(obstacle.detail) from obstacle
    return result


def _prepare(kind: Kind, asked: Approval) -> tuple[Any, Refusal | None]:
    """Return what carrying out needs, or what stands against it; what may pass by itself is raised."""
    try:
        return kind.prepare(asked, words.reason_of(asked)), None
    except Unavailable:
        raise
    except Refusal as refusal:
        return None, refusal


def _lock(approval_id: UUID) -> Approval:
    return Approval.objects.select_for_update().require(approval_id)


def _check_may_decide(asked: Approval, kind: Kind, *, actor: Actor, now: datetime) -> None:
    if asked.asked_by_id == actor.id:
        raise OwnRequest
    if asked.target_id == str(actor.id):
        raise AboutYourself
    standing = _standing(actor.id)
    if standing is None or not (actor.may(kind.decide) and standing.may(kind.decide)):
        raise Forbidden
    if asked.is_expired(now):
        raise ApprovalExpired
    if asked.state != State.WAITING:
        raise AlreadyDecided


def _check_may_carry_out(asked: Approval, *, actor: Actor, now: datetime) -> None:
    if asked.asked_by_id != actor.id:
        raise NotYourRequest
    if asked.state == State.WAITING:
        raise NotApproved
    if asked.is_expired(now):
        raise ApprovalExpired
    if asked.state != State.APPROVED:
        raise AlreadyDecided


def _check_still(asked: Approval, kind: Kind) -> None:
    """Check anew what was checked when it was asked for."""
    asker = _standing(asked.asked_by_id)
    if asker is None or not asker.may(kind.ask):
        raise AskerGone
    kind.check(asked, asker=asker)


def _standing(person_id: UUID | None) -> Actor | None:
    """Return a person with what their role and teams give them now; None for who may not sign in."""
    person = User.objects.filter(pk=person_id, is_active=True).first() if person_id else None
    if person is None:
        return None
    return Actor(
        kind=ActorKind.PERSON,
        id=person.pk,
        role=person.role,
        teams=frozenset(person.memberships.values_list("team_id", flat=True)),
        permissions=permissions_of(Role(person.role)),
    )


def _decide(asked: Approval, kind: Kind, state: State, said: str, *, actor: Actor, now: datetime) -> None:
    asked.state, asked.decided_by_id, asked.decided_at = state, actor.id, now
    asked.words_sealed = words.seal(asked, "words", said)
    asked.ended_at = now if state == State.REFUSED else None
    asked.save(update_fields=["state", "decided_by", "decided_at", "words_sealed", "ended_at"])
    action = Action.APPROVAL_APPROVED if state == State.APPROVED else Action.APPROVAL_REFUSED
    _record(action, asked, kind, said, actor=actor, now=now, asked_by=str(asked.asked_by_id))


def _end(asked: Approval, state: State, now: datetime) -> None:
    asked.state, asked.ended_at = state, now
    asked.save(update_fields=["state", "ended_at"])


def _void(asked: Approval, kind: Kind, refusal: Refusal, *, actor: Actor, now: datetime) -> None:
    """End a request that cannot be carried out any more; what was tried has been undone."""
    asked.refresh_from_db()
    asked.void_because = refusal.reason
    asked.state, asked.ended_at = State.VOID, now
    asked.save(update_fields=["state", "ended_at", "void_because"])
    _record(Action.APPROVAL_VOID, asked, kind, actor=actor, now=now, why=refusal.reason)


def _record(
    action: Action,
    asked: Approval,
    kind: Kind,
    said: str = "",
    *,
    actor: Actor,
    now: datetime,
    **facts: Any,
) -> None:
    personal = [trail.Personal(kind.subject(asked), {"words": said.strip()})] if said.strip() else []
    trail.record(
        action,
        actor=actor,
        target=kind.ref(asked),
        at=now,
        personal=personal,
        kind=asked.kind,
        approval=str(asked.pk),
        **facts,
    )
