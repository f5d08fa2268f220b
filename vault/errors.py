"""The five kinds of refusal: expected errors with a stable code, raised by use cases and shown by the doors.

A refusal's text says what is wrong and what to do, and never holds personal data. Doors turn each kind into
its HTTP status (RFC 9457 problem or page) and record it in the trail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


def gettext_noop(text: str) -> str:
    """Mark a text for the catalogue; the doors translate it. Django's own would tie the pure core to it."""
    return text


class Refusal(Exception):
    """An expected error: a stable ``code``, an HTTP ``status`` and a sentence for the person."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "refused"
    title: ClassVar[str | _StrPromise] = gettext_noop("Refused")

    def __init__(self, detail: str = "", *, code: str | None = None, **facts: str) -> None:
        super().__init__(detail or str(self.title))
        self.detail = detail or str(self.title)
        self.reason = code or self.code
        self.facts = facts


class Invalid(Refusal):
    """What was sent cannot be understood or breaks a rule; nothing was changed."""

    status = 400
    code = "invalid"
    title: ClassVar[str | _StrPromise] = gettext_noop("The request is not valid")


class Forbidden(Refusal):
    """Who asks may not do this, or not now."""

    status = 403
    code = "not-allowed"
    title: ClassVar[str | _StrPromise] = gettext_noop("Not allowed")


class Missing(Refusal):
    """There is no such thing, or it is out of reach: both look the same."""

    status = 404
    code = "not-found"
    title: ClassVar[str | _StrPromise] = gettext_noop("Not found")


class Conflict(Refusal):
    """The state of the thing forbids it (a hold, a duplicate, already erased: 410 says the latter)."""

    status = 409
    code = "conflict"
    title: ClassVar[str | _StrPromise] = gettext_noop("Not possible in this state")


class Unavailable(Refusal):
    """Something this needs does not answer now; nothing was served, nothing was lost, try again."""

    status = 503
    code = "unavailable"
    title: ClassVar[str | _StrPromise] = gettext_noop("Not available now")
