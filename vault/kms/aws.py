"""AWS KMS: one key of AWS for each version of one of ours, found by its alias.

``alias/<prefix>/<name>/<version>``: AWS cannot give up the older versions of a key that it rotates itself, so a
version of ours is a key of its own there, and destroying one is scheduling its deletion. From then on it opens
nothing; AWS itself forgets it, and its alias, when the days that the settings give have passed. After that only
the vault's books know that there was such a name.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.utils.translation import gettext as _

from vault.kms.interface import (
    DutyNotGiven,
    KeyDestroyed,
    KeyInfo,
    KeyManagementUnavailable,
    KeyMissing,
    UnwrapRefused,
    WrappedKey,
)
from vault.places import Place, PlaceUnknown

_FORM = 3  # 1 is the local keyring's, 2 transit's
_HEAD_LENGTH = 1 + 4
_CONNECT_SECONDS = 2
_ANSWER_SECONDS = 4
_TRIES = 3  # with pauses that grow and differ, by botocore
_CONNECTIONS = 16
_NEWEST_KNOWN_FOR_S = 60.0
_GOING = frozenset({"PendingDeletion", "PendingReplicaDeletion"})
_REFUSED = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})
# Amazon's own addresses of this service, with the region: under its domain anybody can rent a host.
_AMAZON = re.compile(
    r"(?:vpce-[0-9a-z-]+\.)?kms(?:-fips)?\.([a-z]+(?:-[a-z]+)+-\d+)(?:\.vpce)?\.amazonaws\.(?:com|eu|com\.cn)"
)
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_NOT_THERE = frozenset({"NotFoundException", "KMSInvalidStateException"})


class AwsKeys:
    """The keys of one account and region under one prefix, with the credentials that boto3 finds."""

    def __init__(
        self, *, region: str, endpoint_url: str = "", prefix: str = "callvault", deletion_days: int = 7
    ):
        self._prefix = prefix
        self._deletion_days = deletion_days
        self._newest: dict[str, tuple[float, int]] = {}
        self._client: Any = boto3.session.Session().client(
            "kms",
            region_name=region,
            endpoint_url=endpoint_url or None,
            config=Config(  # type: ignore[call-arg]  # the type stubs do not know of configured addresses
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_ANSWER_SECONDS,
                retries={"mode": "standard", "total_max_attempts": _TRIES},
                max_pool_connections=_CONNECTIONS,
                ignore_configured_endpoint_urls=True,  # AWS_ENDPOINT_URL would lead elsewhere, unseen
                proxies={},  # and so would HTTP_PROXY
            ),
        )

    @property
    def destruction_reaches_copies(self) -> bool:
        """Yes: there are no copies of a key outside AWS."""
        return True

    @property
    def destruction_takes(self) -> timedelta:
        """The days that AWS waits, in which the deletion can be called off."""
        return timedelta(days=self._deletion_days)

    def version_of(self, wrapped: bytes) -> int:
        """Return the version that stands in the wrapped key's head."""
        version = int.from_bytes(wrapped[1:_HEAD_LENGTH], "big")
        if len(wrapped) <= _HEAD_LENGTH or wrapped[0] != _FORM or version < 1:
            raise UnwrapRefused
        return version

    def ensure_key(self, name: str) -> None:
        """Make the key unless it is there."""
        versions = self._versions(name)
        if not versions:
            self._make(name, 1)
            return
        self._require(name, max(versions))

    def wrap(self, name: str, key: bytes, context: bytes) -> bytes:
        """Return the key wrapped under the newest version."""
        if len(key) != 32:
            raise ValueError("Keys have 32 bytes.")
        try:
            return self._wrap(name, self._find_newest(name), key, context)
        except _NotThere:
            # What was the newest a minute ago may have been given up since.
            self._newest.pop(name, None)
        newest = self._find_newest(name)
        self._require(name, newest)
        return self._wrap(name, newest, key, context)

    def unwrap(self, name: str, wrapped: bytes, context: bytes) -> bytes:
        """Return the key."""
        wrapped = bytes(wrapped)
        version = self.version_of(wrapped)
        try:
            with _speaking():
                answer = self._client.decrypt(
                    KeyId=self._alias(name, version),
                    CiphertextBlob=wrapped[_HEAD_LENGTH:],
                    EncryptionContext=_context(name, version, context),
                )
        except _NotThere:
            self._require_any(name)
            raise UnwrapRefused from None
        key = answer.get("Plaintext")
        if not isinstance(key, bytes) or len(key) != 32:
            raise KeyManagementUnavailable(_("AWS KMS refused: %s.") % "no key")
        return key

    def rewrap(self, name: str, keys: Sequence[WrappedKey]) -> list[bytes | None]:
        """Return each key wrapped under the newest version; unchanged where it already is.

        AWS takes one at a time, so several are under way at once.
        """
        newest = max(self._versions(name), default=0)
        self._require(name, newest)
        with ThreadPoolExecutor(_CONNECTIONS) as threads:
            return list(threads.map(lambda each: self._rewrap(name, newest, each), keys))

    def rotate(self, name: str) -> int:
        """Make a key of the next version, which wraps from now on."""
        newest = max(self._versions(name), default=0)
        self._require(name, newest)
        self._make(name, newest + 1)
        return newest + 1

    def trim(self, name: str, *, oldest: int) -> None:
        """Schedule the deletion of every version older than this one; they open nothing from now on."""
        versions = self._versions(name)
        newest = max(versions, default=0)
        self._require(name, newest)
        if not 1 <= oldest <= newest:
            raise ValueError("There is no such version.")
        for version in versions:
            if version < oldest:
                self._end(name, version)

    def destroy(self, name: str) -> None:
        """Schedule the deletion of every version, the newest last: until then the work can be taken up again."""
        versions = self._versions(name)
        if not versions:
            raise KeyMissing
        for version in versions:
            self._end(name, version)
        self._newest.pop(name, None)

    def describe(self) -> list[KeyInfo]:
        """Return all keys by name, those that are going among them, until AWS has forgotten them."""
        described = []
        for name, versions in sorted(self._names().items()):
            found = [self._look_up(name, version) for version in sorted(versions)]
            alive = [each for each in found if each["KeyState"] not in _GOING]
            created_at = min(each["CreationDate"] for each in found)
            destroyed_at = None
            if not alive:
                scheduled = [each["DeletionDate"] - self.destruction_takes for each in found]
                destroyed_at = max(created_at, *scheduled)
            described.append(KeyInfo(name, max(versions), len(alive), created_at, destroyed_at))
        return described

    def places(self) -> list[Place]:
        """Return the region of every key, and of every replica of one.

        :raises PlaceUnknown: if we may not ask.
        """
        host = urlsplit(self._client.meta.endpoint_url).hostname or ""
        amazon = _AMAZON.fullmatch(host)
        region, endpoint = (amazon[1], "") if amazon else (self._client.meta.region_name, host)
        found = {Place("key management server", region, endpoint)}
        try:
            for name, versions in self._names().items():
                for version in versions:
                    regions = _regions(self._look_up(name, version))
                    found |= {Place(f"key {name}", region, endpoint) for region in regions}
        except DutyNotGiven:
            raise PlaceUnknown("keys", _("Allow the vault kms:ListAliases and kms:DescribeKey.")) from None
        return sorted(found, key=lambda place: (place.what, place.region))

    def check(self) -> None:
        """Refuse unless AWS answers and knows us. What we may do there, only doing it tells."""
        with _speaking():
            self._client.list_aliases(Limit=1)

    def _wrap(self, name: str, version: int, key: bytes, context: bytes) -> bytes:
        with _speaking():
            answer = self._client.encrypt(
                KeyId=self._alias(name, version),
                Plaintext=key,
                EncryptionContext=_context(name, version, context),
            )
        return _head(version) + bytes(answer["CiphertextBlob"])

    def _rewrap(self, name: str, newest: int, each: WrappedKey) -> bytes | None:
        wrapped = bytes(each.wrapped)
        try:
            version = self.version_of(wrapped)
            with _speaking():
                answer = self._client.re_encrypt(
                    CiphertextBlob=wrapped[_HEAD_LENGTH:],
                    SourceKeyId=self._alias(name, version),
                    SourceEncryptionContext=_context(name, version, each.context),
                    DestinationKeyId=self._alias(name, newest),
                    DestinationEncryptionContext=_context(name, newest, each.context),
                )
        except (UnwrapRefused, _NotThere):
            return None
        return wrapped if version == newest else _head(newest) + bytes(answer["CiphertextBlob"])

    def _make(self, name: str, version: int) -> None:
        """Make a key of AWS and give it the alias; whoever comes second takes what the first has made."""
        with _speaking():
            made = self._client.create_key(
                Description=f"Call-recording vault: {self._prefix}/{name}, version {version}"
            )
            with suppress(self._client.exceptions.AlreadyExistsException):
                self._client.create_alias(
                    AliasName=self._alias(name, version), TargetKeyId=made["KeyMetadata"]["KeyId"]
                )
        self._newest.pop(name, None)

    def _end(self, name: str, version: int) -> None:
        found = self._look_up(name, version)
        if found["KeyState"] not in _GOING:
            with _speaking():
                self._client.schedule_key_deletion(
                    KeyId=found["KeyId"], PendingWindowInDays=self._deletion_days
                )

    def _find_newest(self, name: str) -> int:
        """Return the version that wraps, as it was at most a minute ago."""
        seen_at, newest = self._newest.get(name, (float("-inf"), 0))
        if time.monotonic() - seen_at > _NEWEST_KNOWN_FOR_S:
            newest = max(self._versions(name), default=0)
            if not newest:
                raise KeyMissing
            self._newest[name] = (time.monotonic(), newest)
        return newest

    def _require_any(self, name: str) -> None:
        self._require(name, max(self._versions(name), default=0))

    def _require(self, name: str, newest: int) -> None:
        """Refuse unless the newest version of the key is there: it is the last that goes."""
        if not newest:
            raise KeyMissing
        if self._look_up(name, newest)["KeyState"] in _GOING:
            raise KeyDestroyed

    def _look_up(self, name: str, version: int) -> dict[str, Any]:
        try:
            with _speaking():
                found: dict[str, Any] = self._client.describe_key(KeyId=self._alias(name, version))[
                    "KeyMetadata"
                ]
        except _NotThere:
            raise KeyMissing from None
        return found

    def _versions(self, name: str) -> list[int]:
        return sorted(self._names().get(name, []))

    def _names(self) -> dict[str, list[int]]:
        """Return the versions of every key, by its name. AWS lists aliases, and cannot look for one's beginning."""
        beginning = f"alias/{self._prefix}/"
        versions: dict[str, list[int]] = defaultdict(list)
        with _speaking():
            for page in self._client.get_paginator("list_aliases").paginate():
                for alias in page["Aliases"]:
                    name, _slash, version = alias["AliasName"].removeprefix(beginning).rpartition("/")
                    if alias["AliasName"].startswith(beginning) and name and _VERSION.fullmatch(version):
                        versions[name].append(int(version))
        return versions

    def _alias(self, name: str, version: int) -> str:
        return f"alias/{self._prefix}/{name}/{version}"


