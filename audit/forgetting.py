"""Forgetting unknown visitors: what the trail knows of them is their addresses, sealed by the day."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from audit import subjects, trail
from audit.actor import Actor
from vault import clock

GROUND = "kept-long-enough"


def forget_days(*, actor: Actor, now: datetime) -> int:
    """Forget the unknown actors of each day older than ``AUDIT_ADDRESS_DAYS``; return how many days."""
    oldest_kept = (clock.database_now() - timedelta(days=settings.AUDIT_ADDRESS_DAYS)).date()
    days = subjects.days_before(oldest_kept)
    for day in days:
        with transaction.atomic(durable=True):
            trail.forget(day, actor=actor, at=now, ground=GROUND)
    return len(days)
