"""Where a grant stands: its token, what must still hold for it, and the two seconds that an answer is good."""

from __future__ import annotations

import hmac
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from uuid import UUID

from django.core.signing import Signer

from audit.actor import Actor, ActorKind, Ref
from recordings.audio import AudioFormat
from recordings.errors import AlreadyErased, NoSuchGrant, PlaybackEnded
from recordings.models import PlaybackGrant, Recording, Rendition
from recordings.reach import reach_of
from vault.access.models import Membership, User
from vault.access.roles import ROLES_ALLOWED, Role
from vault.crypto.container import CopyKind
from vault.permissions import Permission

GOOD_FOR = timedelta(seconds=2)
_KEPT = 1_000
_SALT = "recordings.playback.token"


@dataclass(frozen=True, slots=True)
class Standing:
    """A grant in good standing, and what it opens."""

    grant: PlaybackGrant
    rendition: Rendition
    audio: AudioFormat

    @property
    def grant_id(self) -> UUID:
        """Which grant."""
        return self.grant.pk

    @property
    def recording_id(self) -> UUID:
        """Which recording."""
        return self.grant.recording_id

    @property
    def expires_at(self) -> datetime:
        """When the grant ends by itself."""
        return self.grant.expires_at

    @property
    def etag(self) -> str:
        """What changes when the bytes do."""
        return f'"{bytes(self.rendition.sealed_sha256).hex()[:32]}"'


def token_of(grant_id: UUID, actor: Actor) -> str:
    """Return the token of a grant: its id, signed together with whose it is."""
    return f"{grant_id.hex}.{_signature(grant_id, actor)}"


def grant_of(token: str, actor: Actor) -> UUID:
    """Return the grant of a token that belongs to this person and session.

    :raises NoSuchGrant: for any other.
    """
    grant, _, signature = token.partition(".")
    try:
        grant_id = UUID(hex=grant)
    except ValueError:
        raise NoSuchGrant from None
    if not hmac.compare_digest(signature.encode(), _signature(grant_id, actor).encode()):
        raise NoSuchGrant
    return grant_id


def find_recording(token: str, *, actor: Actor) -> Ref | None:
    """Return the recording of a token that belongs to this person and session, whether or not it still opens it."""
    try:
        grant_id = grant_of(token, actor)
    except NoSuchGrant:
        return None
    found = PlaybackGrant.objects.filter(pk=grant_id).values_list("recording_id", flat=True).first()
    return None if found is None else Ref("recording", str(found))


def load(grant_id: UUID, *, actor: Actor, now: datetime) -> Standing:
    """Read a grant, its person and its recording, and refuse what no longer holds of them.

    :raises PlaybackEnded: with the code of what ended it.
    :raises AlreadyErased: if the recording is gone.
    """
    # The token was made for this person and session; the row says the same.
    granted = PlaybackGrant.objects.select_related("recording", "purpose__covered_by").get(pk=grant_id)
    if granted.account_id != actor.id or granted.session != actor.session:
        raise NoSuchGrant
    if granted.recording.is_erased:
        raise AlreadyErased
    if granted.ended_at is not None:
        raise PlaybackEnded(because=granted.ended_because)
    if granted.expires_at <= now:
        raise PlaybackEnded(because="expired")
    _check_person(granted.account_id, granted.recording)
    rendition = playable_copy(granted.recording_id)
    return Standing(granted, rendition, AudioFormat.from_facts(rendition.facts))


def playable_copy(recording_id: UUID) -> Rendition:
    """Return the copy that players get: a derived one where there is one."""
    copies = Rendition.objects.filter(
        recording_id=recording_id, kind__in=[CopyKind.ORIGINAL, CopyKind.PLAYABLE]
    )
    found = copies.order_by("-kind").first()
    if found is None:
        raise AlreadyErased
    return found


def find(grant_id: UUID, *, now: datetime) -> Standing | None:
    """Return what was found less than two seconds ago."""
    with _lock:
        found = _kept.get(grant_id)
    if found is None or abs(now - found[0]) >= GOOD_FOR or found[1].expires_at <= now:
        return None
    return found[1]


def remember(found: Standing, *, now: datetime) -> Standing:
    """Keep an answer for two seconds, and return it."""
    with _lock:
        _kept[found.grant_id] = (now, found)
        _kept.move_to_end(found.grant_id)
        while len(_kept) > _KEPT:
            _kept.popitem(last=False)
    return found


def forget(grant_id: UUID) -> None:
    """Drop an answer: the grant is over."""
    with _lock:
        _kept.pop(grant_id, None)


def forget_all() -> None:
    """Drop all answers of this process."""
    with _lock:
        _kept.clear()


_lock = Lock()
_kept: OrderedDict[UUID, tuple[datetime, Standing]] = OrderedDict()


def _signature(grant_id: UUID, actor: Actor) -> str:
    return Signer(salt=_SALT).signature(f"{grant_id.hex}|{actor.id}|{actor.session}")


def _check_person(account_id: UUID, recording: Recording) -> None:
    """Refuse who has been disabled, has lost the role, or has left the team since."""
    person = User.objects.filter(pk=account_id, is_active=True).first()
    if person is None:
        raise PlaybackEnded(because="disabled")
    if Role(person.role) not in ROLES_ALLOWED[Permission.RECORDING_PLAY]:
        raise PlaybackEnded(because="role-lost")
    teams = Membership.objects.filter(user=person).values_list("team_id", flat=True)
    now_acting = Actor(ActorKind.PERSON, person.pk, role=person.role, teams=frozenset(teams))
    if not Recording.objects.filter(reach_of(now_acting), pk=recording.pk).exists():
        raise PlaybackEnded(because="out-of-reach")
