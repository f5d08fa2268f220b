"""Invite the first administrator, and the first data protection officer, of an installation.

One person alone could never have a second one; so whoever runs the vault, and only they, may do this alone.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from audit.actor import Actor
from vault import clock
from vault.access import people
from vault.access.people import EmailTaken
from vault.access.roles import Role
from vault.access.second_person import PRIVILEGED


class Command(BaseCommand):
    """Make an administrator's or DPO's account and print the link with which its owner signs in first."""

    help = "Invite an administrator or DPO; prints a link, good once and for a limited time."

    def add_arguments(self, parser: CommandParser) -> None:
        """Ask for the address, the name, the role, and where the vault is reached."""
        parser.add_argument("email", help="the address they sign in with")
        parser.add_argument("--name", default="", help="their name")
        parser.add_argument(
            "--role",
            choices=sorted(role.value for role in PRIVILEGED),
            default=Role.ADMINISTRATOR.value,
            help="administrator, or dpo for the data protection officer",
        )
        parser.add_argument("--address", default="http://localhost:8000", help="where people reach the vault")

    def handle(self, *args: Any, **options: Any) -> None:
        """Invite, and print the link."""
        email: str = options["email"]
        try:
            invited = people.invite_person(
                email,
                name=options["name"] or email.partition("@")[0],
                role=Role(options["role"]),
                actor=Actor.system("command:create_administrator"),
                now=clock.now(),
            )
        except EmailTaken as taken:
            raise CommandError(taken.detail) from None
        path = reverse("account_open_invitation", args=[invited.secret])
        self.stdout.write(
            f"Open this link to choose a password and a second factor, before {invited.expires_at:%d %B, %H:%M} UTC:"
        )
        self.stdout.write(options["address"].rstrip("/") + path)
