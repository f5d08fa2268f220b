"""What every page's template may name, from the request alone: no query is made here."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from audit.actor import Actor, ActorKind
from vault.permissions import Permission
from vault.web.navigation import sections_for
from vault.web.preferences import read_preferences
from vault.web.words import role_name


def page(request: HttpRequest) -> dict[str, Any]:
    """Return the shell's part of the context.

    Pages of someone who is fully signed in (password and second factor) get the shell, all others the
    layout of the door.
    """
    preferences = read_preferences(request)
    actor: Actor | None = getattr(request, "actor", None)
    context: dict[str, Any] = {
        "organisation": settings.ORGANISATION,
        "theme": preferences.theme,
        "density": preferences.density,
        "languages": [
            {"code": code, "name": name, "current": code == get_language()}
            for code, name in settings.LANGUAGES
        ],
        "time_zone": settings.TIME_ZONE,
        "preferences_url": reverse("web:preferences"),
        "layout": "door.html",
    }
    if actor is None or actor.kind is not ActorKind.PERSON:
        return context
    return context | {
        "layout": "base.html",
        "navigation": sections_for(actor, request.path),
        "role_name": role_name(actor.role),
        "find_url": reverse("recordings:list") if actor.may(Permission.RECORDING_FIND) else "",
        "sign_out_url": reverse("account_logout"),
        "account_links": [
            {"url": reverse("access:account"), "icon": "user", "label": _("Your account")},
            {"url": reverse("mfa_index"), "icon": "key-round", "label": _("Second factors")},
            {"url": reverse("account_change_password"), "icon": "lock", "label": _("Password")},
        ],
    }
