"""What waits for a second person in the demo: one request for the administrator to decide on, one for the DPO."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from audit.actor import Actor
from retention.hold_release import HOLD_RELEASE
from retention.models import Hold, HoldKind
from vault.access.models import User
from vault.access.roles import Role
from vault.access.second_person import GRANT_ROLE
from vault.approvals import asking
from vault.approvals.models import OPEN, Approval, State
from vault.errors import Refusal


def ask(stand_in: User, *, dpo: Actor, administrator: Actor, now: datetime) -> None:
    """Ask for releasing the demo's legal hold, and for a DPO to stand in; each unless it was asked for before."""
    hold = (
        Hold.objects.filter(kind=HoldKind.LEGAL_HOLD, released_at__isnull=True).order_by("placed_at").first()
    )
    if hold is not None:
        reason = "The court has ruled, and nobody has appealed: the call is not needed any more."
        _ask_once(HOLD_RELEASE, str(hold.pk), {}, reason, actor=dpo, now=now)
    reason = "Katrien is on leave in the new year; Noor stands in for her."
    _ask_once(GRANT_ROLE, str(stand_in.pk), {"role": Role.DPO.value}, reason, actor=administrator, now=now)


def _ask_once(
    kind: str, target: str, parameters: Mapping[str, str], reason: str, *, actor: Actor, now: datetime
) -> None:
    before = Approval.objects.filter(kind=kind, target_id=target).exclude(state=State.EXPIRED)
    if before.exclude(state__in=OPEN, expires_at__lte=now).exists():
        return
    with suppress(Refusal):  # whoever tries the demo has done it otherwise
        asking.ask(kind, target, parameters=parameters, reason=reason, actor=actor, now=now)
