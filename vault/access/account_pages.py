"""Pages of one's own account that are not allauth's, and what its pages need around them here."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from audit import trail
from audit.actions import Action
from audit.actor import Ref
from vault import clock
from vault.access import callers, invitations, signing_in
from vault.access.devices import note_signed_in
from vault.access.factors import METHODS, PRIMARY
from vault.access.forms import ChoosePassword
from vault.access.gate import requires
from vault.access.invitations import InvitationOver
from vault.access.models import SignIn, User
from vault.access.reading import record_page_with
from vault.errors import Conflict
from vault.kms import masters
from vault.permissions import Permission

PageView = Callable[..., HttpResponse]
_INVITATION = "invitation"
_BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


class LastFactor(Conflict):
    """Without a second factor nobody gets in."""

    code = "last-factor"


@requires(GET=Permission.PUBLIC)
def open_invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """Take the secret out of the address, so that it stays in no history and reaches no other page."""
    invitations.require(secret, now=clock.now())
    request.session.flush()
    request.session[_INVITATION] = secret
    return redirect("account_invitation")


@requires(GET=Permission.PUBLIC, POST=Permission.PUBLIC)
@sensitive_post_parameters()
def accept_invitation(request: HttpRequest) -> HttpResponse:
    """Choose a password; what follows is enrolling a second factor."""
    secret = request.session.get(_INVITATION)
    if not secret:
        raise InvitationOver(_("Open the link of your invitation again."))
    now = clock.now()
    person = invitations.require(secret, now=now).user
    form = ChoosePassword(request.POST or None, person=person)
    if not form.is_valid():
        return render(request, "account/invitation.html", {"form": form})
    person = invitations.set_password(
        secret, form.cleaned_data["password"], actor=callers.person(request, person), now=now
    )
    request.session.flush()
    login(request, person, backend=_BACKEND)
    record_authentication(request, person, method="password", reauthenticated=True)
    return redirect("mfa_index")


def changes_factors(view: PageView) -> PageView:
    """Let one of allauth's pages change factors in one transaction with the events that say so."""

    @wraps(view)
    def changing(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        user = request.user
        if request.method != "POST" or not isinstance(user, User):
            return view(request, *args, **kwargs)
        masters.prepare({"accounts": "accounts"})
        with transaction.atomic():
            before = _factors(user)
            response = view(request, *args, **kwargs)
            _record_changes(request, user, before, _factors(user))
        return response

    return changing


def changes_password(view: PageView) -> PageView:
    """Let one of allauth's pages set a password in one transaction with its event."""

    @wraps(view)
    def changing(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "POST":
            return view(request, *args, **kwargs)
        with transaction.atomic():
            return view(request, *args, **kwargs)

    return changing


def shows_codes(view: PageView) -> PageView:
    """Record that somebody is shown their recovery codes, once they have shown who they are again."""

    @wraps(view)
    def showing(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with transaction.atomic():
            response = view(request, *args, **kwargs)
            if response.status_code == 200:
                record_page_with(request)
        return response

    return showing


def records_reset_request(view: PageView) -> PageView:
    """Record that somebody asked for a new password, whether or not the account exists."""

    @wraps(view)
    def recording(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if request.method == "POST" and response.status_code == 302:
            target = signing_in.account_ref(request.POST.get("email", ""))
            with transaction.atomic():
                trail.record(
                    Action.ACCOUNT_PASSWORD_RESET_REQUESTED,
                    actor=callers.actor_of(request),
                    target=target,
                    at=clock.now(),
                    known=not target.id.startswith("unknown-"),
                )
        return response

    return recording


def _factors(user: User) -> dict[int, Authenticator]:
    return {factor.pk: factor for factor in Authenticator.objects.filter(user=user)}


def _record_changes(
    request: HttpRequest, user: User, before: dict[int, Authenticator], after: dict[int, Authenticator]
) -> None:
    had, has = _primary(before), _primary(after)
    if had and not has:
        raise LastFactor(_("Add another second factor first: without one you could not sign in."))
    now = clock.now()
    caller = callers.caller_of(request)
    if has and not had and caller.is_enrolling and caller.sign_in is not None:
        caller = _finish_enrolment(request, user, caller.sign_in, has[0])
    actor = callers.person(request, user, sign_in=caller.sign_in)
    target = Ref("account", str(user.pk))
    for factor in [after[pk] for pk in sorted(after.keys() - before.keys())]:
        if factor.type == Authenticator.Type.RECOVERY_CODES:
            count = len(factor.wrap().get_unused_codes())
            trail.record(Action.ACCOUNT_RECOVERY_CODES_MADE, actor=actor, target=target, at=now, count=count)
        else:
            _use_up_code(request, factor)
            trail.record(
                Action.ACCOUNT_FACTOR_ADDED, actor=actor, target=target, at=now, method=METHODS[factor.type]
            )
    for factor in [before[pk] for pk in sorted(before.keys() - after.keys())]:
        if factor.type in PRIMARY:
            trail.record(
                Action.ACCOUNT_FACTOR_REMOVED,
                actor=actor,
                target=target,
                at=now,
                method=METHODS[factor.type],
            )


def _primary(found: dict[int, Authenticator]) -> list[Authenticator]:
    return [factor for factor in found.values() if factor.type in PRIMARY]


def _finish_enrolment(
    request: HttpRequest, user: User, sign_in: SignIn, factor: Authenticator
) -> callers.Caller:
    """Let the session in which the first factor was enrolled count as authenticated with it."""
    sign_in.second_factor = METHODS[factor.type]
    sign_in.save(update_fields=["second_factor"])
    invitations.withdraw(user)
    request.session.cycle_key()
    note_signed_in(request, user)
    caller = callers.Caller(callers.person(request, user, sign_in=sign_in), by_session=True, sign_in=sign_in)
    callers.set_caller(request, caller)
    return caller


def _use_up_code(request: HttpRequest, factor: Authenticator) -> None:
    """Mark the code that enrolled an app as used, so that it does not also sign in."""
    if factor.type == Authenticator.Type.TOTP:
        factor.wrap().validate_code(request.POST.get("code", ""))
