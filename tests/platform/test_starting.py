"""Web and worker do not start on a store that is unfit or elsewhere; a command does, so that it can be put right."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest
from django.conf import settings

from tests.storage.conftest import a_bucket, s3_client

WEB = ["-m", "gunicorn", "vault.wsgi", "--bind", "127.0.0.1:0", "--no-control-socket", "--workers", "2"]
START = ["-c", "import django; django.setup(); from vault import starting; starting.start('web')"]
WORKER = ["-m", "celery", "-A", "vault.celery", "worker", "--concurrency", "1"]


@pytest.fixture(scope="module")
def unfit_bucket() -> Iterator[str]:
    """Give a bucket in which nothing could be erased."""
    with a_bucket(locking=True) as bucket:
        client = s3_client()
        client.put_object_lock_configuration(
            Bucket=bucket,
            ObjectLockConfiguration={
                "ObjectLockEnabled": "Enabled",
                "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}},
            },
        )
        client.close()
        yield bucket


def run(module: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *module],
        env=os.environ | variables | {"DJANGO_SETTINGS_MODULE": "vault.settings"},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("process", [WEB, WORKER], ids=["web", "worker"])
def test_a_process_that_serves_ends_and_says_why(unfit_bucket, process):
    done = run(process, S3_BUCKET=unfit_bucket)

    assert done.returncode != 0
    assert "Remove the bucket's default retention" in done.stderr


def test_a_command_does_not_ask(unfit_bucket):
    assert run(["-m", "django", "check"], S3_BUCKET=unfit_bucket).returncode == 0


def test_a_store_at_a_host_that_nobody_has_allowed_is_refused_and_noted_in_the_trail(fresh_database):
    elsewhere = fresh_database.environment | {
        # The very same server, by a name that says nothing of being this machine.
        "S3_ENDPOINT_URL": settings.S3_ENDPOINT_URL.replace("127.0.0.1", "127.1")
    }

    refused = run(WEB, **elsewhere)

    assert refused.returncode != 0
    assert "is at 127.1, which ALLOWED_ENDPOINTS does not name" in refused.stderr
    with psycopg.connect(elsewhere["DATABASE_URL"]) as database:
        noted = database.execute(
            "SELECT count(*) FROM audit_event WHERE action = 'residency.violated'"
        ).fetchone()
    assert noted == (1,)
    assert run(START, **elsewhere, ALLOWED_ENDPOINTS="127.1").returncode == 0
