"""Exports of the trail: asked for, made by a job, sealed, fetched once, gone after a day.

Asking and fetching are events themselves, committed before anything leaves. The package stands sealed in
the object store under a data key of its own, wrapped by the key-encryption key ``exports``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q

from audit import checkpoints, events, log_key, months, package, trail
from audit.actions import Action
from audit.actor import Actor, Ref
from audit.anchors import work as anchoring
from audit.events import EventFilters
from audit.models import Checkpoint, Export, ExportState, Leaf
from audit.shapes.formats import FORMATS
from audit.shapes.lines import About
from vault import kms, pdf, storage
from vault.crypto import container
from vault.crypto.container import CopyKind, Opener, Sealer
from vault.errors import Conflict, Invalid, Missing, gettext_noop
from vault.kms import Duty, keks

KEK = "exports"
KEPT_FOR = timedelta(hours=24)
LEASE = timedelta(minutes=30)
RENEWED_EVERY = timedelta(seconds=2)
MOST_ATTEMPTS = 3

log = structlog.get_logger("audit.export")


class NotReady(Conflict):
    """The package is still being made."""

    code = "export-not-ready"
    title = gettext_noop("The export is not ready yet")


class AlreadyFetched(Conflict):
    """The package was downloaded, or has expired; there is no second time."""

    status = 410
    code = "export-gone"
    title = gettext_noop("The export was fetched or has expired")


class TakenOver(Exception):
    """Somebody else has claimed the export while it was written here."""


@dataclass(frozen=True, slots=True)
class Download:
    """A package on its way out."""

    name: str
    length: int
    pieces: Iterator[memoryview]


def request_export(
    *,
    format: str,
    filters: EventFilters,
    with_personal: bool,
    ground: str = "",
    language: str = "en",
    actor: Actor,
    now: datetime,
) -> Export:
    """Ask for a package; a job makes it.

    Names and addresses leave only on a ground, which is kept with the event, sealed. What people read in it is
    in the language.

    :raises Invalid: for a format that is not made, or not of so many events, or personal data without a ground.
    """
    if format not in FORMATS:
        raise Invalid(gettext_noop("There is no such format."), code="format")
    _check_size(format, filters)
    if with_personal and not ground.strip():
        raise Invalid(gettext_noop("Say why names and addresses are needed."), code="ground")
    export_id = uuid4()
    facts = filters.as_facts()
    with transaction.atomic(durable=True):
        words = (
            [trail.Personal(trail.Subject.account(actor.id), {"ground": ground})]
            if actor.id and ground
            else []
        )
        event = trail.record(
            Action.TRAIL_EXPORTED,
            actor=actor,
            target=Ref("export", str(export_id)),
            at=now,
            personal=words,
            format=format,
            scope="selection" if facts else "whole",
            filters=" ".join(f"{name}={value}" for name, value in facts.items()) or None,
            personal_data=with_personal,
        )
        return Export.objects.create(
            id=export_id,
            asked_by=actor.id,
            asked_at=now,
            request_event=event.id,
            format=format,
            language=language,
            filters=filters.as_row(),
            with_personal=with_personal,
        )


def require(export_id: UUID) -> Export:
    """Return an export.

    :raises Missing: if there is none.
    """
    found = Export.objects.filter(id=export_id).first()
    if found is None:
        raise Missing(gettext_noop("There is no such export."))
    return found


def recent(*, limit: int = 5) -> list[Export]:
    """Return the newest exports."""
    return list(Export.objects.order_by("-asked_at", "-pk")[:limit])


def run_waiting(*, now: datetime) -> int:
    """Make every package that is waiting, or whose maker died; return how many were made."""
    made, began = 0, time.monotonic()
    while claimed := _claim(now + _since(began)):
        made += _make(claimed, now + _since(began))
    return made


def download(export_id: UUID, *, actor: Actor, now: datetime) -> Download:
    """Hand out a package, once; that it is fetched is committed before the first byte.

    :raises NotReady: if it is still being made.
    :raises AlreadyFetched: if it was fetched before, failed or has expired.
    """
    found = require(export_id)
    opener = _opener(found) if found.state == ExportState.READY else None
    with transaction.atomic(durable=True):
        export = Export.objects.select_for_update().get(pk=found.pk)
        if export.state in (ExportState.WAITING, ExportState.RUNNING):
            raise NotReady
        is_over = export.expires_at is not None and export.expires_at <= now
        if export.state != ExportState.READY or is_over or opener is None:
            raise AlreadyFetched
        export.state = ExportState.FETCHED
        export.fetched_at = now
        export.save(update_fields=["state", "fetched_at"])
        trail.record(
            Action.TRAIL_EXPORT_DOWNLOADED,
            actor=actor,
            target=Ref("export", str(export.id)),
            at=now,
            events=export.done,
            size=export.plain_bytes,
            sha256=export.sha256,
        )
    return Download(
        f"trail-{export.asked_at:%Y-%m-%d}-{export.id.hex[:8]}.zip",
        opener.plain_length,
        opener.open_all(
            lambda start, end: storage.store().read(
                export.object_name, start, end, version=export.object_version or None
            )
        ),
    )


def expire(*, now: datetime) -> int:
    """Destroy the keys, then the objects, of packages that were fetched, failed or are a day old."""
    is_over = Q(state=ExportState.READY, expires_at__lte=now)
    is_done = Q(state__in=[ExportState.FETCHED, ExportState.FAILED, ExportState.EXPIRED])
    # A download may still be reading what was fetched a moment ago.
    is_being_read = Q(state=ExportState.FETCHED, fetched_at__gt=now - LEASE)
    over = Export.objects.filter(is_over | is_done).exclude(object_name="").exclude(is_being_read)
    return sum(_expire_one(export, now) for export in over.order_by("asked_at", "pk"))


def _claim(now: datetime) -> Export | None:
    """Take one export, if the newest checkpoint covers the event that asked for it."""
    ready = Q(state=ExportState.WAITING) | Q(state=ExportState.RUNNING, lease_until__lte=now)
    numbered = Leaf.objects.values("event_id")
    with transaction.atomic(durable=True):
        waiting = Export.objects.filter(ready, request_event__in=numbered)
        export = waiting.select_for_update(skip_locked=True).order_by("asked_at", "pk").first()
        if export is None:
            return None
        export.lease_until = now + LEASE
        export.attempts += 1
        export.state = ExportState.RUNNING if export.attempts <= MOST_ATTEMPTS else ExportState.FAILED
        export.object_name = export.object_name or f"exports/{uuid4().hex}"
        export.save(update_fields=["lease_until", "attempts", "state", "object_name"])
        if not months.may_read_all():
            transaction.set_rollback(True)
            return None
    return export


def _make(export: Export, now: datetime) -> bool:
    checkpoint = checkpoints.newest()
    if export.state == ExportState.FAILED or checkpoint is None:
        return False
    # The checkpoint that fixes the package is to carry the witnesses' cosignatures.
    anchoring.anchor_now(checkpoint, actor=Actor.system("task:audit.run_exports"), now=now)
    filters = EventFilters.from_row(export.filters)
    order = package.Order(
        export_id=str(export.id),
        checkpoint=checkpoint,
        filters=filters,
        format=export.format,
        with_personal=export.with_personal,
        made_at=now,
        about=_about(export, filters, checkpoint, now),
    )
    mine = Export.objects.filter(pk=export.pk, attempts=export.attempts, state=ExportState.RUNNING)
    total = package.count_entries(order)
    work = package.count_work(order, total)
    if not mine.update(total=work, done=0, tree_size=checkpoint.size):
        return False  # somebody else has taken over: what stands in the store is theirs
    store = storage.store()
    store.delete([export.object_name])  # what an earlier attempt left
    data_key_id, data_key = uuid4(), os.urandom(32)
    context = container.context(export.id, data_key_id, CopyKind.EXPORT)
    keks.ensure(KEK)
    wrapped = kms.service(Duty.INGEST).wrap(KEK, data_key, context)
    sealer = Sealer(data_key, context)

    began, told_at, worked = time.monotonic(), timedelta(), 0

    def note_progress(done: int) -> None:
        nonlocal told_at, worked
        worked = done
        passed = _since(began)
        if passed - told_at >= RENEWED_EVERY:
            told_at = passed
            # However long the writing takes, nobody takes it for dead; whoever was taken for dead stops.
            if not mine.update(done=done, lease_until=now + passed + LEASE):
                raise TakenOver

    pieces = package.write_package(order, on_progress=note_progress)
    try:
        stored = store.put(export.object_name, sealer.seal(pieces))
    except TakenOver:
        return False
    ready_at = now + _since(began)
    written = worked // package.count_work(order, 1)
    with transaction.atomic(durable=True):
        kept = mine.update(
            state=ExportState.READY,
            done=written,
            total=written,
            ready_at=ready_at,
            expires_at=ready_at + KEPT_FOR,
            object_version=stored.version,
            data_key_id=data_key_id,
            wrapped_key=wrapped,
            header=sealer.header,
            sealed_bytes=sealer.sealed_length,
            plain_bytes=sealer.plain_length,
            sha256=sealer.plain_sha256.hex(),
        )
        if not kept:  # the lease ran out and somebody else has taken over
            return False
        trail.record(
            Action.TRAIL_EXPORT_FINISHED,
            actor=Actor.system("task:audit.run_exports"),
            target=Ref("export", str(export.id)),
            at=ready_at,
            tree_size=checkpoint.size,
            size=sealer.plain_length,
            sha256=sealer.plain_sha256.hex(),
        )
    log.info("export made", export=str(export.id), bytes=sealer.plain_length)
    return True


def _check_size(format: str, filters: EventFilters) -> None:
    """Refuse what could not be made: a report of too many events, or where nothing prints it."""
    most = FORMATS[format].most_events
    if most is not None and events.count_events(filters) > most:
        raise Invalid(
            gettext_noop("A report has 2,000 events at most. Narrow the filter, or take CSV."),
            code="too-many-events",
        )
    if format == "pdf" and not pdf.can_print():
        raise Invalid(
            gettext_noop(
                "This machine lacks the libraries that print a PDF; the operating guide names them. Take another"
                " format."
            ),
            code="no-printer",
        )


def _about(export: Export, filters: EventFilters, checkpoint: Checkpoint, now: datetime) -> About:
    """Return what a reading copy says of the package: who asked for it by name only where names are shown."""
    asking = events.read_event(export.request_event)
    words = [part.fields.get("ground", "") for part in asking.addenda if part.fields]
    who = f"{asking.event.actor_role} {asking.event.actor_id}"
    key = log_key.verifier()
    return About(
        origin=key.name,
        export_id=str(export.id),
        made_at=now,
        asked_at=export.asked_at,
        asked_by=(asking.actor_name or who) if export.with_personal else who,
        ground=" ".join(filter(None, words)) if export.with_personal else "",
        filters=filters.as_facts(),
        with_personal=export.with_personal,
        language=export.language,
        tree_size=checkpoint.size,
        checkpoint=checkpoint.note,
        vkey=key.vkey,
        site=settings.ORGANISATION,
    )


def _since(began: float) -> timedelta:
    return timedelta(seconds=time.monotonic() - began)


def _opener(export: Export) -> Opener | None:
    if export.wrapped_key is None or export.header is None or export.data_key_id is None:
        return None
    context = container.context(export.id, export.data_key_id, CopyKind.EXPORT)
    data_key = kms.service(Duty.INGEST).unwrap(KEK, bytes(export.wrapped_key), context)
    return Opener(data_key, context, bytes(export.header), export.sealed_bytes or 0)


def _expire_one(export: Export, now: datetime) -> bool:
    with transaction.atomic(durable=True):
        mine = Export.objects.filter(pk=export.pk, state=export.state)
        if export.state == ExportState.READY:
            if not mine.update(state=ExportState.EXPIRED, wrapped_key=None):
                return False  # fetched this very moment, and still being read
            trail.record(
                Action.TRAIL_EXPORT_EXPIRED,
                actor=Actor.system("task:audit.expire_exports"),
                target=Ref("export", str(export.id)),
                at=now,
                why="not fetched in time",
            )
        else:
            mine.update(wrapped_key=None)
    storage.store().delete([export.object_name])
    Export.objects.filter(pk=export.pk).update(object_name="", object_version="")
    return True
