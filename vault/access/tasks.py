"""What runs by itself: sessions that ran out are ended and forgotten."""

from __future__ import annotations

from vault import clock
from vault.access import sessions
from vault.jobs.periodic import periodic


@periodic("access.forget_expired_sessions")
def forget_expired_sessions() -> int:
    """End what ran out unseen; forget what ended long ago."""
    return sessions.end_expired(now=clock.now())
