"""What a call becomes when it arrives: the rows of its recording, built from side-car and audio."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from audit.actor import Actor
from recordings import basis_rules, fields, lawful_bases, numbers
from recordings.audio import AudioFormat
from recordings.basis_rules import Admission, BasisState, Entry
from recordings.facts import CallFacts
from recordings.fields import FieldKey
from recordings.lawful_bases import NewBasis
from recordings.models import Details, LawfulBasis, Party, Recording, State
from recordings.sidecar import CallMetadata
from vault.access.models import Team, User


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call whose audio has arrived, and the month and key its fields are sealed under."""

    metadata: CallMetadata
    audio: AudioFormat
    month: str
    field_key: bytes = field(repr=False)


def facts_before(metadata: CallMetadata, *, now: datetime) -> CallFacts:
    """Return what retention can be told before the audio is here: enough to choose the keys' month."""
    state = judge(metadata)
    team = find_team(metadata)
    return CallFacts(
        started_at=metadata.started_at,
        ended_at=_end(metadata, metadata.duration_ms or 0),
        ingested_at=now,
        team_id=team.pk if team else None,
        queue=metadata.first("queue"),
        category=metadata.category,
        language=metadata.language,
        basis=state.basis,
        basis_status=state.status,
        is_quarantined=state.admission is Admission.QUARANTINE,
    )


def build_recording(recording_id: UUID, call: NewCall, *, actor: Actor, now: datetime) -> Recording:
    """Return the recording, unsaved, in the state that its lawful bases put it in; without its expiry."""
    metadata, state = call.metadata, judge(call.metadata)
    is_kept = state.admission is Admission.KEEP
    return Recording(
        id=recording_id,
        state=State.ACTIVE if is_kept else State.QUARANTINED,
        quarantined_because=state.because,
        started_at=metadata.started_at,
        ended_at=_end(metadata, call.audio.duration_ms),
        duration_ms=call.audio.duration_ms,
        direction=metadata.direction,
        team=find_team(metadata),
        agent=find_agent(metadata),
        queue=metadata.first("queue"),
        category=metadata.category,
        language=metadata.language,
        brought_by=actor.id,
        ingested_at=now,
        basis=state.basis,
        basis_status=state.status,
        key_month=call.month,
        planned_month=call.month,
        derive_at=now if is_kept else None,
    )


def add_details(recording: Recording, call: NewCall, key: FieldKey) -> None:
    """Save the wide sealed columns."""
    source, row = call.metadata.source, recording.pk
    identity = {
        "system": source.system,
        "account": source.account,
        "recording_id": source.recording_id,
        "call_id": source.call_id,
        "linked_ids": list(source.linked_ids),
    }
    reference, extra = call.metadata.reference, call.metadata.extra
    Details.objects.create(
        recording=recording,
        source_sealed=key.seal("details", "source", row, json.dumps(identity)),
        reference_sealed=key.seal_or_none("details", "reference", row, reference),
        reference_index=fields.index_of("reference", reference, call.month) if reference else None,
        extra_sealed=key.seal_or_none("details", "extra", row, json.dumps(extra) if extra else ""),
    )


def add_parties(recording: Recording, call: NewCall, key: FieldKey) -> dict[int, Party]:
    """Save those on the call; return them by position."""
    channels = {role: channel for channel, role in reversed(list(enumerate(call.metadata.channel_map)))}
    parties = {}
    for position, said in enumerate(call.metadata.parties):
        party = Party(recording=recording, position=position, role=said.role, channel=channels.get(said.role))
        number = numbers.normalise(said.number, settings.DEFAULT_COUNTRY)
        if number is not None:
            party.number_sealed = key.seal("party", "number", party.pk, number.tagged)
            party.number_index = fields.index_of("number", number.tagged, call.month)
        party.name_sealed = key.seal_or_none("party", "name", party.pk, said.name)
        party.ref_sealed = key.seal_or_none("party", "ref", party.pk, said.agent_ref)
        parties[position] = party
    Party.objects.bulk_create(parties.values())
    return parties


def add_history(
    recording: Recording,
    call: NewCall,
    parties: dict[int, Party],
    key: FieldKey,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Save what the side-car says of lawful bases."""
    said = [
        NewBasis(
            party=entry.party,
            purpose=entry.purpose,
            basis=entry.basis,
            status=entry.status,
            at=entry.at,
            method=entry.method,
            audio_offset_ms=entry.audio_offset_ms,
            evidence_ref=entry.evidence_ref,
            notice_version=entry.notice_version,
            language=entry.language,
        )
        for entry in call.metadata.bases
    ]
    history = lawful_bases.build_history(recording, parties, said, key, actor=actor, now=now)
    LawfulBasis.objects.bulk_create(history)


def judge(metadata: CallMetadata) -> BasisState:
    """Return what the side-car's lawful bases add up to."""
    # As in the history: what was said last counts, and of the same moment what stands last.
    said = sorted(metadata.bases, key=lambda entry: entry.at)
    entries = [Entry(entry.party, entry.purpose, entry.basis, entry.status, entry.at) for entry in said]
    return basis_rules.judge(entries, basis_rules.people_to_ask(party.role for party in metadata.parties))


def find_team(metadata: CallMetadata) -> Team | None:
    """Return the team that the side-car names, by id or name; without one only the DPO finds the call."""
    wanted = metadata.first("team_ref")
    if not wanted:
        return None
    try:
        return Team.objects.filter(pk=UUID(wanted)).first()
    except ValueError:
        return Team.objects.filter(name__iexact=wanted).first()


def find_agent(metadata: CallMetadata) -> User | None:
    """Return the agent's account, where the side-car names an agent by e-mail address."""
    wanted = metadata.first("agent_ref")
    return User.objects.filter(email=wanted.lower()).first() if wanted else None


def _end(metadata: CallMetadata, duration_ms: int) -> datetime:
    return metadata.ended_at or metadata.started_at + timedelta(milliseconds=duration_ms)
