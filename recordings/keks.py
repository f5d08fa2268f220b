"""Key-encryption keys as people and jobs look after them: what lives on each, its making in the trail, its end.

A key ends in three steps: closed in the books, with its event, once nothing lives on it; destroyed in the
service; written down as destroyed. Whatever dies between two of them, the sweep goes on from where the books
stand. Triggers refuse to close a key that something lives on, and to store anything under a closed one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.db import IntegrityError, connection, transaction

from audit import months, trail
from audit.actions import Action
from audit.actor import Actor, Ref
from recordings import keys
from recordings.models import KeyWork, KeyWorkKind, Recording, State, StoredKey
from vault import kms
from vault.errors import Conflict, Missing, Refusal, gettext_noop
from vault.kms import Duty, masters
from vault.kms import keks as books
from vault.kms.models import Kek, KekState, Master

COUNTED_UP_TO = 10_000

_MONTH_KEY = re.compile(r"(audio|fields)-(\d{4}-\d{2})")
_TRAIL_KEY = re.compile(r"trail-(\d{4}-\d{2})")

log = structlog.get_logger("recordings.keks")


class NoSuchKey(Missing):
    """The books have no key-encryption key of this name."""

    code = "no-such-key"
    title = gettext_noop("There is no such key")


class KeyNotInUse(Conflict):
    """It is being destroyed, or has been."""

    code = "key-not-in-use"
    title = gettext_noop("The key is being destroyed, or has been")


class KeyLivesOn(Conflict):
    """Something that is kept can only be opened with it."""

    code = "key-lives-on"
    title = gettext_noop("Something that is kept needs this key; it cannot be destroyed")


class KeyIsNoMonths(Conflict):
    """It belongs to no month, and is needed as long as the vault is."""

    code = "key-is-no-months"
    title = gettext_noop("Only the keys of one month can be destroyed")


@dataclass(frozen=True, slots=True)
class Lives:
    """How many keys live on a key-encryption key; counted up to ``COUNTED_UP_TO``, then "more than"."""

    data_keys: int
    masters: int

    @property
    def is_empty(self) -> bool:
        """Say whether nothing needs the key any more."""
        return not (self.data_keys or self.masters)


def month_of(name: str) -> str:
    """Return the month a key is for; empty for one that belongs to no month."""
    match = _MONTH_KEY.fullmatch(name)
    return match.group(2) if match else ""


def is_of_removed_month(name: str) -> bool:
    """Say whether a key is the trail's for a month whose events are gone."""
    match = _TRAIL_KEY.fullmatch(name)
    return match is not None and months.is_removed(match.group(1))


def require(name: str) -> Kek:
    """Return a key-encryption key.

    :raises NoSuchKey: if the books have none of this name.
    """
    kek = Kek.objects.filter(pk=name).first()
    if kek is None:
        raise NoSuchKey
    return kek


def lock_in_use(name: str) -> Kek:
    """Return a key-encryption key that may wrap, locked within the caller's transaction.

    :raises KeyNotInUse: if it is being destroyed, or has been.
    """
    kek = Kek.objects.select_for_update().filter(pk=name).first()
    if kek is None:
        raise NoSuchKey
    if kek.state != KekState.ACTIVE:
        raise KeyNotInUse
    return kek


def lives_on(name: str) -> Lives:
    """Count what lives on one key."""
    return lives_on_each([name])[name]


def lives_on_each(names: Iterable[str]) -> dict[str, Lives]:
    """Count what lives on each key: data keys, or the masters that still wrap a recording's fields. One query."""
    wrapping = {name: named_by_keys(name) for name in names}
    with connection.cursor() as cursor:
        cursor.execute(
            # In the order of the index, or the statistics of yesterday may call for the whole table.
            "SELECT asked.name, (SELECT count(*) FROM (SELECT 1 FROM recordings_storedkey AS stored"
            " WHERE stored.kek = asked.wrapping ORDER BY stored.kek_version LIMIT %s) AS living),"
            " (SELECT count(*) FROM kms_master AS master WHERE master.kek = asked.name)"
            " FROM unnest(%s::text[], %s::text[]) AS asked (name, wrapping)",
            [COUNTED_UP_TO + 1, list(wrapping), list(wrapping.values())],
        )
        # The masters of a month whose recordings are gone wrap nothing, and go with its key.
        return {
            name: Lives(count, masters_there if count or not month_of(name) else 0)
            for name, count, masters_there in cursor
        }


def record_made(*, actor: Actor, now: datetime) -> int:
    """Write into the trail which keys were made; return how many. Made in the middle of something, told here."""
    recorded = 0
    unrecorded = Kek.objects.filter(is_recorded=False, state=KekState.ACTIVE)
    for name in unrecorded.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic(durable=True):
            kek = unrecorded.select_for_update().filter(pk=name).first()
            if kek is None:
                continue
            _record_made(kek, actor=actor, now=now)
        if not kek.made_ahead:
            log.warning("a key was made when it was needed, not ahead: back it up now", key=name)
        recorded += 1
    return recorded


def _record_made(kek: Kek, *, actor: Actor, now: datetime) -> None:
    kek.is_recorded = True
    kek.save(update_fields=["is_recorded"])
    trail.record(Action.KEY_CREATED, actor=actor, target=ref(kek.name), at=now, ahead=kek.made_ahead)


