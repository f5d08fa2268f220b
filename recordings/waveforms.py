"""The waveform: one peak of each channel every 20 ms, so that a player draws without hearing. Pure.

A peak is an int8 from 0 (silence) to 127 (full scale), channels side by side. Half an hour of a call with
two sides takes 180 KB.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from cryptography.utils import Buffer
from numpy.typing import NDArray

from recordings.audio import AudioFormat, Codec

PEAK_MS = 20
PER_SECOND = 1000 // PEAK_MS
MEDIA_TYPE = "application/vnd.callvault.peaks"


def compute(audio: AudioFormat, pieces: Iterable[Buffer]) -> bytes:
    """Return the peaks of a file that comes in pieces; of it, no more than a piece is in memory."""
    window = audio.sample_rate * PEAK_MS // 1000
    window_bytes = window * audio.block_bytes
    peaks: list[bytes] = []
    pending = bytearray()
    skip, left = audio.data_offset, audio.data_length
    for piece in pieces:
        view = memoryview(piece).cast("B")
        skipped = min(skip, len(view))
        skip -= skipped
        view = view[skipped : skipped + left]
        left -= len(view)
        pending += view
        whole = len(pending) - len(pending) % window_bytes
        if whole:
            peaks.append(_peaks(audio, bytes(pending[:whole]), window))
            del pending[:whole]
    whole = len(pending) - len(pending) % audio.block_bytes
    if whole:
        peaks.append(_peaks(audio, bytes(pending[:whole]), whole // audio.block_bytes))
    return b"".join(peaks)


def _peaks(audio: AudioFormat, samples: bytes, window: int) -> bytes:
    """Return the peaks of whole windows."""
    levels = _levels(audio.codec, samples).reshape(-1, window, audio.channels)
    peaks: bytes = levels.max(axis=1).tobytes()
    return peaks


def _levels(codec: Codec, samples: bytes) -> NDArray[np.int8]:
    """Return how loud each sample is, from 0 to 127."""
    if codec is Codec.PCM_S16:
        values = np.frombuffer(samples, "<i2").astype(np.int32)
        return (np.minimum(np.abs(values), 32767) >> 8).astype(np.int8)
    return _LEVELS[codec][np.frombuffer(samples, np.uint8)]


def decode_mulaw() -> NDArray[np.int16]:
    """Return what each of the 256 µ-law codes stands for (G.711)."""
    code = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = (code >> 4) & 7, code & 15
    magnitude = (((mantissa.astype(np.int32) << 3) + 0x84) << exponent) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def decode_alaw() -> NDArray[np.int16]:
    """Return what each of the 256 A-law codes stands for (G.711)."""
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent, mantissa = ((code >> 4) & 7).astype(np.int32), (code & 15).astype(np.int32)
    magnitude = np.where(
        exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << np.maximum(exponent - 1, 0)
    )
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _loudness(values: NDArray[np.int16]) -> NDArray[np.int8]:
    return (np.minimum(np.abs(values.astype(np.int32)), 32767) >> 8).astype(np.int8)


_LEVELS: dict[Codec, NDArray[np.int8]] = {
    Codec.MULAW: _loudness(decode_mulaw()),
    Codec.ALAW: _loudness(decode_alaw()),
    Codec.PCM_U8: np.minimum(np.abs(np.arange(256, dtype=np.int32) - 128), 127).astype(np.int8),
}
