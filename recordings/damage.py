"""Stored audio that is not what was sealed, is not there, or cannot be opened: refused, and an incident."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import structlog

from audit import trail
from audit.actions import Action, Outcome
from audit.actor import Actor, Ref
from recordings import standing
from recordings.errors import AlreadyErased, AudioDamaged
from recordings.keys import KeyGone
from recordings.models import Recording, State
from recordings.standing import Standing
from vault.crypto.errors import NotAuthentic
from vault.kms import UnwrapRefused
from vault.storage import ObjectMissing

log = structlog.get_logger("recordings.damage")


@contextmanager
def reported(stands: Standing, *, actor: Actor, now: datetime) -> Iterator[None]:
    """Write down what is found damaged while a grant is read from, and refuse it.

    :raises AlreadyErased: if it is gone because the recording was erased a moment ago.
    :raises AudioDamaged: if it is not.
    """
    try:
        yield
    except (NotAuthentic, ObjectMissing, KeyGone, UnwrapRefused) as damage:
        standing.forget(stands.grant_id)
        if Recording.objects.filter(pk=stands.recording_id, state=State.ERASED).exists():
            raise AlreadyErased from None
        kind = type(damage).__name__
        log.error("stored audio is damaged", recording=str(stands.recording_id), error=kind)
        trail.record_disclosure(
            Action.PLAYBACK_ENDED,
            outcome=Outcome.FAILED,
            actor=actor,
            target=Ref("recording", str(stands.recording_id)),
            at=now,
            purpose=stands.grant.purpose.code,
            grant=str(stands.grant_id),
            why="damaged",
            code=AudioDamaged.code,
            status=AudioDamaged.status,
            error=kind,
        )
        raise AudioDamaged from None
