"""Service tokens: with what other systems call the API. The secret is shown once and kept as a hash.

SHA-256 without a salt is enough: the secret is 32 random bytes, nothing a dictionary holds.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from audit import trail
from audit.actions import Action
from audit.actor import Actor, ActorKind, Ref
from vault.access.models import ServiceToken
from vault.access.roles import Role, permissions_of
from vault.errors import Conflict, Invalid
from vault.permissions import Permission

PREFIX = "cv_"
LONGEST_LIFE = timedelta(days=400)
SEEN_EVERY = timedelta(minutes=1)


class TokenNotInForce(Conflict):
    """The token was revoked; what is revoked stays revoked."""

    code = "token-revoked"


@dataclass(frozen=True, slots=True)
class MadeToken:
    """A token with its secret, which nobody can show again."""

    token: ServiceToken
    secret: str = field(repr=False)


@transaction.atomic(durable=True)
def create_token(
    name: str, *, scopes: Iterable[Permission], lifetime: timedelta, actor: Actor, now: datetime
) -> MadeToken:
    """Make a token for another system."""
    wanted = sorted(set(scopes))
    _check_scopes(wanted)
    _check_lifetime(lifetime)
    secret = _new_secret()
    token = ServiceToken.objects.create(
        name=name,
        secret_hash=_hashed(secret),
        hint=secret[-4:],
        scopes=[scope.value for scope in wanted],
        created_by_id=actor.id if actor.kind is ActorKind.PERSON else None,
        created_at=now,
        expires_at=now + lifetime,
    )
    _record_made(token, actor=actor, now=now)
    return MadeToken(token, secret)


@transaction.atomic(durable=True)
def renew_token(token_id: UUID, *, lifetime: timedelta, actor: Actor, now: datetime) -> MadeToken:
    """Give a token a new secret and a new life; the old secret ends at once, its reach stays.

    :raises TokenNotInForce: if it was revoked.
    """
    token = ServiceToken.objects.select_for_update().require(token_id)
    if token.revoked_at is not None:
        raise TokenNotInForce
    _check_lifetime(lifetime)
    secret = _new_secret()
    token.secret_hash, token.hint = _hashed(secret), secret[-4:]
    token.created_at, token.expires_at = now, now + lifetime
    token.save(update_fields=["secret_hash", "hint", "created_at", "expires_at"])
    _record_made(token, actor=actor, now=now)
    return MadeToken(token, secret)


@transaction.atomic(durable=True)
def revoke_token(token_id: UUID, *, actor: Actor, now: datetime) -> ServiceToken:
    """End a token at once and for good; doing so again changes nothing."""
    token = ServiceToken.objects.select_for_update().require(token_id)
    if token.revoked_at is None:
        token.revoked_at = now
        token.save(update_fields=["revoked_at"])
        trail.record(Action.TOKEN_REVOKED, actor=actor, target=Ref("token", str(token.pk)), at=now)
    return token


def find_in_force(secret: str, *, now: datetime) -> ServiceToken | None:
    """Return the token with this secret, unless it was revoked or has expired."""
    if not secret.startswith(PREFIX):
        return None
    return ServiceToken.objects.filter(
        secret_hash=_hashed(secret), revoked_at__isnull=True, expires_at__gt=now
    ).first()


def note_used(token: ServiceToken, *, now: datetime) -> None:
    """Note when a token was last used, at most once a minute."""
    if token.last_used_at is None or now - token.last_used_at >= SEEN_EVERY:
        ServiceToken.objects.filter(pk=token.pk).update(last_used_at=now)


def permissions_of_token(token: ServiceToken) -> frozenset[Permission]:
    """Return what the token may: its scopes, as far as the role of integrations still gives them."""
    return frozenset(scope for scope in permissions_of(Role.INTEGRATION) if scope.value in token.scopes)


def _check_scopes(scopes: list[Permission]) -> None:
    if not scopes:
        raise Invalid(_("Choose at least one thing that the token may do."), code="no-scope")
    if not set(scopes) <= permissions_of(Role.INTEGRATION):
        raise Invalid(_("A token may only do what integrations may."), code="scope-too-wide")


def _check_lifetime(lifetime: timedelta) -> None:
    if not timedelta(0) < lifetime <= LONGEST_LIFE:
        raise Invalid(
            _("A token lives at most %(days)d days.") % {"days": LONGEST_LIFE.days}, code="lifetime-too-long"
        )


def _record_made(token: ServiceToken, *, actor: Actor, now: datetime) -> None:
    trail.record(
        Action.TOKEN_CREATED,
        actor=actor,
        target=Ref("token", str(token.pk)),
        at=now,
        scopes=" ".join(token.scopes),
        expires_at=token.expires_at.isoformat(),
        role=Role.INTEGRATION.value,
    )


def _new_secret() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
