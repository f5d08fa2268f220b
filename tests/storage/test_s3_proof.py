"""A bucket that cannot do what is needed is found out by trying, and what to do is said."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.storage.conftest import a_bucket, s3_client, s3_store
from tests.storage.faults import DENY, PRETEND
from vault.storage import Abilities, StoreUnfit
from vault.storage.directory import DirectoryStore
from vault.storage.s3 import S3Store


def ignoring_conditions(bucket: str, operation: str) -> S3Store:
    """Return a store whose server replaces objects although it is told not to."""

    def drop_condition(params: dict[str, Any], **rest: object) -> None:
        params["headers"].pop("If-None-Match", None)

    store = s3_store(bucket)
    for client in (store._client, store._once):
        client.meta.events.register(f"before-call.s3.{operation}", drop_condition)
    return store


def test_what_each_bucket_can_do_beyond_the_necessary(plain_store, versioned_store, locking_store):
    assert plain_store.prove() == Abilities(notices_damage=True)
    assert versioned_store.prove() == Abilities(keeps_versions=True, notices_damage=True)
    assert locking_store.prove() == Abilities(
        keeps_versions=True, has_locks=True, keeps_locks=True, notices_damage=True
    )


@pytest.mark.parametrize("operation", ["PutObject", "CompleteMultipartUpload"])
def test_a_server_that_ignores_conditions_is_refused(versioned_store, operation):
    store = ignoring_conditions(versioned_store._bucket, operation)

    with pytest.raises(StoreUnfit, match="replaces"):
        store.prove()

    assert list(versioned_store.listing("probe/")) == []


def test_a_server_that_answers_another_range_is_refused(versioned_store, monkeypatch):
    store = s3_store(versioned_store._bucket)
    real = store._ranges.read

    def shifted(name: str, start: int, end: int, version: str | None) -> bytes:
        return real(name, start - 1, end - 1, version)

    monkeypatch.setattr(store._ranges, "read", shifted)

    with pytest.raises(StoreUnfit, match="range"):
        store.prove()


def test_a_server_that_only_pretends_to_delete_is_refused(faulty, faulty_store, versioned_store):
    faulty.concerns = lambda method, path: method == "POST" and "delete" in path
    faulty.faults = [PRETEND] * 9

    with pytest.raises(StoreUnfit, match="erased"):
        faulty_store.prove()

    versioned_store.delete([found.name for found in versioned_store.listing("probe/")])


def test_an_account_that_may_not_do_all_is_refused_by_what_it_may_not(faulty, faulty_store):
    faulty.concerns = lambda method, path: method == "GET" and "object-lock" in path
    faulty.faults = [DENY]

    with pytest.raises(StoreUnfit, match="GetObjectLockConfiguration"):
        faulty_store.prove()


def test_a_server_that_only_pretends_to_lock_is_found_out(faulty, locking_store):
    faulty.concerns = lambda method, path: "retention" in path
    faulty.faults = [PRETEND]

    abilities = s3_store(locking_store._bucket, faulty.url).prove()

    assert abilities.has_locks
    assert not abilities.keeps_locks


def test_a_bucket_that_locks_everything_is_refused_before_anything_is_put():
    with a_bucket(locking=True) as bucket:
        client = s3_client()
        retention = {"Mode": "GOVERNANCE", "Days": 1}
        client.put_object_lock_configuration(
            Bucket=bucket,
            ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retention}},
        )
        client.close()
        store = s3_store(bucket)

        with pytest.raises(StoreUnfit, match="default retention"):
            store.prove()

        assert list(store.listing("")) == []


def test_a_directory_that_cannot_keep_two_writers_apart_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", os.replace)  # as on a share without hard links, emulated
    store = DirectoryStore(tmp_path)

    with pytest.raises(StoreUnfit, match="hard links"):
        store.prove()

    assert list(store.listing("")) == []
