"""The page of one call, before anything of it is heard: its state, its lawful bases, who has listened.

Seeing it is a disclosure: it is in the trail before anything is returned.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from audit import trail
from audit.actions import Action
from audit.actor import Actor, Ref
from recordings import fields, lawful_bases, ranges
from recordings.basis_rules import PurposeState
from recordings.models import GrantWindow, LawfulBasis, Purpose, Recording
from vault.access.models import User


@dataclass(frozen=True, slots=True)
class Listener:
    """Somebody to whom audio was sent, how much of it, and when last."""

    account_id: UUID
    name: str
    last_at: datetime
    heard_ms: int


@dataclass(frozen=True, slots=True)
class OfferedPurpose:
    """A purpose on the customer's list, and whether this call may be heard for it."""

    purpose: Purpose
    state: PurposeState

    @property
    def is_allowed(self) -> bool:
        """Say whether a lawful basis covers it now."""
        return self.state.verdict == "granted"


@dataclass(frozen=True, slots=True)
class Viewed:
    """One call, or its tombstone, of which all but the recording is empty."""

    recording: Recording
    number: str
    history: list[LawfulBasis]
    purposes: list[OfferedPurpose]
    listeners: list[Listener]


def view(recording_id: UUID, *, actor: Actor, now: datetime) -> Viewed:
    """Return what is shown of a call, its number masked.

    :raises NoSuchRecording: if it is unknown or out of reach.
    """
    recording = Recording.objects.select_related("team", "agent").visible_to(actor).require(recording_id)
    trail.record_disclosure(
        Action.RECORDING_VIEWED,
        actor=actor,
        target=Ref("recording", str(recording.pk)),
        at=now,
        state=recording.state,
    )
    if recording.is_erased:
        return Viewed(recording, "", [], [], [])
    return Viewed(
        recording=recording,
        number=fields.masked_numbers([recording]).get(recording.pk, ""),
        history=list(recording.lawful_bases.select_related("party", "purpose").order_by("number")),
        purposes=offered_purposes(recording),
        listeners=listeners_of(recording),
    )


def offered_purposes(recording: Recording) -> list[OfferedPurpose]:
    """Return the purposes somebody may choose from, in the customer's order, with where each stands."""
    state = lawful_bases.state_of(recording)
    purposes = Purpose.objects.filter(is_active=True, for_listening=True).select_related("covered_by")
    return [
        OfferedPurpose(purpose, state.of((purpose.covered_by or purpose).code))
        for purpose in purposes.order_by("position", "code")
    ]


def listeners_of(recording: Recording) -> list[Listener]:
    """Return to whom audio of a call was sent, the latest first."""
    windows = GrantWindow.objects.filter(grant__recording=recording).exclude(sent=[])
    stretches: dict[UUID, list[tuple[int, int]]] = {}
    last_at: dict[UUID, datetime] = {}
    for account_id, sent, opened_at in windows.values_list("grant__account_id", "sent", "opened_at"):
        stretches.setdefault(account_id, []).extend((from_ms, to_ms) for from_ms, to_ms in sent)
        last_at[account_id] = max(opened_at, last_at.get(account_id, opened_at))
    names = dict(User.objects.filter(pk__in=stretches).values_list("pk", "name"))
    heard = {
        account_id: sum(to_ms - from_ms for from_ms, to_ms in ranges.joined(parts))
        for account_id, parts in stretches.items()
    }
    return [
        Listener(account_id, names.get(account_id, ""), last_at[account_id], heard[account_id])
        for account_id in sorted(stretches, key=lambda each: last_at[each], reverse=True)
    ]
