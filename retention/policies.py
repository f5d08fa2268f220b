"""Make, change and retire retention policies, and say beforehand what that would do.

A change makes a new version and replaces the old one; both stay. Recordings that are already here follow by
``rescheduling``, in batches. For now the author's own approval puts a version in force, and the trail says so.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from audit import trail
from audit.actions import Action
from audit.actor import Actor, Ref
from audit.subjects import Subject
from audit.trail import Personal
from retention.errors import NoSuchPolicy, PolicyInvalid, PolicyNotInForce
from retention.models import Rescheduling, RetentionPolicy
from retention.periods import SECONDS, Period, end_of
from retention.schedule import house, lock_policies
from vault.access.models import Team

LONGEST = {"seconds": 604_800, "days": 36_500, "weeks": 5_200, "months": 1_200, "years": 100}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a policy says; empty conditions mean any call."""

    name: str
    lawful_basis: str
    justification: str
    keep_at_most: Period
    keep_at_least: Period | None = None
    team_id: uuid.UUID | None = None
    queue: str = ""
    category: str = ""
    basis: str = ""


@transaction.atomic(durable=True)
def create_policy(terms: Terms, *, actor: Actor, now: datetime) -> RetentionPolicy:
    """Put a new policy in force.

    :raises PolicyInvalid: if its terms contradict each other.
    """
    check_terms(terms, now=now)
    lock_policies()
    policy = _write(terms, policy_id=uuid.uuid4(), version=1, actor=actor, now=now)
    _record(Action.POLICY_CREATED, policy, None, actor=actor, now=now)
    _reschedule(actor, now)
    return policy


@transaction.atomic(durable=True)
def change_policy(policy_id: uuid.UUID, terms: Terms, *, actor: Actor, now: datetime) -> RetentionPolicy:
    """Replace the version in force by a new one.

    :raises PolicyNotInForce: if it was retired.
    """
    check_terms(terms, now=now)
    lock_policies()
    old = _require_in_force(policy_id)
    _retire(old, actor=actor, now=now)
    policy = _write(terms, policy_id=policy_id, version=old.version + 1, actor=actor, now=now)
    _record(Action.POLICY_CHANGED, policy, old, actor=actor, now=now)
    _reschedule(actor, now)
    return policy


@transaction.atomic(durable=True)
def retire_policy(policy_id: uuid.UUID, *, actor: Actor, now: datetime) -> RetentionPolicy:
    """Take a policy out of force; calls to which no other applies then wait for the DPO."""
    lock_policies()
    policy = _require_in_force(policy_id)
    _retire(policy, actor=actor, now=now)
    trail.record(
        Action.POLICY_RETIRED,
        actor=actor,
        target=Ref("policy", str(policy_id)),
        at=now,
        version=policy.version,
    )
    _reschedule(actor, now)
    return policy


def require_policy(policy_id: uuid.UUID) -> list[RetentionPolicy]:
    """Return every version of a policy, newest first."""
    versions = list(RetentionPolicy.objects.filter(policy_id=policy_id).order_by("-version", "pk"))
    if not versions:
        raise NoSuchPolicy
    return versions


def check_terms(terms: Terms, *, now: datetime) -> None:
    """Refuse terms that nobody could follow.

    :raises PolicyInvalid: and says which.
    """
    if not terms.name.strip():
        raise PolicyInvalid(_("Give the policy a name."))
    if not terms.justification.strip():
        raise PolicyInvalid(_("Say in words why calls are kept this long."))
    for period in filter(None, (terms.keep_at_least, terms.keep_at_most)):
        if period.unit not in LONGEST or not 1 <= period.count <= LONGEST[period.unit]:
            raise PolicyInvalid(_("A period is a whole number of days, weeks, months or years, from one on."))
        if period.unit == SECONDS and not settings.TRIAL:
            raise PolicyInvalid(_("Periods in seconds are for trials only."))
    if terms.keep_at_least is not None:
        zone = house().zone
        if end_of(now, terms.keep_at_least, zone) > end_of(now, terms.keep_at_most, zone):
            raise PolicyInvalid(_("It cannot be kept at least longer than at most."))
    if terms.team_id is not None and not Team.objects.filter(pk=terms.team_id).exists():
        raise PolicyInvalid(_("There is no such team."))


