"""What is shown of recordings for their keeping stands in the trail before it is shown, as everywhere else."""

from __future__ import annotations

from datetime import datetime

from audit import trail
from audit.actions import Action
from audit.actor import Actor, Ref
from recordings.models import Recording


def record_viewed(recording: Recording, *, actor: Actor, now: datetime) -> None:
    """Commit that somebody sees why one recording is kept, or how it went; reasons of holds are shown with it."""
    trail.record_disclosure(
        Action.RECORDING_VIEWED,
        actor=actor,
        target=Ref("recording", str(recording.pk)),
        at=now,
        state=recording.state,
    )


def record_listed(what: str, *, count: int, actor: Actor, now: datetime) -> None:
    """Commit that somebody sees a list: of what it is, and how many recordings were on it."""
    trail.record_disclosure(
        Action.RECORDING_LISTED,
        actor=actor,
        target=Ref("page", "retention"),
        at=now,
        count=count,
        filters=what,
    )
