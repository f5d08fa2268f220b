"""What nobody decided on, or carried out, in time is over."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from audit.actor import Actor
from vault.approvals import kinds, words
from vault.approvals.asking import end_expired
from vault.approvals.models import OPEN, Approval

_AT_ONCE = 100
_ACTOR = Actor.system("task:approvals.expire")


def expire(*, now: datetime) -> int:
    """End the requests whose time has passed, those that somebody is deciding on right now excepted."""
    words.prepare(now)
    with transaction.atomic(durable=True):
        due = Approval.objects.filter(state__in=OPEN, expires_at__lte=now).order_by("expires_at", "pk")
        rows = list(due.select_for_update(skip_locked=True)[:_AT_ONCE])
        for asked in rows:
            end_expired(asked, kinds.require(asked.kind), actor=_ACTOR, now=now)
    return len(rows)
