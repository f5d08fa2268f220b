"""A folder of calls: audio files, each with its side-car beside it. Names are data, never paths or commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recordings import sidecar
from recordings.sidecar import CallMetadata
from vault.errors import Invalid, gettext_noop

_PIECE = 1_048_576
_LARGEST_SIDECAR = 262_144


class SidecarMissing(Invalid):
    """Audio alone says nothing of who called whom, or whether it may be kept."""

    code = "sidecar-missing"
    title = gettext_noop("There is no description of the call beside its audio")


class AudioMissing(Invalid):
    """A description alone is no call."""

    code = "audio-missing"
    title = gettext_noop("The audio that the description names is not beside it")


class AudioUnreadable(Invalid):
    """The file is there, but cannot be read."""

    code = "audio-unreadable"
    title = gettext_noop("The audio cannot be read from the folder")


class SidecarUnreadable(Invalid):
    """Not JSON, too large, or of another file."""

    code = "sidecar-unreadable"
    title = gettext_noop("The description of the call cannot be read")


@dataclass(frozen=True, slots=True)
class Pair:
    """One call's files; one of them may be missing."""

    name: str
    audio: Path | None
    sidecar: Path | None


def pairs(folder: Path) -> list[Pair]:
    """Return the calls of a folder by name: every side-car and every other file, whatever its ending."""
    # A link may lead out of the folder: it is not followed.
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.is_symlink())
    sidecars = {path.stem: path for path in files if path.suffix.lower() == ".json"}
    audios = {path.stem: path for path in files if path.suffix.lower() != ".json"}
    # Some systems write call.wav.json beside call.wav.
    for name in [name for name in sidecars if (folder / name) in files]:
        sidecars.setdefault(Path(name).stem, sidecars[name])
        del sidecars[name]
    names = sorted(sidecars.keys() | audios.keys())
    return [Pair(name, audios.get(name), sidecars.get(name)) for name in names if not name.startswith(".")]


def read_metadata(pair: Pair) -> CallMetadata:
    """Return what a pair's side-car says.

    :raises SidecarMissing: if there is none.
    :raises AudioMissing: if there is no audio beside it, or of another name than it says.
    :raises SidecarUnreadable: if it is not JSON.
    :raises SidecarInvalid: if it breaks a rule of ``vault-sidecar/1``.
    """
    if pair.sidecar is None:
        raise SidecarMissing
    if pair.audio is None:
        raise AudioMissing
    metadata = sidecar.parse(_read_json(pair.sidecar))
    if metadata.file and metadata.file != pair.audio.name:
        raise AudioMissing
    return metadata


def read_audio(path: Path) -> Iterator[bytes]:
    """Yield a file a mebibyte at a time.

    :raises AudioUnreadable: if the disk or its permissions do not let us.
    """
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
    except OSError as error:
        raise AudioUnreadable from error


def _read_json(path: Path) -> Any:
    try:
        if path.stat().st_size > _LARGEST_SIDECAR:
            raise SidecarUnreadable("The description of the call has more than 256 KiB.")
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        raise SidecarUnreadable from None
