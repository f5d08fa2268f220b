"""Invite the first administrator of an installation."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from audit.actor import Actor
from vault import clock
from vault.access import people
from vault.access.people import EmailTaken
from vault.access.roles import Role


class Command(BaseCommand):
    """Make an administrator's account and print the link with which its owner signs in first."""

    help = "Invite an administrator; prints a link, good once and for a limited time."

    def add_arguments(self, parser: CommandParser) -> None:
        """Ask for the address, the name, and where the vault is reached."""
        parser.add_argument("email", help="the address the administrator signs in with")
        parser.add_argument("--name", default="", help="the administrator's name")
        parser.add_argument("--address", default="http://localhost:8000", help="where people reach the vault")

    def handle(self, *args: Any, **options: Any) -> None:
        """Invite, and print the link."""
        email: str = options["email"]
        try:
            invited = people.invite_person(
                email,
                name=options["name"] or email.partition("@")[0],
                role=Role.ADMINISTRATOR,
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
