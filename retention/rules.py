"""How long a call is kept, given the policies in force. Pure: values in, values out.

Several policies may apply: the latest floor and the earliest ceiling decide. A floor beyond a ceiling, and a
call to which no policy applies, is a conflict for the DPO: it has no end until somebody settles it, and is
shown as such. Nothing is ever kept for the longest period in silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from recordings.facts import CallFacts, Plan
from retention.periods import SECONDS, Period, end_of

OPEN = "open"  # the month of keys whose end is not known
CONSENT = "consent"
REFUSED, WITHDRAWN = "refused", "withdrawn"
AFTER_REFUSAL = timedelta(days=1)

# Why a plan says what it says; words for people are in retention.reasons.
BY_POLICY = "policy"
NO_POLICY = "no-policy"
IN_CONFLICT = "conflict"
IN_QUARANTINE = "quarantine"
CONSENT_REFUSED = "consent-refused"
CONSENT_WITHDRAWN = "consent-withdrawn"
DUTY_AFTER_WITHDRAWAL = "duty-after-withdrawal"


@dataclass(frozen=True, slots=True)
class Rule:
    """What one version of a policy says; empty conditions mean any call."""

    policy_id: UUID
    version: int
    name: str
    lawful_basis: str
    keep_at_least: Period | None
    keep_at_most: Period
    team_id: UUID | None = None
    queue: str = ""
    category: str = ""
    basis: str = ""

    def applies_to(self, call: CallFacts) -> bool:
        """Say whether every condition fits the call."""
        return (
            (self.team_id is None or self.team_id == call.team_id)
            and self.queue in ("", call.queue)
            and self.category in ("", call.category)
            and self.basis in ("", call.basis)
        )


@dataclass(frozen=True, slots=True)
class House:
    """The customer's own measures: the zone of its calendar, the ceiling of its quarantine."""

    zone: ZoneInfo
    quarantine: timedelta


def compute(rules: Sequence[Rule], call: CallFacts, *, house: House, now: datetime) -> Plan:
    """Return when the call goes, and by which rule.

    ``now`` counts for a withdrawn consent, and for the keys of what is overdue already.
    """
    applying = [rule for rule in rules if rule.applies_to(call)]
    if call.basis_status == WITHDRAWN:
        return _after_withdrawal(applying, call, house, now)
    if call.basis_status == REFUSED:
        return _unfounded(call.ingested_at + AFTER_REFUSAL, CONSENT_REFUSED, now)
    if call.is_quarantined:
        return _unfounded(call.ingested_at + house.quarantine, IN_QUARANTINE, now)
    if not applying:
        return _plan(None, floor=None, rule=None, why=NO_POLICY, now=now)

    floor = _latest_floor(applying, call, house)
    ceilings = [(end_of(call.ended_at, rule.keep_at_most, house.zone), rule) for rule in applying]
    ceiling, deciding = min(ceilings, key=lambda pair: (pair[0], pair[1].name, pair[1].policy_id))
    if floor is not None and floor > ceiling:
        return _plan(None, floor=floor, rule=None, why=IN_CONFLICT, now=now)
    return _plan(ceiling, floor=floor, rule=deciding, why=BY_POLICY, now=now)


def is_trial(rule: Rule) -> bool:
    """Say whether a rule counts in seconds, as only a trial does."""
    return rule.keep_at_most.unit == SECONDS


def _after_withdrawal(applying: Sequence[Rule], call: CallFacts, house: House, now: datetime) -> Plan:
    """Keep only what a duty demands, that is a floor which does not rest on consent, and not a day longer."""
    duties = [
        (end_of(call.ended_at, rule.keep_at_least, house.zone), rule)
        for rule in applying
        if rule.keep_at_least is not None and rule.lawful_basis != CONSENT
    ]
    lasting = [(end, rule) for end, rule in duties if end > now]
    if not lasting:
        return _plan(now, floor=None, rule=None, why=CONSENT_WITHDRAWN, now=now)
    end, rule = max(lasting, key=lambda pair: (pair[0], pair[1].name, pair[1].policy_id))
    return _plan(end, floor=end, rule=rule, why=DUTY_AFTER_WITHDRAWAL, now=now)


def _unfounded(expires_at: datetime, why: str, now: datetime) -> Plan:
    """Give a call without a lawful basis its own ceiling; no duty to keep can rest on nothing."""
    return _plan(expires_at, floor=None, rule=None, why=why, now=now)


def _latest_floor(applying: Sequence[Rule], call: CallFacts, house: House) -> datetime | None:
    floors = [
        end_of(call.ended_at, rule.keep_at_least, house.zone)
        for rule in applying
        if rule.keep_at_least is not None
    ]
    return max(floors, default=None)


def _plan(
    expires_at: datetime | None, *, floor: datetime | None, rule: Rule | None, why: str, now: datetime
) -> Plan:
    return Plan(
        expires_at=expires_at,
        keep_until_at_least=floor,
        # What is overdue when it comes gets this month's keys: those of a month that has passed may be gone.
        month=f"{max(expires_at, now).astimezone(UTC):%Y-%m}" if expires_at else OPEN,
        policy_id=rule.policy_id if rule else None,
        policy_version=rule.version if rule else None,
        policy_name=rule.name if rule else "",
        in_conflict=expires_at is None,
        why=why,
    )
