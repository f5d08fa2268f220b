"""What audio this is, from its bytes alone. Pure: no framework, no file, no decoder of compressed formats.

WAV with PCM (8 or 16 bits), µ-law or A-law is taken in, also under an EXTENSIBLE header, with the header of a
recorder that crashed (no length, or one that reaches beyond the end), with chunks around the audio and
without their padding. Everything else is refused by its name.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from recordings.errors import UnsupportedAudio

HEAD_BYTES = 262_144  # how much of a file is looked at to find where its audio begins
MEDIA_TYPE = "audio/wav"

_UNFINISHED = 0xFFFFFF00  # lengths from here on are what a recorder writes that never got to correct them
_EXTENSIBLE = 0xFFFE
_EXTENSIBLE_TAIL = bytes.fromhex("000000001000800000aa00389b71")
_MAX_CHANNELS = 8
_RATES = range(4_000, 192_001)


class Codec(StrEnum):
    """How a sample is written."""

    PCM_U8 = "pcm_u8"
    PCM_S16 = "pcm_s16le"
    ALAW = "alaw"
    MULAW = "mulaw"


BYTES_PER_SAMPLE = {Codec.PCM_U8: 1, Codec.PCM_S16: 2, Codec.ALAW: 1, Codec.MULAW: 1}

_CODECS = {(1, 8): Codec.PCM_U8, (1, 16): Codec.PCM_S16, (6, 8): Codec.ALAW, (7, 8): Codec.MULAW}
_TAGS = {code: tag for (tag, _), code in _CODECS.items()}
_TAG_NAMES = {
    0x0002: "Microsoft ADPCM in WAV",
    0x0003: "floating-point WAV",
    0x0011: "IMA ADPCM in WAV",
    0x0031: "GSM 6.10 in WAV",
    0x0050: "MPEG audio in WAV",
    0x0055: "MP3 in WAV",
    0x0064: "G.726 in WAV",
    0x0083: "G.729 in WAV",
}
# Where the sign of another format stands, the sign, the format.
_SIGNS: list[tuple[int, bytes, str]] = [
    (0, b"ID3", "MP3"),
    (0, b"OggS", "Ogg (Opus, Vorbis or Speex)"),
    (0, b"fLaC", "FLAC"),
    (4, b"ftyp", "MP4 or M4A"),
    (0, b"\x1aE\xdf\xa3", "WebM or Matroska"),
    (0, b"#!AMR", "AMR"),
    (0, b".snd", "Sun audio (.au)"),
    (0, b"FORM", "AIFF"),
    (0, b"RF64", "RF64"),
    (0, b"BW64", "BW64"),
    (0, b"RIFX", "big-endian WAV (RIFX)"),
    (0, b"riff", "Wave64"),
    (0, b"#!SILK", "SILK"),
    (0, b"\x30\x26\xb2\x75", "Windows Media"),
]


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Where the samples stand and how they are written; lengths in bytes.

    ``is_repaired`` says that the header lies about the length: players need a corrected one.
    """

    codec: Codec
    channels: int
    sample_rate: int
    data_offset: int
    data_length: int
    is_repaired: bool = False

    @property
    def block_bytes(self) -> int:
        """One sample of every channel."""
        return self.channels * BYTES_PER_SAMPLE[self.codec]

    @property
    def bytes_per_second(self) -> int:
        """How many bytes play in a second."""
        return self.block_bytes * self.sample_rate

    @property
    def duration_ms(self) -> int:
        """How long it plays, rounded down."""
        return self.data_length * 1000 // self.bytes_per_second

    def ms_at(self, position: int) -> int:
        """Return which millisecond plays at this byte of the file; the header belongs to the first."""
        within = min(max(position - self.data_offset, 0), self.data_length)
        return within * 1000 // self.bytes_per_second

    def ms_until(self, position: int) -> int:
        """Return by which millisecond all bytes before this one have played: rounded up, so that nothing is left out."""
        within = min(max(position - self.data_offset, 0), self.data_length)
        return -(-within * 1000 // self.bytes_per_second)

    def as_facts(self) -> dict[str, Any]:
        """Return what ``from_facts`` takes: plain values that JSON can hold."""
        return asdict(self) | {"codec": self.codec.value}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Self:
        """Return the format that ``as_facts`` described."""
        return cls(**facts | {"codec": Codec(facts["codec"])})


def probe(head: bytes, length: int | None) -> AudioFormat:
    """Return the format of a file that begins with ``head`` and is ``length`` bytes long.

    Where the length is not known yet, the audio's is what the header says, or 0 where it does not.

    :raises UnsupportedAudio: for everything that is not taken in, by its name.
    """
    if not (head.startswith(b"RIFF") and head[8:12] == b"WAVE"):
        raise UnsupportedAudio(f"This is {_name(head)}; send WAV (PCM, µ-law or A-law).")
    fmt = None
    for name, start, size in _chunks(head):
        if name == b"fmt ":
            fmt = _read_fmt(head[start : start + size])
        elif name == b"data":
            if fmt is None:
                raise UnsupportedAudio("This WAV does not say how its audio is written.")
            return _locate(*fmt, start, size, length)
    raise UnsupportedAudio(f"No audio begins in the first {HEAD_BYTES // 1024} KiB of this WAV.")


def wav_header(audio: AudioFormat) -> bytes:
    """Return a plain WAV header for the same samples, to be followed by them."""
    bits = 8 * BYTES_PER_SAMPLE[audio.codec]
    fmt = struct.pack(
        "<HHIIHH",
        _TAGS[audio.codec],
        audio.channels,
        audio.sample_rate,
        audio.bytes_per_second,
        audio.block_bytes,
        bits,
    )
    if audio.codec not in {Codec.PCM_U8, Codec.PCM_S16}:
        fmt += b"\0\0"  # a compressed format says how long its extension is, though it has none
    chunks = b"fmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", audio.data_length)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks) + audio.data_length) + b"WAVE" + chunks


