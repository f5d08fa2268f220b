"""Nothing personal lies in clear where it is kept: a canary over the demo's object store and its database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from django.core.management import call_command
from numpy.typing import NDArray

from recordings.audio import Codec
from tests.canary import dump_of, unhexed
from vault import storage
from vault.demo import dialogues
from vault.demo.calls import CUSTOMERS


@pytest.fixture
def objects(settings, tmp_path, monkeypatch) -> Iterator[Path]:
    settings.STORE_KIND, settings.STORE_DIRECTORY = "directory", str(tmp_path / "objects")
    monkeypatch.setenv("VAULT_VAR", str(tmp_path))
    storage.store.cache_clear()
    yield tmp_path / "objects"
    storage.store.cache_clear()


def test_neither_store_nor_database_holds_anything_in_clear(fresh_database, objects):
    call_command("create_demo")

    dump = dump_of(fresh_database)
    stored = b"".join(path.read_bytes() for path in sorted(objects.rglob("*")) if path.is_file())

    assert len(stored) > 20_000_000, "the demo has put no audio into the store"
    assert b"Katrien Maas" in dump, "the dump holds no rows"
    for place, content in {"database": dump, "object store": stored}.items():
        folded = content.lower()
        for form in numbers_and_names():
            # A short name turns up by chance among a hundred million random bytes.
            assert len(form) < 8 < len(folded) / 10**6 or form.lower().encode() not in folded, (
                f"{form!r} lies in the {place}"
            )
        assert not has_audio(content), f"audio lies in the {place}"


def test_the_canary_would_sing():
    audio = dialogues.find(2).frames.tobytes()
    clear = b"x" * 1001 + audio[300_003 : 300_003 + 80] + b"y" * 1000

    assert has_audio(clear)
    assert not has_audio(b"\\xff" * 4000)
    assert "020 7946 0123" in numbers_and_names()
    assert unhexed(rb"1\t\\x" + b"Daniel Ashby".hex().encode() + rb"\t2") == b"Daniel Ashby"


def numbers_and_names() -> list[str]:
    """Return every demo number as people and machines write it, and every customer's name."""
    forms = []
    for name, number, reference in CUSTOMERS:
        digits = number.removeprefix("+")
        country = 2
        national = digits[country:]
        forms += [number, digits, f"00{digits}", f"0{national}", national, reference, name, name.split()[-1]]
        for spaced in (f"0{national[:2]} {national[2:6]} {national[6:]}", f"+{digits[:2]} {national}"):
            forms.append(spaced)
        forms += [f"{national[:2]}-{national[2:]}", f"0{national[:3]} {national[3:]}"]
    return sorted(set(forms))


def has_audio(content: bytes) -> bool:
    """Say whether 64 consecutive bytes of any dialogue, in any of the demo's codecs, are in the content.

    Any such run holds one of the words of eight bytes that begin every 56 bytes of the content, so only where
    the audio has such a word it is compared in full. Silence is nobody's speech.
    """
    words = np.sort(np.frombuffer(content[: len(content) // 56 * 56], "<u8")[::7])
    return any(
        audio[at - back : at - back + 64] in content
        for audio in all_audio()
        for at in _suspects(audio, words)
        for back in range(min(at, 57))
    )


def all_audio() -> Iterator[bytes]:
    for number in range(1, 9):
        dialogue = dialogues.find(number)
        for codec in (Codec.MULAW, Codec.ALAW, Codec.PCM_S16):
            yield dialogues.written(dialogue.frames, codec)


def _suspects(audio: bytes, words: NDArray[np.uint64]) -> list[int]:
    """Return where in the audio a word begins that the content has, too, and that is not mere silence."""
    found: list[int] = []
    for shift in range(8):
        part = np.frombuffer(audio[shift : shift + (len(audio) - shift) // 8 * 8], "<u8")
        places = np.searchsorted(words, part)
        places[places == len(words)] = 0
        hits = np.flatnonzero(words[places] == part) * 8 + shift
        found += [int(at) for at in hits if len(set(audio[at : at + 64])) > 8]
    return found
