"""Print the public half of the log's key."""

from typing import Any

from django.core.management.base import BaseCommand

from audit import log_key


class Command(BaseCommand):
    """What everybody but the sequencer is given as AUDIT_PUBLIC_KEY, and what checks an export."""

    help = (
        "Print the public half of the log's key, one line, for AUDIT_PUBLIC_KEY and for who checks exports."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        self.stdout.write(log_key.verifier().vkey)
