"""The accounts' rights, and the fixtures that other tests stand on."""

import pytest
from django.db import ProgrammingError, connection, connections, transaction

from vault import privileges


def test_every_table_is_in_the_list_of_rights(fresh_database):
    assert privileges.unlisted_tables() == set()


def test_every_listed_table_exists(fresh_database):
    with connections["owner"].cursor() as cursor:
        existing = set(connections["owner"].introspection.table_names(cursor))

    assert existing >= privileges.APPLICATION.keys() | privileges.SEQUENCER.keys()


@pytest.mark.parametrize("table", ["audit_event", "audit_addendum", "audit_leaf", "audit_tile", "audit_checkpoint"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET at = at", "DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}"])
def test_the_application_cannot_change_the_trail(db, table, statement):
    with pytest.raises(ProgrammingError, match="permission denied|must be owner"), transaction.atomic():
        connection.cursor().execute(statement.format(table))
