"""Which requests somebody sees: their own, and those of the kinds they may decide on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from audit.actor import Actor, ActorKind
from vault.access.models import User
from vault.access.roles import Role, permissions_of
from vault.approvals import kinds
from vault.approvals.kinds import Kind
from vault.approvals.models import Approval, ApprovalQuerySet, State


def visible_to(actor: Actor) -> ApprovalQuerySet:
    """Return the requests that the actor may see."""
    if actor.kind is not ActorKind.PERSON:
        return Approval.objects.none()
    return Approval.objects.filter(Q(asked_by=actor.id) | Q(kind__in=kinds.decided_by(actor)))


def waiting_for(actor: Actor, *, now: datetime) -> ApprovalQuerySet:
    """Return the requests on which the actor may decide: not their own, and none about their own account."""
    if actor.kind is not ActorKind.PERSON:
        return Approval.objects.none()
    others = Approval.objects.exclude(asked_by=actor.id).exclude(target_id=str(actor.id))
    return others.waiting(now).filter(kind__in=kinds.decided_by(actor))


def deciders(kind: Kind, target_id: str, *, asker: Actor) -> list[User]:
    """Return who may decide on a request of the asker's."""
    roles = [role.value for role in Role if kind.decide in permissions_of(role)]
    people = User.objects.filter(is_active=True, role__in=roles).order_by("name", "pk")
    return [person for person in people if person.pk != asker.id and str(person.pk) != target_id]


def find_waiting(code: str, targets: Iterable[str], *, now: datetime) -> dict[str, Approval]:
    """Return the requests of a kind that wait, or are approved and not carried out, by what they are about."""
    found = Approval.objects.filter(
        kind=code, target_id__in=set(targets), state__in=[State.WAITING, State.APPROVED], expires_at__gt=now
    )
    return {asked.target_id: asked for asked in found.order_by("asked_at", "pk")}
