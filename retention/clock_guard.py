"""Nothing destructive happens while the database's clock cannot be believed.

Each check reads the database's clock beside this machine's time since start, judges the pair by what was seen
before (``clock_rules``), and notes what it saw: in the database for each start of each machine, and every ten
minutes in the object store, outside the database. A doubt is written down, raises an alarm, and lasts until
the clock fits again or a person has confirmed the time.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.db import transaction

from audit import trail
from audit.actions import Action, Outcome
from audit.actor import Actor, Ref
from retention.clock_rules import Doubt, Mark, Reading, Verdict, is_cleared_by, judge
from retention.errors import ClockDoubted
from retention.models import ClockDoubt, ClockMark
from vault import clock, storage
from vault.places import is_this_machine

log = structlog.get_logger("retention.clock")

PREFIX = "clock/"
OUTSIDE_EVERY = timedelta(minutes=10)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def check(*, actor: Actor) -> datetime:
    """Return the database's time if it may be believed; call it outside any transaction.

    :raises ClockDoubted: if the clock jumped; nothing may be destroyed until it is right or confirmed.
    """
    reading = read()
    marks = _marks()
    is_known = any(mark.boot_id == reading.boot_id for mark in marks)
    verdict = judge(reading, marks, None if is_known else outside_mark())
    if verdict.doubt is not None and is_cleared_by(_independent_clock(reading), reading, verdict):
        _start_again(reading)
        verdict = Verdict(None)
    if verdict.doubt is not None:
        _note_doubt(verdict.doubt, reading, verdict.off_by, actor=actor)
        raise ClockDoubted
    _note_belief(reading, actor=actor)
    return reading.at


def recheck() -> datetime:
    """Return the database's time within the transaction that destroys, judged by this machine's own mark.

    :raises ClockDoubted: if the clock jumped since ``check``.
    """
    reading = read()
    own = [mark for mark in _marks() if mark.boot_id == reading.boot_id]
    if not own or judge(reading, own).doubt is not None or find_doubt() is not None:
        raise ClockDoubted
    return reading.at


def find_doubt() -> ClockDoubt | None:
    """Return the doubt that is not settled, if there is one."""
    return ClockDoubt.objects.filter(ended_at__isnull=True).first()


def confirm_time(*, actor: Actor, now: datetime) -> None:
    """Take a person's word that the database's time is right; what was seen before no longer counts."""
    reading = read()
    _start_again(reading)
    with transaction.atomic(durable=True):
        doubt = ClockDoubt.objects.select_for_update().filter(ended_at__isnull=True).first()
        if doubt is None:
            return
        doubt.ended_at, doubt.ended_by = reading.at, actor.id
        doubt.save(update_fields=["ended_at", "ended_by"])
        trail.record(
            Action.CLOCK_CONFIRMED,
            actor=actor,
            target=Ref("settings", "clock"),
            at=now,
            why=doubt.because,
            off_by_s=doubt.off_by_s,
        )


def read() -> Reading:
    """Read both clocks, as close together as can be."""
    monotonic_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    return Reading(clock.database_now(), _BOOT_ID.read_text().strip(), monotonic_s)


def outside_mark() -> datetime | None:
    """Return the latest time that was noted outside the database."""
    moments = [_moment_of(found.name) for found in storage.store().listing(f"{PREFIX}seen-")]
    return max(moments, default=None)


def _marks() -> list[Mark]:
    return [
        Mark(mark.boot_id, mark.first_at, mark.first_monotonic_s, mark.last_at)
        for mark in ClockMark.objects.order_by("last_at", "pk")
    ]


def _independent_clock(reading: Reading) -> datetime | None:
    """Ask the object store what time it is, by the date it gives to an object; none if it is this machine."""
    if not _store_is_elsewhere():
        return None
    name = f"{PREFIX}asked-{reading.boot_id}-{int(reading.monotonic_s)}"
    store = storage.store()
    store.put_if_absent(name, b"")
    dated = [found.modified_at for found in store.listing(name)]
    store.delete([name])
    return max(dated, default=None)


def _store_is_elsewhere() -> bool:
    if settings.STORE_KIND != "s3":
        return False
    return not is_this_machine(urlsplit(settings.S3_ENDPOINT_URL).hostname or "s3.amazonaws.com")


@transaction.atomic(durable=True)
def _note_doubt(doubt: Doubt, reading: Reading, off_by: timedelta, *, actor: Actor) -> None:
    if find_doubt() is not None:
        return
    off_by_s = round(off_by.total_seconds())
    log.error("the clock is doubted; nothing is erased", because=doubt.value, off_by_s=off_by_s)
    ClockDoubt.objects.bulk_create(
        [ClockDoubt(because=doubt.value, off_by_s=off_by_s, began_at=reading.at)], ignore_conflicts=True
    )
    trail.record(
        Action.CLOCK_DOUBTED,
        actor=actor,
        target=Ref("settings", "clock"),
        at=reading.at,
        outcome=Outcome.FAILED,
        why=doubt.value,
        off_by_s=off_by_s,
    )


def _note_belief(reading: Reading, *, actor: Actor) -> None:
    with transaction.atomic(durable=True):
        mark, is_new = ClockMark.objects.select_for_update().get_or_create(
            boot_id=reading.boot_id,
            defaults={
                "first_at": reading.at,
                "first_monotonic_s": reading.monotonic_s,
                "last_at": reading.at,
            },
        )
        before = mark.last_at
        if reading.at > before:
            mark.last_at = reading.at
            mark.save(update_fields=["last_at"])
        _end_doubt(reading, actor=actor)
    if is_new or _ten_minutes(before) != _ten_minutes(reading.at):
        _note_outside(reading.at)


def _end_doubt(reading: Reading, *, actor: Actor) -> None:
    doubt = ClockDoubt.objects.select_for_update().filter(ended_at__isnull=True).first()
    if doubt is None:
        return
    log.info("the clock fits again", because=doubt.because)
    doubt.ended_at = reading.at
    doubt.save(update_fields=["ended_at"])
    trail.record(
        Action.CLOCK_BELIEVED,
        actor=actor,
        target=Ref("settings", "clock"),
        at=reading.at,
        why=doubt.because,
        off_by_s=doubt.off_by_s,
    )


def _start_again(reading: Reading) -> None:
    """Forget every mark, here and outside, and begin with this reading."""
    with transaction.atomic(durable=True):
        ClockMark.objects.all().delete()
        ClockMark.objects.create(
            boot_id=reading.boot_id,
            first_at=reading.at,
            first_monotonic_s=reading.monotonic_s,
            last_at=reading.at,
        )
    _note_outside(reading.at, forget_later=True)


def _note_outside(at: datetime, *, forget_later: bool = False) -> None:
    """Put the newest mark first, then remove the others: there is one at every moment."""
    name = f"{PREFIX}seen-{_ten_minutes(at):%Y%m%dt%H%M}"
    store = storage.store()
    store.put_if_absent(name, b"")
    others = {found.name for found in store.listing(f"{PREFIX}seen-")} - {name}
    store.delete(sorted(other for other in others if forget_later or other < name))


def _ten_minutes(at: datetime) -> datetime:
    at = at.astimezone(UTC)
    return at.replace(minute=at.minute - at.minute % 10, second=0, microsecond=0)


def _moment_of(name: str) -> datetime:
    return datetime.strptime(name.removeprefix(f"{PREFIX}seen-"), "%Y%m%dt%H%M").replace(tzinfo=UTC)
