"""Calls that were announced and whose audio never came."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from recordings.models import Intake, PendingObject, StoredKey


def drop_stale_intakes(*, now: datetime, limit: int = 1000) -> int:
    """Drop intakes that have expired, with the keys of their metadata; return how many."""
    with transaction.atomic(durable=True):
        # One whose audio is being received right now waits: its upload ends, or its lease does.
        receiving = PendingObject.objects.filter(lease_until__gt=now, is_condemned=False)
        stale = Intake.objects.select_for_update(skip_locked=True).filter(expires_at__lte=now)
        stale = stale.exclude(pk__in=receiving.values("recording_id")).order_by("expires_at")
        ids = list(stale.values_list("pk", flat=True)[:limit])
        StoredKey.objects.filter(recording_id__in=ids).delete()
        Intake.objects.filter(pk__in=ids).delete()
    return len(ids)
