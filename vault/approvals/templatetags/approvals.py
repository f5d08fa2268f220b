"""Template tags about requests for a second person: ``{% load approvals %}``."""

from __future__ import annotations

from uuid import UUID

from django import template

from vault import clock
from vault.approvals.models import Approval, State
from vault.approvals.reading import find_waiting

register = template.Library()

TONES = {
    State.WAITING: "waiting",
    State.APPROVED: "given",
    State.DONE: "given",
    State.REFUSED: "refused",
    State.WITHDRAWN: "withdrawn",
    State.EXPIRED: "off",
    State.VOID: "off",
}


@register.simple_tag
def open_request(code: str, target_id: UUID | str) -> Approval | None:
    """Return the request of this kind about this target that waits or is approved; the latest, or None."""
    return find_waiting(code, [str(target_id)], now=clock.now()).get(str(target_id))


@register.filter
def approval_tone(asked: Approval) -> str:
    """Return the tone in which a request's state is shown."""
    return TONES[State(asked.state)]
