"""The key that signs the trail's checkpoints, and its public half, by which anyone checks them."""

from __future__ import annotations

import base64
import binascii

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from vault.crypto.notes import NoteSigner, NoteVerifier


def signer() -> NoteSigner:
    """Return the key under the log's name.

    :raises ImproperlyConfigured: if AUDIT_KEY is not the base64 of an Ed25519 seed.
    """
    try:
        seed = base64.b64decode(settings.AUDIT_KEY, validate=True)
        key = Ed25519PrivateKey.from_private_bytes(seed)
    except (binascii.Error, ValueError):
        raise ImproperlyConfigured("AUDIT_KEY must be 32 random bytes in base64.") from None
    return NoteSigner(settings.AUDIT_ORIGIN, key)


def verifier() -> NoteVerifier:
    """Return the public half."""
    return signer().verifier
