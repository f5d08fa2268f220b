"""What runs by itself: requests whose time has passed are ended."""

from __future__ import annotations

from vault import clock
from vault.approvals import expiry
from vault.jobs.periodic import periodic


@periodic("approvals.expire")
def expire() -> int:
    """End what nobody decided on or carried out in time."""
    return expiry.expire(now=clock.now())
