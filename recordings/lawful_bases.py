"""The history of lawful bases: what each party allows, per purpose. It only grows; the newest word counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import transaction

from audit import trail
from audit.actions import Action
from audit.actor import Actor, Ref
from recordings import basis_rules, expiry, fields
from recordings.basis_rules import Admission, BasisState, Entry
from recordings.errors import NoSuchParty, SaidInTheFuture, UnknownPurpose
from recordings.fields import FieldKey
from recordings.models import LawfulBasis, Party, Purpose, Recording, State

CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class NewBasis:
    """What somebody said, or what the law says for them: one entry to add to the history."""

    party: int  # its position on the call
    purpose: str
    basis: str
    status: str
    at: datetime
    method: str = ""
    audio_offset_ms: int | None = None
    evidence_ref: str = ""
    notice_version: str = ""
    language: str = ""


def record_basis(recording_id: UUID, said: NewBasis, *, actor: Actor, now: datetime) -> LawfulBasis:
    """Add an entry; what follows from it (playable or not, kept until when) takes effect at once.

    A withdrawal ends running playback within seconds, because each piece of audio asks again. A lawful basis
    for a recording in quarantine releases it.

    :raises AlreadyErased: if only the tombstone is left.
    :raises UnknownPurpose: for a purpose that is not on the list.
    :raises NoSuchParty: for a position that nobody has.
    """
    check_not_ahead([said.at], now=now)
    # Opened here, for it may need the key management service, which no transaction waits for.
    Recording.objects.visible_to(actor).require_kept(recording_id)
    key = fields.key_of(recording_id)
    with transaction.atomic(durable=True):
        recording = Recording.objects.select_for_update().visible_to(actor).require_kept(recording_id)
        party = Party.objects.filter(recording=recording, position=said.party).first()
        if party is None:
            raise NoSuchParty
        (entry,) = build_history(recording, {said.party: party}, [said], key, actor=actor, now=now)
        entry.number = recording.lawful_bases.count()
        entry.save(force_insert=True)
        effect = settle(recording, actor=actor, now=now)
        trail.record(
            Action.BASIS_RECORDED,
            actor=actor,
            target=Ref("recording", str(recording.pk)),
            at=now,
            purpose=said.purpose,
            entry=str(entry.pk),
            party=said.party,
            basis=said.basis,
            state=said.status,
            method=said.method or None,
            notice_version=said.notice_version or None,
            evidence_ms=said.audio_offset_ms,
            effect=effect,
        )
    return entry


def settle(recording: Recording, *, actor: Actor, now: datetime) -> str:
    """Draw the consequences of the history within the caller's transaction, the recording locked.

    Return what became of it: ``kept``, ``released``, ``uncovered`` or ``quarantined``.
    """
    state = state_of(recording)
    recording.basis, recording.basis_status = state.basis, state.status
    effect = "kept" if state.admission is Admission.KEEP else "uncovered"
    if recording.state == State.QUARANTINED:
        effect = "quarantined"
        if state.admission is Admission.KEEP:
            effect = "released"
            recording.state, recording.quarantined_because = State.ACTIVE, ""
            recording.derive_at = now
            trail.record(
                Action.RECORDING_RELEASED_FROM_QUARANTINE,
                actor=actor,
                target=Ref("recording", str(recording.pk)),
                at=now,
                why="lawful-basis",
            )
        else:
            recording.quarantined_because = state.because
    recording.save(update_fields=["basis", "basis_status", "state", "quarantined_because", "derive_at"])
    expiry.set_expiry(recording, expiry.plan(expiry.facts_of(recording), now=now), actor=actor, now=now)
    return effect


def state_of(recording: Recording) -> BasisState:
    """Return what a recording's whole history says."""
    roles = recording.parties.order_by("position").values_list("role", flat=True)
    # What was said last counts, not what was written down last: a form may arrive late.
    history = LawfulBasis.objects.filter(recording=recording).order_by("at", "number")
    entries = history.values_list("party__position", "purpose__code", "basis", "status", "at")
    return basis_rules.judge((Entry(*entry) for entry in entries), basis_rules.people_to_ask(roles))


def purposes_by_code(codes: Iterable[str]) -> dict[str, Purpose]:
    """Return the purposes of these codes.

    :raises UnknownPurpose: if one is not on the list, or no longer.
    """
    wanted = set(codes)
    found = {purpose.code: purpose for purpose in Purpose.objects.filter(code__in=wanted, is_active=True)}
    if wanted - found.keys():
        raise UnknownPurpose
    return found


def build_history(
    recording: Recording,
    parties: dict[int, Party],
    said: Iterable[NewBasis],
    key: FieldKey,
    *,
    actor: Actor,
    now: datetime,
) -> list[LawfulBasis]:
    """Return the first entries of a recording's history, unsaved, in the order they were said."""
    entries = list(said)
    purposes = purposes_by_code(entry.purpose for entry in entries)
    return [
        _build(number, recording, parties[entry.party], entry, purposes, key, actor=actor, now=now)
        for number, entry in enumerate(entries)
    ]


def check_not_ahead(moments: Iterable[datetime], *, now: datetime) -> None:
    """Refuse what somebody is said to have said in the future: it would outweigh all that follows."""
    if any(at > now + CLOCKS_DIFFER for at in moments):
        raise SaidInTheFuture


def _build(
    number: int,
    recording: Recording,
    party: Party,
    said: NewBasis,
    purposes: dict[str, Purpose],
    key: FieldKey,
    *,
    actor: Actor,
    now: datetime,
) -> LawfulBasis:
    entry_id = uuid4()
    return LawfulBasis(
        id=entry_id,
        number=number,
        recording=recording,
        party=party,
        purpose=purposes[said.purpose],
        basis=said.basis,
        status=said.status,
        method=said.method,
        at=said.at,
        audio_offset_ms=said.audio_offset_ms,
        evidence_sealed=key.seal_or_none("lawfulbasis", "evidence", entry_id, said.evidence_ref),
        notice_version=said.notice_version,
        language=said.language,
        recorded_at=now,
        recorded_by=actor.id,
    )
