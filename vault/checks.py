"""What production refuses to start with: plain connections and trial shortcuts.

Registered as Django checks, which ``manage.py check --deploy`` lists; and asked once by every process as it starts:
web, worker, beat, sequencer and each command.
"""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured

from vault.places import is_this_machine

# What in the environment leads the database driver to another machine than the address names.
_DATABASE_ELSEWHERE = ("PGHOSTADDR", "PGSERVICE")

# What every reader of addresses takes for the same host: "https://a\\@b" is b's for Python and a's for urllib3.
_PLAIN_ADDRESS = re.compile(r"https?://(?:\[[0-9a-fA-F:.]+\]|[\w.-]+)(?::\d+)?(?:/[\w./-]*)?", re.ASCII)


def refuse_to_start() -> None:
    """Refuse to go on with settings under which no process of the vault may run.

    :raises ImproperlyConfigured: naming every variable that is wrong.
    """
    if wrong := [*connections_are_encrypted(), *the_store_is_named(), *the_trail_is_kept()]:
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
    found = [
        (variable, _is_database_safe(settings.DATABASES[alias]), "add ?sslmode=verify-full")
        for alias, variable in (
            ("default", "DATABASE_URL"),
            ("owner", "DATABASE_OWNER_URL"),
            ("sequencer", "DATABASE_SEQUENCER_URL"),
        )
    ]
    broker = "begin it with rediss://, name one server, and leave ssl_cert_reqs and ssl_check_hostname out"
    found.append(("REDIS_URL", _is_broker_safe(settings.REDIS_URL), broker))
    https = "begin it with https://, and write host, port and path alone after it"
    found.append(
        ("S3_ENDPOINT_URL", settings.STORE_KIND != "s3" or _is_https(settings.S3_ENDPOINT_URL), https)
    )
    for name in ("KMS_ADDRESS", "KMS_AWS_ENDPOINT_URL", "LOCKED_COPY_ENDPOINT_URL"):
        found.append((name, _is_https(getattr(settings, name, "")), https))
    found.append(("WITNESSES", all(_is_https(item.split()[-1]) for item in settings.WITNESSES), https))
    is_mail_safe = (
        not settings.EMAIL_BACKEND.endswith("smtp.EmailBackend")
        or settings.EMAIL_USE_TLS
        or is_this_machine(settings.EMAIL_HOST)
    )
    found.append(("EMAIL_HOST", is_mail_safe, "set EMAIL_USE_TLS=true"))
    return found


def _is_database_safe(database: dict[str, Any]) -> bool:
    """Say whether a connection stays on this machine, or is made only to who has shown to be the named host."""
    options = database["OPTIONS"]
    if (
        options.get("sslmode", "verify-full" if options.get("sslrootcert") == "system" else "")
        == "verify-full"
    ):
        return True
    if "service" in options or any(os.environ.get(name) for name in _DATABASE_ELSEWHERE):
        return False
    hosts = f"{database['HOST'] or os.environ.get('PGHOST', '')},{options.get('hostaddr', '')}"
    return all(host.startswith("/") or is_this_machine(host) for host in hosts.split(",") if host)


def _is_broker_safe(url: str) -> bool:
    if {",", ";"} & set(url):  # several addresses, of which only the first is looked at here
        return False
    address = urlsplit(url)
    if address.scheme == "rediss":
        wanted = {"ssl_cert_reqs": "required", "ssl_check_hostname": "true"}
        return all(
            value.lower() == wanted.get(name, value.lower()) for name, value in parse_qsl(address.query)
        )
    return address.scheme == "unix" or is_this_machine(address.hostname or "")


def _is_https(url: str) -> bool:
    if url and not _PLAIN_ADDRESS.fullmatch(url):
        return False
    address = urlsplit(url)
    return not url or address.scheme == "https" or is_this_machine(address.hostname or "")


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


@register(Tags.security)
def the_trail_is_kept(**kwargs: Any) -> list[CheckMessage]:
    """Refuse a trail that is gone before anybody can ask about it, or whose copy outlasts it."""
    found: list[CheckMessage] = []
    if settings.AUDIT_KEEP_MONTHS < 12:
        found.append(Error("AUDIT_KEEP_MONTHS must be 12 or more.", id="vault.E030"))
    if settings.AUDIT_ADDRESS_DAYS < 1:
        found.append(Error("AUDIT_ADDRESS_DAYS must be 1 or more.", id="vault.E031"))
    if settings.LOCKED_COPY_BUCKET and settings.LOCKED_COPY_MONTHS > settings.AUDIT_KEEP_MONTHS:
        # Nobody can delete what is locked: a month would live on outside after the trail has let it go.
        found.append(
            Error(
                "LOCKED_COPY_MONTHS must not be more than AUDIT_KEEP_MONTHS:"
                f" set it to {settings.AUDIT_KEEP_MONTHS} or less, or keep the trail longer.",
                id="vault.E032",
            )
        )
    return found
