"""The hand-written SQL goes back as it came."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connection, connections

from retention import figures
from retention.models import Erasure
from tests.retention.conftest import NOW

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


@pytest.mark.parametrize(
    ("code", "index"),
    [
        ("held", "recording_held"),
        ("frozen", "recording_frozen"),
        ("restricted", "recording_restricted"),
        ("conflicts", "recording_in_conflict"),
        ("quarantined", "recording_quarantined"),
    ],
)
def test_the_few_that_the_dpo_looks_after_are_found_without_reading_all(katrien, code, index):
    rows = figures.recordings_in(code, actor=katrien, now=NOW).order_by("expires_at", "pk")[:50]

    assert f"using {index} " in plan_of(rows)


def test_erasures_are_found_newest_first_without_sorting_all(db):
    newest = Erasure.objects.order_by("-noticed_at", "-pk")

    assert "using erasure_noticed_newest_first " in plan_of(newest[:50])


def plan_of(rows) -> str:
    """Return how PostgreSQL would find rows if there were many; of a few it simply reads all."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
    return rows.explain().lower()
