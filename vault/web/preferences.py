"""How a person wants the pages to look. Kept in cookies of this browser; holds nothing personal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse

THEMES = ("system", "light", "dark")
DENSITIES = ("comfortable", "compact")
_KEPT_FOR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Preferences:
    """What was chosen, or the first of each list."""

    theme: str
    density: str


def read_preferences(request: HttpRequest) -> Preferences:
    """Return what the browser's cookies say; a value that nobody offered counts as none."""
    return Preferences(
        theme=_chosen(request, "vault_theme", THEMES),
        density=_chosen(request, "vault_density", DENSITIES),
    )


def write_preferences(request: HttpRequest, response: HttpResponse) -> None:
    """Set a cookie for each valid choice in the posted form."""
    offered = {
        "theme": ("vault_theme", THEMES),
        "density": ("vault_density", DENSITIES),
        "language": (settings.LANGUAGE_COOKIE_NAME, tuple(code for code, _name in settings.LANGUAGES)),
    }
    for field, (cookie, values) in offered.items():
        value = request.POST.get(field, "")
        if value in values:
            response.set_cookie(
                cookie,
                value,
                max_age=_KEPT_FOR,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )


def _chosen(request: HttpRequest, cookie: str, values: tuple[str, ...]) -> str:
    value = request.COOKIES.get(cookie, "")
    return value if value in values else values[0]
