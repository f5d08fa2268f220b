"""DRF's view of who asks: what the gate has found out, and nothing else."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from audit.actor import Actor
from vault.access.callers import actor_of, caller_of


class ActorAuthentication(BaseAuthentication):
    """Hand the gate's actor on: as ``request.actor`` and ``request.auth``, with the person if there is one.

    Who may not is refused by the gate before DRF is reached; CSRF is checked there too.
    """

    def authenticate(self, request: Request) -> tuple[Any, Actor] | None:
        """Return the person (None for a service) and the actor; nothing for an unknown caller."""
        caller = caller_of(request._request)
        request.actor = caller.actor  # type: ignore[attr-defined]
        if not caller.is_signed_in:
            return None
        return request._request.user if caller.by_session else None, actor_of(request._request)

    def authenticate_header(self, request: Request) -> str:
        """Say how to authenticate, which makes a missing one a 401."""
        return "Bearer"


class ActorScheme(OpenApiAuthenticationExtension):
    """How the API's description names the two ways in."""

    target_class = ActorAuthentication
    name = ["serviceToken", "session"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        """Return a token in a header, or the session of a signed-in person."""
        return [
            {
                "type": "http",
                "scheme": "bearer",
                "description": "A service token, made by an administrator: `Bearer cv_…`.",
            },
            {
                "type": "apiKey",
                "in": "cookie",
                "name": "__Host-vault_session",
                "description": "A person's session with a second factor. Unsafe methods need `X-CSRFToken`.",
            },
        ]
