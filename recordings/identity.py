"""Which call, and which audio, as keyed hashes: they outlive erasure and tell nobody a number or a name."""

from __future__ import annotations

from recordings.sidecar import Source
from vault.crypto import blind_index
from vault.kms import masters

_MASTER, _KEK = "source-identity", "fields-open"  # one long-lived key: tombstones are recognised for good


def of_call(source: Source) -> bytes:
    """Return what a call is known by: its system, account and recording id there, as one keyed hash."""
    return blind_index.identity(
        masters.get(_MASTER, kek=_KEK), "call", source.system, source.account, source.recording_id
    )


def of_audio(sha256: bytes) -> bytes:
    """Return what audio is known by, so that the same call with other bytes is noticed."""
    return blind_index.identity(masters.get(_MASTER, kek=_KEK), "audio", sha256.hex())


def of_query(field: str, value: str) -> bytes:
    """Return what was searched for, so that the trail can tell two searches apart without telling what for."""
    return blind_index.identity(masters.get(_MASTER, kek=_KEK), "query", field, value)
