"""What is left of an erased recording: a random id, dates, the team, and the keyed hash of which call it was."""

from __future__ import annotations

from datetime import datetime

from recordings.models import (
    Details,
    LawfulBasis,
    Party,
    PendingObject,
    Recording,
    Rendition,
    SourceIdentity,
    State,
)


def bury(recording: Recording, *, now: datetime) -> None:
    """Turn a recording into its tombstone within the caller's transaction, the recording locked.

    Its keys are shredded and its copies listed before: the rows that name them go here. Grants stay, so that
    somebody who was listening is told why it stopped.
    """
    LawfulBasis.objects.filter(recording=recording).delete()
    Party.objects.filter(recording=recording).delete()
    Details.objects.filter(recording=recording).delete()
    Rendition.objects.filter(recording=recording).delete()
    PendingObject.objects.filter(recording_id=recording.pk).update(is_condemned=True)
    # Which call it was is refused when it is sent again; what was said in it is nobody's to recognise.
    SourceIdentity.objects.filter(recording_id=recording.pk).update(plain_sha256_keyed=None)
    recording.state, recording.erased_at = State.ERASED, now
    recording.agent, recording.queue, recording.category, recording.language = None, "", "", ""
    recording.basis = recording.basis_status = recording.quarantined_because = ""
    recording.derive_at = None
    recording.save()
