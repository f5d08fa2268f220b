"""The doors' one error handler: an expected error becomes a page or a problem (RFC 9457), and is recorded.

A refusal is recorded after its transaction was rolled back, in one of its own; where that fails, the answer
is 503. An unexpected error is logged by class and place, never by its text, which may hold personal data.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from rest_framework.views import APIView

from audit import trail
from audit.actions import Action
from audit.actor import ActorKind
from vault import clock
from vault.access import callers, mail
from vault.access.expected import (
    EXPECTED,
    Broken,
    Damaged,
    MethodNotAllowed,
    NoSuchPage,
    TooMany,
    as_refusal,
    extras_of,
)
from vault.access.targets import target_of
from vault.access.throttles import is_within
from vault.errors import Forbidden, Invalid, Refusal
from vault.permissions import Permission

log = structlog.get_logger("vault.access")

_RECORDED = frozenset({401, 403, 404, 409, 410})
_MOST_OF_UNKNOWN = 30  # refusals of one unknown address that are recorded in a minute


class Refusals:
    """Middleware: give each request its id, and answer for what views raise."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Number the request, in logs and in the answer."""
        request.request_id = uuid.uuid4().hex  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request=callers.request_id(request))
        response = self.get_response(request)
        if response.status_code == 405 and not getattr(response, "is_refusal", False):
            allowed = [method.strip() for method in response.get("Allow", "").split(",")]
            response = method_not_allowed(request, allowed)
        mail.send_with(request, response)
        response["X-Request-ID"] = callers.request_id(request)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer an expected error; log any other, and say that something broke."""
        if isinstance(error, EXPECTED):
            return answer(request, error)
        if type(error).__module__.startswith("allauth."):  # its middleware answers these
            return None
        got_request_exception.send(sender=self.__class__, request=request)
        _log_unexpected(error)
        return broken(request)


def answer(
    request: HttpRequest, error: Exception, *, permission: Permission | None = None, event_id: str = ""
) -> HttpResponse:
    """Record a refusal if it concerns somebody or something, and answer it in the door's own form.

    :param event_id: the event, where it has been recorded already.
    """
    refusal = as_refusal(error)
    if not event_id and _is_recorded(request, refusal):
        try:
            event_id = _record(request, refusal, permission)
        except Refusal as unavailable:
            refusal = unavailable
    return (_problem if is_api(request) else _page)(request, refusal, event_id, extras_of(error))


def as_problem(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """Answer what a DRF view raises (its ``EXCEPTION_HANDLER``); what is unexpected goes on."""
    if not isinstance(error, EXPECTED):
        return None
    view: APIView = context["view"]
    return answer(context["request"]._request, error, permission=_permission(view))


def is_api(request: HttpRequest) -> bool:
    """Say whether the caller is a program: it gets problems, people get pages."""
    return request.path.startswith(("/api/", "/health/", "/metrics"))


def method_not_allowed(request: HttpRequest, allowed: Iterable[str]) -> HttpResponse:
    """Answer a method that the address does not take."""
    response = answer(request, MethodNotAllowed(_("This address does not take this method.")))
    response["Allow"] = ", ".join(allowed)
    return response


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's ``handler400``."""
    return answer(request, Invalid(_("The request cannot be read.")))


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's ``handler403``."""
    return answer(request, Forbidden(_("This is not open to you.")))


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's ``CSRF_FAILURE_VIEW``, which comes before the gate."""
    _identify_quietly(request)
    return answer(
        request,
        Forbidden(
            _("The form is too old, or does not come from a page of the vault. Load the page again."),
            code="csrf",
        ),
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's ``handler404``: no such address, shown within the shell to who is signed in."""
    _identify_quietly(request)
    return answer(request, NoSuchPage(_("There is nothing at this address.")))


def too_many(request: HttpRequest) -> HttpResponse:
    """Answer who tries too often; allauth asks for it as ``handler429``."""
    return answer(request, TooMany(_("Too many attempts. Wait a few minutes.")))


def broken(request: HttpRequest) -> HttpResponse:
    """Django's ``handler500``: something unexpected; say nothing of it but the request's id."""
    if is_api(request):
        return _problem(
            request, Broken(_("Something broke on our side; nothing half-done was kept.")), "", {}
        )
    return HttpResponse(render_to_string("500.html", {"request_id": callers.request_id(request)}), status=500)


def _problem(request: HttpRequest, refusal: Refusal, event_id: str, extras: dict[str, Any]) -> HttpResponse:
    body = {
        "type": f"urn:callvault:problem:{refusal.reason}",
        "title": _(str(refusal.title)),
        "status": refusal.status,
        "detail": _(str(refusal.detail)),
        "code": refusal.reason,
        "request_id": callers.request_id(request),
        "event_id": event_id,
    }
    body |= extras
    response = HttpResponse(
        json.dumps({name: value for name, value in body.items() if value != ""}, default=str),
        status=refusal.status,
        content_type="application/problem+json",
    )
    if refusal.status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return _finish(response, extras)


def _page(request: HttpRequest, refusal: Refusal, event_id: str, extras: dict[str, Any]) -> HttpResponse:
    context = {
        "title": _(str(refusal.title)),
        "detail": _(refusal.detail),
        "code": refusal.reason,
        "status": refusal.status,
        "event_id": event_id,
        "request_id": callers.request_id(request),
    }
    return _finish(render(request, "refused.html", context, status=refusal.status), extras)


def _finish(response: HttpResponse, extras: dict[str, Any]) -> HttpResponse:
    if "retry_after" in extras:
        response["Retry-After"] = str(extras["retry_after"])
    response.is_refusal = True  # type: ignore[attr-defined]
    return response


def _is_recorded(request: HttpRequest, refusal: Refusal) -> bool:
    """Say whether a refusal concerns somebody or something; a wrong form or address does not."""
    if isinstance(refusal, Damaged):
        return True
    if refusal.status not in _RECORDED or isinstance(refusal, NoSuchPage):
        return False
    if type(refusal) is callers.NotSignedIn:
        return False
    actor = callers.actor_of(request)
    if actor.kind is not ActorKind.UNKNOWN:
        return True
    return is_within("refusals", actor.address, most=_MOST_OF_UNKNOWN, seconds=60)


def _record(request: HttpRequest, refusal: Refusal, permission: Permission | None) -> str:
    match = request.resolver_match
    view = getattr(match.func, "cls", match.func) if match else None
    asked: Action = getattr(view, "refused_as", Action.ACCESS_REFUSED)
    rule = permission.value if permission else ""
    facts: dict[str, Any] = {}
    if asked == Action.ACCESS_REFUSED:
        facts = {"method": request.method, "route": match.view_name if match else "", "permission": rule}
    actor = callers.actor_of(request)
    about = getattr(view, "refused_about", None)
    target = about(actor, **match.kwargs) if about and match else None
    event = trail.record_refusal(
        refusal,
        actor=actor,
        action=asked.value,
        target=target or target_of(request),
        at=clock.now(),
        rule=rule,
        **facts,
    )
    return str(event.pk)


def _permission(view: APIView) -> Permission | None:
    by_method: dict[str, Permission] = getattr(view, "required_permissions", {})
    method = view.request.method or ""
    return by_method.get("GET" if method == "HEAD" else method, getattr(view, "required_permission", None))


def _identify_quietly(request: HttpRequest) -> None:
    """Find out who asks where no route was found, so that the page fits; who asks wrongly stays unknown."""
    if not hasattr(request, "actor"):
        callers.set_caller(request, callers.unknown(request))
    try:
        callers.identify(request)
    except EXPECTED:
        return


def _log_unexpected(error: Exception) -> None:
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    code = place.tb_frame.f_code if place else None
    log.error(
        "unexpected error",
        error=f"{type(error).__module__}.{type(error).__qualname__}",
        place=f"{code.co_filename}:{place.tb_lineno}" if code and place else "",
    )
