"""Let through only what names a permission that the caller has: closed by default.

Every view names its permission (``@requires`` or ``required_permission``); allauth's, which are not ours to
mark, stand in ``vault.access.account_urls``. A view that names none is refused, whoever asks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from audit import subjects
from vault import clock
from vault.access import callers, refusals
from vault.access.callers import Caller
from vault.access.devices import remember_device
from vault.access.expected import EXPECTED
from vault.access.models import ROLE_NAMES
from vault.access.roles import Role
from vault.errors import Forbidden
from vault.permissions import Permission

View = TypeVar("View", bound=Callable[..., Any])
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class NoPermissionNamed(Forbidden):
    """The view names no permission, so nobody may reach it."""

    code = "no-permission-named"


class NotPermitted(Forbidden):
    """The caller's role, or the token's scopes, do not give the permission."""

    code = "not-permitted"


class ForgedRequest(Forbidden):
    """A page of another site sent this with the person's session (CSRF), or the form is too old."""

    code = "csrf"


def requires(permission: Permission | None = None, /, **by_method: Permission) -> Callable[[View], View]:
    """Name the permission of a view, or one for each HTTP method: ``@requires(GET=..., POST=...)``.

    A method that is not named is answered 405; HEAD counts as GET.
    """
    if (permission is None) == (not by_method):
        raise ValueError("Name one permission, or one for each method.")

    def mark(view: View) -> View:
        if permission is not None:
            view.required_permission = permission  # type: ignore[attr-defined]
        else:
            view.required_permissions = by_method  # type: ignore[attr-defined]
        return view

    return mark


def records_nothing(view: View) -> View:
    """Mark a view that writes nothing into the trail: it answers also when what seals the trail cannot be had."""
    view.records_nothing = True  # type: ignore[attr-defined]
    return view


def permissions_named(view: Callable[..., Any]) -> dict[str, Permission] | Permission | None:
    """Return what a view asks for: one permission, one for each method, or nothing."""
    for place in (view, _class_of(view)):
        by_method: dict[str, Permission] | None = getattr(place, "required_permissions", None)
        if by_method is not None:
            return by_method
        permission: Permission | None = getattr(place, "required_permission", None)
        if permission is not None:
            return permission
    return None


def _class_of(view: Callable[..., Any]) -> Any:
    """Return the class behind a view of Django's or DRF's, or the function itself."""
    return getattr(view, "view_class", None) or getattr(view, "cls", None) or view


class Gate:
    """Middleware: who asks (``request.actor``), and may they."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Start every request as an unknown caller."""
        callers.set_caller(request, callers.unknown(request))
        response = self.get_response(request)
        remember_device(request, response)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Refuse, or let the view answer."""
        named = permissions_named(view)
        if isinstance(named, dict):
            method = "GET" if request.method == "HEAD" else request.method or ""
            if method not in named:
                return refusals.method_not_allowed(request, sorted(named))
            named = named[method]
        try:
            caller = callers.identify(request, briefly=getattr(_class_of(view), "asked_often", False))
            self._check(request, view, caller, named)
        except callers.NotSignedIn as refusal:
            return self._ask_to_sign_in(request, refusal)
        except EXPECTED as refusal:
            return refusals.answer(request, refusal, permission=named)
        if named not in (None, Permission.PUBLIC):
            let_in = replace(caller, actor=replace(caller.actor, rule=str(named)))
            callers.set_caller(request, let_in)
        return None

    def _check(
        self, request: HttpRequest, view: Callable[..., Any], caller: Caller, permission: Permission | None
    ) -> None:
        if permission is None:
            raise NoPermissionNamed(_("This page is not open to anybody yet."))
        if caller.by_session and request.method not in _SAFE and getattr(view, "csrf_exempt", False):
            _check_csrf(request)
        if permission == Permission.PUBLIC:
            return
        if permission == Permission.SIGNING_IN:
            if not (caller.is_signed_in or caller.is_enrolling):
                raise callers.NotSignedIn
            return
        if not caller.is_signed_in:
            raise callers.NotSignedIn
        if not caller.by_session and (permission == Permission.SIGNED_IN or not refusals.is_api(request)):
            raise NotPermitted(_("This page is for people; a service token is for the API."))
        if permission == Permission.SIGNED_IN:
            return
        if not caller.actor.may(permission):
            raise NotPermitted(_why_not(caller, permission))
        if not getattr(_class_of(view), "records_nothing", False):
            # What is done will be written down with who did it: what seals that is asked for here, not while
            # rows are locked. Where it cannot be had, nothing is done.
            subjects.prepare_month(clock.now())

    def _ask_to_sign_in(self, request: HttpRequest, refusal: callers.NotSignedIn) -> HttpResponse:
        if refusals.is_api(request):
            return refusals.answer(request, refusal)
        back = request.get_full_path() if request.method in _SAFE else "/"
        response = redirect_to_login(back)
        if request.headers.get("HX-Request"):
            return HttpResponseClientRedirect(response["Location"])
        return response


class _CsrfCheck(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> Any:
        return reason


def _check_csrf(request: HttpRequest) -> None:
    """Check what Django's middleware left out because the view (as DRF's are) says it is exempt."""
    check = _CsrfCheck(lambda _request: HttpResponse())
    check.process_request(request)
    if check.process_view(request, _nothing, (), {}):
        raise ForgedRequest(_("The request does not come from a page of the vault. Load the page again."))


def _nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def _why_not(caller: Caller, permission: Permission) -> str:
    if not caller.by_session:
        return _("The token's scopes do not hold %(permission)s.") % {"permission": permission.value}
    role = ROLE_NAMES[Role(caller.actor.role)]
    return _("Your role, %(role)s, does not allow this (%(permission)s).") % {
        "role": role,
        "permission": permission.value,
    }
