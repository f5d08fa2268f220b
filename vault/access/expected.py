"""The errors that doors expect, whoever raises them (a use case, Django, DRF, the database), as refusals."""

from __future__ import annotations

from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import exceptions as drf

from vault.access.callers import NotSignedIn
from vault.crypto.errors import NotAuthentic
from vault.errors import Forbidden, Invalid, Missing, Refusal, Unavailable

log = structlog.get_logger("vault.access")

# What reading a hostile request meets: dates beyond any calendar, JSON nested without end, half a character.
_UNREADABLE = (OverflowError, RecursionError, UnicodeEncodeError)

EXPECTED = (
    *(Refusal, Http404, PermissionDenied, RequestDataTooBig, OperationalError, InterfaceError),
    *(drf.APIException, NotAuthentic, *_UNREADABLE),
)


class NoSuchPage(Missing):
    """Nothing stands at this address."""

    code = "no-such-page"


class Unreadable(Invalid):
    """Well formed, but nothing that can be reckoned with."""

    code = "unreadable"


class TooLarge(Invalid):
    """More than is read into memory."""

    status = 413
    code = "too-large"
    title = gettext_lazy("Too large")


class MethodNotAllowed(Refusal):
    """The address exists, but does not take this method."""

    status = 405
    code = "method-not-allowed"
    title = gettext_lazy("Method not allowed")


class Damaged(Unavailable):
    """What is stored is not what was sealed: an incident, always written down."""

    code = "damaged"
    title = gettext_lazy("What is stored here is damaged")


class TooMany(Refusal):
    """Tried too often."""

    status = 429
    code = "too-many"
    title = gettext_lazy("Too many requests")


class DatabaseBusy(Unavailable):
    """The database does not answer, or not in time."""

    code = "database-unavailable"


class Broken(Refusal):
    """Something that nobody expected."""

    status = 500
    code = "broken"
    title = gettext_lazy("Something broke")


def as_refusal(error: Exception) -> Refusal:
    """Return the refusal that an expected error stands for."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, Http404):
        return NoSuchPage(_("There is nothing at this address."))
    if isinstance(error, PermissionDenied):
        return Forbidden(_("This is not open to you."))
    if isinstance(error, RequestDataTooBig):
        return TooLarge(_("The request is larger than anything that this address reads."))
    if isinstance(error, NotAuthentic):
        log.error("stored data is damaged", error=type(error).__name__)
        return Damaged(_("It is not what was sealed, so nothing of it is shown. Tell who runs the vault."))
    if isinstance(error, _UNREADABLE):
        # Named in the log by class alone: were it a fault of ours, it should be found.
        log.warning("unreadable request", error=type(error).__name__)
        return Unreadable(_("Something in the request cannot be read: a date, a depth or a character."))
    if isinstance(error, DatabaseError | InterfaceError):
        log.error("database does not answer", error=type(error).__name__)
        return DatabaseBusy(_("The database does not answer in time. Nothing was changed."))
    return _of_drf(error)


def extras_of(error: Exception) -> dict[str, Any]:
    """Return what an error adds to its problem: fields that are wrong, when to try again, what is allowed."""
    if isinstance(error, drf.ValidationError):
        return {"errors": error.detail}
    if isinstance(error, drf.Throttled) and (wait := getattr(error, "wait", None)) is not None:
        return {"retry_after": int(wait) + 1}
    if isinstance(error, Refusal) and error.facts:
        return {"facts": error.facts}
    return {}


class _OfDrf(Refusal):
    def __init__(self, status: int, title: object, detail: str, code: str) -> None:
        super().__init__(detail, code=code)
        self.status, self.title = status, str(title)  # type: ignore[misc]


def _of_drf(error: Exception) -> Refusal:
    if not isinstance(error, drf.APIException):
        raise TypeError(f"{type(error).__name__} is no expected error")
    titles = {
        400: Invalid.title,
        401: NotSignedIn.title,
        403: Forbidden.title,
        404: Missing.title,
        405: MethodNotAllowed.title,
        406: _("Not acceptable"),
        413: TooLarge.title,
        415: _("Unsupported media type"),
        429: TooMany.title,
    }
    is_form = isinstance(error, drf.ValidationError)
    detail = _("Some of what was sent is not valid; errors says what.") if is_form else str(error.detail)
    code = "invalid" if is_form else str(error.default_code).replace("_", "-")
    return _OfDrf(error.status_code, titles.get(error.status_code, Refusal.title), detail, code)
