"""The ledger outside: each act once, in order, sealed, and never over somebody else's."""

from __future__ import annotations

import pytest
from django.db import transaction

from retention import ledger
from retention.errors import LedgerAhead
from retention.models import LedgerEntry, LedgerKind
from tests.retention.conftest import NOW
from vault import storage
from vault.crypto.errors import NotAuthentic


def enter(number: int) -> LedgerEntry:
    with transaction.atomic():
        return ledger.enter(LedgerKind.ERASED, {"erasure": str(number)}, now=NOW)


def test_what_is_entered_stands_outside_after_a_flush(db):
    entries = [enter(1), enter(2)]

    assert ledger.flush(now=NOW) == 2

    outside = ledger.read_batch(1) or []
    assert [entry["body"] for entry in outside] == [{"erasure": "1"}, {"erasure": "2"}]
    assert [entry["id"] for entry in outside] == [entry.pk for entry in entries]
    assert not LedgerEntry.objects.filter(written_at__isnull=True).exists()


def test_batches_are_numbered_without_a_gap(db, monkeypatch):
    monkeypatch.setattr(ledger, "BATCH", 2)
    for number in range(5):
        enter(number)

    ledger.flush(now=NOW)

    names = [found.name for found in storage.store().listing(ledger.PREFIX)]
    assert names == [ledger.name_of(number) for number in (1, 2, 3)]


def test_a_flush_with_nothing_to_do_writes_nothing(db):
    assert ledger.flush(now=NOW) == 0
    assert list(storage.store().listing(ledger.PREFIX)) == []
    assert ledger.read_batch(1) is None


def test_nothing_of_an_entry_can_be_read_in_the_store(db):
    enter(7)
    ledger.flush(now=NOW)
    (found,) = storage.store().listing(ledger.PREFIX)

    sealed = storage.store().read(found.name, 0, found.length)

    assert b"erasure" not in sealed
    assert sealed.startswith(ledger.MAGIC)


def test_a_database_behind_its_ledger_writes_nothing_over_it(db):
    enter(1)
    ledger.flush(now=NOW)
    with transaction.atomic():
        LedgerEntry.objects.update(batch=None, written_at=None, body={"erasure": "of another time"})

    with pytest.raises(LedgerAhead):
        ledger.flush(now=NOW)

    assert not LedgerEntry.objects.filter(written_at__isnull=False).exists()
    assert (ledger.read_batch(1) or [])[0]["body"] == {"erasure": "1"}


def test_a_batch_that_was_put_before_a_crash_is_recognised(db):
    entry = enter(1)
    ledger.flush(now=NOW)
    LedgerEntry.objects.update(written_at=None)

    assert ledger.flush(now=NOW) == 1

    entry.refresh_from_db()
    assert entry.written_at == NOW


def test_an_altered_object_is_not_believed(db):
    enter(1)
    ledger.flush(now=NOW)
    (found,) = storage.store().listing(ledger.PREFIX)
    sealed = bytearray(storage.store().read(found.name, 0, found.length))
    storage.store().delete([found.name])
    sealed[-1] ^= 1
    storage.store().put_if_absent(found.name, bytes(sealed))

    with pytest.raises(NotAuthentic):
        ledger.read_batch(1)
    storage.store().delete([found.name])
    storage.store().put_if_absent(found.name, b"something else")
    with pytest.raises(NotAuthentic):
        ledger.read_batch(1)
