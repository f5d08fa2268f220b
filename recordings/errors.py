"""Refusals about recordings. Texts hold nothing personal."""

from vault.errors import Conflict, Forbidden, Invalid, Missing


class NoSuchRecording(Missing):
    """Unknown, or out of reach: both look the same."""

    code = "no-such-recording"
    title = "There is no such recording, or it is not within your reach"


class AlreadyErased(Conflict):
    """Only the tombstone is left."""

    status = 410
    code = "erased"
    title = "This recording has been erased"


class UnderLegalHold(Conflict):
    """A hold on it has not been released."""

    code = "under-legal-hold"
    title = "A legal hold forbids erasing this recording"


class Quarantined(Forbidden):
    """No lawful basis was found; kept sealed."""

    code = "quarantined"
    title = "This recording is in quarantine: no lawful basis was found for it"


class Restricted(Forbidden):
    """Restricted under Art. 18: kept, not used."""

    code = "restricted"
    title = "This recording is restricted: it is kept, but may not be used"


class NoLawfulBasis(Forbidden):
    """The purpose is not covered."""

    code = "no-lawful-basis"
    title = "There is no lawful basis for listening to this recording for that purpose"


class ConsentWithdrawn(Forbidden):
    """The party took consent back."""

    code = "consent-withdrawn"
    title = "Consent for this recording was withdrawn"


class PlaybackEnded(Forbidden):
    """The grant is over."""

    code = "playback-ended"
    title = "Your permission to listen has ended"


class UnsupportedAudio(Invalid):
    """Not a format this vault takes in."""

    status = 415
    code = "unsupported-audio"
    title = "This audio format is not taken in: send WAV (PCM, µ-law or A-law)"


class DigestMismatch(Invalid):
    """What arrived is not what was sent."""

    code = "digest-mismatch"
    title = "The audio does not match its digest; nothing was kept"


class DuplicateCall(Conflict):
    """The same call was sent with other bytes."""

    code = "duplicate-call"
    title = "This call is already here with other audio; nothing was changed"
