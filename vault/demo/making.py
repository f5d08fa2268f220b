"""Make the demo through the same use cases as real calls. Safe to repeat: what is there stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from audit.actor import Actor
from recordings import ingest, lawful_bases, renditions, sidecar
from recordings.errors import AlreadyErased
from recordings.lawful_bases import NewBasis
from recordings.models import Recording
from retention import erasure, holds, key_months
from retention.models import Ground
from vault.demo import calls, dialogues, key_life, organisation, waiting
from vault.demo.calls import CALLS, DemoCall
from vault.demo.keepsake import Keepsake

_PIECE = 1_048_576


@dataclass(frozen=True, slots=True)
class Made:
    """What one run has made."""

    people: int
    calls: int


def make(keepsake: Keepsake, *, now: datetime, tell: Callable[[int, int], None]) -> Made:
    """Make organisation, people, policies and calls, each where it is missing.

    :param tell: is called after each call with its number and how many there are.
    """
    key_months.make_ahead(actor=organisation.SYSTEM, now=now)  # before the first person is invited
    teams = organisation.make_teams(now=now)
    people = organisation.make_people(teams, keepsake, now=now)
    dpo = organisation.as_actor(people[organisation.DPO.name])
    administrator = organisation.as_actor(people[organisation.ADMINISTRATOR.name])
    organisation.make_policies(teams, dpo, now=now)
    key_life.make_for_calls(max(call.ago for call in CALLS), actor=organisation.SYSTEM, now=now)
    exchange = organisation.find_exchange(keepsake, now=now)
    emails = {name: person.email for name, person in people.items()}
    made = 0
    for number, call in enumerate(CALLS, start=1):
        made += _make_call(number, call, emails, exchange=exchange, dpo=dpo, now=now)
        tell(number, len(CALLS))
    while renditions.derive_copies(now=now):
        pass
    key_life.harden_after_erasure(actor=administrator, now=now)
    key_months.destroy_passed(actor=organisation.SYSTEM)
    waiting.ask(people[organisation.STAND_IN.name], dpo=dpo, administrator=administrator, now=now)
    return Made(len(people), made)


def _make_call(
    number: int, call: DemoCall, emails: dict[str, str], *, exchange: Actor, dpo: Actor, now: datetime
) -> bool:
    document, spoken = calls.describe(number, call, emails, now=now)
    try:
        announced = ingest.announce(sidecar.parse(document), actor=exchange, now=now)
    except AlreadyErased:
        return False
    if announced.recording is not None:
        return False
    recording = ingest.receive_audio(
        announced.id, _in_pieces(spoken.wav), digest=None, actor=exchange, now=now
    )
    _bring_into_state(recording, call, dpo=dpo, now=now)
    return True


def _bring_into_state(recording: Recording, call: DemoCall, *, dpo: Actor, now: datetime) -> None:
    if call.state == "held":
        reason = "The customer has brought the lost parcel before the court."
        holds.place_hold(recording.pk, reason=reason, case="HV-2026-114", actor=dpo, now=now)
    elif call.state == "restricted":
        reason = "The customer disputes that the call is about their contract."
        holds.restrict(recording.pk, reason=reason, actor=dpo, now=now)
    elif call.state == "withdrawn":
        # They also asked what is kept about them, so it may not go before they have had their answer.
        holds.freeze(recording.pk, reason="Open request for access.", actor=dpo, now=now)
        offset_s = dialogues.find(call.dialogue).marks["consent"]["withdrawn_at_s"]
        at, offset_ms = recording.started_at + timedelta(seconds=offset_s), round(offset_s * 1000)
        for purpose in ("complaint", "quality"):
            said = NewBasis(1, purpose, "consent", "withdrawn", at, "spoken", audio_offset_ms=offset_ms)
            lawful_bases.record_basis(recording.pk, said, actor=dpo, now=now)
    elif call.state == "erased":
        erasure.erase_recording(recording.pk, ground=Ground.REQUEST, actor=dpo, now=now)


def _in_pieces(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), _PIECE):
        yield content[start : start + _PIECE]
