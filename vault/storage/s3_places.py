"""Where a bucket and its replicas lie, as the provider says; what it will not say counts as unknown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError
from django.utils.translation import gettext as _

from vault.places import Place, PlaceUnknown, is_this_machine

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

# Amazon's own addresses of this service: under its domain anybody can rent a host.
_AMAZON = re.compile(
    r"(?:bucket\.vpce-[0-9a-z-]+\.)?s3(?:-fips)?(?:\.dualstack)?(?:[.-][a-z]+(?:-[a-z]+)+-\d+)?(?:\.vpce)?"
    r"\.amazonaws\.(?:com|eu|com\.cn)"
)
_BEFORE_IT_HAD_A_NAME = "us-east-1"  # what no answer means at AWS
_EUROPE = "EU"  # what AWS says of the oldest buckets in Ireland
_NO_REPLICAS = frozenset({"ReplicationConfigurationNotFoundError", "NotImplemented", "MethodNotAllowed"})


def places(client: S3Client, bucket: str, endpoint_url: str) -> list[Place]:
    """Return where the bucket lies and every bucket it is copied to; at AWS the region decides, else the host.

    :raises PlaceUnknown: if the provider does not say.
    """
    host = urlsplit(endpoint_url).hostname or ""
    is_amazon = not host or _AMAZON.fullmatch(host) is not None
    found = [_place(client, "bucket", bucket, is_amazon=is_amazon, host=host)]
    for replica in _replicas(client, bucket):
        if not is_amazon:
            what = f"replica bucket {replica}"
            raise PlaceUnknown(
                what, _("A server of one's own does not say where a replica lies: remove the rule.")
            )
        found.append(_place(client, "replica bucket", replica, is_amazon=True, host=""))
    return [] if all(is_this_machine(place.endpoint) for place in found) else found


def _place(client: S3Client, kind: str, bucket: str, *, is_amazon: bool, host: str) -> Place:
    what = f"{kind} {bucket}"
    try:
        answer: Mapping[str, Any] = client.get_bucket_location(Bucket=bucket)
    except ClientError as error:
        _check_answered(error)
        raise PlaceUnknown(what, _("Allow the vault's account s3:GetBucketLocation.")) from error
    said = answer.get("LocationConstraint") or ""
    if is_amazon:
        said = "eu-west-1" if said == _EUROPE else said or _BEFORE_IT_HAD_A_NAME
    return Place(what, region=said, endpoint="" if is_amazon else host)


def _replicas(client: S3Client, bucket: str) -> list[str]:
    """Return the buckets that rules name; those of a rule that is off too, for it may have been on."""
    try:
        rules = client.get_bucket_replication(Bucket=bucket)["ReplicationConfiguration"]["Rules"]
    except ClientError as error:
        if error.response["Error"].get("Code") in _NO_REPLICAS or _status(error) in (405, 501):
            return []
        _check_answered(error)
        what = f"replicas of bucket {bucket}"
        raise PlaceUnknown(what, _("Allow the vault's account s3:GetReplicationConfiguration.")) from error
    return sorted({rule["Destination"]["Bucket"].rpartition(":")[2] for rule in rules})


def _check_answered(error: ClientError) -> None:
    """Let an outage be an outage: it passes, and says nothing of where anything lies."""
    if _status(error) >= 500 or _status(error) == 429:
        raise error


def _status(error: ClientError) -> int:
    return error.response["ResponseMetadata"]["HTTPStatusCode"]
