"""Carry a changed policy through the recordings that are already here, in batches, by id.

How far it has come is in the database, so a crash costs one batch at most. What is not erased yet gets its new end,
also where the old one has passed; only what is due because consent was withdrawn is left to the sweep.
"""

from __future__ import annotations

import time
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F

from audit.actor import Actor
from recordings import expiry
from recordings.facts import Plan
from recordings.models import Recording, State
from retention.models import Rescheduling
from retention.rules import CONSENT_WITHDRAWN, compute
from retention.schedule import house, rules_in_force

BATCH = 500
BUDGET_S = 240.0  # a run leaves what it does not get done to the next, and the worker to other jobs
FIRST = UUID(int=0)


def reschedule(*, actor: Actor, now: datetime) -> int:
    """Work off policy changes that are still on their way, as far as a run gets; return how many ends changed.

    A change that another run is carrying is left to it.
    """
    changed, until = 0, time.monotonic() + BUDGET_S
    while time.monotonic() < until and (done := _one_batch(actor=actor, now=now)) is not None:
        changed += done
    return changed


@transaction.atomic(durable=True)
def _one_batch(*, actor: Actor, now: datetime) -> int | None:
    # The newest change looks at everything the older ones have not reached.
    free = Rescheduling.objects.select_for_update(skip_locked=True).filter(finished_at__isnull=True)
    under_way = list(free.order_by("pk"))
    if not under_way:
        return None
    newest = under_way[-1]
    Rescheduling.objects.filter(pk__in=[one.pk for one in under_way[:-1]]).update(finished_at=now)
    recordings = list(
        Recording.objects.select_for_update(of=("self",))
        .filter(pk__gt=newest.after or FIRST)
        .exclude(state=State.ERASED)
        .order_by("pk")[:BATCH]
    )
    rules, ours = rules_in_force(), house()
    changed = 0
    for recording in recordings:
        planned = compute(rules, expiry.facts_of(recording), house=ours, now=now)
        if not _is_over(recording, planned, now):
            changed += expiry.set_expiry(recording, planned, actor=actor, now=now)
    Rescheduling.objects.filter(pk=newest.pk).update(
        after=recordings[-1].pk if recordings else newest.after,
        looked_at=F("looked_at") + len(recordings),
        changed=F("changed") + changed,
        finished_at=None if len(recordings) == BATCH else now,
    )
    return changed


def _is_over(recording: Recording, planned: Plan, now: datetime) -> bool:
    """Say whether a withdrawn consent has ended it before: planning again would only move its end to now."""
    if planned.why != CONSENT_WITHDRAWN or recording.expires_at is None:
        return False
    return recording.expires_at <= now
