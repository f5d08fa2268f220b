"""WAV as recorders really write it; everything else refused by its name."""

from __future__ import annotations

import struct

import pytest
from hypothesis import example, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from recordings.audio import BYTES_PER_SAMPLE, AudioFormat, Codec, probe, wav_header
from recordings.errors import UnsupportedAudio
from tests.recordings.calls import chunk, wav

EXTENSIBLE_TAIL = bytes.fromhex("000000001000800000aa00389b71")


def riff(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def fmt(tag: int = 7, *, channels: int = 2, rate: int = 8000, bits: int = 8, tail: bytes = b"") -> bytes:
    block = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits) + tail)


@limits(max_examples=60, deadline=None)
@given(
    codec=st.sampled_from(Codec),
    channels=st.integers(1, 8),
    rate=st.sampled_from([4000, 8000, 11025, 16000, 44100, 48000]),
    blocks=st.integers(1, 5000),
)
def test_our_own_header_is_read_back(codec, channels, rate, blocks):
    length = blocks * channels * BYTES_PER_SAMPLE[codec]
    audio = AudioFormat(codec, channels, rate, 0, length)
    header = wav_header(audio)

    found = probe(header, len(header) + length)

    assert found == AudioFormat(codec, channels, rate, len(header), length)
    assert found.duration_ms == blocks * 1000 // rate
    assert AudioFormat.from_facts(found.as_facts()) == found


@limits(max_examples=80, deadline=None)
@given(
    before=st.lists(st.binary(max_size=40), max_size=3),
    after=st.lists(st.binary(max_size=40), max_size=2),
    blocks=st.integers(1, 2000),
)
def test_chunks_around_the_audio_change_nothing(before, after, blocks):
    samples = b"\x55" * 2 * blocks
    content = riff(
        *(chunk(b"LIST", content) for content in before),
        fmt(),
        *(chunk(b"fact", content) for content in before),
        chunk(b"data", samples),
        *(chunk(b"bext", content) for content in after),
    )

    found = probe(content, len(content))

    assert content[found.data_offset :][: found.data_length] == samples
    assert not found.is_repaired


@pytest.mark.parametrize("length", [0, 0xFFFFFFFF, 0x7FFFFFFF, 2_000_000])
def test_a_recorder_that_crashed_is_understood(length):
    content = riff(fmt()) + b"data" + struct.pack("<I", length) + b"\x55" * 16_001

    found = probe(content, len(content))

    assert (found.data_length, found.duration_ms, found.is_repaired) == (16_000, 1_000, True)


def test_a_length_that_is_not_known_yet_is_what_the_header_says():
    assert probe(wav(2.0)[:1000], None).duration_ms == 2_000
    crashed = riff(fmt()) + b"data" + struct.pack("<I", 0) + b"\x55" * 1000
    assert probe(crashed, None).data_length == 0


def test_a_chunk_of_odd_size_may_come_without_its_padding():
    content = riff(b"LIST" + struct.pack("<I", 3) + b"abc", fmt(), chunk(b"data", b"\x55" * 100))

    assert probe(content, len(content)).data_length == 100


@pytest.mark.parametrize(
    ("tag", "bits", "codec"),
    [(1, 8, Codec.PCM_U8), (1, 16, Codec.PCM_S16), (6, 8, Codec.ALAW), (7, 8, Codec.MULAW)],
)
def test_an_extensible_header_names_its_codec_further_on(tag, bits, codec):
    tail = struct.pack("<HHIH", 22, bits, 3, tag) + EXTENSIBLE_TAIL
    content = riff(fmt(0xFFFE, bits=bits, tail=tail), chunk(b"data", b"\x55" * 400))

    assert probe(content, len(content)).codec is codec


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "empty"),
        (b"ID3\x04" + b"\0" * 100, "MP3"),
        (b"\xff\xfb\x90\x64" + b"\0" * 100, "MP3"),
        (b"OggS" + b"\0" * 100, "Ogg"),
        (b"fLaC" + b"\0" * 100, "FLAC"),
        (b"\0\0\0\x20ftypM4A " + b"\0" * 100, "M4A"),
        (b"\x1aE\xdf\xa3" + b"\0" * 100, "WebM"),
        (b"#!AMR\n" + b"\0" * 100, "AMR"),
        (b"RF64\xff\xff\xff\xffWAVE", "RF64"),
        (b"RIFX\0\0\0\0WAVE", "RIFX"),
        (b"<html>", "not audio that is known"),
        (riff(fmt(0x31, bits=0), chunk(b"data", b"x" * 65)), "GSM 6.10"),
        (riff(fmt(0x55, bits=0), chunk(b"data", b"x" * 65)), "MP3 in WAV"),
        (riff(fmt(1, bits=24), chunk(b"data", b"x" * 66)), "24 bits"),
        (riff(fmt(3, bits=32), chunk(b"data", b"x" * 64)), "floating-point"),
        (riff(fmt(0x1234), chunk(b"data", b"x" * 64)), "0x1234"),
        (riff(fmt(0xFFFE, tail=b"\0" * 24), chunk(b"data", b"x" * 64)), "its maker's own"),
        (riff(fmt(channels=0), chunk(b"data", b"x" * 64)), "0 channels"),
        (riff(fmt(channels=9), chunk(b"data", b"x" * 64)), "9 channels"),
        (riff(fmt(rate=0), chunk(b"data", b"x" * 64)), "0 samples a second"),
        (riff(chunk(b"fmt ", b"\0" * 4), chunk(b"data", b"x" * 64)), "cut off"),
        (riff(chunk(b"data", b"x" * 64), fmt()), "does not say"),
        (riff(fmt()), "No audio begins"),
        (riff(fmt(), chunk(b"data", b"")), "no audio"),
    ],
)
def test_what_is_not_taken_in_is_refused_by_its_name(content, name):
    with pytest.raises(UnsupportedAudio) as refused:
        probe(content, len(content))

    assert name in refused.value.detail


@limits(max_examples=300, deadline=None)
@given(content=st.binary(max_size=200), cut=st.integers(0, 80), length=st.none() | st.integers(0, 10_000))
@example(content=b"", cut=44, length=44)
def test_hostile_bytes_are_refused_or_understood_and_never_break_anything(content, cut, length):
    head = wav(0.01)[:cut] + content

    try:
        found = probe(head, length)
    except UnsupportedAudio:
        return
    assert found.data_length >= 0
    assert length is None or found.data_offset + found.data_length <= length
    assert 0 <= found.ms_at(10**9) <= found.duration_ms


@given(position=st.integers(0, 200_000))
@limits(max_examples=100, deadline=None)
def test_bytes_and_time_agree(position):
    audio = AudioFormat(Codec.MULAW, 2, 8000, 46, 160_000)

    assert audio.ms_at(46) == 0
    assert audio.ms_at(46 + 16_000) == 1_000
    assert 0 <= audio.ms_at(position) <= audio.duration_ms == 10_000
    assert audio.ms_at(position) <= audio.ms_at(position + 1)
