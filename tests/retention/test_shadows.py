"""The application's account cannot hide the holds from the trigger that looks for them."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from retention import holds
from tests.recordings.calls import NOW, bring_in
from tests.recordings.conftest import exchange_actor, person
from vault import privileges
from vault.access.models import Team
from vault.access.roles import Role


@pytest.fixture
def held(fresh_database, settings):
    settings.RECORDING_SCHEDULER = "tests.recordings.calls.plan"
    Team.objects.create(name="North")
    recording = bring_in(exchange_actor())
    dpo = person("katrien@example.org", Role.DPO)
    holds.place_hold(recording.pk, reason="A case before the court", actor=dpo, now=NOW)
    return recording


def test_a_temporary_table_of_the_same_name_does_not_hide_a_hold(fresh_database, held):
    name = sql.Identifier(fresh_database.name)
    with psycopg.connect(fresh_database.environment["DATABASE_OWNER_URL"]) as owner:
        owner.execute(sql.SQL("GRANT TEMPORARY ON DATABASE {} TO PUBLIC").format(name))
    with psycopg.connect(fresh_database.environment["DATABASE_URL"], autocommit=True) as intruder:
        intruder.execute("CREATE TEMPORARY TABLE retention_hold (LIKE public.retention_hold)")
        intruder.execute("CREATE TEMPORARY TABLE recordings_recording (LIKE public.recordings_recording)")
        with pytest.raises(psycopg.errors.IntegrityError) as refused:
            intruder.execute("DELETE FROM recordings_storedkey WHERE recording_id = %s", [held.pk])
        assert refused.value.diag.constraint_name == "key_of_a_held_recording_stays"
        keys = intruder.execute(
            "SELECT count(*) FROM recordings_storedkey WHERE recording_id = %s", [held.pk]
        ).fetchone()
    assert keys is not None
    assert keys[0] > 0


def test_neither_account_may_make_tables_once_the_privileges_are_set(fresh_database):
    privileges.grant_all()

    for variable in ("DATABASE_URL", "DATABASE_SEQUENCER_URL"):
        with psycopg.connect(fresh_database.environment[variable], autocommit=True) as account:
            for statement in ("CREATE TEMPORARY TABLE mine ()", "CREATE TABLE mine ()", "CREATE SCHEMA mine"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    account.execute(sql.SQL(statement))
