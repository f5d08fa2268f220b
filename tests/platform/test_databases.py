"""The accounts' rights, and the fixtures that other tests stand on."""

from datetime import UTC, datetime

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import ProgrammingError, connection, connections, transaction

from tests import databases
from vault import privileges
from vault.jobs.models import Heartbeat


def test_every_table_is_in_the_list_of_rights(fresh_database):
    assert privileges.unlisted_tables() == set()


def test_every_listed_table_exists(fresh_database):
    with connections["owner"].cursor() as cursor:
        existing = set(connections["owner"].introspection.table_names(cursor))

    assert existing >= privileges.APPLICATION.keys() | privileges.SEQUENCER.keys()


@pytest.mark.parametrize("account", ["default", "sequencer"])
@pytest.mark.parametrize("table", ["event", "addendum", "leaf", "tile", "checkpoint", "anchor"])
def test_no_account_may_change_or_empty_the_trail(fresh_database, account, table):
    with connections[account].cursor() as cursor:
        cursor.execute(
            "SELECT has_table_privilege(%s, 'UPDATE') OR has_any_column_privilege(%s, 'UPDATE')"
            " OR has_table_privilege(%s, 'DELETE') OR has_table_privilege(%s, 'TRUNCATE')",
            [f"audit_{table}"] * 4,
        )

        assert cursor.fetchone() == (False,)


@pytest.mark.parametrize("column", ["tx", "recorded_at"])
def test_an_event_cannot_claim_another_transaction_or_moment(db, column):
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_column_privilege('audit_event', %s, 'INSERT')", [column])

        assert cursor.fetchone() == (False,)


def test_nobody_but_the_owner_may_empty_or_drop_a_table(db):
    for statement in ("TRUNCATE jobs_heartbeat", "DROP TABLE jobs_heartbeat", "CREATE TABLE mine (id int)"):
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), transaction.atomic():
            connection.cursor().execute(statement)


def test_tests_run_as_the_restricted_account(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, usesuper OR usecreatedb FROM pg_user WHERE usename = current_user"
        )

        assert cursor.fetchone() == (connection.settings_dict["USER"], False)


def test_an_account_that_is_the_owner_is_refused(fresh_database, monkeypatch):
    monkeypatch.setitem(
        connections["default"].settings_dict, "USER", connections["owner"].settings_dict["USER"]
    )

    with pytest.raises(ImproperlyConfigured, match="other than the owner's"):
        privileges.grant_all()


def test_granting_twice_changes_nothing(fresh_database):
    before = _rights()

    privileges.grant_all()

    assert _rights() == before


def test_a_fresh_database_keeps_what_is_committed_and_the_next_knows_nothing_of_it(fresh_database):
    Heartbeat.objects.create(job="test", started_at=datetime(2026, 11, 22, tzinfo=UTC))

    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM jobs_heartbeat WHERE job = 'test'")
        assert cursor.fetchone() == (1,)
    with databases.copied():
        assert not Heartbeat.objects.filter(job="test").exists()
    assert Heartbeat.objects.filter(job="test").exists()


def _rights() -> list[tuple[str, str, str]]:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT grantee, table_name, privilege_type FROM information_schema.table_privileges"
            " WHERE table_schema = 'public' ORDER BY 1, 2, 3"
        )
        return cursor.fetchall()
