"""The keys of months: made before the first call needs them, hardened after erasures, destroyed when all is over.

What decides about destroying is the database's time, and only while it is believed (``clock_guard``).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction

from audit import subjects
from audit.actor import Actor
from recordings import keks, key_work, keys
from recordings.models import KeyWorkKind, Recording, State
from retention import clock_guard
from retention.periods import end_of
from retention.schedule import house, rules_in_force
from vault import clock
from vault.errors import Refusal
from vault.kms import keks as books
from vault.kms import masters
from vault.kms.models import Kek, KekState

AHEAD = timedelta(days=62)  # so that two monthly backups hold a key before a call needs it
GRACE = timedelta(days=7)  # after a month's end, before its keys go: what was late has gone by then
HARDENED_EVERY = timedelta(days=30)
_THE_HOUSES = ("accounts", "exports", "ledger")  # of no month, needed as long as the vault is

log = structlog.get_logger("retention.key_months")


def months_needed(now: datetime, *, since: datetime | None = None) -> list[str]:
    """Return the months in which calls that arrive from now until ``AHEAD`` will end, and ``open``.

    :param since: when the oldest call began that is still to arrive, as with an archive; now, unless given.
    """
    ours, since = house(), since or now
    periods = [rule.keep_at_most for rule in rules_in_force()]
    periods += [rule.keep_at_least for rule in rules_in_force() if rule.keep_at_least is not None]
    spans = [(since, now + AHEAD + ours.quarantine)]
    spans += [
        (end_of(since, period, ours.zone), end_of(now + AHEAD, period, ours.zone)) for period in periods
    ]
    return [*sorted({month for span in spans for month in _months(*span)}), keys.OPEN_MONTH]


def make_ahead(*, actor: Actor, now: datetime, since: datetime | None = None) -> int:
    """Make the keys and local masters that calls will need, and tell of all new keys; return how many are new.

    :param since: as of ``months_needed``.
    """
    for day in range(0, AHEAD.days + 1, 31):
        subjects.prepare_month(
            now + timedelta(days=day), ahead=True
        )  # this month's too: the first event needs it
    for month in months_needed(now, since=since):
        if keks.usable_month(month) != month:
            continue  # destroyed before its time: its calls come under the open key
        for name in (keys.kek_for_audio(month), keys.kek_for_fields(month)):
            books.ensure(name, ahead=True)
        keys.prepare(month)
    for name in _THE_HOUSES:
        books.ensure(name, ahead=True)
    masters.forget_all()  # they were made ahead, not to be used now
    return keks.record_made(actor=actor, now=now)


def harden_due(*, actor: Actor, now: datetime) -> int:
    """Ask for hardening where recordings were erased before their month was over; return how often.

    Monthly, or as soon as there are ``HARDEN_AFTER_ERASURES`` of them.
    """
    asked = 0
    active = Kek.objects.filter(state=KekState.ACTIVE).order_by("pk")
    for kek in active:
        month = keks.month_of(kek.name) or ("open" if kek.name in _OPEN else "")
        if not month:
            continue
        since = kek.hardened_at or kek.made_at
        gone = Recording.objects.filter(state=State.ERASED, key_month=month, erased_at__gt=since)
        enough = 1 if now - since >= HARDENED_EVERY else settings.HARDEN_AFTER_ERASURES
        if gone[:enough].count() < enough:
            continue
        try:
            key_work.begin(kek.name, KeyWorkKind.HARDEN, actor=actor, now=now)
        except Refusal as refusal:  # another version is being made; it will be looked at again
            log.info("key not hardened now", key=kek.name, why=refusal.reason)
            continue
        asked += 1
    return asked


def destroy_passed(*, actor: Actor) -> int:
    """Destroy the keys of months that have passed and on which nothing lives; return how many.

    And again what the service has got back from a backup since.

    :raises ClockDoubted: if the database's clock jumped.
    """
    at = clock_guard.check(actor=actor)
    for kek in Kek.objects.filter(state=KekState.ACTIVE).order_by("pk"):
        if not _has_passed(kek.name, at) or not keks.lives_on(kek.name).is_empty:
            continue
        try:
            with transaction.atomic(durable=True):
                keks.close(kek.name, why="schedule", actor=actor, now=clock_guard.recheck())
        except (keks.KeyLivesOn, keks.KeyNotInUse):
            log.info("another run has closed a key, or something has come under it", key=kek.name)
    now = clock.database_now()
    return keks.destroy_closed(actor=actor, now=now) + keks.destroy_again(actor=actor, now=now)


_OPEN = frozenset({keys.kek_for_audio(keys.OPEN_MONTH), keys.kek_for_fields(keys.OPEN_MONTH)})


def _has_passed(name: str, at: datetime) -> bool:
    """Say whether a key's month is over: the trail's when its events were removed."""
    month = keks.month_of(name)
    return _end_of_month(month) + GRACE <= at if month else keks.is_of_removed_month(name)


def _months(first: datetime, last: datetime) -> Iterator[str]:
    at = first.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while at <= last:
        yield f"{at:%Y-%m}"
        at = (at + timedelta(days=31)).replace(day=1)


def _end_of_month(month: str) -> datetime:
    begins = datetime.fromisoformat(f"{month}-01T00:00:00+00:00")
    return (begins + timedelta(days=31)).replace(day=1)
