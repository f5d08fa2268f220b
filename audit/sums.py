"""What a timeline begins with: who heard how much, when last, and how often somebody was refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import models
from django.db.models import Max, QuerySet, Sum
from django.db.models.expressions import RawSQL

from audit import events
from audit.actions import Action
from audit.events import EventFilters
from audit.models import AuditEvent

# Not parsed as JSON: one damaged entry would close the timeline to whoever looks for the damage.
_HEARD_MS = """substring(encode(entry, 'escape') FROM '"heard_ms":([0-9]{1,15})')::bigint"""
_GRANT = """substring(encode(entry, 'escape') FROM '"grant":"([0-9a-f-]{36})"')"""


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
    about = AuditEvent.objects.filter(target_id=str(recording_id))
    own, left = _heard(about.exclude(actor_id=None)), _heard(about.filter(actor_id=None))
    people = set(own.values_list("actor_id", flat=True))
    people.update(_within(_granted(about), left).values_list("actor_id", flat=True))
    return _sums(about, own, left, len(people), EventFilters(recording_id=recording_id, group="refused"))


def of_person(person_id: UUID) -> Sums:
    """Return what a person heard, and for how long."""
    about = AuditEvent.objects.filter(actor_id=person_id)
    granted = _granted(about)
    of_these = AuditEvent.objects.filter(actor_id=None, target_id__in=granted.values("target_id"))
    own, left = _heard(about), _within(_heard(of_these), granted)
    recordings = {*own.values_list("target_id", flat=True), *left.values_list("target_id", flat=True)}
    return _sums(about, own, left, len(recordings), EventFilters(person_id=person_id, group="refused"))


def _heard(about: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
    """Find the ends of consultations of which something was sent.

    Who leaves without stopping has ended nothing: the vault does it when the permission has run out.
    """
    heard_ms = RawSQL(_HEARD_MS, (), output_field=models.BigIntegerField())  # noqa: S611 - no input in the SQL
    closed = about.filter(action=Action.PLAYBACK_CLOSED.value)
    return _with_grant(closed).annotate(heard_ms=heard_ms).filter(heard_ms__gt=0)


def _granted(about: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
    return _with_grant(about.filter(action=Action.PLAYBACK_GRANTED.value))


def _with_grant(about: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
    return about.annotate(grant=RawSQL(_GRANT, (), output_field=models.TextField()))  # noqa: S611 - no input


def _within(about: QuerySet[AuditEvent], others: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
    """Find the events, of those with a grant, whose grant some of the others have."""
    return about.filter(grant__in=others.values("grant"))  # type: ignore[misc]  # annotated above


def _sums(
    about: QuerySet[AuditEvent],
    own: QuerySet[AuditEvent],
    left: QuerySet[AuditEvent],
    others: int,
    refused: EventFilters,
) -> Sums:
    """Add up what people ended themselves (``own``) and what the vault ended (``left``)."""
    of_own, of_left = (each.aggregate(ms=Sum("heard_ms"), last=Max("occurred_at")) for each in (own, left))
    moments = [of_own["last"]]
    if of_left["ms"]:  # the vault ended it later than it was heard
        windows = about.filter(action=Action.PLAYBACK_WINDOW.value)
        moments.append(windows.aggregate(last=Max("occurred_at"))["last"])
    heard_ms = (of_own["ms"] or 0) + (of_left["ms"] or 0)
    return Sums(others, heard_ms, max(filter(None, moments), default=None), events.count_events(refused))
