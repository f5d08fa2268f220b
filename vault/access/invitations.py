"""The link with which an invited person chooses a password and enrols a second factor.

A password alone never opens anything, and never lets anybody enrol a factor: only the link does. It is
good until a factor is enrolled, or until it expires.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from audit import trail
from audit.actions import Action
from audit.actor import Actor, Ref
from vault.access.models import Invitation, User
from vault.errors import Missing, gettext_noop


class InvitationOver(Missing):
    """The link was used up, replaced, or has expired."""

    code = "invitation-over"


@dataclass(frozen=True, slots=True)
class Invited:
    """An account and the secret of its link, which is shown once."""

    person: User
    secret: str = field(repr=False)
    expires_at: datetime


def issue(person: User, *, now: datetime) -> Invited:
    """Make a person's link, in the caller's transaction; an older one ends."""
    secret = secrets.token_urlsafe(32)
    expires_at = now + timedelta(hours=settings.INVITATION_HOURS)
    Invitation.objects.update_or_create(
        user=person,
        defaults={"secret_hash": _hashed(secret), "created_at": now, "expires_at": expires_at},
    )
    return Invited(person, secret, expires_at)


def withdraw(person: User) -> None:
    """End a person's link, in the caller's transaction."""
    Invitation.objects.filter(user=person).delete()


def require(secret: str, *, now: datetime) -> Invitation:
    """Return the invitation with this secret, or refuse.

    :raises InvitationOver: if there is none in force.
    """
    invitation = (
        Invitation.objects.select_related("user")
        .filter(secret_hash=_hashed(secret), expires_at__gt=now, user__is_active=True)
        .first()
    )
    if invitation is None:
        raise InvitationOver(gettext_noop("Ask an administrator for a new link."))
    return invitation


@transaction.atomic(durable=True)
def set_password(secret: str, password: str, *, actor: Actor, now: datetime) -> User:
    """Set an invited person's password; ``actor`` is that person, known by the link."""
    person = require(secret, now=now).user
    person.set_password(password)
    person.save(update_fields=["password"])
    trail.record(
        Action.ACCOUNT_PASSWORD_CHANGED,
        actor=actor,
        target=Ref("account", str(person.pk)),
        at=now,
        how="invitation",
    )
    return person


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
