"""What the trail's doors share: how a view names its permissions, and who asks.

The gate stands above this package, so it is not imported here; it reads these marks and sets the actor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.http import HttpRequest

from audit.actor import Actor
from vault.permissions import Permission

View = TypeVar("View", bound=Callable[..., Any])


def asks(**by_method: Permission) -> Callable[[View], View]:
    """Name a view's permission for each HTTP method; others are answered 405."""

    def mark(view: View) -> View:
        view.required_permissions = by_method  # type: ignore[attr-defined]
        return view

    return mark


def actor_of(request: HttpRequest) -> Actor:
    """Return who asks, as the gate has found out."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor
