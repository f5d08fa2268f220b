"""How the tests of privacy listen, and what was sent then."""

from datetime import datetime

from audit.actor import Actor
from recordings import playback
from recordings.models import Recording
from tests.recordings.calls import NOW

SECOND = 16_000  # bytes of a second in the calls of the tests: two channels of 8 000 samples
HEADER = 46
REASON = "Second complaint about the August estimate"


def begin(recording: Recording, actor: Actor, *, purpose: str = "quality", now: datetime = NOW) -> str:
    """Return the token of a new permission to listen."""
    return playback.grant(recording.pk, purpose=purpose, reason=REASON, actor=actor, now=now).token


def hear(token: str, actor: Actor, from_s: float, to_s: float, *, now: datetime = NOW) -> None:
    """Be sent some seconds of the call."""
    start, end = (HEADER + round(second * SECOND) for second in (from_s, to_s))
    for _piece in playback.open_range(token, start, end, actor=actor, now=now).pieces:
        pass


def break_off(token: str, actor: Actor, from_s: float, to_s: float, *, now: datetime = NOW) -> None:
    """Ask for some seconds and vanish, as a process does that is killed: nothing is noted afterwards."""
    start, end = (HEADER + round(second * SECOND) for second in (from_s, to_s))
    playback.open_range(token, start, end, actor=actor, now=now)
