"""The demo's calls: which dialogue, whose, when, how long, in which codec, and what has become of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from recordings.audio import Codec
from vault.demo import dialogues
from vault.demo.dialogues import Dialogue, Spoken
from vault.demo.organisation import BILLING, ENGINEERS, MOVES

# Numbers that belong to nobody: Ofcom's drama range, the German fictional range, blocks of zeros.
CUSTOMERS: list[tuple[str, str, str]] = [
    ("Daniel Ashby", "+442079460123", "HV-472091"),
    ("Eleanor Calloway", "+442079460718", "HV-318846"),
    ("Joris Verhagen", "+3197000000012", "HV-590217"),
    ("Mieke van Loon", "+3197000000045", "HV-590882"),
    ("Annika Brandt", "+493023125123", "HV-771300"),
    ("Gareth Pemberton", "+442079460231", "HV-402218"),
    ("Rosalind Achebe", "+442079460456", "HV-660159"),
    ("Pieter Oostveen", "+3197000000087", "HV-593310"),
    ("Lotte Hendriksen", "+3197000000031", "HV-594471"),
    ("Winifred Okafor", "+442079460999", "HV-118020"),
]


@dataclass(frozen=True, slots=True)
class DemoCall:
    """One call of the demo. ``state`` is what happens to it after it has come in."""

    dialogue: int
    team: str
    agent: str
    customer: int
    ago: timedelta
    seconds: int
    codec: Codec
    category: str
    queue: str
    basis: str = "consent"  # consent, contract, vital_interests, refused, none
    direction: str = "in"
    state: str = ""  # held, restricted, withdrawn, erased


def ago(*, days: int = 0, hours: int = 0, minutes: int = 0) -> timedelta:
    """Return how long ago a call began."""
    return timedelta(days=days, hours=hours, minutes=minutes)


U, A, P = Codec.MULAW, Codec.ALAW, Codec.PCM_S16
HANNAH, MARCUS, SANNE = "Hannah Whitlock", "Marcus Teller", "Sanne de Wit"
OLIVER, PRIYA, PETRA = "Oliver Penrose", "Priya Raman", "Petra Vogel"
THOMAS, RUBEN = "Thomas Reid", "Ruben Bakker"

# fmt: off
CALLS: list[DemoCall] = [
    # Today and yesterday
    DemoCall(1, BILLING, HANNAH, 0, ago(minutes=52), 278, P, "Complaint", "billing"),
    DemoCall(2, BILLING, MARCUS, 1, ago(hours=1, minutes=31), 79, U, "Payment plan", "billing"),
    DemoCall(8, MOVES, PETRA, 4, ago(hours=2, minutes=7), 214, A, "Complaint", "moves"),
    DemoCall(7, ENGINEERS, RUBEN, 3, ago(hours=2, minutes=48), 58, U, "Engineer visit", "engineers"),
    DemoCall(1, BILLING, HANNAH, 5, ago(hours=3, minutes=15), 72, U, "Not sorted yet", "billing", basis="none"),
    DemoCall(3, MOVES, OLIVER, 6, ago(hours=4, minutes=2), 36, U, "House move", "moves", basis="refused"),
    DemoCall(4, MOVES, PRIYA, 6, ago(hours=5, minutes=20), 79, P, "House move", "moves"),
    DemoCall(6, BILLING, SANNE, 2, ago(hours=6, minutes=41), 56, A, "Complaint", "billing", state="withdrawn"),
    DemoCall(5, ENGINEERS, THOMAS, 9, ago(hours=9, minutes=12), 70, U, "Gas smell", "emergency", basis="vital_interests"),
    DemoCall(1, BILLING, HANNAH, 0, ago(days=1, hours=1), 12, U, "Meter reading", "billing"),
    DemoCall(8, MOVES, PETRA, 4, ago(days=1, hours=3), 600, U, "Contract change", "moves", basis="contract"),
    DemoCall(2, BILLING, MARCUS, 1, ago(days=1, hours=5), 145, P, "Payment plan", "billing", direction="out"),
    # The last weeks
    DemoCall(7, ENGINEERS, RUBEN, 7, ago(days=3, hours=2), 117, A, "Engineer visit", "engineers", direction="out"),
    DemoCall(1, MOVES, OLIVER, 5, ago(days=4, hours=4), 61, U, "Meter reading", "meters"),
    DemoCall(4, MOVES, PRIYA, 6, ago(days=5, hours=1), 240, U, "Complaint", "moves", state="held"),
    DemoCall(6, BILLING, SANNE, 8, ago(days=6, hours=3), 34, U, "Tariff question", "billing"),
    DemoCall(1, BILLING, HANNAH, 0, ago(days=8, hours=2), 187, A, "Complaint", "billing"),
    DemoCall(8, MOVES, PETRA, 4, ago(days=9, hours=6), 74, U, "Complaint", "moves", state="restricted"),
    DemoCall(5, ENGINEERS, THOMAS, 5, ago(days=10, hours=12), 69, A, "Gas smell", "emergency", basis="vital_interests"),
    DemoCall(2, BILLING, MARCUS, 1, ago(days=11, hours=3), 25, U, "Payment plan", "billing"),
    DemoCall(7, ENGINEERS, RUBEN, 3, ago(days=13, hours=2), 58, P, "Engineer visit", "engineers"),
    DemoCall(4, MOVES, PRIYA, 7, ago(days=15, hours=5), 302, U, "House move", "moves"),
    DemoCall(1, BILLING, HANNAH, 8, ago(days=17, hours=4), 60, U, "Meter reading", "billing"),
    DemoCall(6, BILLING, SANNE, 2, ago(days=19, hours=2), 35, A, "Tariff question", "billing"),
    DemoCall(1, BILLING, MARCUS, 5, ago(days=21, hours=1), 420, U, "Complaint", "billing", state="erased"),
    DemoCall(8, MOVES, PETRA, 4, ago(days=24, hours=3), 150, U, "Complaint", "moves"),
    DemoCall(4, MOVES, PRIYA, 6, ago(days=27, hours=5), 48, U, "House move", "moves"),
    DemoCall(7, ENGINEERS, RUBEN, 7, ago(days=30, hours=2), 92, U, "Engineer visit", "engineers", direction="out"),
    # The last months
    DemoCall(1, MOVES, OLIVER, 0, ago(days=34, hours=4), 61, P, "Meter reading", "meters"),
    DemoCall(2, BILLING, MARCUS, 1, ago(days=38, hours=2), 79, U, "Payment plan", "billing"),
    DemoCall(8, MOVES, PETRA, 4, ago(days=43, hours=3), 480, A, "Contract change", "moves", basis="contract"),
    DemoCall(1, BILLING, HANNAH, 6, ago(days=48, hours=5), 130, U, "Complaint", "billing"),
    DemoCall(6, BILLING, SANNE, 8, ago(days=54, hours=2), 33, U, "Tariff question", "billing"),
    DemoCall(7, ENGINEERS, THOMAS, 3, ago(days=61, hours=4), 58, U, "Engineer visit", "engineers"),
    DemoCall(4, MOVES, PRIYA, 6, ago(days=68, hours=1), 79, A, "House move", "moves"),
    DemoCall(1, BILLING, HANNAH, 0, ago(days=75, hours=3), 61, U, "Meter reading", "billing"),
    DemoCall(2, BILLING, MARCUS, 1, ago(days=80, hours=2), 260, U, "Payment plan", "billing"),
    DemoCall(1, BILLING, HANNAH, 5, ago(days=82, hours=20), 61, U, "Meter reading", "billing"),  # due tomorrow
    DemoCall(8, MOVES, PETRA, 4, ago(days=110, hours=4), 74, U, "Contract change", "moves", basis="contract"),
    DemoCall(5, ENGINEERS, THOMAS, 9, ago(days=124, hours=7), 70, P, "Gas smell", "emergency", basis="vital_interests"),
    DemoCall(2, BILLING, MARCUS, 7, ago(days=141, hours=2), 79, U, "Contract change", "billing", basis="contract"),
]
# fmt: on


def key_of(number: int) -> str:
    """Return what a call is called at its source; the same in every run."""
    return f"demo-{number:03d}"


def describe(
    number: int, call: DemoCall, emails: dict[str, str], *, now: datetime
) -> tuple[dict[str, Any], Spoken]:
    """Return a call's side-car, and its audio."""
    dialogue = dialogues.find(call.dialogue)
    spoken = dialogues.speak(dialogue, seconds=call.seconds, codec=call.codec)
    started_at = (now - call.ago).replace(second=7 * number % 60, microsecond=0)
    ended_at = started_at + timedelta(seconds=spoken.duration_s)
    name, phone, reference = CUSTOMERS[call.customer]
    agent = {"role": "agent", "name": call.agent, "agent_ref": emails[call.agent]}
    document = {
        "schema": "vault-sidecar/1",
        "source": {"system": "demo", "account": "harbour-vale", "recording_id": key_of(number)},
        "media": {"channel_map": ["agent", "customer"]},
        "call": {
            "started_at": started_at.isoformat(),
            "ended_at": ended_at.isoformat(),
            "direction": call.direction,
            "language": dialogue.language,
        },
        "parties": [
            agent | {"queue": call.queue, "team_ref": call.team},
            {"role": "customer", "number": phone, "name": name, "reference": reference},
        ],
        "lawful_bases": _bases(call, dialogue, started_at),
        "classification": [call.category],
        "pauses": spoken.pauses,
        "extra": {"title": dialogue.title, "turns": spoken.turns},
    }
    return document, spoken


def _bases(call: DemoCall, dialogue: Dialogue, started_at: datetime) -> list[dict[str, Any]]:
    said = {"party": 1, "notice_version": "6", "language": dialogue.language}
    if call.basis == "contract":
        return [said | _entry("agreement", "contract", "granted", started_at)]
    if call.basis == "vital_interests":
        return [said | _entry("emergency", "vital_interests", "granted", started_at)]
    if call.basis == "none":
        return []
    offset_ms = round((dialogue.marks["consent"]["said_at_s"] or 0) * 1000)
    heard = said | {"method": "spoken", "audio_offset_ms": offset_ms}
    at = started_at + timedelta(milliseconds=offset_ms)
    if call.basis == "refused":
        return [heard | _entry(purpose, "consent", "refused", at) for purpose in ("complaint", "quality")]
    answers = {"complaint": "granted", "quality": "granted"}
    if call.customer % 2:  # some say no to being an example for others
        answers["training"] = "refused"
    return [heard | _entry(purpose, "consent", status, at) for purpose, status in answers.items()]


def _entry(purpose: str, basis: str, status: str, at: datetime) -> dict[str, Any]:
    return {"purpose": purpose, "basis": basis, "status": status, "at": at.isoformat()}
