"""What a change of policy would do to the recordings that are here, before anybody approves it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from django.db.models import Q

from recordings import expiry
from recordings.facts import CallFacts, Plan
from recordings.models import Recording, State
from retention.policies import Terms
from retention.rules import House, Rule, compute
from retention.schedule import house, rules_in_force

MOST = 20_000  # recordings looked at; beyond that the answer says so


@dataclass(slots=True)
class Effect:
    """How many recordings a change would touch, and how."""

    looked_at: int = 0
    is_capped: bool = False
    due: int = 0  # would be erased with the next sweep, and are not due today
    spared: int = 0  # the same, but something stops their clock
    sooner: int = 0
    later: int = 0
    conflict: int = 0
    settled: int = 0
    earliest: datetime | None = None

    @property
    def touched(self) -> int:
        """How many would get another end."""
        return self.due + self.spared + self.sooner + self.later + self.conflict + self.settled


def dry_run(terms: Terms | None, *, policy_id: UUID | None = None, now: datetime) -> Effect:
    """Return what putting these terms in force would do; without terms, what retiring the policy would."""
    before = rules_in_force()
    after = [rule for rule in before if rule.policy_id != policy_id]
    if terms is not None:
        after.append(_rule_of(terms, policy_id or uuid4()))
    changed = [rule for rule in (*before, *after) if rule not in before or rule not in after]
    rows = (
        Recording.objects.exclude(state=State.ERASED)
        .filter(_touching(changed))
        .order_by("-started_at", "-pk")
    )
    effect, ours = Effect(), house()
    for recording in rows[:MOST].iterator(chunk_size=2000):
        effect.looked_at += 1
        _count(effect, recording, expiry.facts_of(recording), before, after, ours, now)
    effect.is_capped = effect.looked_at == MOST
    return effect


def _rule_of(terms: Terms, policy_id: UUID) -> Rule:
    return Rule(
        policy_id=policy_id,
        version=0,
        name=terms.name,
        lawful_basis=terms.lawful_basis,
        keep_at_least=terms.keep_at_least,
        keep_at_most=terms.keep_at_most,
        team_id=terms.team_id,
        queue=terms.queue,
        category=terms.category,
        basis=terms.basis,
    )


def _touching(rules: Iterable[Rule]) -> Q:
    """Return the condition under which any of the rules applies."""
    touching = Q(pk__in=[])
    for rule in rules:
        fits = {"team_id": rule.team_id, "queue": rule.queue, "category": rule.category, "basis": rule.basis}
        touching |= Q(pk__isnull=False, **{name: value for name, value in fits.items() if value})
    return touching


def _count(
    effect: Effect,
    recording: Recording,
    call: CallFacts,
    before: list[Rule],
    after: list[Rule],
    ours: House,
    now: datetime,
) -> None:
    old = compute(before, call, house=ours, now=now)
    new = compute(after, call, house=ours, now=now)
    if new.expires_at == old.expires_at:
        return
    if new.expires_at is None:
        effect.conflict += 1
    elif new.expires_at <= now and not _is_due(old, now):
        stopped = recording.is_held or recording.is_frozen or recording.is_restricted
        effect.spared += stopped
        effect.due += not stopped
    elif old.expires_at is None:
        effect.settled += 1
    elif new.expires_at < old.expires_at:
        effect.sooner += 1
    else:
        effect.later += 1
    if new.expires_at is not None:
        effect.earliest = min(filter(None, (effect.earliest, new.expires_at)))


def _is_due(plan: Plan, now: datetime) -> bool:
    return plan.expires_at is not None and plan.expires_at <= now
