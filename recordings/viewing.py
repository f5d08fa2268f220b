"""One call's page: that somebody looked is in the trail before anything is shown."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from audit import trail
from audit.actions import Action
from audit.actor import Actor, Ref
from recordings import search
from recordings.models import LawfulBasis, Recording
from recordings.search import CallRow


def view(recording_id: UUID, *, actor: Actor, now: datetime) -> CallRow:
    """Return a call, or its tombstone, as the list shows it.

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
    return search.rows_of([recording], actor)[0]


def history(recording_id: UUID, *, actor: Actor, now: datetime) -> list[LawfulBasis]:
    """Return what was said about lawful bases, oldest first.

    :raises NoSuchRecording: if the recording is unknown or out of reach.
    :raises AlreadyErased: if only the tombstone is left.
    """
    recording = Recording.objects.visible_to(actor).require_kept(recording_id)
    trail.record_disclosure(
        Action.RECORDING_VIEWED,
        actor=actor,
        target=Ref("recording", str(recording.pk)),
        at=now,
        state=recording.state,
    )
    return list(recording.lawful_bases.select_related("party", "purpose").order_by("number"))
