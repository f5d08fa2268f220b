"""Importing a folder: every call once, every refusal named, safe to repeat."""

from __future__ import annotations

import json
import os
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from audit.actions import Action
from recordings import folder
from recordings.models import Recording
from tests.recordings.calls import document, wav
from tests.trail import events
from vault import storage
from vault.storage import StoreUnavailable


@pytest.fixture
def calls(tmp_path: Path, north) -> Path:
    put(tmp_path, "one", document("one"), wav(1.0))
    put(tmp_path, "two", document("two", lawful_bases=[]), wav(1.5))
    return tmp_path


def put(place: Path, name: str, said: object, audio: bytes | None, *, ending: str = ".wav") -> None:
    if said is not None:
        (place / f"{name}.json").write_text(said if isinstance(said, str) else json.dumps(said))
    if audio is not None:
        (place / f"{name}{ending}").write_bytes(audio)


def run(place: Path, *words: str) -> str:
    out = StringIO()
    call_command("import_recordings", str(place), *words, stdout=out)
    return out.getvalue()


def test_a_folder_comes_in_and_again_changes_nothing(calls):
    first = run(calls)
    second = run(calls)

    assert "1 taken in\n" in first
    assert "1 taken in, but in quarantine" in first
    assert "2 here already" in second
    assert sorted(Recording.objects.values_list("state", flat=True)) == ["active", "quarantined"]
    runs = [json.loads(bytes(event.entry))["facts"] for event in events(Action.IMPORT_RUN)]
    assert runs == [
        {"accepted": 1, "quarantined": 1, "repeated": 0, "refused": 0},
        {"accepted": 0, "quarantined": 0, "repeated": 2, "refused": 0},
    ]


def test_each_refusal_is_reported_with_its_reason_and_the_others_come_in(calls, capsys):
    put(calls, "mp3", document("mp3"), b"ID3" + b"\0" * 500, ending=".mp3")
    put(calls, "lonely-audio", None, wav())
    put(calls, "lonely-words", document("lonely"), None)
    put(calls, "broken", "{not json", wav())
    put(calls, "other-file", document("other", media={"file": "elsewhere.wav"}), wav())
    put(calls, "changed", document("changed", media={"sha256": "0" * 64}), wav())
    put(calls, "local-time", document("local", call={"started_at": "2026-11-22T10:00:00"}), wav())
    put(calls, "huge", json.dumps(document("huge")) + " " * 300_000, wav())

    with pytest.raises(CommandError, match="8 calls were refused"):
        call_command("import_recordings", str(calls))

    report = capsys.readouterr().out
    for name, code in {
        "mp3": "unsupported-audio",
        "lonely-audio": "sidecar-missing",
        "lonely-words": "audio-missing",
        "broken": "sidecar-unreadable",
        "other-file": "audio-missing",
        "changed": "digest-mismatch",
        "local-time": "sidecar-invalid",
        "huge": "sidecar-unreadable",
    }.items():
        assert any(f"{name}:" in line and f"[{code}]" in line for line in report.splitlines()), name
    assert Recording.objects.count() == 2
    refusals = events(Action.RECORDING_INGEST_REFUSED)
    assert len(refusals) == 8
    assert all(b"lonely" not in bytes(event.entry) for event in refusals)


def test_a_call_with_other_audio_than_before_is_refused(calls):
    run(calls)
    (calls / "one.wav").write_bytes(wav(2.0))

    with pytest.raises(CommandError, match="1 calls were refused"):
        run(calls)

    assert Recording.objects.get(basis_status="granted").duration_ms == 1_000


def test_a_dry_run_takes_nothing_in(calls):
    assert "2 would be taken in" in run(calls, "--dry-run")

    assert not Recording.objects.exists()
    assert not events()


def test_a_store_that_is_down_stops_the_import_and_says_so(calls, monkeypatch):
    class Down:
        def __getattr__(self, name: str) -> object:
            def fail(*args: object) -> None:
                raise StoreUnavailable

            return fail

    with monkeypatch.context() as patch:
        patch.setattr(storage, "store", Down)
        with pytest.raises(CommandError, match="Stopped at one") as stopped:
            run(calls)

    assert stopped.value.returncode == 2


def test_names_are_data_and_links_are_not_followed(calls, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    put(outside, "secret", document("secret"), wav())
    for ending in ("wav", "json"):
        os.symlink(outside / f"secret.{ending}", calls / f"secret.{ending}")
    put(calls, "$(touch x) +31201234567 [é]", document("odd"), wav(1.2))
    (calls / "folder.wav").mkdir()

    found = [pair.name for pair in folder.pairs(calls)]

    assert found == ["$(touch x) +31201234567 [é]", "one", "two"]
    run(calls)
    assert Recording.objects.count() == 3


def test_a_description_may_be_named_after_the_audio_file(tmp_path):
    (tmp_path / "call.wav.json").write_text("{}")
    (tmp_path / "call.wav").write_bytes(b"")

    (pair,) = folder.pairs(tmp_path)

    assert (pair.name, pair.audio, pair.sidecar) == (
        "call",
        tmp_path / "call.wav",
        tmp_path / "call.wav.json",
    )


def test_a_folder_that_is_not_there_is_said_to_be_missing(tmp_path, db):
    with pytest.raises(CommandError):
        run(tmp_path / "nowhere")