def _chunks(head: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and size of each chunk, as far as the head reaches."""
    at = 12
    while at + 8 <= len(head):
        name, size = head[at : at + 4], int.from_bytes(head[at + 4 : at + 8], "little")
        yield name, at + 8, size
        after = at + 8 + size
        # A chunk of odd size is padded; some recorders forget.
        at = after if size % 2 and _is_name(head[after : after + 4]) else after + size % 2


def _is_name(four: bytes) -> bool:
    return len(four) == 4 and all(0x20 <= byte < 0x7F for byte in four)


def _read_fmt(chunk: bytes) -> tuple[Codec, int, int]:
    if len(chunk) < 16:
        raise UnsupportedAudio("This WAV is damaged: its description is cut off.")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == _EXTENSIBLE:
        if len(chunk) < 40 or chunk[26:40] != _EXTENSIBLE_TAIL:
            raise UnsupportedAudio("This is WAV with a codec of its maker's own; send PCM, µ-law or A-law.")
        tag = int.from_bytes(chunk[24:26], "little")
    codec = _CODECS.get((tag, bits))
    if codec is None:
        raise UnsupportedAudio(
            f"This is {_tag_name(tag, bits)}; send WAV with PCM (8 or 16 bits), µ-law or A-law."
        )
    if not 1 <= channels <= _MAX_CHANNELS:
        raise UnsupportedAudio(f"This WAV has {channels} channels; one to {_MAX_CHANNELS} are taken in.")
    if rate not in _RATES:
        raise UnsupportedAudio(f"This WAV has {rate} samples a second; 4 000 to 192 000 are taken in.")
    return codec, channels, rate


def _locate(codec: Codec, channels: int, rate: int, start: int, size: int, length: int | None) -> AudioFormat:
    is_unfinished = size == 0 or size >= _UNFINISHED
    if length is None:
        return AudioFormat(codec, channels, rate, start, 0 if is_unfinished else size)
    there = max(length - start, 0)
    is_repaired = is_unfinished or size > there
    found = there if is_repaired else size
    whole = found - found % (channels * BYTES_PER_SAMPLE[codec])
    if whole == 0:
        raise UnsupportedAudio("This WAV holds no audio.")
    return AudioFormat(codec, channels, rate, start, whole, is_repaired)


def _tag_name(tag: int, bits: int) -> str:
    if tag in {1, 6, 7}:
        return f"WAV with {bits} bits a sample"
    return _TAG_NAMES.get(tag, f"WAV with codec 0x{tag:04x}")


def _name(head: bytes) -> str:
    if not head:
        return "empty"
    for position, sign, name in _SIGNS:
        if head[position : position + len(sign)] == sign:
            return name
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return "MP3 or AAC"
    return "not audio that is known here"
