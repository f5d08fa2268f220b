"""Refusals about recordings. Texts hold nothing personal."""

from vault.errors import Conflict, Forbidden, Invalid, Missing, Unavailable, gettext_noop


class NoSuchRecording(Missing):
    """Unknown, or out of reach: both look the same."""

    code = "no-such-recording"
    title = gettext_noop("There is no such recording, or it is not within your reach")


class AlreadyErased(Conflict):
    """Only the tombstone is left."""

    status = 410
    code = "erased"
    title = gettext_noop("This recording has been erased")


class UnderLegalHold(Conflict):
    """A hold on it has not been released."""

    code = "under-legal-hold"
    title = gettext_noop("A legal hold forbids erasing this recording")


class Quarantined(Forbidden):
    """No lawful basis was found; kept sealed."""

    code = "quarantined"
    title = gettext_noop("This recording is in quarantine: no lawful basis was found for it")


class Restricted(Forbidden):
    """Restricted under Art. 18: kept, not used."""

    code = "restricted"
    title = gettext_noop("This recording is restricted: it is kept, but may not be used")


class NoLawfulBasis(Forbidden):
    """The purpose is not covered."""

    code = "no-lawful-basis"
    title = gettext_noop("There is no lawful basis for listening to this recording for that purpose")


class ConsentWithdrawn(Forbidden):
    """The party took consent back."""

    code = "consent-withdrawn"
    title = gettext_noop("Consent for this recording was withdrawn")


class PlaybackEnded(Forbidden):
    """The grant is over; says because of what, each time it is asked."""

    code = "playback-ended"
    title = gettext_noop("Your permission to listen has ended")

    def __init__(self, *, because: str) -> None:
        super().__init__(_WHY_ENDED.get(because, ""), code=because)


_WHY_ENDED = {
    **{refusal.code: refusal.title for refusal in (Quarantined, Restricted, NoLawfulBasis, ConsentWithdrawn)},
    "disabled": gettext_noop("Your account was disabled"),
    "role-lost": gettext_noop("Your role no longer allows you to listen"),
    "out-of-reach": gettext_noop("This call is no longer within your reach"),
}


class UnsupportedAudio(Invalid):
    """Not a format this vault takes in."""

    status = 415
    code = "unsupported-audio"
    title = gettext_noop("This audio format is not taken in: send WAV (PCM, µ-law or A-law)")


class DigestMismatch(Invalid):
    """What arrived is not what was sent."""

    code = "digest-mismatch"
    title = gettext_noop("The audio does not match its digest; nothing was kept")


class DuplicateCall(Conflict):
    """The same call was sent with other bytes."""

    code = "duplicate-call"
    title = gettext_noop("This call is already here with other audio; nothing was changed")


class NoSuchIntake(Missing):
    """Unknown, expired, or announced by somebody else: all look the same."""

    code = "no-such-intake"
    title = gettext_noop("No call was announced under this id, or a day has passed: announce it again")


class UploadUnderWay(Conflict):
    """One upload at a time."""

    code = "upload-under-way"
    title = gettext_noop("The audio of this call is being received; try again in two minutes")


class UploadTooLate(Conflict):
    """The upload took so long without a sign of life that it was given up."""

    code = "upload-too-late"
    title = gettext_noop("The upload was given up after a silence; nothing was kept, send it again")


class KeyReplaced(Unavailable):
    """The key that wraps the data key was destroyed or replaced while the copy was on its way."""

    code = "key-replaced"
    title = gettext_noop("A key was replaced at this very moment; nothing was kept, send it again")


class AudioTooLarge(Invalid):
    """More than this vault takes in one piece."""

    status = 413
    code = "audio-too-large"
    title = gettext_noop("The audio is larger than this vault takes in")


class AudioCutOff(Invalid):
    """Fewer bytes came than were announced."""

    code = "audio-cut-off"
    title = gettext_noop("The audio ended before its announced length; nothing was kept")


class CallInTheFuture(Invalid):
    """A call that has not begun cannot have been recorded."""

    code = "call-in-the-future"
    title = gettext_noop("The call starts in the future: check the clock of the telephone system")


class UnknownPurpose(Invalid):
    """Not on the customer's list."""

    code = "unknown-purpose"
    title = gettext_noop("This purpose is not on the list of purposes")


class SaidInTheFuture(Invalid):
    """Nobody has said yet what is dated ahead."""

    code = "said-in-the-future"
    title = gettext_noop("A lawful basis is dated in the future: check the clock")


class NoSuchParty(Invalid):
    """The recording has fewer parties."""

    code = "no-such-party"
    title = gettext_noop("The recording has no such party")


class ReasonTooShort(Invalid):
    """A reason that another person would understand needs a few words."""

    code = "reason-too-short"
    title = gettext_noop("Say in a few words why you listen")


class NoSuchGrant(Missing):
    """The token is not ours, was changed, or belongs to somebody else's session."""

    code = "no-such-grant"
    title = gettext_noop("This permission to listen does not exist, or is not yours")


class RangeNotSatisfiable(Invalid):
    """The asked bytes are not there, or are asked in a way that is not answered."""

    status = 416
    code = "range-not-satisfiable"
    title = gettext_noop("The recording has no such bytes")


class AudioDamaged(Unavailable):
    """What is stored is not what was sealed, or is not there, or cannot be opened: an incident."""

    code = "audio-damaged"
    title = gettext_noop("The stored audio is damaged or missing; nothing of it is played")


class WaveformNotReady(Missing):
    """Its sweep has not come by yet."""

    code = "waveform-not-ready"
    title = gettext_noop("The waveform is being made; try again in a few seconds")


class RangeNeeded(Invalid):
    """Audio of more than one answer's size, asked for without a range."""

    status = 416
    code = "range-needed"
    title = gettext_noop("Ask for ranges of at most 1 MiB, as players do: Range: bytes=0-")


class LengthNeeded(Invalid):
    """Without a length, an upload that breaks off looks like one that ended."""

    status = 411
    code = "length-needed"
    title = gettext_noop("Say how long the audio is: Content-Length")
