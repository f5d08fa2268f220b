"""When a call goes: the policies in force put to the pure rules. Ingest asks here through a setting."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from recordings.facts import CallFacts, Plan
from retention.models import RetentionPolicy
from retention.periods import Period
from retention.rules import House, Rule, compute

_POLICIES = 7_214_003  # any number that every plan and every change of a policy agrees on


def plan(call: CallFacts, *, now: datetime) -> Plan:
    """Return when the call goes under the policies in force, and the month whose keys it gets.

    Within a transaction no policy changes until it ends: a change waits, and then finds the recording.
    """
    if connection.in_atomic_block:
        lock_policies(shared=True)
    return compute(rules_in_force(), call, house=house(), now=now)


def lock_policies(*, shared: bool = False) -> None:
    """Keep policies as they are until the transaction ends, or, not shared, be the one that changes them."""
    kind = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {kind}(%s)", [_POLICIES])


def rules_in_force() -> list[Rule]:
    """Return the approved, unretired versions as the rules they are."""
    return [rule_of(version) for version in RetentionPolicy.objects.in_force().order_by("policy_id", "pk")]


def rule_of(version: RetentionPolicy) -> Rule:
    """Return what one version of a policy says."""
    return Rule(
        policy_id=version.policy_id,
        version=version.version,
        name=version.name,
        lawful_basis=version.lawful_basis,
        keep_at_least=(
            Period(version.keep_at_least_count, version.keep_at_least_unit)
            if version.keep_at_least_count is not None
            else None
        ),
        keep_at_most=Period(version.keep_at_most_count, version.keep_at_most_unit),
        team_id=version.team_id,
        queue=version.queue,
        category=version.category,
        basis=version.basis,
    )


def house() -> House:
    """Return the customer's own measures."""
    return House(zone=ZoneInfo(settings.TIME_ZONE), quarantine=timedelta(days=settings.QUARANTINE_DAYS))
