"""What signing in leaves in the trail, and in the table of sessions.

Django and allauth say by signal what happened; these are the only signals that the vault listens to.
An e-mail address that somebody tried is never written down, only a keyed hash of it.
"""

from __future__ import annotations

from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.account.signals import password_changed, password_reset
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authentication_failed
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from audit import trail
from audit.actions import Action, Outcome
from audit.actor import Ref
from vault import clock
from vault.access import callers, sessions
from vault.access.devices import note_signed_in
from vault.access.factors import METHODS
from vault.access.models import SecondFactor, User


def listen() -> None:
    """Listen to Django's and allauth's signals of signing in and out."""
    user_logged_in.connect(_signed_in, dispatch_uid="vault.access.signed_in")
    user_logged_out.connect(_signed_out, dispatch_uid="vault.access.signed_out")
    user_login_failed.connect(_sign_in_failed, dispatch_uid="vault.access.sign_in_failed")
    authentication_failed.connect(_second_factor_failed, dispatch_uid="vault.access.second_factor_failed")
    password_changed.connect(_password_changed, dispatch_uid="vault.access.password_changed")
    password_reset.connect(_password_reset, dispatch_uid="vault.access.password_reset")


def record_failure(request: HttpRequest, user: User, *, code: str) -> str:
    """Record that somebody who knew the password was not let in; return the event's id."""
    return _record_failed(request, Ref("account", str(user.pk)), code)


def account_ref(email: str) -> Ref:
    """Return what stands in the trail for an address somebody typed: the account, or a keyed hash."""
    address = email.strip().lower()
    person_id = User.objects.filter(email=address).values_list("pk", flat=True).first()
    if person_id is not None:
        return Ref("account", str(person_id))
    digest = salted_hmac("vault.access.tried_address", address, algorithm="sha256").hexdigest()
    return Ref("account", f"unknown-{digest[:32]}")


def _signed_in(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    now = clock.now()
    with transaction.atomic():
        sign_in = sessions.begin(
            request, user, _second_factor(request, user), actor=callers.person(request, user), now=now
        )
    callers.set_caller(
        request,
        callers.Caller(
            callers.person(request, user, sign_in=sign_in)
            if sign_in.second_factor
            else callers.unknown(request).actor,
            by_session=True,
            is_enrolling=not sign_in.second_factor,
            sign_in=sign_in,
        ),
    )
    if sign_in.second_factor:
        note_signed_in(request, user)


def _second_factor(request: HttpRequest, user: User) -> SecondFactor:
    """Return the last second factor that was shown in this session, if any."""
    for record in reversed(get_authentication_records(request, user)):
        if record.get("method") == "mfa":
            return METHODS[record["type"]]
    return SecondFactor.NONE


def _signed_out(sender: Any, request: HttpRequest, user: User | None, **kwargs: Any) -> None:
    if user is None:
        return
    sign_in = sessions.find(request, user)
    if sign_in is not None:
        sessions.end(
            sign_in,
            "own-wish",
            actor=callers.person(request, user, sign_in=sign_in),
            now=clock.now(),
        )


def _sign_in_failed(
    sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any
) -> None:
    if request is not None:
        _record_failed(request, account_ref(str(credentials.get("email", ""))), "wrong-credentials")


def _record_failed(request: HttpRequest, target: Ref, code: str) -> str:
    with transaction.atomic():
        event = trail.record(
            Action.SESSION_SIGN_IN_FAILED,
            actor=callers.unknown(request).actor,
            target=target,
            at=clock.now(),
            outcome=Outcome.REFUSED,
            method="password",
            code=code,
        )
    return str(event.pk)


def _second_factor_failed(
    sender: Any, request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any
) -> None:
    with transaction.atomic():
        trail.record(
            Action.SESSION_SECOND_FACTOR_FAILED,
            actor=callers.unknown(request).actor,
            target=Ref("account", str(user.pk)),
            at=clock.now(),
            outcome=Outcome.REFUSED,
            method=METHODS[authenticator.type],
        )


def _password_changed(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    _record_password(request, user, "changed")


def _password_reset(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    _record_password(request, user, "reset")


def _record_password(request: HttpRequest, user: User, how: str) -> None:
    """Record a new password and end the person's other sessions, within allauth's transaction."""
    now = clock.now()
    this = callers.caller_of(request).sign_in
    sessions.end_all(
        user, f"password-{how}", now=now, but=this.pk if this and this.user_id == user.pk else None
    )
    trail.record(
        Action.ACCOUNT_PASSWORD_CHANGED,
        actor=callers.person(request, user, sign_in=this),
        target=Ref("account", str(user.pk)),
        at=now,
        how=how,
    )
