"""Whose recordings somebody reaches. A role gives permissions, a team gives reach; both are needed."""

from __future__ import annotations

from django.db.models import Q

from audit.actor import Actor, ActorKind
from vault.access.roles import Role

NOTHING = Q(pk__in=[])
EVERYTHING = Q()


def reach_of(actor: Actor) -> Q:
    """Return which recordings are within reach: those of one's teams; all for the DPO; what a token brought in.

    An administrator reaches none, whatever team they are in.
    """
    if actor.kind is ActorKind.SYSTEM:
        return EVERYTHING
    if actor.kind is ActorKind.SERVICE:
        return Q(brought_by=actor.id)
    if actor.kind is not ActorKind.PERSON:
        return NOTHING
    if actor.role == Role.DPO:
        return EVERYTHING
    if actor.role in {Role.SUPERVISOR, Role.REVIEWER, Role.AGENT} and actor.teams:
        return Q(team_id__in=actor.teams)
    return NOTHING
