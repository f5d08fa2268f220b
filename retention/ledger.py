"""The ledger outside the database: acts that a restored backup must not undo.

Each act is entered in the caller's transaction. A flush gives what is waiting the next number, seals it and
puts it beside the recordings as one object; a number can be put once only. From then on the act stands
outside. ``docs/spec/ledger.md`` specifies the object: it opens with the key management service alone, so a
database that has lost everything can still read it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import Max

from retention.errors import LedgerAhead
from retention.models import LedgerEntry, LedgerKind
from vault import kms, storage
from vault.crypto.errors import NotAuthentic
from vault.crypto.fields import open_field, seal_field
from vault.kms import Duty, keks

log = structlog.get_logger("retention.ledger")

KEK = "ledger"
PREFIX = "ledger/"
MAGIC = b"callvault-ledger/1\n"
BATCH = 1000
_CONTEXT = b"callvault/ledger/v1\0"
_LOCK = 7_214_002  # any number that every flush agrees on


def enter(kind: LedgerKind, body: Mapping[str, str | int | None], *, now: datetime) -> LedgerEntry:
    """Enter an act within the caller's transaction; ``body`` holds ids, kinds and moments only."""
    return LedgerEntry.objects.create(kind=kind, body=dict(body), made_at=now)


def flush(*, now: datetime) -> int:
    """Put what is waiting outside, batch by batch; return how many entries now stand there.

    :raises LedgerAhead: if the next number is taken by a batch that this database does not know.
    """
    written = 0
    while (number := _next_batch()) is not None:
        _put(number)
        written += _mark_written(number, now)
    return written


def name_of(number: int) -> str:
    """Return the name of the object that holds a batch."""
    return f"{PREFIX}{number:012}"


def read_batch(number: int) -> list[dict[str, object]] | None:
    """Return the entries of a batch as they stand outside; None if there is no such batch."""
    name = name_of(number)
    found = next((one for one in storage.store().listing(name) if one.name == name), None)
    if found is None:
        return None
    body = json.loads(_open(name, storage.store().read(name, 0, found.length, found.version)))
    entries: list[dict[str, object]] = body["entries"]
    return entries


@transaction.atomic(durable=True)
def _next_batch() -> int | None:
    """Number what is waiting; a number given before a crash is taken up again."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    waiting = LedgerEntry.objects.filter(written_at__isnull=True)
    numbered = waiting.filter(batch__isnull=False).order_by("batch").values_list("batch", flat=True).first()
    if numbered is not None:
        return numbered
    ids = list(waiting.order_by("pk").values_list("pk", flat=True)[:BATCH])
    if not ids:
        return None
    number = (LedgerEntry.objects.aggregate(newest=Max("batch"))["newest"] or 0) + 1
    LedgerEntry.objects.filter(pk__in=ids).update(batch=number)
    return number


def _put(number: int) -> None:
    entries = [_line(entry) for entry in LedgerEntry.objects.filter(batch=number).order_by("pk")]
    if storage.store().put_if_absent(name_of(number), _seal(name_of(number), number, entries)):
        return
    if read_batch(number) != entries:
        log.error("the ledger is ahead of the database", batch=number)
        raise LedgerAhead


@transaction.atomic(durable=True)
def _mark_written(number: int, now: datetime) -> int:
    return LedgerEntry.objects.filter(batch=number, written_at__isnull=True).update(written_at=now)


def _line(entry: LedgerEntry) -> dict[str, object]:
    return {"id": entry.pk, "kind": entry.kind, "at": entry.made_at.isoformat(), "body": entry.body}


def _seal(name: str, number: int, entries: list[dict[str, object]]) -> bytes:
    key = os.urandom(32)
    keks.ensure(KEK)
    wrapped = kms.service(Duty.INGEST).wrap(KEK, key, _CONTEXT + name.encode())
    body = json.dumps({"number": number, "entries": entries}, sort_keys=True).encode()
    return MAGIC + len(wrapped).to_bytes(2, "big") + wrapped + seal_field(key, body, _CONTEXT + name.encode())


def _open(name: str, sealed: bytes) -> bytes:
    if not sealed.startswith(MAGIC):
        raise NotAuthentic
    start = len(MAGIC) + 2
    end = start + int.from_bytes(sealed[len(MAGIC) : start], "big")
    key = kms.service(Duty.INGEST).unwrap(KEK, sealed[start:end], _CONTEXT + name.encode())
    return open_field(key, sealed[end:], _CONTEXT + name.encode())


def enter_hold(
    kind: LedgerKind, *, hold_id: UUID, recording_id: UUID, hold_kind: str, account: UUID, now: datetime
) -> LedgerEntry:
    """Enter that a hold was placed or released."""
    body = {
        "hold": str(hold_id),
        "recording": str(recording_id),
        "kind": hold_kind,
        "account": str(account),
    }
    return enter(kind, body, now=now)
