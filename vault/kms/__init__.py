"""Key management services behind one interface; the settings choose which one."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from vault.kms.interface import (
    Duty,
    DutyNotGiven,
    KeyDestroyed,
    KeyInfo,
    KeyManagement,
    KeyManagementUnavailable,
    KeyMissing,
    UnwrapRefused,
    WrappedKey,
)
from vault.places import Place, PlaceUnknown

if TYPE_CHECKING:
    from vault.kms.server import Token

__all__ = [
    "Duty",
    "DutyNotGiven",
    "KeyDestroyed",
    "KeyInfo",
    "KeyManagement",
    "KeyManagementUnavailable",
    "KeyMissing",
    "UnwrapRefused",
    "WrappedKey",
    "check",
    "duties",
    "forget_services",
    "places",
    "service",
]

_TRANSIT = frozenset({"openbao", "vault"})  # one programming interface, two products


def service(duty: Duty) -> KeyManagement:
    """Return the service that the settings name, with the credential of this duty, built once a process.

    The local keyring has no credentials: whoever has its master may do everything. AWS knows one identity for a
    process, and what that may do.
    """
    # Connections must not be shared with a process that was forked.
    return _build(duty, os.getpid())


def duties() -> tuple[Duty, ...]:
    """Return the duties that this process is given."""
    if settings.KMS_KIND not in _TRANSIT:
        return tuple(Duty)
    return tuple(duty for duty in Duty if _token(duty).is_given)


def check() -> None:
    """Refuse unless the service answers, for each duty that this process is given.

    :raises KeyManagementUnavailable: if it does not.
    """
    for found in {service(duty) for duty in duties()}:
        found.check()


def places() -> list[Place]:
    """Return where the keys and the service lie, as the service says; empty means on this machine alone.

    :raises PlaceUnknown: if nobody says.
    """
    given = duties()
    if not given:
        raise PlaceUnknown("key management server", _("This process holds no token for it."))
    return service(given[0]).places()


def forget_services() -> None:
    """Build the services anew when they are asked for next: the settings have changed."""
    _build.cache_clear()
    _for_every_duty.cache_clear()


@cache
def _build(duty: Duty, process: int) -> KeyManagement:
    if settings.KMS_KIND in _TRANSIT:
        return _transit(duty)
    return _for_every_duty(process)


@cache
def _for_every_duty(process: int) -> KeyManagement:
    match settings.KMS_KIND:
        case "keyring":
            return _keyring()
        case "aws":
            return _aws()
    raise ImproperlyConfigured("KMS_KIND must be keyring, openbao, vault or aws.")


def _keyring() -> KeyManagement:
    from vault.kms.keyring import Keyring
    from vault.kms.master import from_settings

    if not settings.KMS_KEYRING:
        raise ImproperlyConfigured("Set KMS_KEYRING to the path of the keyring.")
    backup = Path(settings.KMS_KEYRING_BACKUP) if settings.KMS_KEYRING_BACKUP else None
    return Keyring(Path(settings.KMS_KEYRING), from_settings(), backup=backup)


def _transit(duty: Duty) -> KeyManagement:
    from vault.kms.server import Server
    from vault.kms.transit import Transit

    if not settings.KMS_ADDRESS.startswith(("https://", "http://")):
        raise ImproperlyConfigured("Set KMS_ADDRESS, as in https://openbao.example.org:8200.")
    if not settings.KMS_MOUNT:
        raise ImproperlyConfigured("Set KMS_MOUNT to the mount point of the transit engine.")
    if settings.KMS_CA_BUNDLE and not Path(settings.KMS_CA_BUNDLE).is_file():
        raise ImproperlyConfigured("KMS_CA_BUNDLE names no file of certificates.")
    server = Server(
        settings.KMS_ADDRESS,
        _token(duty),
        namespace=settings.KMS_NAMESPACE,
        ca_bundle=settings.KMS_CA_BUNDLE,
    )
    return Transit(server, duty, mount=settings.KMS_MOUNT)


def _token(duty: Duty) -> Token:
    from vault.kms.server import Token

    name = f"KMS_TOKEN_{duty.name}"
    return Token(getattr(settings, name), getattr(settings, f"{name}_FILE"))


def _aws() -> KeyManagement:
    from vault.kms.aws import AwsKeys

    if not settings.KMS_AWS_REGION:
        raise ImproperlyConfigured("Set KMS_AWS_REGION to the region of the keys, as in eu-central-1.")
    if not 7 <= settings.KMS_AWS_DELETION_DAYS <= 30:
        raise ImproperlyConfigured("KMS_AWS_DELETION_DAYS must be from 7 to 30.")
    return AwsKeys(
        region=settings.KMS_AWS_REGION,
        endpoint_url=settings.KMS_AWS_ENDPOINT_URL,
        prefix=settings.KMS_AWS_PREFIX,
        deletion_days=settings.KMS_AWS_DELETION_DAYS,
    )
