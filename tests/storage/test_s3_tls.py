"""A server's certificate is looked at: by boto3, and by what reads ranges beside it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings

from tests.certificates import server_context
from tests.storage.conftest import s3_store
from tests.storage.faults import DAMAGE_REQUEST, FaultProxy
from vault.storage import StoreUnavailable


@pytest.fixture
def encrypted(tmp_path) -> Iterator[FaultProxy]:
    """Give a server whose certificate an authority of its own signed."""
    with FaultProxy(settings.S3_ENDPOINT_URL, tls=server_context(tmp_path)) as proxy:
        yield proxy


def test_with_the_right_authority_everything_works(encrypted, versioned_store, tmp_path, name):
    store = s3_store(versioned_store._bucket, encrypted.url, ca_bundle=str(tmp_path / "ca.pem"))

    stored = store.put(name, [b"sealed bytes"])

    assert store.read(name, 0, 12, stored.version) == b"sealed bytes"


def test_a_certificate_of_another_authority_is_refused_before_a_request_is_sent(
    encrypted, versioned_store, tmp_path, name
):
    stored = versioned_store.put(name, [b"x"])
    strange = tmp_path / "strange"
    strange.mkdir()
    server_context(strange)

    for authority in ("", str(strange / "ca.pem")):
        store = s3_store(versioned_store._bucket, encrypted.url, ca_bundle=authority)
        with pytest.raises(StoreUnavailable):
            store.check()
        with pytest.raises(StoreUnavailable):
            store.put(f"{name}-2", [b"x"])
        with pytest.raises(StoreUnavailable):
            store.read(name, 0, 1, stored.version)
    assert encrypted.seen == []


def test_a_certificate_for_another_host_is_refused(versioned_store, tmp_path, name):
    stored = versioned_store.put(name, [b"x"])
    tls = server_context(tmp_path, address="203.0.113.9")

    with FaultProxy(settings.S3_ENDPOINT_URL, tls=tls) as elsewhere:
        store = s3_store(versioned_store._bucket, elsewhere.url, ca_bundle=str(tmp_path / "ca.pem"))
        with pytest.raises(StoreUnavailable):
            store.check()
        with pytest.raises(StoreUnavailable):
            store.read(name, 0, 1, stored.version)
        assert elsewhere.seen == []


def test_bytes_that_change_behind_the_encryption_are_not_kept(encrypted, versioned_store, tmp_path, name):
    store = s3_store(versioned_store._bucket, encrypted.url, ca_bundle=str(tmp_path / "ca.pem"))
    encrypted.concerns = lambda method, path: method == "PUT"
    encrypted.faults = [DAMAGE_REQUEST]

    with pytest.raises(StoreUnavailable):
        store.put(name, [bytes(100_000)])

    assert not encrypted.faults
    assert versioned_store.versions(name) == []
