"""Let through only what names a permission that the caller has: closed by default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from vault.permissions import Permission

View = TypeVar("View", bound=Callable[..., Any])


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
