"""Print the demo people's current one-time codes."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from vault import clock
from vault.access.models import ROLE_NAMES
from vault.demo import keepsake
from vault.demo.one_time_codes import code_at, seconds_left
from vault.demo.organisation import PEOPLE


class Command(BaseCommand):
    """Print the codes that the demo people's authenticator apps would show now."""

    help = "Print the demo people's current one-time codes. For trials only."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line a person."""
        keepsake.check_trial()
        kept, now = keepsake.load(), clock.now()
        for person in PEOPLE:
            if secret := kept.totp_secrets.get(person.email):
                code = code_at(secret, now)
                role = str(ROLE_NAMES[person.role])
                self.stdout.write(f"{code[:3]} {code[3:]}  {person.email:44} {role}")
        self.stdout.write(_("These change in %(seconds)d seconds.") % {"seconds": seconds_left(now)})
