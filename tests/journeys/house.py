"""An organisation for the journeys: people, a team, calls brought in by the same use cases as real ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import numpy as np

from audit.actor import Actor, ActorKind
from recordings import renditions
from recordings.audio import AudioFormat, Codec, wav_header
from recordings.models import Recording
from tests import people
from tests.recordings import calls
from tests.recordings.calls import CUSTOMER_NUMBER
from vault import clock
from vault.access.models import Team, User
from vault.access.roles import Role, permissions_of


@dataclass(frozen=True)
class House:
    """Who is there, and how calls come in."""

    team: Team
    agent: User
    supervisor: User
    dpo: User
    administrator: User
    newcomer: User
    exchange: Actor

    def bring_in(self, *, number: str = CUSTOMER_NUMBER, **changes: Any) -> Recording:
        """Take in a call of twelve seconds that began an hour ago, and make its waveform."""
        now = clock.now()
        said = calls.document(**changes)
        said["call"] |= {
            "started_at": (now - timedelta(hours=1)).isoformat(),
            "ended_at": (now - timedelta(minutes=59, seconds=48)).isoformat(),
        }
        said["parties"][0] |= {"agent_ref": self.agent.email, "team_ref": self.team.name}
        said["parties"][1] |= {"number": number}
        said["extra"] = {
            "title": "Complaint about an estimated bill",
            "turns": [
                {"speaker": "agent", "start_s": 0, "end_s": 4, "text": "Good morning, may I record this?"},
                {"speaker": "caller", "start_s": 4, "end_s": 8, "text": "Yes, go ahead."},
                {"speaker": "agent", "start_s": 8, "end_s": 12, "text": "Thank you."},
            ],
        }
        recording = calls.bring_in(self.exchange, audio=conversation(12), said=said, now=now)
        renditions.derive_copies(now=now)
        return recording


def furnish() -> House:
    """Make people. What they and their calls do is committed: it needs a database of its own."""
    team = people.make_team()
    exchange = Actor(
        kind=ActorKind.SERVICE,
        id=uuid4(),
        role=Role.INTEGRATION,
        access_point="api",
        permissions=permissions_of(Role.INTEGRATION),
    )
    return House(
        team=team,
        agent=people.make_person(Role.AGENT, teams=[team], name="Hannah Whitlock"),
        supervisor=people.make_person(Role.SUPERVISOR, teams=[team], name="Ines Verhoeven"),
        dpo=people.make_person(Role.DPO, name="Katrien Maas"),
        administrator=people.make_person(Role.ADMINISTRATOR, name="Bram Kuiper"),
        newcomer=people.make_person(Role.REVIEWER, name="Noor Brandsma"),
        exchange=exchange,
    )


def conversation(seconds: int) -> bytes:
    """Return stereo WAV in which the two sides hum in turns, four seconds each."""
    rate = 8000
    at = np.arange(seconds * rate) / rate
    turn = (at // 4).astype(int) % 2
    hum = 0.4 * np.sin(2 * math.pi * 220 * at)
    sides = np.stack([np.where(turn == 0, hum, 0), np.where(turn == 1, hum, 0)], axis=1)
    samples = (sides * 32767).astype("<i2").tobytes()
    return wav_header(AudioFormat(Codec.PCM_S16, 2, rate, 0, len(samples))) + samples
