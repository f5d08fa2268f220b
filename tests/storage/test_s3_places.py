"""Where a bucket lies: what each provider's answers mean, and which of them say nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from vault.places import Place, PlaceUnknown
from vault.storage import StoreUnavailable
from vault.storage.s3 import S3Store

NO_RULE = ("ReplicationConfigurationNotFoundError", 404)


def a_store(endpoint_url: str = "") -> S3Store:
    return S3Store(
        bucket="vault", region="eu-central-1", endpoint_url=endpoint_url, access_key="a", secret_key="b"
    )


def said(store: S3Store, *answers: tuple[str, Any]) -> Iterator[list[Place]]:
    """Yield the places that a provider's answers give."""
    with Stubber(store._client) as stub:
        for operation, answer in answers:
            if isinstance(answer, tuple):
                code, status = answer
                stub.add_client_error(operation, code, http_status_code=status)
            else:
                stub.add_response(operation, answer)
        yield store.places()
        stub.assert_no_pending_responses()


def location(region: str | None) -> tuple[str, dict[str, Any]]:
    return "get_bucket_location", {} if region is None else {"LocationConstraint": region}


def rules(*buckets: str, status: str = "Enabled") -> tuple[str, dict[str, Any]]:
    listed = [
        {"Status": status, "Priority": n, "Destination": {"Bucket": f"arn:aws:s3:::{bucket}"}}
        for n, bucket in enumerate(buckets)
    ]
    return "get_bucket_replication", {"ReplicationConfiguration": {"Role": "r", "Rules": listed}}


@pytest.mark.parametrize(
    ("answer", "region"), [("eu-north-1", "eu-north-1"), (None, "us-east-1"), ("EU", "eu-west-1")]
)
def test_at_amazon_the_region_decides_and_no_answer_is_virginia(answer, region):
    [places] = said(a_store(), location(answer), ("get_bucket_replication", NO_RULE))

    assert places == [Place("bucket vault", region=region)]


@pytest.mark.parametrize(
    "host",
    [
        "s3.eu-central-1.amazonaws.com",
        "s3-fips.dualstack.eu-central-1.amazonaws.com",
        "s3.eusc-de-east-1.amazonaws.eu",
        "bucket.vpce-0a1b-2c.s3.eu-central-1.vpce.amazonaws.com",
        "s3.amazonaws.com",
    ],
)
def test_an_amazon_address_that_is_spelled_out_is_amazon_too(host):
    store = a_store(f"https://{host}")
    [places] = said(store, location(None), ("get_bucket_replication", NO_RULE))

    assert places == [Place("bucket vault", region="us-east-1")]


@pytest.mark.parametrize("status", ["Enabled", "Disabled"])
def test_every_bucket_that_a_rule_names_is_a_place(status):
    answers = [
        location("eu-central-1"),
        rules("copy-b", "copy-a", "copy-a", status=status),
        location("us-west-2"),
        location("eu-west-1"),
    ]
    [places] = said(a_store(), *answers)

    assert places == [
        Place("bucket vault", region="eu-central-1"),
        Place("replica bucket copy-a", region="us-west-2"),
        Place("replica bucket copy-b", region="eu-west-1"),
    ]


@pytest.mark.parametrize(
    ("answers", "what"),
    [
        ([("get_bucket_location", ("AccessDenied", 403))], "bucket vault"),
        (
            [location("eu-central-1"), ("get_bucket_replication", ("AccessDenied", 403))],
            "replicas of bucket vault",
        ),
        (
            [location("eu-central-1"), rules("copy"), ("get_bucket_location", ("AccessDenied", 403))],
            "replica bucket copy",
        ),
    ],
)
def test_what_the_provider_will_not_say_is_unknown_and_not_ignored(answers, what):
    with pytest.raises(PlaceUnknown) as refused:
        list(said(a_store(), *answers))

    assert refused.value.what == what


def test_an_outage_is_an_outage():
    with pytest.raises(StoreUnavailable):
        list(said(a_store(), ("get_bucket_location", ("InternalError", 500))))


@pytest.mark.parametrize("none", [NO_RULE, ("NotImplemented", 501), ("MethodNotAllowed", 405)])
def test_elsewhere_the_host_decides_and_a_region_that_is_said_counts_too(none):
    store = a_store("https://objects.example.org:9000")

    [unsaid] = said(store, location(None), ("get_bucket_replication", none))
    [named] = said(store, location("fr-par"), ("get_bucket_replication", none))

    assert unsaid == [Place("bucket vault", endpoint="objects.example.org")]
    assert named == [Place("bucket vault", region="fr-par", endpoint="objects.example.org")]


@pytest.mark.parametrize(
    "host",
    [
        "ec2-203-0-113-5.compute-1.amazonaws.com",
        "s3-mine-123.us-east-1.elb.amazonaws.com",
        "mine.execute-api.us-east-1.amazonaws.com",
        "s3.eu-central-1.amazonaws.com.example.org",
    ],
)
def test_a_host_that_anybody_can_rent_from_amazon_is_no_store_of_amazons(host):
    [places] = said(
        a_store(f"https://{host}"), location("eu-central-1"), ("get_bucket_replication", NO_RULE)
    )

    assert places == [Place("bucket vault", region="eu-central-1", endpoint=host)]


def test_no_proxy_and_no_edge_of_amazons_is_taken_from_the_environment(monkeypatch, tmp_path):
    profile = tmp_path / "config"
    profile.write_text("[default]\ns3 =\n    use_accelerate_endpoint = true\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(profile))
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.org:3128")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.org:3128")

    plain, amazon = a_store("http://127.0.0.1:9")._client, a_store()._client

    assert not plain._endpoint.http_session._proxy_config.proxy_url_for("http://127.0.0.1:9/vault")
    address = amazon.generate_presigned_url("get_object", Params={"Bucket": "vault", "Key": "a"})
    assert address.startswith("https://vault.s3.eu-central-1.amazonaws.com/") or address.startswith(
        "https://vault.s3.amazonaws.com/"
    )


def test_elsewhere_a_replica_lies_where_nobody_says():
    with pytest.raises(PlaceUnknown):
        list(said(a_store("https://objects.example.org"), location(None), rules("copy")))
