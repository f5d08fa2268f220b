"""When a recording ends: the one place that writes it. What decides is asked of the setting RECORDING_SCHEDULER."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from django.conf import settings
from django.utils.module_loading import import_string

from audit import trail
from audit.actions import Action
from audit.actor import Actor, Ref
from recordings import keks
from recordings.facts import CallFacts, Plan
from recordings.models import Recording, State


def plan(call: CallFacts, *, now: datetime) -> Plan:
    """Return how long a call is kept, and under the keys of which month."""
    scheduler: Callable[..., Plan] = import_string(settings.RECORDING_SCHEDULER)
    planned = scheduler(call, now=now)
    return replace(planned, month=keks.usable_month(planned.month))


def facts_of(recording: Recording) -> CallFacts:
    """Return what retention is told of a recording."""
    return CallFacts(
        started_at=recording.started_at,
        ended_at=recording.ended_at or recording.started_at,
        ingested_at=recording.ingested_at,
        team_id=recording.team_id,
        queue=recording.queue,
        category=recording.category,
        language=recording.language,
        basis=recording.basis,
        basis_status=recording.basis_status,
        is_quarantined=recording.state == State.QUARANTINED,
    )


def apply(recording: Recording, planned: Plan) -> list[str]:
    """Put a plan on the recording, unsaved; return which fields changed. Its keys follow by a sweep."""
    wanted = {
        "expires_at": planned.expires_at,
        "keep_until_at_least": planned.keep_until_at_least,
        "policy_id": planned.policy_id,
        "policy_version": planned.policy_version,
        "policy_name": planned.policy_name,
        "in_conflict": planned.in_conflict,
        "planned_month": keks.usable_month(planned.month),
    }
    changed = [name for name, value in wanted.items() if getattr(recording, name) != value]
    for name in changed:
        setattr(recording, name, wanted[name])
    return changed


def set_expiry(recording: Recording, planned: Plan, *, actor: Actor, now: datetime) -> bool:
    """Write a plan and its event within the caller's transaction, the recording locked; say if it changed."""
    before = recording.expires_at
    changed = apply(recording, planned)
    if not changed:
        return False
    recording.save(update_fields=changed)
    trail.record(
        Action.RECORDING_EXPIRY_SET,
        actor=actor,
        target=Ref("recording", str(recording.pk)),
        at=now,
        old=_moment(before),
        new=_moment(planned.expires_at),
        policy=str(planned.policy_id) if planned.policy_id else None,
        policy_version=planned.policy_version,
        why=planned.why,
        month=planned.month,
        conflict=planned.in_conflict,
    )
    return True


def _moment(at: datetime | None) -> str:
    return at.isoformat() if at else "never"
