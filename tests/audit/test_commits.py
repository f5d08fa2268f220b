"""What stands after a commit, a rollback and a lost connection, with real transactions."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from audit import trail
from audit.actions import Action, Outcome
from audit.actor import Actor
from audit.models import AuditEvent, SubjectKey
from tests.audit.conftest import CALL, NOW, record, record_disclosure
from vault.errors import Forbidden, Unavailable

pytestmark = pytest.mark.usefixtures("fresh_database")


def counters() -> list[int]:
    return list(AuditEvent.objects.order_by("counter").values_list("counter", flat=True))


def test_an_event_outside_a_transaction_is_refused(ines):
    with pytest.raises(trail.OutsideTransaction):
        trail.record(Action.RECORDING_VIEWED, actor=ines, target=CALL, at=NOW)


def test_a_writer_counts_its_committed_events_without_a_gap(ines):
    record(ines)
    with transaction.atomic():
        trail.record(Action.RECORDING_VIEWED, actor=ines, target=CALL, at=NOW)
        trail.record(Action.RECORDING_VIEWED, actor=ines, target=CALL, at=NOW)
    record(ines)

    assert counters() == [1, 2, 3, 4]
    assert AuditEvent.objects.values("writer").distinct().count() == 1


def test_a_rolled_back_event_gives_its_number_back(ines):
    record(ines)
    with transaction.atomic():
        trail.record(Action.RECORDING_VIEWED, actor=ines, target=CALL, at=NOW)
        transaction.set_rollback(True)
    record(ines)

    assert counters() == [1, 2]


def test_a_rolled_back_savepoint_gives_its_numbers_back(ines):
    with transaction.atomic():
        record(ines)
        with transaction.atomic():
            record(ines)
            record(ines)
            transaction.set_rollback(True)
        record(ines)
    record(ines)

    assert counters() == [1, 2, 3]


def test_an_event_recorded_by_a_hook_of_the_commit_takes_the_next_number(ines):
    with transaction.atomic():
        transaction.on_commit(lambda: record(ines))
        record(ines)
        record(ines)

    assert counters() == [1, 2, 3]


def test_a_new_connection_is_a_new_writer(ines):
    first = record(ines)
    connection.close()
    second = record(ines)

    assert first.writer != second.writer
    assert (first.counter, second.counter) == (1, 1)


def test_a_key_made_in_a_rolled_back_transaction_is_not_remembered(ines):
    with transaction.atomic():
        trail.record(Action.RECORDING_VIEWED, actor=ines, target=CALL, at=NOW)
        transaction.set_rollback(True)

    record(ines)

    assert SubjectKey.objects.count() == 1


def test_a_disclosure_stands_when_the_call_returns(ines, fresh_database):
    event = trail.record_disclosure(Action.PLAYBACK_WINDOW, actor=ines, target=CALL, at=NOW)

    with psycopg.connect(fresh_database.environment["DATABASE_URL"]) as other:
        (found,) = other.execute("SELECT count(*) FROM audit_event WHERE id = %s", [event.id]).fetchone()
    assert found == 1


def test_a_disclosure_within_a_transaction_is_refused(ines):
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        trail.record_disclosure(Action.PLAYBACK_WINDOW, actor=ines, target=CALL, at=NOW)


def test_a_disclosure_that_cannot_be_recorded_in_time_does_not_happen(ines, fresh_database, monkeypatch):
    monkeypatch.setattr(trail, "TIME_LIMIT_MS", 200)
    with psycopg.connect(fresh_database.environment["DATABASE_OWNER_URL"]) as other:
        other.execute("LOCK TABLE audit_event IN ACCESS EXCLUSIVE MODE")

        with pytest.raises(Unavailable) as caught:
            trail.record_disclosure(Action.PLAYBACK_WINDOW, actor=ines, target=CALL, at=NOW)

    assert caught.value.reason == "trail-unavailable"
    assert counters() == []


def test_a_disclosure_over_a_lost_connection_does_not_happen_and_the_next_one_does(ines, fresh_database):
    record(ines)
    with psycopg.connect(fresh_database.environment["DATABASE_URL"]) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])

    with pytest.raises(Unavailable):
        trail.record_disclosure(Action.PLAYBACK_WINDOW, actor=ines, target=CALL, at=NOW)

    trail.record_disclosure(Action.PLAYBACK_WINDOW, actor=ines, target=CALL, at=NOW)
    assert counters() == [1, 1]


REFUSALS = {
    "no partition takes the row": (
        "DO $do$ DECLARE part regclass; BEGIN FOR part IN SELECT inhrelid FROM pg_inherits"
        " WHERE inhparent = 'audit_event'::regclass LOOP EXECUTE format('DROP TABLE %s', part); END LOOP; END $do$"
    ),
    "the account may not insert": "REVOKE INSERT ON audit_event FROM PUBLIC, {account}",
    "an addendum cannot be kept": "REVOKE INSERT ON audit_addendum FROM PUBLIC, {account}",
    "the commit itself fails": (
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''disk full''; END';"
        " CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON audit_addendum DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION fail()"
    ),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_a_disclosure_that_the_database_does_not_take_does_not_happen(ines, fresh_database, why):
    account = connection.settings_dict["USER"]
    with psycopg.connect(fresh_database.environment["DATABASE_OWNER_URL"]) as owner:
        owner.execute(REFUSALS[why].replace("{account}", account))

    for outcome in Outcome:
        with pytest.raises(Unavailable) as caught:
            trail.record_disclosure(Action.PLAYBACK_WINDOW, actor=ines, target=CALL, at=NOW, outcome=outcome)
        assert (caught.value.reason, caught.value.status) == ("trail-unavailable", 503)

    assert counters() == []


def test_a_refusal_that_cannot_be_recorded_is_not_answered_as_one(ines, fresh_database):
    with psycopg.connect(fresh_database.environment["DATABASE_OWNER_URL"]) as owner:
        owner.execute(f"REVOKE INSERT ON audit_event FROM {connection.settings_dict['USER']}")

    with pytest.raises(Unavailable):
        trail.record_refusal(Forbidden(), actor=ines, action="recording.viewed", target=CALL, at=NOW)


def test_a_disclosure_over_a_dead_link_is_refused_in_time(ines, monkeypatch):
    monkeypatch.setattr(trail, "_HANG_UP_AFTER_S", 0.5)
    record(ines)
    with dead_link():
        record(ines)
        freeze.set()
        began = time.monotonic()
        with pytest.raises(Unavailable):
            trail.record_disclosure(Action.PLAYBACK_WINDOW, actor=ines, target=CALL, at=NOW)
        assert time.monotonic() - began < 15

    assert counters() == [1, 1]


def test_disclosures_and_changes_of_one_connection_are_counted_together(ines):
    record_disclosure(ines)
    record(ines)
    record_disclosure(ines)

    assert counters() == [1, 2, 3]


def test_a_writer_that_is_interrupted_in_its_insert_ends(ines, monkeypatch):
    record(ines)

    def interrupted(*args: object) -> None:
        raise SystemExit

    with monkeypatch.context() as stopped:
        stopped.setattr(trail, "_insert", interrupted)
        with pytest.raises(SystemExit):
            record_disclosure(ines)
    record(ines)

    assert counters() == [1, 1]


def test_a_cancel_that_comes_late_does_not_meet_the_next_statement(ines, monkeypatch):
    monkeypatch.setattr(trail, "TIME_LIMIT_MS", 20)
    insert = trail._insert

    def slow(*args: object) -> object:
        done = insert(*args)
        time.sleep(0.2)
        return done

    with monkeypatch.context() as late:
        late.setattr(trail, "_insert", slow)
        record_disclosure(ines)
    monkeypatch.undo()

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.2)")
    record(ines)
    assert counters() == [1, 1]


freeze = threading.Event()


@contextmanager
def dead_link() -> Iterator[None]:
    """Put a link between the vault and the database that carries nothing back once it is frozen."""
    freeze.clear()
    settings = connection.settings_dict
    before = {name: settings[name] for name in ("HOST", "PORT", "OPTIONS")}
    server = socket.create_server(("127.0.0.1", 0))
    lines: list[socket.socket] = []

    def carry(source: socket.socket, target: socket.socket, *, may_freeze: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if not (may_freeze and freeze.is_set()):
                    target.sendall(data)

    def accept() -> None:
        with suppress(OSError):
            near, _ = server.accept()
            far = socket.create_connection((before["HOST"], int(before["PORT"])))
            lines.extend((near, far))
            back = threading.Thread(target=carry, args=(far, near), kwargs={"may_freeze": True}, daemon=True)
            back.start()
            carry(near, far, may_freeze=False)

    threading.Thread(target=accept, daemon=True).start()
    connection.close()
    settings |= {
        "HOST": "127.0.0.1",
        "PORT": str(server.getsockname()[1]),
        "OPTIONS": before["OPTIONS"] | {"connect_timeout": 2},
    }
    try:
        yield
    finally:
        settings |= before
        connection.close()
        for line in (*lines, server):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()


COLUMNS = {
    "audit_event": "id",
    "audit_addendum": "digest",
    "audit_leaf": "index",
    "audit_tile": "id",
    "audit_checkpoint": "size",
    "audit_anchor": "size",
}


@pytest.mark.parametrize("table", COLUMNS)
def test_the_applications_account_can_only_add(table):
    for statement in ("UPDATE {0} SET {1} = {1}", "DELETE FROM {0}", "TRUNCATE {0}"):
        with pytest.raises(DatabaseError, match="permission denied"), connection.cursor() as cursor:
            cursor.execute(statement.format(table, COLUMNS[table]))


def test_even_the_owner_meets_a_trigger_on_every_partition(ines, fresh_database):
    record(ines)
    with psycopg.connect(fresh_database.environment["DATABASE_OWNER_URL"], autocommit=True) as owner:
        children = (
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_event'::regclass"
        )
        tables = ["audit_event", *(name for (name,) in owner.execute(children))]
        full = [name for name in tables if owner.execute(f"SELECT FROM {name}").fetchone() is not None]
        attempts = [("TRUNCATE {}", table) for table in tables]
        attempts += [("DELETE FROM {}", table) for table in full]
        attempts += [("UPDATE {} SET purpose = 'x'", table) for table in full]
        for statement, table in attempts:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                owner.execute(statement.format(table))

    assert len(tables) >= 4
    assert len(full) == 2


def test_the_application_makes_partitions_ahead_but_no_tables(fresh_database):
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_make_partitions()")
        assert cursor.fetchone() == (0,)
        with pytest.raises(DatabaseError):
            cursor.execute("CREATE TABLE mine (id integer)")


def test_a_partition_made_later_has_its_trigger_too(fresh_database):
    with psycopg.connect(fresh_database.environment["DATABASE_OWNER_URL"], autocommit=True) as owner:
        newest = owner.execute(
            "SELECT max(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'audit_event'::regclass"
        ).fetchone()[0]
        owner.execute(f"DROP TABLE {newest}")
        with connection.cursor() as cursor:
            cursor.execute("SELECT audit_make_partitions()")
            assert cursor.fetchone() == (1,)

        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            owner.execute(f"TRUNCATE {newest}")


def test_an_event_of_the_system_needs_no_key(fresh_database):
    record(Actor.system("task:retention.sweep"))

    assert not SubjectKey.objects.exists()
