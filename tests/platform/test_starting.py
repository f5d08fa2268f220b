"""Web and worker do not start on a store that is unfit; a command does, so that it can be put right."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.storage.conftest import a_bucket, s3_client

WEB = ["gunicorn", "vault.wsgi", "--bind", "127.0.0.1:0", "--no-control-socket", "--workers", "2"]
WORKER = ["celery", "-A", "vault.celery", "worker", "--concurrency", "1"]


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


def run(module: list[str], bucket: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *module],
        env=os.environ | {"S3_BUCKET": bucket, "DJANGO_SETTINGS_MODULE": "vault.settings"},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("process", [WEB, WORKER], ids=["web", "worker"])
def test_a_process_that_serves_ends_and_says_why(unfit_bucket, process):
    done = run(process, unfit_bucket)

    assert done.returncode != 0
    assert "Remove the bucket's default retention" in done.stderr


def test_a_command_does_not_ask(unfit_bucket):
    assert run(["django", "check"], unfit_bucket).returncode == 0
