"""What cannot be recorded does not happen: at every door, and whatever becomes of the insert."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg
import pytest
from django.core import mail
from django.db import connection
from psycopg import sql

from audit import trail
from audit.models import AuditEvent
from tests import doors
from tests.conftest import FreshDatabase
from tests.doors import all_doors, read
from tests.world import World, make_world, number_all
from vault import privileges
from vault.access.unrecorded import ROUTES, reasons

Owner = psycopg.Connection[Any]
Fault = Callable[[Owner], AbstractContextManager[None]]

# Where a fault of each kind is tried: what discloses most, and some that change something.
DISCLOSING = [
    "recordings-api:grant-audio GET",
    "recordings-api:grant-waveform GET",
    "recordings-api:recordings GET",
    "recordings-api:search POST",
    "recordings:list GET",
    "recordings:list POST",
    "recordings:detail GET",
    "audit:trail GET",
    "audit:event GET",
    "audit:checkpoint GET",
    "audit-api:checkpoint GET",
    "audit:fetch POST",
    "audit-api:package GET",
    "retention:proof GET",
    "access:people GET",
]
CHANGING = [
    "recordings-api:audio PUT",
    "recordings-api:grants POST",
    "retention:erase POST",
    "retention:place-hold POST",
    "access:person-role POST",
    "access:tokens POST",
    "account_change_password POST",
]
# What notes that somebody was here, or makes ready, and may stay: none of it is what was asked for.
MAY_CHANGE = {
    "account_emailaddress",  # the sign-in library's own copy of an address
    "django_session",
    "recordings_pendingobject",  # what the sweep removes from the store
    "retention_clockmark",  # what time it was
}
MOMENTS = ["last_used_at", "seen_at"]


@contextmanager
def refused(owner: Owner) -> Iterator[None]:
    """Take the account's right to insert away."""
    account = sql.Identifier(connection.settings_dict["USER"])
    owner.execute(sql.SQL("REVOKE INSERT ON audit_event FROM {}").format(account))
    yield
    columns = privileges._columns_to_insert("audit_event", "INSERT")
    owner.execute(sql.SQL("GRANT INSERT{} ON audit_event TO {}").format(columns, account))


def raising(statement: str, *, at_commit: bool = False) -> Fault:
    """Let the insert, or the commit after it, run a statement."""
    when = "CONSTRAINT TRIGGER fault AFTER" if at_commit else "TRIGGER fault BEFORE"
    how = "DEFERRABLE INITIALLY DEFERRED" if at_commit else ""

    @contextmanager
    def fault(owner: Owner) -> Iterator[None]:
        owner.execute(
            "CREATE OR REPLACE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS"
            f" $do$ BEGIN {statement}; RETURN NEW; END $do$"
        )
        owner.execute(f"CREATE {when} INSERT ON audit_event {how} FOR EACH ROW EXECUTE FUNCTION fault()")
        yield
        owner.execute("DROP TRIGGER fault ON audit_event")

    return fault


@contextmanager
def hanging(owner: Owner) -> Iterator[None]:
    """Keep the table locked."""
    with owner.transaction(force_rollback=True):
        owner.execute("LOCK TABLE audit_event IN SHARE ROW EXCLUSIVE MODE")
        yield


FAULTS: dict[str, Fault] = {
    "failing": raising("RAISE 'no'"),
    "hanging": hanging,
    "disk full": raising("RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100'"),
    "failing at commit": raising("RAISE 'no space left' USING ERRCODE = '53100'", at_commit=True),
    "killed": raising("PERFORM pg_terminate_backend(pg_backend_pid())"),
    "killed at commit": raising("PERFORM pg_terminate_backend(pg_backend_pid())", at_commit=True),
}


@pytest.fixture
def world(fresh_database, own_keyring, settings) -> World:
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"DEFAULT_THROTTLE_CLASSES": []}
    made = make_world()
    number_all()
    return made


@pytest.fixture
def owner(fresh_database: FreshDatabase) -> Iterator[Owner]:
    with psycopg.connect(fresh_database.environment["DATABASE_OWNER_URL"], autocommit=True) as owner:
        yield owner


def tried(door: str, world: World, owner: Owner, fault: Fault) -> str:
    """Go through a door while the trail takes nothing; say what is wrong about what happens."""
    request = doors.prepare(door, world)
    before, sent = everything(owner), len(mail.outbox)
    with fault(owner):
        status = read(request())
    changed = {table for table, content in everything(owner).items() if content != before[table]}
    mails = len(mail.outbox) - sent
    if status == 503 and not changed and not mails:
        return ""
    return f"{door}: answers {status}, changes {sorted(changed)}, sends {mails} mails"


def everything(owner: Owner) -> dict[str, tuple[int, str]]:
    """Return what every table holds, in short."""
    tables = [*privileges.APPLICATION.keys() - MAY_CHANGE]
    each = sql.SQL(
        "SELECT {name}, count(*), coalesce(md5(string_agg(row, '' ORDER BY row)), '')"
        " FROM (SELECT md5((to_jsonb(t) - {moments}::text[])::text) AS row FROM {table} t) AS rows"
    )
    query = sql.SQL(" UNION ALL ").join(
        each.format(name=sql.Literal(table), table=sql.Identifier(table), moments=sql.Literal(MOMENTS))
        for table in tables
    )
    return {name: (count, content) for name, count, content in owner.execute(query)}


def test_every_door_that_records_is_closed_while_the_account_may_not_insert(world, owner):
    listed = reasons(ROUTES)

    wrong = [tried(door, world, owner, refused) for door in all_doors() if door not in listed]

    assert not any(wrong), "\n".join(filter(None, wrong))
    assert AuditEvent.objects.exists()


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_served_and_nothing_changed_while_the_insert_is(world, owner, fault, monkeypatch):
    monkeypatch.setattr(trail, "TIME_LIMIT_MS", 150)
    options = connection.settings_dict["OPTIONS"]
    monkeypatch.setitem(options, "options", "-c statement_timeout=300" if fault == "hanging" else "")
    connection.close()

    wrong = [tried(door, world, owner, FAULTS[fault]) for door in [*DISCLOSING, *CHANGING]]

    assert not any(wrong), "\n".join(filter(None, wrong))
