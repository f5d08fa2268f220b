"""Periodic jobs of retention. When they run is said in ``vault.celery``."""

from __future__ import annotations

from audit.actor import Actor
from retention import ledger, rescheduling
from retention import sweep as sweeping
from vault import clock
from vault.jobs.periodic import periodic


@periodic("retention.sweep")
def sweep() -> int:
    """Erase what is due and finish what was begun."""
    swept = sweeping.run(actor=Actor.system("task:retention.sweep"), now=clock.now())
    return swept.destroyed + swept.certified


@periodic("retention.flush_ledger")
def flush_ledger() -> int:
    """Put what is waiting into the ledger outside."""
    return ledger.flush(now=clock.now())


@periodic("retention.reschedule")
def reschedule() -> int:
    """Carry changed policies through the recordings that are here."""
    return rescheduling.reschedule(actor=Actor.system("task:retention.reschedule"), now=clock.now())
