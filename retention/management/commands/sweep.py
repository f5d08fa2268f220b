"""Run the sweep once, by hand: ``manage.py sweep``."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.actor import Actor
from retention import rescheduling, sweep
from vault import clock
from vault.errors import Refusal


class Command(BaseCommand):
    """Do what Celery's beat does each minute, and say what was done."""

    help = "Erase what is due and finish what was begun; safe beside the periodic sweep."

    def handle(self, *args: Any, **options: Any) -> None:
        """Carry changed policies through, then sweep."""
        actor = Actor.system("command:sweep")
        try:
            changed = rescheduling.reschedule(actor=actor, now=clock.now())
            swept = sweep.run(actor=actor, now=clock.now())
        except Refusal as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(
            f"rescheduled {changed}, due {swept.noticed}, keys destroyed {swept.destroyed},"
            f" copies deleted {swept.deleted}, verified {swept.verified}, certified {swept.certified}"
        )
