"""What the player is given beside the sound: its words, the turns, the pauses, the marks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from recordings import conversation
from recordings.models import BasisStatus, LawfulBasis


@dataclass(frozen=True, slots=True)
class Line:
    """A line under the player: something said, or a pause."""

    from_ms: int
    to_ms: int
    css: str
    who: str
    icon: str
    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """A hatched part of the lanes, as percentages of their width."""

    at_percent: str
    percent: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A dot above the lanes; the history says the same in words."""

    at_percent: str
    css: str
    label: str
    is_late: bool  # the label then stands before the dot: behind it there is no room


def title_of(extra: Mapping[str, Any]) -> str:
    """Return what the call was about."""
    return conversation.read_title(extra)


def lines_of(extra: Mapping[str, Any], *, duration_ms: int, language: str) -> list[Line]:
    """Return what was said and the pauses in it, in order."""
    names = {"agent": _("Agent"), "caller": _("Caller")}
    said = [
        Line(turn.from_ms, turn.to_ms, f"is-{turn.speaker}", names[turn.speaker], "", turn.text, language)
        for turn in conversation.read_turns(extra, duration_ms)
    ]
    pauses = [
        Line(pause.from_ms, pause.to_ms, "turn--gap", _("Pause"), "circle-pause", _why_paused(pause))
        for pause in conversation.read_pauses(extra, duration_ms)
    ]
    return sorted([*said, *pauses], key=lambda line: line.from_ms)


def gaps_of(extra: Mapping[str, Any], *, duration_ms: int) -> list[Gap]:
    """Return the pauses as they are drawn over the lanes."""
    return [
        Gap(percent(pause.from_ms, duration_ms), percent(pause.to_ms - pause.from_ms, duration_ms))
        for pause in conversation.read_pauses(extra, duration_ms)
    ]


def marks_of(history: Iterable[LawfulBasis], *, duration_ms: int) -> list[Mark]:
    """Return where in the audio somebody gave, refused or withdrew consent."""
    words = {
        BasisStatus.GRANTED.value: ("is-given", _("Consent")),
        BasisStatus.REFUSED.value: ("is-refused", _("Refused")),
        BasisStatus.WITHDRAWN.value: ("is-withdrawn", _("Withdrawn")),
    }
    # One word said for several purposes is one mark.
    said = {(entry.audio_offset_ms, entry.status) for entry in history if entry.audio_offset_ms is not None}
    return [
        Mark(percent(offset_ms or 0, duration_ms), *words[status], is_late=2 * (offset_ms or 0) > duration_ms)
        for offset_ms, status in sorted(said, key=str)
        if 0 <= (offset_ms or 0) < duration_ms
    ]


def percent(part: int, whole: int) -> str:
    """Return a share as SVG wants it: a point, whatever the reader's language."""
    return f"{100 * part / max(whole, 1):.2f}"


def _why_paused(pause: conversation.Pause) -> str:
    if pause.reason == "hold":
        return _("The caller is on hold.")
    if pause.reason in {"pci", "card"}:
        return _("Card details.")
    return _("No conversation.")


def words() -> dict[str, Any]:
    """Return the sentences that the player's script shows, in the reader's language."""
    return {
        "play": _("Play"),
        "pause": _("Pause"),
        "position": _("%(at)s of %(all)s"),
        "minutesAndSeconds": _("%(m)s minutes %(s)s"),
        "seconds": _("%(s)s seconds"),
        "speaking": {"agent": _("agent speaking"), "caller": _("caller speaking")},
        "sides": {
            "agent": _("You hear the agent only"),
            "caller": _("You hear the caller only"),
            "both": _("You hear both sides"),
        },
        "heardOf": _("You have heard %(heard)s of %(all)s"),
        "heardParts": _("You have heard %(parts)s"),
        "heardNothing": _("You have heard nothing yet"),
        "nextUnheard": _("Next part not yet heard, %(at)s"),
        "youHeard": _("You have heard %(heard)s of %(all)s."),
        "endsIn": _("permission ends in %(left)s"),
        "endsSoon": _("Your permission ends in less than two minutes."),
        "over": _("permission has ended"),
        "endedTitle": _("Your permission has ended."),
        "endedDetail": _("To go on, open the call again and say what it is for."),
        "signedOutDetail": _("You are signed out. Sign in and open the call again."),
        "lostTitle": _("The vault does not answer."),
        "lostDetail": _("Without knowing that you still may, nothing is played. Load the page again."),
        "unreachable": _("The vault does not answer; it is asked again."),
        "noWaveform": _("The picture of the sound is not there yet. You can listen without it."),
    }
