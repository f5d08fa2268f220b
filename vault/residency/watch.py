"""Look where everything lies, and note what has changed: an alarm each time, an event for each change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from audit import trail
from audit.actions import Action
from audit.actor import Actor, Ref
from audit.anchors import locked_copy
from vault import kms, storage
from vault.places import Place, PlaceUnknown
from vault.residency.models import Violation
from vault.residency.rules import Because, Breach, breach_of, breaches

log = structlog.get_logger("vault.residency")


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found; ``is_whole`` unless some part would not say all it knows."""

    breaches: list[Breach]
    is_whole: bool


def look() -> Seen:
    """Ask object store and key management where they are, and compare.

    :raises Unavailable: if one of them does not answer.
    """
    found: list[Breach] = []
    for places in _asked():
        try:
            found += breaches(
                places(), regions=settings.ALLOWED_REGIONS, endpoints=settings.ALLOWED_ENDPOINTS
            )
        except PlaceUnknown as unknown:
            found.append(breach_of(unknown))
    return Seen(found, is_whole=all(breach.because != Because.UNKNOWN for breach in found))


def watch(*, actor: Actor, now: datetime) -> int:
    """Look, raise an alarm for what is amiss, note what has changed; return how much is amiss."""
    seen = look()
    note(seen, actor=actor, now=now)
    return len(seen.breaches)


def note(seen: Seen, *, actor: Actor, now: datetime) -> None:
    """Raise an alarm for each breach, and record those that are new and those that have ended."""
    for breach in seen.breaches:
        place = breach.place
        log.error(
            "outside the allowed places",
            what=place.what,
            region=place.region,
            endpoint=place.endpoint,
            because=breach.because.value,
        )
    with transaction.atomic(durable=True):
        standing = {_begin(breach, actor=actor, now=now) for breach in seen.breaches}
        if seen.is_whole:  # else something may be hidden behind what is not said
            for violation in find_open().exclude(pk__in=standing).select_for_update():
                violation.ended_at = now
                violation.save(update_fields=["ended_at"])
                _record(Action.RESIDENCY_RESTORED, violation, actor=actor, now=now)


def find_open() -> QuerySet[Violation]:
    """Return what lies where it may not, as far as was noted."""
    return Violation.objects.filter(ended_at__isnull=True).order_by("began_at", "pk")


def _asked() -> list[Callable[[], list[Place]]]:
    asked = [lambda: storage.store().places(), kms.places]
    return [*asked, lambda: locked_copy.store().places()] if locked_copy.is_configured() else asked


def _begin(breach: Breach, *, actor: Actor, now: datetime) -> int:
    place = breach.place
    violation, is_new = Violation.objects.get_or_create(
        what=place.what,
        region=place.region,
        endpoint=place.endpoint,
        because=breach.because.value,
        ended_at=None,
        defaults={"began_at": now},
    )
    if is_new:
        _record(Action.RESIDENCY_VIOLATED, violation, actor=actor, now=now)
    return violation.pk


def _record(action: Action, violation: Violation, *, actor: Actor, now: datetime) -> None:
    trail.record(
        action,
        actor=actor,
        target=Ref("settings", "residency"),
        at=now,
        what=violation.what,
        region=violation.region,
        endpoint=violation.endpoint,
        why=violation.because,
    )
