"""What production refuses to start with: plain connections and trial shortcuts.

Registered as Django checks, which ``manage.py check --deploy`` lists; and asked once by every process as it starts:
web, worker, beat, sequencer and each command.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured

_LOCAL = frozenset({"", "localhost", "127.0.0.1", "::1"})
_VERIFIED = frozenset({"verify-ca", "verify-full"})


def refuse_to_start() -> None:
    """Refuse to go on with settings under which no process of the vault may run.

    :raises ImproperlyConfigured: naming every variable that is wrong.
    """
    if wrong := [*connections_are_encrypted(), *the_store_is_named()]:
        raise ImproperlyConfigured(" ".join(str(message.msg) for message in wrong))


@register(Tags.security, deploy=True)
def no_trial(**kwargs: Any) -> list[CheckMessage]:
    """Refuse trial shortcuts."""
    if not settings.TRIAL:
        return []
    return [Warning("VAULT_TRIAL is on: this is a trial, not an installation.", id="vault.W001")]


@register(Tags.security)
def connections_are_encrypted(**kwargs: Any) -> list[CheckMessage]:
    """Refuse a connection that leaves this machine without verified TLS."""
    if settings.TRIAL:
        return []
    return [
        Error(f"{name} must use TLS: {remedy}.", id=f"vault.E{number:03}")
        for number, (name, is_safe, remedy) in enumerate(_connections(), start=10)
        if not is_safe
    ]


def _connections() -> list[tuple[str, bool, str]]:
    found = []
    for alias, variable in (
        ("default", "DATABASE_URL"),
        ("owner", "DATABASE_OWNER_URL"),
        ("sequencer", "DATABASE_SEQUENCER_URL"),
    ):
        database = settings.DATABASES[alias]
        is_socket = database["HOST"].startswith("/")
        is_safe = is_socket or database["HOST"] in _LOCAL or database["OPTIONS"].get("sslmode") in _VERIFIED
        found.append((variable, is_safe, "add ?sslmode=verify-full"))
    broker = urlsplit(settings.REDIS_URL)
    found.append(
        (
            "REDIS_URL",
            broker.scheme in {"rediss", "unix"} or broker.hostname in _LOCAL,
            "begin it with rediss://",
        )
    )
    store = urlsplit(settings.S3_ENDPOINT_URL)
    is_store_safe = settings.STORE_KIND != "s3" or store.scheme in {"", "https"} or store.hostname in _LOCAL
    found.append(("S3_ENDPOINT_URL", is_store_safe, "begin it with https://"))
    return found


@register(Tags.security)
def the_store_is_named(**kwargs: Any) -> list[CheckMessage]:
    """Refuse an object store without a place."""
    if settings.STORE_KIND == "s3" and not settings.S3_BUCKET:
        return [Error("Set S3_BUCKET, or STORE_KIND=directory with STORE_DIRECTORY.", id="vault.E020")]
    if settings.STORE_KIND == "directory" and not settings.STORE_DIRECTORY:
        return [Error("Set STORE_DIRECTORY.", id="vault.E021")]
    if settings.STORE_KIND not in {"s3", "directory"}:
        return [Error("STORE_KIND must be s3 or directory.", id="vault.E022")]
    return []
