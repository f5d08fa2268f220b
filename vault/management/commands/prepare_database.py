"""Bring the database up to date: tables, then what each account may do with them."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from vault import privileges, starting


class Command(BaseCommand):
    """Migrate as the owner (DATABASE_OWNER_URL) and grant the two restricted accounts their rights."""

    help = "Migrate as the owner (DATABASE_OWNER_URL) and grant the restricted accounts their rights."

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate, then grant, then let the trail say with which settings; safe to repeat."""
        call_command("migrate", database="owner", interactive=False, verbosity=options["verbosity"])
        privileges.grant_all()
        starting.note_settings("prepare_database")
        self.stdout.write("The database is up to date.")
