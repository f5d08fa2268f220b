"""Devices from which an account was signed in to before.

Guessing is counted by account and address; a known device is counted by itself. So whoever guesses cannot
shut the owner out: neither from elsewhere, nor from behind the same address.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from vault.access.models import User

KEPT_FOR = timedelta(days=180)
_SALT = "vault.access.devices"


def note_signed_in(request: HttpRequest, user: User) -> None:
    """Note that this device is to be known from now on; the cookie goes out with the answer."""
    request.signed_in_user = user  # type: ignore[attr-defined]


def remember_device(request: HttpRequest, response: HttpResponse) -> None:
    """Set the device's cookie on the answer that follows a sign-in."""
    user: User | None = getattr(request, "signed_in_user", None)
    if user is None:
        return
    response.set_cookie(
        cookie_name(),
        signing.dumps([str(user.pk), secrets.token_urlsafe(12)], salt=_SALT),
        max_age=KEPT_FOR,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
        path="/",
    )


def find_device(request: HttpRequest, email: str) -> str:
    """Return the device's own name if this account was signed in to from it, or nothing."""
    try:
        account, device = signing.loads(request.COOKIES.get(cookie_name(), ""), salt=_SALT, max_age=KEPT_FOR)
    except (signing.BadSignature, ValueError):
        return ""
    is_theirs = User.objects.filter(pk=account, email=email.strip().lower()).exists()
    return str(device) if is_theirs else ""


def cookie_name() -> str:
    """Return the cookie's name; the prefix ties it to this host where there is TLS."""
    return "__Host-vault_device" if settings.SESSION_COOKIE_SECURE else "vault_device"
