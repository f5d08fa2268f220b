"""Sixteen writers and two sequencers, killed at random: what was acknowledged stands, once, and nothing else is odd.

``TRAIL_KILLING_S`` says for how long.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID

import pytest
from django.db import connection, connections

from audit import verify
from audit.actor import Actor
from audit.models import AuditEvent, Leaf
from tests.audit.conftest import make_export, sequence

SECONDS = float(os.environ.get("TRAIL_KILLING_S", "4"))
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(120 + 3 * SECONDS)
def test_what_was_acknowledged_is_numbered_once_whoever_is_killed(fresh_database, tmp_path):
    connections.close_all()
    done = subprocess.run(
        [sys.executable, "-m", "tests.audit.killed_writers", str(tmp_path), str(SECONDS)],
        cwd=CHECKOUT,
        env=fresh_database.environment | {"DJANGO_SETTINGS_MODULE": "vault.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    wait_until_alone()
    sequence()

    acknowledged = [
        UUID(bytes=ids[at : at + 16])
        for ids in (file.read_bytes() for file in tmp_path.glob("*.ids"))
        for at in range(0, len(ids), 16)
    ]
    numbered = set(Leaf.objects.values_list("event_id", flat=True))
    assert len(acknowledged) == len(set(acknowledged)) > int(done.stdout)
    assert set(acknowledged) <= numbered
    assert numbered == set(AuditEvent.objects.values_list("id", flat=True))

    export = tmp_path / "export.zip"
    export.write_bytes(make_export(Actor.system("test")))
    assert verify.verify_export(export, None, [], whole=True).all() == []


def wait_until_alone() -> None:
    """Wait until the database has noticed who is gone: a dead client's commit may still be under way."""
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    until = time.monotonic() + 60
    with connection.cursor() as cursor:
        cursor.execute(others)
        while cursor.fetchone() != (0,):
            assert time.monotonic() < until
            time.sleep(0.1)
            cursor.execute(others)
