"""Import a folder of calls. Safe to repeat: what is here already is only counted."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils.translation import gettext as _

from audit import trail
from audit.actions import Action
from audit.actor import Actor, Ref
from recordings import folder, ingest
from recordings.folder import Pair
from recordings.models import State
from vault import clock
from vault.errors import Refusal, Unavailable

ACTOR = Actor.system("command:import_recordings")
_BAR = 30


class Command(BaseCommand):
    """Import a folder of audio files with JSON side-cars (vault-sidecar/1)."""

    help = (
        "Import a folder of WAV files, each with its description beside it (call.wav and call.json,"
        " vault-sidecar/1). Safe to repeat. Exits 1 if anything was refused, 2 if it had to stop."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the folder."""
        parser.add_argument("folder", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="Read the descriptions; take nothing in.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Take in every call; say what was refused and why."""
        if not options["folder"].is_dir():
            raise CommandError(_("There is no folder of this name."))
        found = folder.pairs(options["folder"])
        counts: Counter[str] = Counter()
        refused: list[tuple[str, Refusal]] = []
        for number, pair in enumerate(found, start=1):
            self._show_progress(number, len(found))
            try:
                counts[check(pair) if options["dry_run"] else import_call(pair)] += 1
            except Unavailable as unavailable:
                self._report(counts, refused)
                raise CommandError(
                    _("Stopped at %(name)s: %(why)s Run it again when that is mended.")
                    % {"name": pair.name, "why": unavailable.detail},
                    returncode=2,
                ) from unavailable
            except Refusal as refusal:
                refused.append((pair.name, refusal))
        if not options["dry_run"]:
            record_run(counts, len(refused))
        self._report(counts, refused)
        if refused:
            raise CommandError(_("%(count)d calls were refused.") % {"count": len(refused)})

    def _show_progress(self, done: int, total: int) -> None:
        if self.stderr.isatty():
            filled = _BAR * done // total
            end = "\n" if done == total else ""
            self.stderr.write(f"\r[{'█' * filled}{'·' * (_BAR - filled)}] {done}/{total}", ending=end)
            self.stderr.flush()

    def _report(self, counts: Counter[str], refused: list[tuple[str, Refusal]]) -> None:
        words = {
            "accepted": _("taken in"),
            "quarantined": _("taken in, but in quarantine: no lawful basis"),
            "repeated": _("here already"),
            "readable": _("would be taken in, if the audio is"),
        }
        for name, word in words.items():
            if counts[name]:
                self.stdout.write(f"{counts[name]:6} {word}")
        for name, refusal in refused:
            self.stdout.write(f"{_('refused'):>10}  {name}: {refusal.detail} [{refusal.reason}]")


def check(pair: Pair) -> str:
    """Read what describes a call, and nothing more."""
    folder.read_metadata(pair)
    return "readable"


def import_call(pair: Pair) -> str:
    """Take one call in; what is refused is in the trail. Return what became of it."""
    now = clock.now()
    try:
        metadata = folder.read_metadata(pair)
        announced = ingest.announce(metadata, actor=ACTOR, now=now)
        recording = ingest.receive_audio(
            announced.id, folder.read_audio(_audio_of(pair)), digest=None, actor=ACTOR, now=now
        )
    except Refusal as refusal:
        trail.record_refusal(
            refusal, actor=ACTOR, action=Action.RECORDING_INGEST_REFUSED, target=Ref("job", "import"), at=now
        )
        raise
    if recording.ingested_at != now:
        return "repeated"
    return "quarantined" if recording.state == State.QUARANTINED else "accepted"


def record_run(counts: Counter[str], refused: int) -> None:
    """Write down that a folder was imported, and how much of it."""
    with transaction.atomic(durable=True):
        trail.record(
            Action.IMPORT_RUN,
            actor=ACTOR,
            target=Ref("job", "import"),
            at=clock.now(),
            accepted=counts["accepted"],
            quarantined=counts["quarantined"],
            repeated=counts["repeated"],
            refused=refused,
        )


def _audio_of(pair: Pair) -> Path:
    if pair.audio is None:
        raise folder.AudioMissing
    return pair.audio
