"""How often somebody may ask. Counts stand in the shared cache, so all processes count together."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from vault.access.callers import actor_of

if TYPE_CHECKING:  # its class body imports this module, which the settings name
    from rest_framework.views import APIView


class ActorThrottle(SimpleRateThrottle):
    """So many requests a minute for each account, token, or (unknown) address."""

    scope = "actor"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        """Return under what the requests are counted."""
        actor = actor_of(request._request)
        who = str(actor.id) if actor.id else f"address:{actor.address}"
        return f"throttle:{self.scope}:{_hashed(who)}"


def is_within(what: str, who: str, *, most: int, seconds: int) -> bool:
    """Count one more, and say whether that stays within ``most`` in so many seconds."""
    key = f"within:{what}:{_hashed(who)}"
    cache.add(key, 0, timeout=seconds)
    try:
        return cache.incr(key) <= most
    except ValueError:  # it ran out between the two
        return True


def _hashed(who: str) -> str:
    return hashlib.sha256(who.encode()).hexdigest()[:32]
