"""Key management services behind one interface; the settings choose which one."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

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
    "service",
]


@cache
def service(duty: Duty) -> KeyManagement:
    """Return the service that the settings name, with the credential of this duty, built once a process.

    The local keyring has no credentials: whoever has its master may do everything.
    """
    if settings.KMS_KIND != "keyring":
        raise ImproperlyConfigured("KMS_KIND must be keyring.")
    return _keyring()


def duties() -> tuple[Duty, ...]:
    """Return the duties that this process is given."""
    return tuple(Duty)


def check() -> None:
    """Refuse unless the service answers, for each duty that this process is given.

    :raises KeyManagementUnavailable: if it does not.
    """
    for found in {service(duty) for duty in duties()}:
        found.check()


def forget_services() -> None:
    """Build the services anew when they are asked for next: the settings have changed."""
    service.cache_clear()
    _keyring.cache_clear()


@cache
def _keyring() -> KeyManagement:
    from vault.kms.keyring import Keyring
    from vault.kms.master import from_settings

    if not settings.KMS_KEYRING:
        raise ImproperlyConfigured("Set KMS_KEYRING to the path of the keyring.")
    backup = Path(settings.KMS_KEYRING_BACKUP) if settings.KMS_KEYRING_BACKUP else None
    return Keyring(Path(settings.KMS_KEYRING), from_settings(), backup=backup)