def _require_in_force(policy_id: uuid.UUID) -> RetentionPolicy:
    policy = RetentionPolicy.objects.in_force().select_for_update().filter(policy_id=policy_id).first()
    if policy is None:
        require_policy(policy_id)
        raise PolicyNotInForce
    return policy


def _write(
    terms: Terms, *, policy_id: uuid.UUID, version: int, actor: Actor, now: datetime
) -> RetentionPolicy:
    return RetentionPolicy.objects.create(
        policy_id=policy_id,
        version=version,
        name=terms.name.strip(),
        lawful_basis=terms.lawful_basis,
        justification=terms.justification.strip(),
        keep_at_least_count=terms.keep_at_least.count if terms.keep_at_least else None,
        keep_at_least_unit=terms.keep_at_least.unit if terms.keep_at_least else "",
        keep_at_most_count=terms.keep_at_most.count,
        keep_at_most_unit=terms.keep_at_most.unit,
        team_id=terms.team_id,
        queue=terms.queue,
        category=terms.category,
        basis=terms.basis,
        author=_account(actor),
        created_at=now,
        approved_by=_account(actor),
        approved_at=now,
    )


def _retire(policy: RetentionPolicy, *, actor: Actor, now: datetime) -> None:
    policy.retired_at = now
    policy.retired_by = _account(actor)
    policy.save(update_fields=["retired_at", "retired_by"])


def _record(
    action: Action, policy: RetentionPolicy, old: RetentionPolicy | None, *, actor: Actor, now: datetime
) -> None:
    """Record a new version, and what is different in it: codes as facts, what somebody worded sealed."""
    target = Ref("policy", str(policy.policy_id))
    codes, were = _codes(policy), _codes(old) if old else {}
    changed = [name for name in codes if old and codes[name] != were[name]]
    worded = {
        f"{which}_{name}": getattr(version, name)
        for name in ("name", "justification", "queue", "category")
        for which, version in (("old", old), ("new", policy))
        if version and (old is None or getattr(old, name) != getattr(policy, name)) and getattr(version, name)
    }
    trail.record(
        action,
        actor=actor,
        target=target,
        at=now,
        personal=[Personal(Subject.account(actor.id), worded)] if actor.id else [],
        version=policy.version,
        lawful_basis=policy.lawful_basis,
        at_least=codes["at_least"] or None,
        at_most=codes["at_most"],
        field=" ".join(changed) or None,
        old="; ".join(f"{name} {were[name] or '-'}" for name in changed) or None,
        new="; ".join(f"{name} {codes[name] or '-'}" for name in changed) or None,
    )
    trail.record(
        Action.POLICY_APPROVED, actor=actor, target=target, at=now, version=policy.version, by_author=True
    )


def _codes(policy: RetentionPolicy) -> dict[str, str]:
    """Return what a version says in codes and numbers, by field."""
    at_least = policy.keep_at_least_count
    return {
        "lawful_basis": policy.lawful_basis,
        "at_least": f"{at_least} {policy.keep_at_least_unit}" if at_least else "",
        "at_most": f"{policy.keep_at_most_count} {policy.keep_at_most_unit}",
        "team": str(policy.team_id or ""),
        "basis": policy.basis,
    }


def _reschedule(actor: Actor, now: datetime) -> None:
    Rescheduling.objects.create(asked_at=now, asked_by=_account(actor))


def _account(actor: Actor) -> uuid.UUID:
    """Return who answers for it; the system itself makes policies only for the demo."""
    return actor.id or uuid.UUID(int=0)
