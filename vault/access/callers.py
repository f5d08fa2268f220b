"""Who asks: a person with a session that has a second factor, a service token, or nobody known."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from audit.actor import Actor, ActorKind
from vault import clock
from vault.access import factors, sessions, tokens
from vault.access.address import client_address
from vault.access.models import SignIn, User
from vault.access.roles import Role, permissions_of
from vault.errors import Refusal, gettext_noop

REMEMBERED_FOR = timedelta(seconds=2)


class NotSignedIn(Refusal):
    """Nobody has shown who they are."""

    status = 401
    code = "not-signed-in"
    title = gettext_lazy("Sign in first")


class TokenRefused(NotSignedIn):
    """What stands in the Authorization header is no token in force."""

    code = "token-not-valid"
    title = gettext_lazy("The token is not valid")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and how they showed it."""

    actor: Actor
    by_session: bool = False
    is_enrolling: bool = False
    sign_in: SignIn | None = None

    @property
    def is_signed_in(self) -> bool:
        """Say whether the second factor was shown, or a token in force."""
        return self.actor.id is not None


def actor_of(request: HttpRequest) -> Actor:
    """Return who asks; the gate has seen to it before any view runs."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor


def caller_of(request: HttpRequest) -> Caller:
    """Return who asks and how they showed it."""
    caller: Caller = request.caller  # type: ignore[attr-defined]
    return caller


def set_caller(request: HttpRequest, caller: Caller) -> None:
    """Tell the views who asks: ``request.actor``."""
    request.caller = caller  # type: ignore[attr-defined]
    request.actor = caller.actor  # type: ignore[attr-defined]


def unknown(request: HttpRequest) -> Caller:
    """Return a caller of whom nothing is known but the address."""
    return Caller(
        Actor.unknown(access_point(request), address=client_address(request), request_id=request_id(request))
    )


def identify(request: HttpRequest, *, briefly: bool = False) -> Caller:
    """Find out who asks, and tell the request.

    :param briefly: believe for two seconds what was found before (for ranges of audio, asked often).
    :raises TokenRefused: for an Authorization header without a token in force.
    """
    now = clock.now()
    cookie = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    header = request.headers.get("Authorization", "")
    if header:
        caller = _by_token(request, header, now)
    elif briefly and cookie and (found := _remembered.get(cookie, now)):
        caller = _renumbered(found, request)
    else:
        caller = _by_session(request, now) if cookie else unknown(request)
        if briefly and caller.is_signed_in:
            _remembered.put(cookie, caller, now)
    set_caller(request, caller)
    return caller


def person(request: HttpRequest, user: User, *, sign_in: SignIn | None = None) -> Actor:
    """Return a person as an actor, with what their role and teams give them now."""
    role = Role(user.role)
    return Actor(
        kind=ActorKind.PERSON,
        id=user.pk,
        role=role.value,
        name=user.name,
        access_point=access_point(request),
        address=client_address(request),
        request_id=request_id(request),
        session=str(sign_in.pk) if sign_in else "",
        teams=frozenset(user.memberships.values_list("team_id", flat=True)),
        permissions=permissions_of(role),
        rule=actor_of(request).rule if hasattr(request, "actor") else "",
    )


def access_point(request: HttpRequest) -> str:
    """Say by which door the request came."""
    return "api" if request.path.startswith("/api/") else "web"


def request_id(request: HttpRequest) -> str:
    """Return the id under which this request stands in logs, problems and the trail."""
    return str(getattr(request, "request_id", ""))


def _by_token(request: HttpRequest, header: str, now: datetime) -> Caller:
    scheme, _space, secret = header.partition(" ")
    token = tokens.find_in_force(secret.strip(), now=now) if scheme.lower() == "bearer" else None
    if token is None:
        raise TokenRefused(gettext_noop("Send a service token that is in force: Authorization: Bearer cv_…"))
    tokens.note_used(token, now=now)
    return Caller(
        Actor(
            kind=ActorKind.SERVICE,
            id=token.pk,
            role=Role.INTEGRATION.value,
            name=token.name,
            access_point=access_point(request),
            address=client_address(request),
            request_id=request_id(request),
            permissions=tokens.permissions_of_token(token),
        )
    )


def _by_session(request: HttpRequest, now: datetime) -> Caller:
    user = request.user
    if not isinstance(user, User):
        return unknown(request)
    sign_in = sessions.find(request, user)
    if sign_in is not None and (why := sessions.why_over(sign_in, now)):
        sessions.end(sign_in, why, actor=person(request, user, sign_in=sign_in), now=now)
        sign_in = None
    # A session of a password alone is good for enrolling the first factor, and for nothing once there is one.
    if sign_in is None or (not sign_in.second_factor and factors.is_enrolled(user)):
        logout(request)
        return unknown(request)
    sessions.note_seen(sign_in, now)
    if not sign_in.second_factor:
        return Caller(unknown(request).actor, by_session=True, is_enrolling=True, sign_in=sign_in)
    return Caller(person(request, user, sign_in=sign_in), by_session=True, sign_in=sign_in)


def _renumbered(caller: Caller, request: HttpRequest) -> Caller:
    actor = replace(
        caller.actor,
        access_point=access_point(request),
        address=client_address(request),
        request_id=request_id(request),
    )
    return replace(caller, actor=actor)


class _Remembered:
    """Callers of the last two seconds, by a hash of their cookie; in this process's memory only."""

    def __init__(self, most: int = 1_000) -> None:
        self._most = most
        self._lock = Lock()
        self._callers: OrderedDict[bytes, tuple[datetime, Caller]] = OrderedDict()

    def get(self, cookie: str, now: datetime) -> Caller | None:
        with self._lock:
            found = self._callers.get(_digest(cookie))
        return found[1] if found and timedelta(0) <= now - found[0] <= REMEMBERED_FOR else None

    def put(self, cookie: str, caller: Caller, now: datetime) -> None:
        with self._lock:
            self._callers[_digest(cookie)] = (now, caller)
            self._callers.move_to_end(_digest(cookie))
            while len(self._callers) > self._most:
                self._callers.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._callers.clear()


_remembered = _Remembered()


def _digest(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode()).digest()
