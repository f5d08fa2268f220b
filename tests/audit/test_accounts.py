"""What the running vault's database accounts may not do to the trail, on every table and every partition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from audit.actor import Actor
from tests.audit.conftest import record, sequence
from tests.conftest import FreshDatabase
from vault import privileges

Connection = psycopg.Connection[Any]
ACCOUNTS = {
    "application": ("DATABASE_URL", privileges.APPLICATION),
    "sequencer": ("DATABASE_SEQUENCER_URL", privileges.SEQUENCER),
}
TABLES = ["audit_event", "audit_addendum", "audit_leaf", "audit_tile", "audit_checkpoint", "audit_anchor"]

# Forbidden to both accounts on each of these tables and each of their partitions.
ON_A_TABLE = [
    "UPDATE {table} SET {column} = {column}",
    "DELETE FROM {table}",
    "TRUNCATE {table}",
    "TRUNCATE {table} CASCADE",
    "MERGE INTO {table} t USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE",
    "SELECT FROM {table} FOR UPDATE",
    "DO $do$ BEGIN LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; END $do$",
    "ALTER TABLE {table} DISABLE TRIGGER ALL",
    "ALTER TABLE {table} DISABLE TRIGGER USER",
    "ALTER TABLE {table} ADD COLUMN mine integer",
    "ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT",
    "ALTER TABLE {table} RENAME TO mine",
    "ALTER TABLE {table} OWNER TO CURRENT_USER",
    "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
    "DROP TABLE {table}",
    "DROP TABLE {table} CASCADE",
    "CREATE INDEX mine ON {table} ({column})",
    "CREATE RULE mine AS ON INSERT TO {table} DO INSTEAD NOTHING",
    "CREATE TRIGGER mine BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "COPY {table} TO PROGRAM 'cat'",
    "COPY {table} TO '/tmp/stolen'",
    "COPY {table} FROM PROGRAM 'true'",
    "COPY {table} FROM '/etc/passwd'",
]
ON_A_PARTITION = [
    "INSERT INTO {partition} SELECT * FROM {table}",
    "ALTER TABLE {table} DETACH PARTITION {partition}",
    "ALTER TABLE {partition} NO INHERIT {table}",
]
FILLED = 'INSERT INTO {table} ("{column}") VALUES (DEFAULT)'
ANYWHERE = [
    "CREATE TABLE mine (id integer)",
    "CREATE TABLE public.mine (id integer)",
    "CREATE TEMPORARY TABLE audit_event (id integer)",
    "CREATE TEMPORARY VIEW audit_leaf AS SELECT 1",
    "CREATE SCHEMA mine",
    "CREATE VIEW mine AS SELECT 1",
    "CREATE FUNCTION mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE SEQUENCE mine",
    "SET session_replication_role = replica",
    "SET session_replication_role = local",
    "SET ROLE {owner}",
    "SET SESSION AUTHORIZATION {owner}",
    "ALTER SYSTEM SET fsync = off",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE CURRENT_USER SET session_replication_role = replica",
    "CREATE ROLE mine",
    "ALTER DATABASE {database} SET session_replication_role = replica",
    "DROP DATABASE {database}",
    "DROP OWNED BY {owner}",
    "REASSIGN OWNED BY {owner} TO CURRENT_USER",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_read_binary_file('/etc/passwd')",
    "SELECT pg_ls_dir('.')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(1, '/tmp/stolen')",
    "SELECT pg_reload_conf()",
    "SELECT pg_promote()",
    "SELECT set_config('session_replication_role', 'replica', false)",
    "DO $do$ BEGIN EXECUTE 'SET session_replication_role = replica'; END $do$",
    "DROP FUNCTION audit_make_partitions()",
    "ALTER FUNCTION audit_make_partitions() SECURITY INVOKER",
]


@pytest.fixture
def filled(ines: Actor, fresh_database: FreshDatabase) -> FreshDatabase:
    """A trail with something in it."""
    privileges.grant_all()  # a copy of a database has not the rights on the database itself
    record(ines)
    sequence()
    return fresh_database


def connected(database: FreshDatabase, variable: str) -> psycopg.Connection[Any]:
    return psycopg.connect(database.environment[variable], autocommit=True)


def partitions(owner: Connection) -> dict[str, str]:
    """Return every partition of a table of the trail, and its table."""
    found = owner.execute(
        "SELECT inhrelid::regclass::text, inhparent::regclass::text FROM pg_inherits"
        " WHERE inhparent::regclass::text LIKE 'audit_%' AND inhparent IN"
        " (SELECT oid FROM pg_class WHERE relkind = 'p')"
    )
    return dict(found.fetchall())


def attempts(owner: Connection, grants: dict[str, frozenset[str]]) -> Iterator[str]:
    """Yield every statement that the account may not run."""
    columns = dict(
        owner.execute(
            "SELECT attrelid::regclass::text, min(attname::text) FROM pg_attribute WHERE attnum = 1 GROUP BY 1"
        ).fetchall()
    )
    parts = partitions(owner)
    for table in [*TABLES, *parts]:
        yield from (each.format(table=table, column=f'"{columns[table]}"') for each in ON_A_TABLE)
        if "INSERT" not in grants.get(table, frozenset()):
            yield f"INSERT INTO {table} DEFAULT VALUES"
    for partition, table in parts.items():
        yield from (each.format(table=table, partition=partition) for each in ON_A_PARTITION)
    for table, forbidden in privileges.FILLED_BY_DATABASE.items():
        for column in sorted(forbidden):
            yield FILLED.format(table=table, column=column)
    name, database = owner.execute("SELECT current_user, current_database()").fetchone()
    for each in ANYWHERE:
        yield each.format(owner=f'"{name}"', database=f'"{database}"')


@pytest.mark.parametrize("account", ACCOUNTS)
def test_each_forbidden_statement_is_refused(filled, account):
    variable, grants = ACCOUNTS[account]
    allowed, tried = [], 0

    with connected(filled, "DATABASE_OWNER_URL") as owner, connected(filled, variable) as runtime:
        for statement in attempts(owner, grants):
            tried += 1
            try:
                runtime.execute(statement)
            except psycopg.errors.InsufficientPrivilege:
                continue
            except psycopg.Error as error:
                allowed.append(f"{statement}: {error}")
            else:
                allowed.append(statement)

    assert not allowed, "\n".join(allowed)
    assert tried > 150


def test_there_are_partitions_of_every_month_ahead_to_try_it_on(filled):
    with connected(filled, "DATABASE_OWNER_URL") as owner:
        found = list(partitions(owner).values())

    assert found.count("audit_event") >= 3
    assert found.count("audit_addendum") >= 3


@pytest.mark.parametrize("account", ACCOUNTS)
def test_an_account_is_what_it_seems_and_owns_nothing(filled, account):
    variable, _grants = ACCOUNTS[account]
    with connected(filled, variable) as runtime:
        powers = runtime.execute(
            "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles"
            " WHERE rolname = current_user"
        ).fetchone()
        owned = runtime.execute(
            "SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole"
        ).fetchone()
        member_of = runtime.execute(
            "SELECT count(*) FROM pg_auth_members WHERE member = current_user::regrole"
        ).fetchone()

    assert not any(powers)
    assert (owned, member_of) == ((0,), (0,))


def test_rights_are_those_of_the_list_on_tables_and_none_on_partitions(filled):
    with connected(filled, "DATABASE_OWNER_URL") as owner:
        for variable, grants in ACCOUNTS.values():
            with connected(filled, variable) as runtime:
                (name,) = runtime.execute("SELECT current_user").fetchone()
            has = "SELECT has_table_privilege(%s, %s, %s) OR has_any_column_privilege(%s, %s, %s)"
            for table in [*TABLES, *partitions(owner)]:
                for right in ("SELECT", "INSERT", "UPDATE", "REFERENCES"):
                    (may,) = owner.execute(has, [name, table, right] * 2).fetchone()
                    assert may == (right in grants.get(table, ())), f"{name} {right} {table}"
                for right in ("DELETE", "TRUNCATE", "TRIGGER"):
                    query = sql.SQL("SELECT has_table_privilege(%s, %s, %s)")
                    assert owner.execute(query, [name, table, right]).fetchone() == (False,)
