"""Signed statements of the trail's size and root, and how the newest is found."""

from __future__ import annotations

from audit.models import Anchor, Checkpoint


def newest() -> Checkpoint | None:
    """Return the newest checkpoint; None while nothing has been recorded."""
    return Checkpoint.objects.order_by("-size").first()


def newest_anchor() -> Anchor | None:
    """Return the newest evidence outside the operator's reach; None if there is none."""
    return Anchor.objects.order_by("-size", "-pk").first()
