"""What only S3 can get wrong: versions, markers, locks, lost requests and lost answers."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime, timedelta

import pytest

from tests.storage.conftest import s3_client, s3_store
from tests.storage.faults import BUSY, CUT_ANSWER, LOSE_ANSWER, LOSE_REQUEST, PASS, WRONG_RANGE
from vault.storage import ObjectExists, ObjectLocked, StoreUnavailable
from vault.storage.interface import PART_LENGTH
from vault.storage.s3 import S3Store


@pytest.fixture
def client():
    client = s3_client()
    yield client
    client.close()


@pytest.fixture
def faulty_store(faulty, versioned_store) -> S3Store:
    return s3_store(versioned_store._bucket, faulty.url)


def in_two_parts() -> list[bytes]:
    return [os.urandom(PART_LENGTH), os.urandom(1_000)]


@pytest.mark.parametrize("fault", [LOSE_REQUEST, LOSE_ANSWER, BUSY])
def test_a_small_put_survives_a_fault_and_makes_one_version(faulty, faulty_store, name, fault):
    faulty.concerns = lambda method, path: method == "PUT"
    faulty.faults = [fault]

    stored = faulty_store.put(name, [b"sealed bytes"])

    assert faulty_store.read(name, 0, 12, stored.version) == b"sealed bytes"
    assert faulty_store.versions(name) == [stored.version]


@pytest.mark.parametrize("fault", [LOSE_REQUEST, LOSE_ANSWER, BUSY])
@pytest.mark.parametrize("step", ["uploads", "partNumber=1", "partNumber=2", "complete"])
def test_a_put_in_parts_survives_a_fault_at_any_step(faulty, faulty_store, name, step, fault):
    def concerns(method: str, path: str) -> bool:
        if step == "complete":
            return method == "POST" and "uploadId=" in path
        return step in path and method in ("POST", "PUT")

    faulty.concerns = concerns
    faulty.faults = [fault]
    parts = in_two_parts()

    stored = faulty_store.put(name, parts)

    assert not faulty.faults, "the fault did not happen"
    assert faulty_store.versions(name) == [stored.version]
    assert faulty_store.read(name, PART_LENGTH, PART_LENGTH + 1_000, stored.version) == parts[1]
    # Where the server began an upload and we never heard its name, deleting the object finds it too.
    faulty_store.delete([name])
    assert faulty_store._unfinished(name) == []


def test_a_put_whose_answer_was_lost_is_not_taken_for_another_of_the_same_length(faulty, faulty_store, name):
    faulty_store.put(name, [b"theirs"])
    faulty.concerns = lambda method, path: method == "PUT"
    faulty.faults = [LOSE_ANSWER]

    with pytest.raises(ObjectExists):
        faulty_store.put(name, [b"mine!!"])

    assert faulty_store.read(name, 0, 6) == b"theirs"


@pytest.mark.parametrize("fault", [LOSE_REQUEST, LOSE_ANSWER])
def test_put_if_absent_knows_that_it_won_though_the_answer_was_lost(faulty, faulty_store, name, fault):
    faulty.concerns = lambda method, path: method == "PUT"
    faulty.faults = [fault]

    assert faulty_store.put_if_absent(name, b"entry 7") is True
    assert faulty_store.put_if_absent(name, b"entry 8") is False


def test_a_put_that_fails_for_good_is_aborted(faulty, faulty_store, versioned_store, name):
    faulty.concerns = lambda method, path: "partNumber=2" in path
    faulty.faults = [BUSY] * 10

    with pytest.raises(StoreUnavailable):
        faulty_store.put(name, in_two_parts())

    assert versioned_store.versions(name) == []
    assert versioned_store._unfinished(name) == []


@pytest.mark.parametrize("fault", [LOSE_REQUEST, LOSE_ANSWER, BUSY, CUT_ANSWER, WRONG_RANGE])
def test_a_range_is_right_in_spite_of_a_fault(faulty, faulty_store, name, fault):
    content = os.urandom(200_000)
    faulty_store.put(name, [content])
    faulty.concerns = lambda method, path: method == "GET"
    faulty.faults = [fault]

    if fault == WRONG_RANGE:
        with pytest.raises(StoreUnavailable):
            faulty_store.read(name, 1_000, 100_000)
    else:
        assert faulty_store.read(name, 1_000, 100_000) == content[1_000:100_000]


def test_a_server_that_never_recovers_is_given_up(faulty, faulty_store, name):
    faulty_store.put(name, [b"x"])
    faulty.faults = [BUSY] * 50

    with pytest.raises(StoreUnavailable):
        faulty_store.read(name, 0, 1)


def test_a_read_takes_one_request_and_no_more_bytes_than_asked(faulty, faulty_store, name):
    stored = faulty_store.put(name, [os.urandom(100_000)])
    faulty.seen.clear()

    faulty_store.read(name, 10, 20, stored.version)
    faulty_store.read(name, 30, 40, stored.version)

    assert [method for method, _ in faulty.seen] == ["GET", "GET"]


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


def test_a_lock_that_still_runs_is_named_and_what_is_free_is_deleted(client, locking_bucket, name):
    store = s3_store(locking_bucket)
    store.put(name, [b"locked"])
    store.put(f"{name}-free", [b"free"])
    client.put_object_retention(
        Bucket=locking_bucket,
        Key=name,
        Retention={"Mode": "GOVERNANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(minutes=5)},
    )

    with pytest.raises(ObjectLocked):
        store.delete([name, f"{name}-free"])

    assert len(store.versions(name)) == 1
    assert store.versions(f"{name}-free") == []


def test_a_store_that_is_not_there_or_does_not_know_us_is_unavailable(versioned_store, name):
    nowhere = s3_store(f"absent-{secrets.token_hex(6)}")
    stranger = S3Store(
        bucket=versioned_store._bucket,
        region="eu-central-1",
        endpoint_url=versioned_store._endpoint_url,
        access_key="stranger",
        secret_key=PASS * 10,
    )
    versioned_store.put(name, [b"x"])

    for store in (nowhere, stranger):
        with pytest.raises(StoreUnavailable):
            store.check()
        with pytest.raises(StoreUnavailable):
            store.put(f"{name}-2", [b"x"])
    with pytest.raises(StoreUnavailable):
        stranger.read(name, 0, 1)
