"""One run of the sweep: whatever the database says is left to do, step by step, batch by batch.

Safe in any number at once and after any crash: each step claims what stands before it, does its work and writes
down that it is done. Nothing is remembered between two runs but what is in the database.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import DatabaseError

from audit.actor import Actor
from retention import certificate, claims, clock_guard, copies_gone, erasure, ledger
from retention.claims import Claim
from retention.errors import ClockDoubted
from retention.models import BEFORE_DESTRUCTION, ErasureState
from vault import storage
from vault.errors import Unavailable

log = structlog.get_logger("retention.sweep")

BATCH = 100
BUDGET_S = 240.0  # a run leaves what it does not get done to the next, and the worker to other jobs


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the state machine: which states it takes, and what it does to a batch of claims."""

    name: str
    takes: tuple[ErasureState, ...]
    work: Callable[..., int]


@dataclass(slots=True)
class Swept:
    """How much a run did."""

    noticed: int = 0
    destroyed: int = 0
    deleted: int = 0
    verified: int = 0
    certified: int = 0


def steps() -> tuple[Step, Step, Step]:
    """Return the steps in order."""
    return (
        Step("destroy_keys", BEFORE_DESTRUCTION, erasure.destroy_keys),
        Step("delete_objects", copies_gone.TO_DELETE, copies_gone.delete_objects),
        Step("verify_absence", copies_gone.TO_VERIFY, copies_gone.verify_absence),
    )


def run(*, actor: Actor, now: datetime, batch: int = BATCH) -> Swept:
    """Erase what is due, finish what was begun, certify what is done.

    :raises ClockDoubted: if the database's clock jumped; nothing was destroyed.
    :raises StoreUnavailable: if copies cannot be deleted now; keys were destroyed where due.
    """
    swept, until = Swept(), time.monotonic() + BUDGET_S
    clock_guard.check(actor=actor)
    destroy, delete, verify = steps()
    while noticed := claims.notice_due(limit=10 * batch):
        swept.noticed += noticed
    swept.destroyed = work_off(destroy, actor=actor, until=until, batch=batch)
    storage.store().check()
    swept.deleted = work_off(delete, actor=actor, until=until, batch=batch)
    swept.verified = work_off(verify, actor=actor, until=until, batch=batch)
    ledger.flush(now=now)
    while certified := certificate.certify(actor=actor):
        swept.certified += certified
    return swept


def work_off(step: Step, *, actor: Actor, until: float, batch: int = BATCH) -> int:
    """Claim and do one step until nothing is left for it, or time is up; return how many erasures got on."""
    done = 0
    while time.monotonic() < until and (claimed := claims.claim(step.takes, actor=actor, limit=batch)):
        done += attempt(step, claimed, actor=actor)
    return done


def attempt(step: Step, claimed: Sequence[Claim], *, actor: Actor) -> int:
    """Do a step for a batch; where it fails, one by one, so that one does not stop the others."""
    try:
        return step.work(claimed, actor=actor)
    except ClockDoubted:
        raise
    except (DatabaseError, Unavailable, copies_gone.CopyStillThere) as error:
        if len(claimed) == 1:
            claims.put_off(claimed[0], error)
            return 0
        log.warning("batch failed, going on one by one", step=step.name, error=type(error).__name__)
        return sum(attempt(step, [one], actor=actor) for one in claimed)
