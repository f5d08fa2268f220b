"""Signed statements of the trail's size and root, and how the newest is found."""

from __future__ import annotations

from django.conf import settings
from django.db.models import QuerySet

from audit.anchors import witnesses
from audit.models import Anchor, Checkpoint


def newest() -> Checkpoint | None:
    """Return the newest checkpoint; None while nothing has been recorded."""
    return Checkpoint.objects.order_by("-size").first()


def of_this_origin() -> QuerySet[Checkpoint]:
    """Return the checkpoints under the name that the log has now."""
    return Checkpoint.objects.filter(note__startswith=f"{settings.AUDIT_ORIGIN}\n")


def given_out(checkpoint: Checkpoint) -> str:
    """Return a checkpoint as it is handed out: with one cosignature of each witness that saw it."""
    anchors = Anchor.objects.filter(kind=witnesses.KIND, size=checkpoint.size).order_by("pk")
    lines = {anchor.place: bytes(anchor.evidence).decode() for anchor in anchors}
    return checkpoint.note + "".join(lines.values())
