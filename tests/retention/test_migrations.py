"""The hand-written SQL goes back as it came."""

from __future__ import annotations

from django.core.management import call_command
from django.db import connections

TRIGGERS = (
    "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgfoid::regproc::text LIKE 'retention_%'"
)


def test_the_guards_are_taken_down_and_put_up_again(fresh_database):
    owner = connections["owner"]
    with owner.cursor() as cursor:
        cursor.execute(TRIGGERS)
        before = cursor.fetchone()

        call_command("migrate", "retention", "0001", database="owner", verbosity=0)
        cursor.execute(TRIGGERS)
        assert cursor.fetchone() == (0,)
        call_command("migrate", "retention", database="owner", verbosity=0)

        cursor.execute(TRIGGERS)
        assert cursor.fetchone() == before
        assert before == (13,)
