"""The end of an erasure: certified once, when it stands in the ledger outside and absence is verified."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from audit import trail
from audit.actions import Action
from audit.actor import Actor, Ref
from retention import proof
from retention.errors import NotYetCertified
from retention.models import Erasure, ErasureState, Ground
from vault import clock


@transaction.atomic(durable=True)
def certify(*, actor: Actor, limit: int = 500) -> int:
    """Certify what is verified and stands in the ledger outside; return how many.

    The statement is fixed here: its hash goes into the event, so nobody can word it differently later.
    """
    at = clock.database_now()
    ready = Erasure.objects.filter(
        state=ErasureState.VERIFIED_ABSENT, ledger_entry__written_at__isnull=False
    ).order_by("verified_at", "pk")
    rows = list(ready.select_for_update(skip_locked=True, of=("self",))[:limit])
    for row in rows:
        row.beyond_recovery_on = unreadable_since(row) + timedelta(days=settings.KEY_TABLE_BACKUP_DAYS)
        statement = proof.write_statement(row)
        event = trail.record(
            Action.ERASURE_CERTIFIED,
            actor=actor,
            target=Ref("erasure", str(row.pk)),
            at=at,
            erasure=str(row.pk),
            ground=Ground(row.ground).value,
            unreadable_since=proof.moment(unreadable_since(row)),
            beyond_recovery_on=proof.moment(row.beyond_recovery_on),
            statement=hashlib.sha256(statement.encode()).hexdigest(),
        )
        row.state, row.certified_at, row.certified_event = ErasureState.CERTIFIED, at, event.pk
        row.save(update_fields=["state", "certified_at", "certified_event", "beyond_recovery_on"])
    return len(rows)


def unreadable_since(row: Erasure) -> datetime:
    """Return when the keys were destroyed; the database's constraint says that a verified one has it."""
    if row.key_destroyed_at is None:
        raise NotYetCertified
    return row.key_destroyed_at
