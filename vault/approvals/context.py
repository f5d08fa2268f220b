"""What the navigation shows of requests: how many wait for who looks."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.http import HttpRequest

from vault import clock
from vault.access.callers import actor_of
from vault.approvals.reading import waiting_for
from vault.permissions import Permission


def waiting(request: HttpRequest) -> dict[str, Any]:
    """Return the count as a function: only a page that shows it makes the query, and once."""

    @cache
    def count() -> int:
        actor = actor_of(request)
        return waiting_for(actor, now=clock.now()).count() if actor.may(Permission.APPROVAL_READ) else 0

    return {"approvals_waiting": count}
