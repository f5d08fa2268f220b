"""The eight dialogues of ``demo/calls``, cut, repeated and written in other codecs. Always the same bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from recordings.audio import AudioFormat, Codec, probe, wav_header
from recordings.waveforms import decode_alaw, decode_mulaw

RATE = 8000
_FOLDER = settings.BASE_DIR / "demo" / "calls"
Frames = NDArray[np.uint8]  # µ-law codes, one row a frame, agent left and caller right


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One of the eight: what is said, and what happens when."""

    number: int
    language: str
    title: str
    agent: str
    caller_number: str
    turns: list[dict[str, Any]]
    marks: dict[str, Any]
    frames: Frames


@dataclass(frozen=True, slots=True)
class Spoken:
    """A call made of a dialogue: its audio as WAV, and its turns and pauses at their new places."""

    wav: bytes
    turns: list[dict[str, Any]]
    pauses: list[dict[str, Any]]
    duration_s: float


def find(number: int) -> Dialogue:
    """Return a dialogue by its number, from 1."""
    return _read()[number - 1]


def speak(dialogue: Dialogue, *, seconds: int, codec: Codec) -> Spoken:
    """Return a call of about so many seconds: the dialogue cut short, or its middle repeated."""
    stretches = _stretches(dialogue, seconds)
    frames = np.concatenate([dialogue.frames[first:last] for first, last in stretches])
    turns: list[dict[str, Any]] = []
    pauses: list[dict[str, Any]] = []
    begins = 0
    for first, last in stretches:
        turns += _moved(dialogue.turns, first, last, begins)
        holds = [{"start_s": start, "end_s": end, "reason": "hold"} for start, end in dialogue.marks["hold"]]
        cards = [{"start_s": start, "end_s": end, "reason": "card"} for start, end in dialogue.marks["card"]]
        pauses += _moved(holds + cards, first, last, begins)
        begins += last - first
    return Spoken(written(frames, codec), turns, [_as_pause(pause) for pause in pauses], len(frames) / RATE)


@cache
def _read() -> list[Dialogue]:
    document = json.loads((_FOLDER / "calls.json").read_text(encoding="utf-8"))
    return [_dialogue(number, call) for number, call in enumerate(document["calls"], start=1)]


def _dialogue(number: int, call: dict[str, Any]) -> Dialogue:
    content = (_FOLDER / call["file"]).read_bytes()
    audio = probe(content, len(content))
    samples = np.frombuffer(content, np.uint8, audio.data_length, audio.data_offset)
    return Dialogue(
        number=number,
        language=call["language"],
        title=call["title"],
        agent=call["agent"],
        caller_number=call["caller_number"],
        turns=call["turns"],
        marks=call["marks"],
        frames=samples.reshape(-1, 2),
    )


def _stretches(dialogue: Dialogue, seconds: int) -> list[tuple[int, int]]:
    """Return which frames make up the call: beginning, the middle as often as it takes, end."""
    length = len(dialogue.frames)
    wanted = seconds * RATE
    if wanted <= length:
        return [(0, wanted)]
    # What is said of consent at the beginning, and the goodbye at the end, is said once.
    first = round(dialogue.turns[3]["start_s"] * RATE)
    last = round(dialogue.turns[-2]["start_s"] * RATE)
    times = max(1, round((wanted - first - (length - last)) / (last - first)))
    return [(0, first), *[(first, last)] * times, (last, length)]


def _moved(parts: list[dict[str, Any]], first: int, last: int, begins: int) -> list[dict[str, Any]]:
    """Return what lies within a stretch, at its place in the call."""
    shift = (begins - first) / RATE
    return [
        part
        | {
            "start_s": round(part["start_s"] + shift, 2),
            "end_s": round(min(part["end_s"], last / RATE) + shift, 2),
        }
        for part in parts
        if first / RATE <= part["start_s"] < last / RATE
    ]


def _as_pause(pause: dict[str, Any]) -> dict[str, Any]:
    return {
        "from_ms": round(pause["start_s"] * 1000),
        "to_ms": round(pause["end_s"] * 1000),
        "reason": pause["reason"],
    }


def written(frames: Frames, codec: Codec) -> bytes:
    """Return frames as a WAV file in a codec."""
    samples = {
        Codec.MULAW: lambda: frames.tobytes(),
        Codec.ALAW: lambda: _to_alaw()[frames].tobytes(),
        Codec.PCM_S16: lambda: decode_mulaw()[frames].astype("<i2").tobytes(),
        Codec.PCM_U8: lambda: (
            ((decode_mulaw()[frames].astype(np.int32) >> 8) + 128).astype(np.uint8).tobytes()
        ),
    }[codec]()
    return wav_header(AudioFormat(codec, 2, RATE, 0, len(samples))) + samples


@cache
def _to_alaw() -> NDArray[np.uint8]:
    """Return for each µ-law code the A-law code that sounds nearest."""
    distance = np.abs(decode_mulaw().astype(np.int32)[:, None] - decode_alaw().astype(np.int32)[None, :])
    nearest: NDArray[np.uint8] = distance.argmin(axis=1).astype(np.uint8)
    return nearest
