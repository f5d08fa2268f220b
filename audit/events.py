"""Find events and read them: newest first, a page at a time, with what may be said about the people in them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from audit import subjects
from audit.actions import GROUPS, Action, Outcome
from audit.ids import first_uuid
from audit.models import Addendum, AuditEvent, Leaf, Lookup, RemovedMonth
from vault.errors import Missing, gettext_noop

PAGE = 50
MOST_COUNTED = 10_000
_BATCH = 500
_TARGETS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class EventFilters:
    """What is looked for; all of these together. Ids and codes only: nothing here is personal in clear."""

    actor_id: UUID | None = None
    target_id: str = ""
    group: str = ""
    action: str = ""
    outcome: str = ""
    purpose: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def as_facts(self) -> dict[str, str]:
        """Return the filters that are set, as short texts: for the trail, an export's row and a manifest."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {
            name: value.isoformat() if isinstance(value, datetime) else str(value)
            for name, value in values.items()
            if value not in (None, "")
        }

    @classmethod
    def from_facts(cls, facts: dict[str, str]) -> EventFilters:
        """Return the filters that ``as_facts`` described."""
        values: dict[str, Any] = dict(facts)
        if "actor_id" in values:
            values["actor_id"] = UUID(values["actor_id"])
        for name in ("since", "until"):
            if name in values:
                values[name] = datetime.fromisoformat(values[name])
        return cls(**values)

    def apply(self, events: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """Return those of the events that are looked for. Ids sort by time, so a period is a range of them."""
        if self.actor_id:
            events = events.filter(actor_id=self.actor_id)
        if self.target_id:
            events = events.filter(target_id=self.target_id)
        if self.group:
            events = events.filter(_in_group(self.group))
        for name in ("action", "outcome", "purpose"):
            if value := getattr(self, name):
                events = events.filter(**{name: value})
        if self.since:
            events = events.filter(id__gte=first_uuid(self.since))
        if self.until:
            events = events.filter(id__lt=first_uuid(self.until))
        return events


@dataclass(slots=True)
class Told:
    """An event with its place in the tree and the disclosed words about its people."""

    event: AuditEvent
    index: int | None = None
    addenda: list[AddendumTold] = field(default_factory=list)

    @property
    def actor_name(self) -> str:
        """Return the actor's name as it was then; empty if there is none or it was forgotten."""
        return self._about_actor("name")

    @property
    def actor_address(self) -> str:
        """Return the address the actor came from; empty if there is none or it was forgotten."""
        return self._about_actor("address")

    @property
    def is_actor_forgotten(self) -> bool:
        """Say whether there were words about the actor that nothing opens any more."""
        return any(part.fields is None for part in self.addenda if self._is_about_actor(part))

    def _about_actor(self, name: str) -> str:
        found = (
            part.fields.get(name, "") for part in self.addenda if part.fields and self._is_about_actor(part)
        )
        return next(filter(None, found), "")

    def _is_about_actor(self, part: AddendumTold) -> bool:
        return part.subject.startswith("day:") or part.subject == f"account:{self.event.actor_id}"


@dataclass(frozen=True, slots=True)
class AddendumTold:
    """One addendum as the entry promises it; without fields it was forgotten."""

    subject: str
    digest: bytes
    raw: bytes | None
    fields: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events, newest first, and the ids that lead on; None where there is nothing more."""

    rows: list[Told]
    older: UUID | None
    newer: UUID | None


def find_events(
    filters: EventFilters, *, after: UUID | None = None, before: UUID | None = None, limit: int = PAGE
) -> EventPage:
    """Return the events older than ``after``, or just newer than ``before``, or the newest.

    The caller records that somebody reads them before it hands them out.
    """
    events = filters.apply(AuditEvent.objects.all())
    if before:
        found = list(events.filter(id__gt=before).order_by("id")[: limit + 1])
        shown = found[:limit][::-1]
        has_newer, has_older = len(found) > limit, True
    else:
        if after:
            events = events.filter(id__lt=after)
        found = list(events.order_by("-id")[: limit + 1])
        shown = found[:limit]
        has_newer, has_older = after is not None, len(found) > limit
    return EventPage(
        tell(shown),
        older=shown[-1].id if shown and has_older else None,
        newer=shown[0].id if shown and has_newer else None,
    )


def read_about(
    kind: str,
    ids: Sequence[str],
    actions: Collection[Action],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    with_people: bool = False,
) -> Iterator[Told]:
    """Yield every event with these actions about these targets, some hundreds of targets at a time; of each, by time.

    :param with_people: whether addenda are opened, too; the caller then has somebody's ground for it.
    """
    for start in range(0, len(ids), _TARGETS_AT_ONCE):
        wanted = AuditEvent.objects.filter(
            target_kind=kind, target_id__in=ids[start : start + _TARGETS_AT_ONCE], action__in=actions
        )
        yield from _in_batches(EventFilters(since=since, until=until).apply(wanted), with_people)


def read_by(
    actor_id: UUID,
    actions: Collection[Action],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[Told]:
    """Yield every event of somebody with these actions, by time."""
    filters = EventFilters(actor_id=actor_id, since=since, until=until)
    yield from _in_batches(filters.apply(AuditEvent.objects.filter(action__in=actions)))


def read_by_value(
    field: str,
    value: str,
    actions: Collection[Action],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[Told]:
    """Yield every event with these actions that is found by a value which stands nowhere in clear, by time."""
    found = Lookup.objects.filter(value__in=subjects.lookups(field, value)).values("event_id")
    wanted = AuditEvent.objects.filter(id__in=found, action__in=actions)
    yield from _in_batches(EventFilters(since=since, until=until).apply(wanted))


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of its history the trail still holds: since when, and which months went by policy."""

    since: datetime | None
    removed_months: tuple[str, ...]


def coverage() -> Coverage:
    """Return what the trail can still tell."""
    first = AuditEvent.objects.order_by("id").values_list("occurred_at", flat=True).first()
    removed = RemovedMonth.objects.order_by("month").values_list("month", flat=True)
    return Coverage(first, tuple(removed))


def count_events(filters: EventFilters) -> int:
    """Return how many events match, counting no further than one above ``MOST_COUNTED``."""
    return filters.apply(AuditEvent.objects.all()).order_by()[: MOST_COUNTED + 1].count()


def read_event(event_id: UUID) -> Told:
    """Return one event.

    :raises Missing: if there is none.
    """
    event = AuditEvent.objects.filter(id=event_id).first()
    if event is None:
        raise Missing(gettext_noop("There is no such event."))
    return tell([event])[0]


def tell(events: Iterable[AuditEvent]) -> list[Told]:
    """Return events with their numbers and whatever addenda still open."""
    told = {event.id: Told(event) for event in events}
    for event_id, index in Leaf.objects.filter(event_id__in=told).values_list("event_id", "index"):
        told[event_id].index = index
    sealed = {bytes(row.digest): row for row in Addendum.objects.filter(event_id__in=told)}
    keys = subjects.open_keys(row.key_id for row in sealed.values())
    for one in told.values():
        for promised in one.event.body.get("addenda", ()):
            digest = bytes.fromhex(promised["sha256"])
            row = sealed.get(digest)
            key = keys.get(row.key_id) if row else None
            raw = subjects.open_sealed(key, bytes(row.sealed), digest) if row and key else None
            fields = json.loads(raw)["fields"] if raw else None
            one.addenda.append(AddendumTold(promised["subject"], digest, raw, fields))
    return list(told.values())


def _in_batches(events: QuerySet[AuditEvent], with_people: bool = False) -> Iterator[Told]:
    after = UUID(int=0)
    while batch := list(events.filter(id__gt=after).order_by("id")[:_BATCH]):
        yield from tell(batch) if with_people else map(Told, batch)
        if len(batch) < _BATCH:
            return
        after = batch[-1].id


def _in_group(group: str) -> Q:
    if group == "refused":
        return Q(outcome__in=[Outcome.REFUSED, Outcome.FAILED])
    return Q(action__in=[action.value for action in GROUPS.get(group, frozenset[Action]())])
