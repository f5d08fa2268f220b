"""Calls for tests: audio, side-cars, and how long they are kept."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import numpy as np

from audit.actor import Actor
from recordings import ingest, sidecar
from recordings.audio import AudioFormat, Codec, wav_header
from recordings.facts import CallFacts, Plan
from recordings.models import Recording

NOW = datetime(2026, 11, 22, 10, 52, 7, tzinfo=UTC)
CUSTOMER_NUMBER = "+3197000000012"
CUSTOMER_NAME = "Daniel Ashby"
REFERENCE = "HV-472091"


def plan(call: CallFacts, *, now: datetime) -> Plan:
    """Keep every call for twelve weeks, what is in quarantine for two."""
    weeks = 2 if call.is_quarantined else 12
    expires_at = call.ended_at + timedelta(weeks=weeks)
    return Plan(
        expires_at=expires_at,
        keep_until_at_least=None,
        month=f"{expires_at:%Y-%m}",
        policy_id=UUID(int=7),
        policy_version=1,
        policy_name="Complaints",
        in_conflict=False,
        why="policy",
    )


def plan_later(call: CallFacts, *, now: datetime) -> Plan:
    """Keep every call for a year: another month than ``plan`` says."""
    first = plan(call, now=now)
    expires_at = call.ended_at + timedelta(days=365)
    return Plan(
        **{name: getattr(first, name) for name in first.__slots__}
        | {"expires_at": expires_at, "month": f"{expires_at:%Y-%m}"}
    )


def wav(seconds: float = 3.0, *, codec: Codec = Codec.MULAW, channels: int = 2, rate: int = 8000) -> bytes:
    """Return a WAV file whose bytes differ everywhere, so that a wrong offset shows."""
    audio = AudioFormat(codec, channels, rate, 0, 0)
    length = int(seconds * rate) * audio.block_bytes
    samples = (
        np.random.default_rng(int(seconds * 1000) + channels).integers(0, 256, length, np.uint8).tobytes()
    )
    return wav_header(AudioFormat(codec, channels, rate, 0, length)) + samples


def chunk(name: bytes, content: bytes) -> bytes:
    """Return one RIFF chunk, padded."""
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def document(recording_id: str | None = None, **changes: Any) -> dict[str, Any]:
    """Return a side-car of a call with a customer who agreed to its being recorded."""
    return {
        "schema": "vault-sidecar/1",
        "source": {"system": "exchange", "account": "north", "recording_id": recording_id or str(uuid4())},
        "media": {"channel_map": ["agent", "customer"]},
        "call": {
            "started_at": "2026-11-22T10:41:00+01:00",
            "ended_at": "2026-11-22T10:45:38+01:00",
            "direction": "in",
            "language": "en",
        },
        "parties": [
            {
                "role": "agent",
                "name": "Hannah Whitlock",
                "agent_ref": "hannah@example.org",
                "queue": "billing",
                "team_ref": "North",
            },
            {"role": "customer", "number": CUSTOMER_NUMBER, "name": CUSTOMER_NAME, "reference": REFERENCE},
        ],
        "lawful_bases": [consent("quality"), consent("complaint")],
        "classification": ["Complaint"],
        "extra": {"title": "Complaint about an estimated bill"},
    } | changes


def consent(purpose: str, status: str = "granted", *, offset_ms: int = 11_930) -> dict[str, Any]:
    """Return what the customer said about a purpose."""
    return {
        "party": 1,
        "purpose": purpose,
        "basis": "consent",
        "status": status,
        "method": "spoken",
        "audio_offset_ms": offset_ms,
        "notice_version": "6",
    }


def bring_in(
    actor: Actor,
    *,
    audio: bytes | Iterator[bytes] | None = None,
    said: dict[str, Any] | None = None,
    now: datetime = NOW,
) -> Recording:
    """Take a call in, through the use cases."""
    announced = ingest.announce(sidecar.parse(said or document()), actor=actor, now=now)
    pieces = in_pieces(audio or wav()) if audio is None or isinstance(audio, bytes) else audio
    return ingest.receive_audio(announced.id, pieces, digest=None, actor=actor, now=now)


def in_pieces(content: bytes, size: int = 65_536) -> Iterator[bytes]:
    """Yield the content as a socket would."""
    for start in range(0, len(content), size):
        yield content[start : start + size]
