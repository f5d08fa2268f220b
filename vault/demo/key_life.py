"""What has become of the demo's keys: made ahead of its calls, one month's hardened, those of passed months gone."""

from __future__ import annotations

from datetime import datetime, timedelta

from audit.actor import Actor
from recordings import key_work, keys
from recordings.models import KeyWorkKind, Recording, State
from retention import key_months
from vault.kms.models import Kek, KekState


def make_for_calls(oldest: timedelta, *, actor: Actor, now: datetime) -> None:
    """Make the keys of all months in which the demo's calls end: they are brought in like an archive."""
    key_months.make_ahead(actor=actor, now=now, since=now - oldest)


def harden_after_erasure(*, actor: Actor, now: datetime) -> None:
    """Harden the keys of the call that was erased early: no backup of the key table opens it any more."""
    erased = Recording.objects.filter(state=State.ERASED).order_by("erased_at", "pk").first()
    if erased is None:
        return
    names = [keys.kek_for_audio(erased.key_month), keys.kek_for_fields(erased.key_month)]
    fresh = Kek.objects.filter(pk__in=names, state=KekState.ACTIVE, hardened_at__isnull=True).order_by("pk")
    for kek in fresh:
        key_work.begin(kek.name, KeyWorkKind.HARDEN, actor=actor, now=now)
        key_work.carry_on(actor=actor, now=now, only=kek.name)
