"""Listening: who may hear which recording, for which purpose, for how long; and the audio, range by range.

A grant belongs to one person, session, recording and purpose. Its token is worth nothing to anybody else.
For every piece of audio its standing is asked again, from the database at least every two seconds; before the
first byte of a minute of audio leaves, that minute is in the trail.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from audit import trail
from audit.actions import Action
from audit.actor import Actor, ActorKind, Ref
from audit.subjects import Subject
from audit.trail import Personal
from recordings import damage, lawful_bases, ranges, reading, sent, standing
from recordings.audio import AudioFormat
from recordings.basis_rules import Verdict
from recordings.errors import (
    ConsentWithdrawn,
    NoLawfulBasis,
    PlaybackEnded,
    Quarantined,
    RangeNotSatisfiable,
    ReasonTooShort,
    Restricted,
    UnknownPurpose,
    WaveformNotReady,
)
from recordings.models import GrantWindow, PlaybackGrant, Purpose, Recording, State
from recordings.standing import Standing
from vault.crypto.container import CopyKind
from vault.errors import Forbidden, Refusal, gettext_noop

SHORTEST_REASON = 10
LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class GrantedPlayback:
    """A permission to listen. The token is for its owner's session alone."""

    token: str = field(repr=False)
    grant_id: UUID
    expires_at: datetime
    media_type: str
    duration_ms: int
    channels: int


@dataclass(frozen=True, slots=True)
class AudioRange:
    """A piece of audio, end exclusive; ``pieces`` is read once, as it is sent."""

    total: int
    start: int
    end: int
    media_type: str
    etag: str
    pieces: Generator[memoryview]


def grant(recording_id: UUID, *, purpose: str, reason: str, actor: Actor, now: datetime) -> GrantedPlayback:
    """Permit somebody to listen for some minutes, for a purpose and a reason that stand in the trail.

    :raises Quarantined: if no lawful basis was found for keeping it.
    :raises Restricted: if it may be kept but not used.
    :raises ConsentWithdrawn: if the consent for this purpose was taken back.
    :raises NoLawfulBasis: if nothing covers this purpose.
    """
    if actor.kind is not ActorKind.PERSON or actor.id is None or not actor.session:
        raise Forbidden(gettext_noop("Only a person who is signed in can listen."))
    words = " ".join(reason.split())
    if not SHORTEST_REASON <= len(words) <= LONGEST_REASON:
        raise ReasonTooShort(
            _("Say in %(least)d to %(most)d characters why you listen.")
            % {"least": SHORTEST_REASON, "most": LONGEST_REASON}
        )
    wanted = Purpose.objects.filter(code=purpose, is_active=True, for_listening=True).first()
    if wanted is None:
        raise UnknownPurpose
    with transaction.atomic(durable=True):
        # Locked, so that an erasure or a withdrawal comes before or after, and no reason is sealed for the
        # trail under a key that an erasure has not seen.
        locked = Recording.objects.select_for_update(no_key=True).visible_to(actor)
        recording = locked.require_kept(recording_id)
        check_playable(recording, wanted)
        rendition = standing.playable_copy(recording.pk)
        granted = PlaybackGrant.objects.create(
            recording=recording,
            account_id=actor.id,
            session=actor.session,
            purpose=wanted,
            granted_at=now,
            expires_at=now + timedelta(minutes=settings.PLAYBACK_MINUTES),
        )
        trail.record(
            Action.PLAYBACK_GRANTED,
            actor=actor,
            target=Ref("recording", str(recording.pk)),
            at=now,
            purpose=wanted.code,
            rule=f"{actor.role} in team {recording.team_id}",
            personal=[Personal(Subject.recording(recording.pk), {"reason": words})],
            grant=str(granted.pk),
            expires_at=granted.expires_at.isoformat(),
        )
    audio = AudioFormat.from_facts(rendition.facts)
    return GrantedPlayback(
        token=standing.token_of(granted.pk, actor),
        grant_id=granted.pk,
        expires_at=granted.expires_at,
        media_type=rendition.media_type,
        duration_ms=audio.duration_ms,
        channels=audio.channels,
    )


def check_playable(recording: Recording, purpose: Purpose) -> None:
    """Refuse a recording that may not be heard for this purpose now."""
    if recording.state == State.QUARANTINED:
        raise Quarantined
    if recording.is_restricted:
        raise Restricted
    verdict = lawful_bases.state_of(recording).of((purpose.covered_by or purpose).code).verdict
    if verdict is Verdict.WITHDRAWN:
        raise ConsentWithdrawn
    if verdict is not Verdict.GRANTED:
        raise NoLawfulBasis


def check_standing(token: str, *, actor: Actor, now: datetime) -> Standing:
    """Return where a grant stands, at most two seconds old.

    :raises NoSuchGrant: if the token is not of this person and session.
    :raises PlaybackEnded: with the code of what ended it.
    :raises AlreadyErased: if the recording is gone.
    """
    grant_id = standing.grant_of(token, actor)
    try:
        return standing.find(grant_id, now=now) or standing.remember(_stand(grant_id, actor, now), now=now)
    except PlaybackEnded as ended:
        _close(grant_id, because=ended.reason, actor=actor, now=now)
        raise


