"""Go on after a backup was put back: from the locked copy, or under a new origin."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit import restore
from audit.actor import Actor
from audit.anchors import AnchorFailed
from vault import clock


class Command(BaseCommand):
    """The two ways out when the sequencer refuses to sign."""

    help = (
        "Bring back what the locked copy holds beyond this database (--from-copy), or let the trail go on under the"
        " new name that AUDIT_ORIGIN has (--new-origin --why TEXT). Stop the sequencer first, start it afterwards."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take one way or the other."""
        way = parser.add_mutually_exclusive_group(required=True)
        way.add_argument("--from-copy", action="store_true")
        way.add_argument("--new-origin", action="store_true")
        parser.add_argument("--why", default="", help="Stands in the trail for good: name no person.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say what was done."""
        actor, now = Actor.system("command:restore_trail"), clock.now()
        try:
            if options["from_copy"]:
                done = restore.from_copy(actor=actor, now=now)
                if done.removed_months:
                    self.stdout.write(
                        f"Removed again, as after the backup: {', '.join(done.removed_months)}."
                    )
                self.stdout.write(
                    f"Brought back events {done.first} to {done.size - 1}. The names, addresses and reasons that belonged to"
                    " them are lost. Start the sequencer."
                )
            else:
                known = restore.open_origin(why=options["why"], actor=actor, now=now)
                self.stdout.write(
                    f"The trail goes on under its new name. Last known of {known.origin}: {known.size} entries."
                    " Give everybody who checks it the new key (show_log_key), and start the sequencer."
                )
        except (restore.RestoreRefused, AnchorFailed) as refusal:
            raise CommandError(str(refusal)) from refusal
