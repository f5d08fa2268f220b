"""What a timeline begins with: who heard how much, when last, and how often somebody was refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import models
from django.db.models import Count, Max, QuerySet, Sum
from django.db.models.expressions import RawSQL

from audit import events
from audit.actions import Action
from audit.events import EventFilters
from audit.models import AuditEvent

# Not parsed as JSON: one damaged entry would close the timeline to whoever looks for the damage.
_HEARD_MS = """substring(encode(entry, 'escape') FROM '"heard_ms":([0-9]{1,15})')::bigint"""


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums of one recording or one person.

    :param others: how many people heard it; or how many recordings the person heard.
    :param heard_ms: of consultations that have ended; one that is under way counts when it ends.
    :param refused: one above ``events.MOST_COUNTED`` stands for more.
    """

    others: int
    heard_ms: int
    last_at: datetime | None
    refused: int


def of_recording(recording_id: UUID) -> Sums:
    """Return who heard a recording, and for how long."""
    filters = EventFilters(recording_id=recording_id, group="refused")
    return _sums(AuditEvent.objects.filter(target_id=str(recording_id)), "actor_id", filters)


def of_person(person_id: UUID) -> Sums:
    """Return what a person heard, and for how long."""
    filters = EventFilters(person_id=person_id, group="refused")
    return _sums(AuditEvent.objects.filter(actor_id=person_id), "target_id", filters)


def _sums(about: QuerySet[AuditEvent], other: str, refused: EventFilters) -> Sums:
    heard_ms = RawSQL(_HEARD_MS, (), output_field=models.BigIntegerField())  # noqa: S611 - no input in the SQL
    heard = (
        about.filter(action=Action.PLAYBACK_CLOSED.value).annotate(heard_ms=heard_ms).filter(heard_ms__gt=0)
    )
    found = heard.aggregate(others=Count(other, distinct=True), ms=Sum("heard_ms"), last=Max("occurred_at"))
    return Sums(found["others"], found["ms"] or 0, found["last"], events.count_events(refused))
