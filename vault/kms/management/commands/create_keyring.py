"""Make the first keyring of an installation whose master key is given from outside."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from vault.kms import Duty, service
from vault.kms.interface import KeyManagementUnavailable
from vault.kms.keyring import Keyring


class Command(BaseCommand):
    """Make an empty keyring at KMS_KEYRING; an existing one stays as it is."""

    help = "Make the first, empty keyring. Never needed again: a missing keyring is put back from its backup."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it."""
        keyring = service(Duty.ROTATION)
        if not isinstance(keyring, Keyring):
            raise CommandError("The keys are not in a keyring: KMS_KIND says otherwise.")
        try:
            keyring.create()
            keyring.check()
        except KeyManagementUnavailable as error:
            raise CommandError(error.detail) from None
        self.stdout.write("The keyring is there.")
