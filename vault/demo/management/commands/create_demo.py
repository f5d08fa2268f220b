"""Make the demo organisation, its people and its calls."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from vault import clock
from vault.demo import keepsake, making


class Command(BaseCommand):
    """Make the demo, where it is missing."""

    help = "Make the demo organisation with its people and calls. For trials only; safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it, and say how far it is."""
        keepsake.check_trial()
        kept = keepsake.load()
        kept.save()
        made = making.make(kept, now=clock.now(), tell=self._show_progress)
        kept.save()
        self.stdout.write(
            _("Harbour Vale Energy: %(people)d people, %(calls)d new calls.")
            % {"people": made.people, "calls": made.calls}
        )

    def _show_progress(self, done: int, total: int) -> None:
        if self.stdout.isatty():
            self.stdout.write(f"\r  {done}/{total} ", ending="\n" if done == total else "")
            self.stdout.flush()
        elif done % 10 == 0 or done == total:
            self.stdout.write(f"  {done}/{total}")
            self.stdout.flush()
