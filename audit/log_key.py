"""The key that signs the trail's checkpoints, and its public half, by which anyone checks them.

Only the sequencer needs the key. Every other process gets the public half alone, as AUDIT_PUBLIC_KEY.
"""

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
    """Return the public half: as given, or of the key where only that is given.

    :raises ImproperlyConfigured: if AUDIT_PUBLIC_KEY is no verifier key of this log.
    """
    if not settings.AUDIT_PUBLIC_KEY:
        return signer().verifier
    try:
        given = NoteVerifier.parse(settings.AUDIT_PUBLIC_KEY)
    except (binascii.Error, ValueError):
        raise ImproperlyConfigured("AUDIT_PUBLIC_KEY must be what show_log_key prints.") from None
    if given.name != settings.AUDIT_ORIGIN:
        raise ImproperlyConfigured("AUDIT_PUBLIC_KEY is the key of another log than AUDIT_ORIGIN names.")
    return given


def verifier_of(origin: str) -> NoteVerifier:
    """Return the same public key under another name: that of an origin which this log had before."""
    return NoteVerifier(origin, verifier().public_key)
