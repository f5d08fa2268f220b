"""What the trail says was done with recordings: who was sent which seconds, and who saw what without listening.

Events come in, consultations go out. What was refused is no consultation; it is counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from audit.actions import Action, Outcome
from audit.events import Told
from recordings import ranges

Stretch = tuple[int, int]

LISTENING = (Action.PLAYBACK_GRANTED, Action.PLAYBACK_WINDOW, Action.PLAYBACK_CLOSED)
# A grant lasts some minutes and is closed at the latest a few later: so far around a period its events are read.
AROUND = timedelta(days=1)


class What(StrEnum):
    """What somebody saw of a recording without being sent a second of it."""

    PLAYER = "player"  # was given the words and the picture of the sound, and played nothing
    PAGE = "page"
    NUMBER = "number"
    DATA_KEY = "data-key"
    ERASURE_PROOF = "erasure-proof"
    REQUEST = "request"


SEEING = {
    Action.RECORDING_VIEWED: What.PAGE,
    Action.RECORDING_NUMBER_REVEALED: What.NUMBER,
    Action.DATA_KEY_EXPORTED: What.DATA_KEY,
    Action.ERASURE_PROOF_READ: What.ERASURE_PROOF,
    Action.APPROVAL_READ: What.REQUEST,
}
REFUSABLE = (Action.PLAYBACK_REFUSED, Action.ACCESS_REFUSED, *SEEING)


@dataclass(slots=True)
class Heard:
    """One permission to listen that was used: what was sent, and what perhaps was. In milliseconds of the call."""

    recording_id: UUID
    grant: str
    at: datetime
    last_at: datetime
    purpose: str
    role: str
    actor_id: UUID | None
    name: str = ""
    is_open: bool = True
    sent: list[Stretch] = field(default_factory=list)
    possibly_sent: list[Stretch] = field(default_factory=list)

    @property
    def sent_ms(self) -> int:
        """How much was sent for sure."""
        return _length(self.sent)

    @property
    def possibly_sent_ms(self) -> int:
        """How much more was possibly sent, beyond what was for sure."""
        return _length(ranges.joined([*self.sent, *self.possibly_sent])) - self.sent_ms


@dataclass(frozen=True, slots=True)
class Seen:
    """Something of a recording that was shown without a second of it being sent."""

    recording_id: UUID
    at: datetime
    what: What
    purpose: str
    role: str
    actor_id: UUID | None
    name: str = ""


@dataclass(slots=True)
class Consultations:
    """All that was done with some recordings, by time."""

    heard: list[Heard] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    refused: int = 0

    def __len__(self) -> int:
        return len(self.heard) + len(self.seen)


def gather(events: Iterable[Told], *, since: datetime | None, until: datetime | None) -> Consultations:
    """Return what events of LISTENING, SEEING and REFUSABLE amount to within a period (``until`` exclusive)."""
    grants: dict[str, Heard] = {}
    found = Consultations()
    for told in events:
        event = told.event
        if Action(event.action) in LISTENING and event.outcome == Outcome.DONE:
            _listened(grants, told)
        elif not _is_within(event.occurred_at, event.occurred_at, since, until):
            continue
        elif event.outcome != Outcome.DONE:
            found.refused += _is_refused_consultation(told)
        elif Action(event.action) in SEEING and event.actor_kind in ("person", "service"):
            found.seen.append(_seen(told, SEEING[Action(event.action)]))
    for one in grants.values():
        if not _is_within(one.at, one.last_at, since, until):
            continue
        if one.sent or one.possibly_sent:
            found.heard.append(one)
        else:
            found.seen.append(
                Seen(one.recording_id, one.at, What.PLAYER, one.purpose, one.role, one.actor_id, one.name)
            )
    found.heard.sort(key=lambda one: (one.at, one.grant))
    found.seen.sort(key=lambda one: (one.at, str(one.recording_id), one.what))
    return found


def _listened(grants: dict[str, Heard], told: Told) -> None:
    event, facts = told.event, told.event.body["facts"]
    one = grants.get(facts["grant"])
    if one is None:
        # Of a grant whose beginning is no longer in the trail, the first event that is.
        one = grants[facts["grant"]] = Heard(
            recording_id=UUID(event.target_id),
            grant=facts["grant"],
            at=event.occurred_at,
            last_at=event.occurred_at,
            purpose=event.purpose,
            role=event.actor_role,
            actor_id=event.actor_id,
            name=told.actor_name,
        )
    if event.action == Action.PLAYBACK_WINDOW and one.is_open:
        one.last_at = max(one.last_at, event.occurred_at)
        one.possibly_sent = ranges.joined([*one.possibly_sent, (facts["from_ms"], facts["to_ms"])])
    elif event.action == Action.PLAYBACK_CLOSED:
        one.is_open = False
        one.sent, one.possibly_sent = read_stretches(facts["heard"]), read_stretches(facts["possibly_sent"])


def read_stretches(text: str) -> list[Stretch]:
    """Return stretches that a closing event's fact holds: ``0-61000,90000-95000``."""
    parts = (part.split("-") for part in text.split(",") if part)
    return [(int(from_ms), int(to_ms)) for from_ms, to_ms in parts]


def _seen(told: Told, what: What) -> Seen:
    event = told.event
    return Seen(
        recording_id=UUID(event.target_id),
        at=event.occurred_at,
        what=what,
        purpose=event.purpose,
        role=event.actor_role,
        actor_id=event.actor_id,
        name=told.actor_name,
    )


def _is_refused_consultation(told: Told) -> bool:
    """Say whether somebody was refused a consultation, and not some other act on the recording."""
    if told.event.action != Action.ACCESS_REFUSED:
        return True
    facts = told.event.body.get("facts", {})
    # A player asks every few seconds whether its grant still stands; that it does not is no attempt of a person.
    return facts.get("method") in ("GET", "HEAD") and facts.get("route") != "recordings-api:grant"


def _is_within(first: datetime, last: datetime, since: datetime | None, until: datetime | None) -> bool:
    return (since is None or last >= since) and (until is None or first < until)


def _length(stretches: list[Stretch]) -> int:
    return sum(to_ms - from_ms for from_ms, to_ms in stretches)
