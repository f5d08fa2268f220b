"""What was said, and what happened when: the turns, pauses and marks that a source sent along. Pure.

Sources send these as they like, so nothing is believed: what does not have the expected shape, or lies outside
the call, is left out, and what is left is text and numbers only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SPEAKERS = {"agent": "agent", "caller": "caller", "customer": "caller"}
MOST_TURNS = 2_000
LONGEST_TEXT = 2_000


@dataclass(frozen=True, slots=True)
class Turn:
    """Something said by one side."""

    from_ms: int
    to_ms: int
    speaker: str  # agent or caller
    text: str


@dataclass(frozen=True, slots=True)
class Pause:
    """A part in which there is no conversation: somebody was on hold, or the recorder paused."""

    from_ms: int
    to_ms: int
    reason: str


def read_turns(extra: Mapping[str, Any], duration_ms: int) -> list[Turn]:
    """Return the turns in the order they were spoken."""
    turns = []
    for entry in _entries(extra, "turns"):
        span = _span(entry, duration_ms)
        speaker = SPEAKERS.get(str(entry.get("speaker", "")))
        text = entry.get("text")
        if span and speaker and isinstance(text, str) and text.strip():
            turns.append(Turn(*span, speaker, text.strip()[:LONGEST_TEXT]))
    return sorted(turns, key=lambda turn: turn.from_ms)


def read_pauses(extra: Mapping[str, Any], duration_ms: int) -> list[Pause]:
    """Return the pauses in order."""
    pauses = []
    for entry in _entries(extra, "pauses"):
        if span := _span(entry, duration_ms):
            reason = entry.get("reason")
            pauses.append(Pause(*span, reason[:40] if isinstance(reason, str) else ""))
    return sorted(pauses, key=lambda pause: pause.from_ms)


def read_title(extra: Mapping[str, Any]) -> str:
    """Return what the call was about, in a line."""
    title = extra.get("title")
    return " ".join(title.split())[:200] if isinstance(title, str) else ""


def _entries(extra: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    listed = extra.get(name)
    if isinstance(listed, Sequence) and not isinstance(listed, str | bytes):
        yield from (entry for entry in listed[:MOST_TURNS] if isinstance(entry, Mapping))


def _span(entry: Mapping[str, Any], duration_ms: int) -> tuple[int, int] | None:
    start, end = _moment(entry, "from_ms", "start_s"), _moment(entry, "to_ms", "end_s")
    if start is None or end is None or not 0 <= start < end or start >= duration_ms:
        return None
    return start, min(end, duration_ms)


def _moment(entry: Mapping[str, Any], milliseconds: str, seconds: str) -> int | None:
    value, factor = (entry[milliseconds], 1) if milliseconds in entry else (entry.get(seconds), 1_000)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e12 < value < 1e12:
        return None
    return round(value * factor)
