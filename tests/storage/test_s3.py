"""What only S3 can get wrong: versions, markers, locks, credentials."""

from __future__ import annotations

import logging
import os
import secrets
import time
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from tests.storage.conftest import s3_client, s3_store
from vault.storage import ObjectLocked, StoreUnavailable
from vault.storage.interface import PART_LENGTH
from vault.storage.s3 import S3Store


@pytest.fixture
def client():
    client = s3_client()
    yield client
    client.close()


def test_a_read_takes_one_request_and_no_more_bytes_than_asked(faulty, faulty_store, name):
    stored = faulty_store.put(name, [os.urandom(100_000)])
    faulty.seen.clear()

    faulty_store.read(name, 10, 20, stored.version)
    faulty_store.read(name, 30, 40, stored.version)

    assert [method for method, _ in faulty.seen] == ["GET", "GET"]


def test_the_next_part_is_made_while_one_is_sent(faulty, faulty_store, name):
    next_was_made = Event()
    overlapped = []

    def concerns(method: str, path: str) -> bool:
        if "partNumber=1" in path:
            overlapped.append(next_was_made.wait(10))
        return False

    def pieces():
        yield bytes(PART_LENGTH)
        yield bytes(1_000)
        next_was_made.set()

    faulty.concerns, faulty.faults = concerns, ["none of them"]
    s3_store(faulty_store._bucket, faulty.url).put(name, pieces())

    assert overlapped == [True]


def test_an_address_in_the_environment_leads_nowhere_else(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")

    at_amazon = S3Store(bucket="vault", region="eu-central-1", access_key="a", secret_key="b")

    assert at_amazon._client.meta.endpoint_url == "https://s3.eu-central-1.amazonaws.com"


def test_every_version_and_marker_is_deleted_and_every_upload_aborted(client, versioned_store, name):
    bucket = versioned_store._bucket
    for body in (b"1", b"2", b"3"):
        client.put_object(Bucket=bucket, Key=name, Body=body)
    client.delete_object(Bucket=bucket, Key=name)
    client.create_multipart_upload(Bucket=bucket, Key=name)
    assert len(versioned_store.versions(name)) == 4

    versioned_store.delete([name])

    assert versioned_store.versions(name) == []
    assert versioned_store._unfinished(name) == []


def test_an_upload_that_nobody_will_finish_is_aborted_by_its_age(client, versioned_store, name):
    client.create_multipart_upload(Bucket=versioned_store._bucket, Key=name)

    assert versioned_store.abort_unfinished(datetime.now(UTC) - timedelta(hours=1)) == 0
    assert versioned_store.abort_unfinished(datetime.now(UTC) + timedelta(minutes=1)) == 1
    assert versioned_store._unfinished(name) == []


def test_a_lock_that_still_runs_is_named_and_what_is_free_is_deleted(client, locking_store, name):
    locking_store.put(name, [b"locked"])
    locking_store.put(f"{name}-free", [b"free"])
    client.put_object_retention(
        Bucket=locking_store._bucket,
        Key=name,
        Retention={"Mode": "GOVERNANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(minutes=5)},
    )

    with pytest.raises(ObjectLocked):
        locking_store.delete([name, f"{name}-free"])

    assert len(locking_store.versions(name)) == 1
    assert locking_store.versions(f"{name}-free") == []


def test_what_was_locked_is_deleted_once_the_lock_is_over(client, locking_store, name):
    locking_store.put(name, [b"locked"])
    until = datetime.now(UTC) + timedelta(seconds=2)
    client.put_object_retention(
        Bucket=locking_store._bucket, Key=name, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until}
    )
    with pytest.raises(ObjectLocked):
        locking_store.delete([name])

    while datetime.now(UTC) < until + timedelta(seconds=1):
        time.sleep(0.1)
    locking_store.delete([name])

    assert locking_store.versions(name) == []


def test_a_store_that_is_not_there_or_does_not_know_us_is_unavailable(versioned_store, name):
    nowhere = s3_store(f"absent-{secrets.token_hex(6)}")
    stranger = S3Store(
        bucket=versioned_store._bucket,
        region="eu-central-1",
        endpoint_url=versioned_store._endpoint_url,
        access_key="stranger",
        secret_key="wrong" * 10,
    )
    versioned_store.put(name, [b"x"])

    for store in (nowhere, stranger):
        with pytest.raises(StoreUnavailable):
            store.check()
        with pytest.raises(StoreUnavailable):
            store.put(f"{name}-2", [b"x"])
    with pytest.raises(StoreUnavailable):
        stranger.read(name, 0, 1)


def test_the_signed_address_of_an_object_stands_in_no_log(versioned_store, name, caplog):
    """Whoever has it fetches the object for as long as it holds."""
    versioned_store.put(name, [b"x" * 100])

    with caplog.at_level(logging.DEBUG):
        versioned_store.read(name, 0, 90)

    assert "X-Amz" not in caplog.text
