"""Which places are allowed."""

from __future__ import annotations

import pytest

from vault.places import Place, PlaceUnknown
from vault.residency.rules import Because, breach_of, breaches

REGIONS = ("eu-central-1", "fr-par")
ENDPOINTS = ("objects.example.org", "bao.example.org")


def judged(place: Place) -> list[Because]:
    return [breach.because for breach in breaches([place], regions=REGIONS, endpoints=ENDPOINTS)]


@pytest.mark.parametrize(
    "place",
    [
        Place("bucket vault", region="eu-central-1"),
        Place("bucket vault", endpoint="objects.example.org"),
        Place("bucket vault", endpoint="Objects.Example.org", region="fr-par"),
        Place("key management server", endpoint="bao.example.org"),
        Place("key management server", endpoint="127.0.0.1"),
        Place("bucket vault", endpoint="localhost", region="us-east-1"),
    ],
)
def test_what_lies_where_it_may_is_let_be(place):
    assert judged(place) == []


@pytest.mark.parametrize(
    ("place", "because"),
    [
        (Place("bucket vault", region="us-east-1"), Because.REGION),
        (Place("bucket vault", region="eu-central-1x"), Because.REGION),
        (Place("bucket vault", endpoint="objects.example.com"), Because.ENDPOINT),
        (Place("bucket vault", endpoint="objects.example.org.evil.example"), Because.ENDPOINT),
        (Place("bucket vault", endpoint="objects.example.org", region="us-east"), Because.REGION),
        (Place("bucket vault", endpoint="10.0.0.1"), Because.ENDPOINT),
        (Place("bucket vault", endpoint="objects.localhost"), Because.ENDPOINT),
        (Place("bucket vault", endpoint="127.1"), Because.ENDPOINT),
        (Place("key audio-2027-02"), Because.UNKNOWN),
    ],
)
def test_what_lies_elsewhere_is_named_with_the_reason(place, because):
    assert judged(place) == [because]


def test_each_reason_says_what_is_wrong_and_where_to_look():
    [region] = breaches([Place("bucket vault", region="us-east-1")], regions=REGIONS, endpoints=())
    [host] = breaches([Place("bucket vault", endpoint="s3.example.com")], regions=(), endpoints=())
    unknown = breach_of(PlaceUnknown("replica bucket copy", "Allow s3:GetBucketLocation."))

    assert str(region) == "bucket vault lies in us-east-1, which ALLOWED_REGIONS does not name."
    assert str(host) == "bucket vault is at s3.example.com, which ALLOWED_ENDPOINTS does not name."
    assert str(unknown).endswith("replica bucket copy. Allow s3:GetBucketLocation.")


def test_amazon_london_and_zurich_are_not_in_the_union_and_not_allowed_by_default(settings):
    for region in ("eu-west-2", "eu-central-2", "us-east-1"):
        assert region not in settings.ALLOWED_REGIONS
