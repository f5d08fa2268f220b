"""Periodic jobs of retention. When they run is said in ``vault.celery``."""

from __future__ import annotations

from audit.actor import Actor
from retention import key_months, ledger, rescheduling
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


@periodic("retention.make_keys_ahead")
def make_keys_ahead() -> int:
    """Make the keys of the months in which calls will end, before the first of them comes."""
    return key_months.make_ahead(actor=Actor.system("task:retention.make_keys_ahead"), now=clock.now())


@periodic("retention.harden_keys")
def harden_keys() -> int:
    """Replace the keys under which recordings were erased early."""
    return key_months.harden_due(actor=Actor.system("task:retention.harden_keys"), now=clock.now())


@periodic("retention.destroy_passed_keys")
def destroy_passed_keys() -> int:
    """Destroy the keys of months that have passed and on which nothing lives."""
    return key_months.destroy_passed(actor=Actor.system("task:retention.destroy_passed_keys"))
