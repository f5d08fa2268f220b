"""Pages that belong to no one part: the way in, preferences, help."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from audit.actor import Actor
from vault.access.gate import requires
from vault.permissions import Permission
from vault.web.navigation import entries_for
from vault.web.preferences import write_preferences


@requires(Permission.SIGNED_IN)
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Send everyone to the first page of their own navigation."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    first = next(entries_for(actor), None)
    return redirect(first.url_name) if first else render(request, "nothing_here.html")


@requires(Permission.PUBLIC)
@require_POST
def change_preferences(request: HttpRequest) -> HttpResponse:
    """Keep light or dark, row height or language in this browser's cookies and go back."""
    target = request.POST.get("next", "/")
    is_ours = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    response = redirect(target if is_ours else "/")
    write_preferences(request, response)
    return response


@requires(Permission.RECORDING_PLAY)
@require_safe
def keys(request: HttpRequest) -> HttpResponse:
    """List the player's keys."""
    return render(request, "help/keys.html")


@requires(Permission.RECORDING_PLAY)
@require_safe
def when_may_i_listen(request: HttpRequest) -> HttpResponse:
    """Say what must be so before a call can be heard, in order."""
    minutes = settings.PLAYBACK_MINUTES
    return render(request, "help/when_may_i_listen.html", {"playback_minutes": minutes})