def _regions(key: dict[str, Any]) -> set[str]:
    """Return where a key of AWS is, by its own name (``arn:aws:kms:REGION:…``) and its replicas."""
    copies = key.get("MultiRegionConfiguration") or {}
    others = [copies.get("PrimaryKey") or {}, *copies.get("ReplicaKeys", [])]
    return {str(key["Arn"]).split(":")[3], *(each["Region"] for each in others if each)}


class _NotThere(KeyMissing):
    """The key of AWS that was asked for is not there, or on its way out."""


@contextmanager
def _speaking() -> Iterator[None]:
    """Say in our own words what AWS refuses; never what was sent to it."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in _NOT_THERE:
            raise _NotThere from None
        if code in _REFUSED:
            raise UnwrapRefused from None
        if code == "AccessDeniedException":
            raise DutyNotGiven(_("The identity of this process at AWS may not do this with keys.")) from None
        raise KeyManagementUnavailable(_("AWS KMS refused: %s.") % code) from None
    except BotoCoreError as error:
        raise KeyManagementUnavailable(
            _("AWS KMS cannot be reached, or knows no credentials of ours: %s.") % type(error).__name__
        ) from None


def _head(version: int) -> bytes:
    return bytes([_FORM]) + version.to_bytes(4, "big")


def _context(name: str, version: int, context: bytes) -> dict[str, str]:
    """Return what AWS binds a wrapped key to. It stands in clear in its log, so the recording is not named."""
    return {"key": name, "version": str(version), "context": hashlib.sha256(context).hexdigest()}
