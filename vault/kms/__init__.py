"""Key management services behind one interface; the settings choose which one."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from vault.kms.interface import (
    KeyDestroyed,
    KeyInfo,
    KeyManagement,
    KeyManagementUnavailable,
    KeyMissing,
    UnwrapRefused,
)

__all__ = [
    "KeyDestroyed",
    "KeyInfo",
    "KeyManagement",
    "KeyManagementUnavailable",
    "KeyMissing",
    "UnwrapRefused",
    "service",
]


@cache
def service() -> KeyManagement:
    """Return the service that the settings name, built once for each process."""
    from vault.kms.keyring import Keyring
    from vault.kms.master import from_settings

    if settings.KMS_KIND != "keyring":
        raise ImproperlyConfigured("KMS_KIND must be keyring.")
    if not settings.KMS_KEYRING:
        raise ImproperlyConfigured("Set KMS_KEYRING to the path of the keyring.")
    backup = Path(settings.KMS_KEYRING_BACKUP) if settings.KMS_KEYRING_BACKUP else None
    return Keyring(Path(settings.KMS_KEYRING), from_settings(), backup=backup)
