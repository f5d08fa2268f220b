"""Look after key-encryption keys from the shell: ``manage.py keys``. Each act is in the trail."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, date, datetime, time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, OutputWrapper

from audit.actor import Actor
from recordings import keks, key_check, key_work, moving
from recordings.models import KeyWork, KeyWorkKind
from retention import key_months
from vault import clock, kms
from vault.errors import Refusal, Unavailable
from vault.kms import Duty, KeyInfo
from vault.kms.models import Kek, KekState

ACTOR = Actor.system("command:keys")
KINDS = {"rotate": KeyWorkKind.ROTATE, "harden": KeyWorkKind.HARDEN, "replace": KeyWorkKind.REPLACE}


class Command(BaseCommand):
    """List keys, or do what the first word says."""

    help = "Key-encryption keys: what there is, and what is to be done with them. Without a word: list them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take one word, and for most of them a key's name."""
        words = parser.add_subparsers(dest="word", metavar="WORD")
        words.add_parser("list", help="every key: in use or gone, what lives on it, work under way")
        ahead = words.add_parser("ahead", help="make the keys that calls will need in the next two months")
        ahead.add_argument(
            "--since",
            type=date.fromisoformat,
            metavar="DATE",
            help="and those for calls since then that are still to be brought in, as from an archive",
        )
        words.add_parser("move", help="move the keys of recordings whose end moved to another month")
        words.add_parser("work", help="go on with work that was begun, and say how far it is")
        words.add_parser("end", help="destroy the keys of months that have passed and on which nothing lives")
        for word, what in {
            "rotate": "make a new version and wrap all data keys again under it",
            "harden": "rotate, then destroy the older versions: what was erased is beyond any backup",
            "replace": "as harden, because others may know the key; then try every data key",
            "retry": "go on with work that was given up",
            "check": "try every data key and local master under a key; reads no audio",
        }.items():
            words.add_parser(word, help=what).add_argument("name", help="as in audio-2027-02")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say what was done."""
        word, name = options["word"] or "list", options.get("name", "")
        try:
            if word in KINDS:
                self._renew(name, KINDS[word])
            elif word == "check":
                self._check(name)
            elif word == "retry":
                key_work.retry(name, actor=ACTOR, now=clock.now())
                self._work(name)
            elif word == "ahead":
                self._ahead(options.get("since"))
            else:
                {
                    "list": self._list,
                    "move": self._move,
                    "work": self._work,
                    "end": self._end,
                }[word]()
        except Refusal as refusal:
            raise CommandError(f"{refusal.detail} ({refusal.reason})") from refusal

    def _list(self) -> None:
        there = _described(self.stderr)
        under_way = {work.kek: work for work in KeyWork.objects.filter(finished_at__isnull=True)}
        self.stdout.write(
            f"{'key':<20}{'state':<12}{'version':>8}{'data keys':>12}  made, hardened, gone, work"
        )
        found = list(Kek.objects.order_by("pk"))
        living = keks.lives_on_each(kek.name for kek in found)
        for kek in found:
            info, lives = (there or {}).get(kek.name), living[kek.name]
            many = f"> {keks.COUNTED_UP_TO}" if lives.data_keys > keks.COUNTED_UP_TO else str(lives.data_keys)
            if kek.name in key_work.WRAPS_ELSEWHERE:
                many = "elsewhere"
            elif lives.masters and not lives.data_keys:
                many = "masters"  # what it wraps wraps others
            notes = [f"{kek.made_at:%Y-%m-%d}{'' if kek.made_ahead else ' (when needed)'}"]
            notes += [f"hardened {kek.hardened_at:%Y-%m-%d}"] if kek.hardened_at else []
            notes += [f"destroyed {kek.destroyed_at:%Y-%m-%d}"] if kek.destroyed_at else []
            notes += [_how_far(under_way[kek.name])] if kek.name in under_way else []
            is_lost = there is not None and info is None and kek.state == KekState.ACTIVE
            notes += ["NOT IN THE SERVICE"] if is_lost else []
            version = str(info.version) if info else "-"
            self.stdout.write(f"{kek.name:<20}{kek.state:<12}{version:>8}{many:>12}  {', '.join(notes)}")

    def _ahead(self, since: date | None) -> None:
        oldest = datetime.combine(since, time(), UTC) if since else None
        made = key_months.make_ahead(actor=ACTOR, now=clock.now(), since=oldest)
        self.stdout.write(f"made {made} keys; the next {key_months.AHEAD.days} days are provided for")

    def _move(self) -> None:
        self.stdout.write(f"moved the keys of {moving.move_keys(now=clock.now())} recordings")

    def _end(self) -> None:
        gone = key_months.destroy_passed(actor=ACTOR)
        self.stdout.write(f"destroyed {gone} keys")

    def _renew(self, name: str, kind: KeyWorkKind) -> None:
        key_work.begin(name, kind, actor=ACTOR, now=clock.now())
        self._work(name)
        if kind == KeyWorkKind.REPLACE:
            self._check(name)

    def _work(self, name: str = "") -> None:
        key_work.carry_on(actor=ACTOR, now=clock.now(), only=name)
        open_work = KeyWork.objects.filter(finished_at__isnull=True).order_by("asked_at", "pk")
        left = list(open_work.filter(kek=name) if name else open_work)
        for work in left:
            self.stdout.write(f"{work.kek}: {_how_far(work)}")
        ended = keks.destroy_closed(actor=ACTOR, now=clock.now())
        if ended:
            self.stdout.write(f"destroyed {ended} keys that were closed")
        done = KeyWork.objects.filter(kek=name, finished_at__isnull=False).order_by("-finished_at").first()
        if done and not left:
            self.stdout.write(f"{name}: version {done.version}, {done.rewrapped} keys wrapped again")
        if stuck := [work.kek for work in left if work.stuck_at]:
            raise CommandError(
                f"Nothing was destroyed. 'keys check' says what is wrong with {', '.join(stuck)}."
            )

    def _check(self, name: str) -> None:
        found = key_check.check_keys(name, actor=ACTOR, now=clock.now())
        lost = len(found.unreadable) + len(found.lost_masters)
        self.stdout.write(
            f"{name}: {found.tried} data keys and {found.masters} local masters tried, {lost} unreadable"
        )
        if found.lost_masters:
            raise CommandError(f"These local masters cannot be opened: {', '.join(found.lost_masters)}")
        if found.unreadable:
            listed = "\n".join(str(each) for each in found.unreadable[:100])
            raise CommandError(f"These recordings cannot be opened:\n{listed}")


def _described(stderr: OutputWrapper) -> dict[str, KeyInfo] | None:
    """Return what the service says of its keys, or nothing while it is away: the books are here."""
    try:
        return {info.name: info for info in kms.service(Duty.ROTATION).describe()}
    except Unavailable as refusal:
        stderr.write(f"{refusal.detail} ({refusal.reason})")
        return None


def _how_far(work: KeyWork) -> str:
    if work.stuck_at:
        return f"{work.kind} given up: {work.refused} keys cannot be wrapped again"
    if work.trim_at:
        return (
            f"{work.kind}: {work.rewrapped} wrapped again; back up the key table,"
            f" the older versions go after {work.trim_at:%Y-%m-%d %H:%M} UTC"
        )
    return f"{work.kind}: {work.rewrapped} of {work.total}"