def open_range(token: str, start: int, end: int | None, *, actor: Actor, now: datetime) -> AudioRange:
    """Return as much of a range as one answer holds; what is about to leave stands in the trail before.

    :param end: exclusive; None for the end of the audio.
    :raises RangeNotSatisfiable: if there are no such bytes.
    :raises TrailUnavailable: if it cannot be written down.
    :raises AudioDamaged: if what is stored is not what was sealed; while ``pieces`` is read, the answer breaks off.
    """
    stands = check_standing(token, actor=actor, now=now)
    total = stands.rendition.plain_length
    wanted_end = total if end is None else min(end, total)
    if not 0 <= start < wanted_end:
        raise RangeNotSatisfiable
    start, wanted_end = ranges.capped(start, wanted_end)
    audio = stands.audio
    windows = ranges.minutes(audio.ms_at(start), audio.ms_until(wanted_end), audio.duration_ms)
    with damage.reported(stands, actor=actor, now=now):
        pieces = reading.read_range(stands.rendition, start, wanted_end)
    sent.open_windows(stands, windows, actor=actor, now=now)
    watched = _watched(pieces, stands, actor=actor, now=now)
    return AudioRange(
        total=total,
        start=start,
        end=wanted_end,
        media_type=stands.rendition.media_type,
        etag=stands.etag,
        pieces=sent.tracked(stands, start, windows, watched, now=now),
    )


def peaks(token: str, *, actor: Actor, now: datetime) -> bytes:
    """Return the waveform's peaks.

    :raises WaveformNotReady: if the sweep has not made them yet.
    :raises AudioDamaged: if what is stored is not what was sealed.
    """
    # Asked once a page, so asked of the database: nothing is shown of what was erased a moment ago.
    standing.forget(standing.grant_of(token, actor))
    stands = check_standing(token, actor=actor, now=now)
    waveform = Recording.objects.get(pk=stands.recording_id).renditions.filter(kind=CopyKind.WAVEFORM).first()
    if waveform is None:
        raise WaveformNotReady
    with damage.reported(stands, actor=actor, now=now):
        drawn = b"".join(reading.read_whole(waveform))
    trail.record_disclosure(
        Action.RECORDING_VIEWED,
        actor=actor,
        target=Ref("recording", str(stands.recording_id)),
        at=now,
        purpose=stands.grant.purpose.code,
        copy="waveform",
    )
    return drawn


def stop(token: str, *, actor: Actor, now: datetime) -> None:
    """End a grant; the closing event says which seconds were sent. Doing so again changes nothing."""
    _close(standing.grant_of(token, actor), because="stopped", actor=actor, now=now)


def close_stale_grants(*, now: datetime, limit: int = 1000) -> int:
    """Close the grants that ran out; return how many."""
    actor = Actor.system("task:recordings.close_stale_grants")
    # An answer that began in the last moment may still be on its way.
    stale = PlaybackGrant.objects.filter(ended_at__isnull=True, expires_at__lte=now - timedelta(minutes=1))
    found = list(stale.order_by("expires_at").values_list("pk", flat=True)[:limit])
    for grant_id in found:
        _close(grant_id, because="expired", actor=actor, now=now)
    return len(found)


def heard(recording_id: UUID, account_id: UUID) -> list[tuple[int, int]]:
    """Return which stretches of a recording, in milliseconds, were sent to somebody."""
    windows = GrantWindow.objects.filter(grant__recording_id=recording_id, grant__account_id=account_id)
    return _sent(windows)


def _watched(
    pieces: Iterator[memoryview], stands: Standing, *, actor: Actor, now: datetime
) -> Iterator[memoryview]:
    with damage.reported(stands, actor=actor, now=now):
        yield from pieces


def _stand(grant_id: UUID, actor: Actor, now: datetime) -> Standing:
    """Ask the database all that must still hold."""
    stands = standing.load(grant_id, actor=actor, now=now)
    try:
        check_playable(stands.grant.recording, stands.grant.purpose)
    except Refusal as refusal:
        raise PlaybackEnded(because=refusal.reason) from None
    return stands


@transaction.atomic(durable=True)
def _close(grant_id: UUID, *, because: str, actor: Actor, now: datetime) -> None:
    standing.forget(grant_id)
    granted = PlaybackGrant.objects.select_for_update().get(pk=grant_id)
    if granted.ended_at is not None:
        return
    sent.forget(grant_id)
    windows = list(granted.windows.order_by("from_ms"))
    stretches = _sent(windows)
    possibly = ranges.joined((w.from_ms, w.to_ms) for w in windows if w.under_way > 0)
    granted.ended_at, granted.ended_because = now, because
    granted.save(update_fields=["ended_at", "ended_because"])
    trail.record(
        Action.PLAYBACK_CLOSED,
        actor=actor,
        target=Ref("recording", str(granted.recording_id)),
        at=now,
        purpose=granted.purpose.code,
        grant=str(grant_id),
        why=because,
        heard=written(stretches),
        heard_ms=sum(to_ms - from_ms for from_ms, to_ms in stretches),
        possibly_sent=written(possibly),
    )


def _sent(windows: Iterable[GrantWindow]) -> list[tuple[int, int]]:
    return ranges.joined((from_ms, to_ms) for window in windows for from_ms, to_ms in window.sent)


def written(stretches: list[tuple[int, int]]) -> str:
    """Write stretches as ``0-61000,90000-95000``; those of a call heard in very many pieces are summed up."""
    while len(text := ",".join(f"{from_ms}-{to_ms}" for from_ms, to_ms in stretches)) > _LONGEST_FACT:
        stretches = ranges.join_closest(stretches)
    return text


_LONGEST_FACT = 1_000
