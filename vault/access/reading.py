"""Reading a page that shows people, rules or requests is in the trail before the page is sent.

What is read of recordings and of the trail has actions of its own; this is for all other pages.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from audit import trail
from audit.actions import Action
from vault import clock
from vault.access.callers import actor_of
from vault.access.targets import target_of


def record_page(request: HttpRequest) -> None:
    """Commit that somebody reads this page, or its like in the API; on return it may be sent.

    :raises TrailUnavailable: if it cannot be recorded; then nothing may be shown.
    """
    trail.record_disclosure(Action.PAGE_READ, **_said(request))


def record_page_with(request: HttpRequest) -> None:
    """Record the same within the caller's transaction, for a page that changes something as it is shown."""
    trail.record(Action.PAGE_READ, **_said(request))


def _said(request: HttpRequest) -> dict[str, Any]:
    match = request.resolver_match
    return {
        "actor": actor_of(request),
        "target": target_of(request),
        "at": clock.now(),
        "page": match.view_name if match else None,
    }