def check_may_end(name: str) -> Kek:
    """Return a key that may be closed now, locked within the caller's transaction.

    :raises KeyIsNoMonths: for a key that is needed as long as the vault is.
    :raises KeyLivesOn: if anything that is kept needs it.
    :raises KeyNotInUse: if it was closed before.
    """
    if not month_of(name) and not is_of_removed_month(name):
        raise KeyIsNoMonths
    # First the work, then the key, as the work itself does: else the two could wait for each other.
    list(KeyWork.objects.select_for_update().filter(kek=name, finished_at__isnull=True))
    kek = lock_in_use(name)
    if not lives_on(name).is_empty or _is_month_kept(name):
        raise KeyLivesOn
    return kek


def close(name: str, *, why: str, approval: UUID | None = None, actor: Actor, now: datetime) -> Kek:
    """Decide within the caller's transaction that a month's key goes; from here on nothing is stored under it.

    Refuses what ``check_may_end`` refuses.

    :param why: ``schedule``, or what else decided it.
    :param approval: the request by which two people decided it outside the schedule.
    """
    kek = check_may_end(name)
    if not kek.is_recorded:  # from here on nothing but its end may be written into its row
        _record_made(kek, actor=actor, now=now)
    try:
        with transaction.atomic():
            Master.objects.filter(kek=name).delete()
            kek.state, kek.closed_at = KekState.CLOSING, now
            kek.save(update_fields=["state", "closed_at"])
            # A new version that was on its way is not needed any more.
            KeyWork.objects.filter(kek=name, finished_at__isnull=True).update(finished_at=now)
    except IntegrityError as error:  # the triggers found what has come since it was counted
        raise KeyLivesOn from error
    trail.record(
        Action.KEY_DESTRUCTION_BEGUN,
        actor=actor,
        target=ref(name),
        at=now,
        why=why,
        approval=str(approval) if approval else None,
    )
    transaction.on_commit(_forget)
    return kek


def destroy_closed(*, actor: Actor, now: datetime) -> int:
    """Destroy in the service what the books have closed; return how many. What fails waits for the next sweep."""
    destroyed = 0
    for name in Kek.objects.filter(state=KekState.CLOSING).order_by("pk").values_list("pk", flat=True):
        if _is_month_kept(name):
            log.error(
                "a key was closed while recordings of its month are kept: it is not destroyed", key=name
            )
            continue
        why = None
        try:
            kms.service(Duty.DESTRUCTION).destroy(name)
        except kms.KeyMissing:
            why = "not-in-the-service"
            log.error("a key that is being destroyed is not in the service: is it the right one?", key=name)
        except Refusal as error:
            log.error("key not destroyed", key=name, error=error.reason)
            continue
        with transaction.atomic(durable=True):
            mine = Kek.objects.filter(pk=name, state=KekState.CLOSING)
            if mine.update(state=KekState.DESTROYED, destroyed_at=now):
                trail.record(Action.KEY_DESTROYED, actor=actor, target=ref(name), at=now, why=why)
                destroyed += 1
    return destroyed


def destroy_again(*, actor: Actor, now: datetime) -> int:
    """Destroy what the service has though the books say it is gone; return how much. It was put back from a backup."""
    again = 0
    # The books first: what they said before the service was asked, the service had done.
    books_say = {kek.name: kek for kek in Kek.objects.all()}
    under_way = set(KeyWork.objects.filter(finished_at__isnull=True).values_list("kek", flat=True))
    for info in kms.service(Duty.ROTATION).describe():
        kek = books_say.get(info.name)
        if kek is None or info.destroyed_at or info.name in under_way:
            continue
        if kek.state == KekState.DESTROYED:
            kms.service(Duty.DESTRUCTION).destroy(info.name)
            action = Action.KEY_DESTROYED
        elif info.version - info.versions + 1 < kek.oldest_version <= info.version:
            kms.service(Duty.DESTRUCTION).trim(info.name, oldest=kek.oldest_version)
            action = Action.KEY_HARDENED
        else:
            continue
        log.error("the service had again what was destroyed: was it put back from a backup?", key=info.name)
        with transaction.atomic(durable=True):
            trail.record(action, actor=actor, target=ref(info.name), at=now, why="came-back")
        again += 1
    return again


def usable_month(month: str) -> str:
    """Return the month whose keys a recording gets: ``open`` where those of its own have been destroyed."""
    closed = books.closed()
    is_closed = keys.kek_for_audio(month) in closed or keys.kek_for_fields(month) in closed
    return keys.OPEN_MONTH if is_closed else month


def count_keys(name: str, kind: str) -> int:
    """Return how many keys a new version of a key wraps again, its local masters left out."""
    wrapping = name if kind == KeyWorkKind.ROTATE else named_by_keys(name)
    return StoredKey.objects.filter(kek=wrapping).count()


def named_by_keys(name: str) -> str:
    """Return what the rows of the keys under a key-encryption key name: field keys name the month's master."""
    use, _dash, month = name.partition("-")
    return keys.field_master(month) if use == "fields" else name


def ref(name: str) -> Ref:
    """Return a key as the trail names it."""
    return Ref("key", name)


def _is_month_kept(name: str) -> bool:
    """Ask the recordings themselves: a key store that is being put back may be empty, and its backup needs the key."""
    return Recording.objects.filter(key_month=month_of(name)).exclude(state=State.ERASED).exists()


def _forget() -> None:
    books.forget()
    masters.forget_all()
