"""Find events and read them: newest first, a page at a time, with what may be said about the people in them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import reduce
from itertools import product
from operator import and_, or_
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from audit import subjects
from audit.actions import GROUPS, Action, Outcome
from audit.ids import first_uuid
from audit.models import Addendum, AuditEvent, Leaf, Lookup, RemovedMonth
from audit.traces import Traces
from vault.errors import Missing, gettext_noop

PAGE = 50
MOST_COUNTED = 10_000
_BATCH = 500
_TARGETS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class EventFilters:
    """What is looked for; all of these together. Ids, codes and keyed hashes: nothing here is personal in clear.

    :param person_id: who did it, or to whom it was done.
    :param recording_id: what is about a recording, also where the event names its erasure.
    :param traces: what a number or an address left in the trail.
    """

    actor_id: UUID | None = None
    target_id: str = ""
    person_id: UUID | None = None
    recording_id: UUID | None = None
    group: str = ""
    action: str = ""
    outcome: str = ""
    purpose: str = ""
    since: datetime | None = None
    until: datetime | None = None
    traces: tuple[Traces, ...] = ()

    def as_facts(self) -> dict[str, str]:
        """Return the filters that are set, as short texts: for the trail and a manifest."""
        values = {name: getattr(self, name) for name in self.__slots__ if name != "traces"}
        facts = {
            name: value.isoformat() if isinstance(value, datetime) else str(value)
            for name, value in values.items()
            if value not in (None, "")
        }
        return facts | {trace.field: trace.query for trace in self.traces}

    def as_row(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it: for the row of an export, which is made later."""
        facts = {name: text for name, text in self.as_facts().items() if name in self.__slots__}
        return facts | ({"traces": [asdict(trace) for trace in self.traces]} if self.traces else {})

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> EventFilters:
        """Return the filters that ``as_row`` wrote."""
        values = dict(row)
        for name in ("actor_id", "person_id", "recording_id"):
            if name in values:
                values[name] = UUID(values[name])
        for name in ("since", "until"):
            if name in values:
                values[name] = datetime.fromisoformat(values[name])
        traces = tuple(Traces.from_row(trace) for trace in values.pop("traces", ()))
        return cls(**values, traces=traces)

    def apply(self, events: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """Return those of the events that are looked for."""
        return events.filter(reduce(or_, self.arms()))

    def arms(self, *, most: int | None = None) -> list[Q]:
        """Return conditions any one of which is enough, each of which an index answers by itself.

        Together in one query they would make the database read the whole table.

        :param most: how many events are counted at most. Where nothing else is looked for, no more lookups than that
            are followed: the database would rather read the whole table.
        """
        common = self._common()
        is_alone = not common and self.person_id is None and len(self.traces) == 1
        traces = (_ways_to_trace(trace, most if is_alone else None) for trace in self.traces)
        ways = [self._ways_to_person(), *traces]
        return [reduce(and_, way, common) for way in product(*filter(None, ways))]

    def _common(self) -> Q:
        """Return what every event must meet. Ids sort by time, so a period is a range of them."""
        asked = Q()
        for name in ("actor_id", "target_id", "action", "outcome", "purpose"):
            if value := getattr(self, name):
                asked &= Q(**{name: value})
        if self.recording_id:
            asked &= Q(target_id__in=names_of_recording(self.recording_id))
        if self.group:
            asked &= _in_group(self.group)
        if self.since:
            asked &= Q(id__gte=first_uuid(self.since))
        if self.until:
            asked &= Q(id__lt=first_uuid(self.until))
        return asked

    def _ways_to_person(self) -> list[Q]:
        if self.person_id is None:
            return []
        return [Q(actor_id=self.person_id), Q(target_id=str(self.person_id))]


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
    if before:
        found = _nearest(filters, Q(id__gt=before), "id", limit + 1)
        shown = found[:limit][::-1]
        has_newer, has_older = len(found) > limit, True
    else:
        found = _nearest(filters, Q(id__lt=after) if after else Q(), "-id", limit + 1)
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
    first, *others = (
        AuditEvent.objects.filter(arm).order_by().values("id")[: MOST_COUNTED + 1]
        for arm in filters.arms(most=MOST_COUNTED + 1)
    )
    return min(first.union(*others).count() if others else first.count(), MOST_COUNTED + 1)


def names_of_recording(recording_id: UUID) -> list[str]:
    """Return the ids under which events name a recording: its own, and that of its erasure."""
    ended = AuditEvent.objects.filter(
        target_id=str(recording_id),
        action__in=[Action.ERASURE_REQUESTED.value, Action.RECORDING_ERASED.value],
    )
    erasures = {event.body.get("facts", {}).get("erasure") for event in ended}
    return [str(recording_id), *sorted(filter(None, erasures))]


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
        for digest, subject in promised(one.event):
            row = sealed.get(digest)
            key = keys.get(row.key_id) if row else None
            raw = subjects.open_sealed(key, bytes(row.sealed), digest) if row and key else None
            fields = json.loads(raw)["fields"] if raw else None
            one.addenda.append(AddendumTold(subject, digest, raw, fields))
    return list(told.values())


def _nearest(filters: EventFilters, bound: Q, order: str, limit: int) -> list[AuditEvent]:
    """Return the first events in this order, those of all arms together."""
    found: dict[UUID, AuditEvent] = {}
    for arm in filters.arms():
        found |= {event.id: event for event in AuditEvent.objects.filter(arm & bound).order_by(order)[:limit]}
    return [found[key] for key in sorted(found, reverse=order.startswith("-"))[:limit]]


def _ways_to_trace(trace: Traces, most: int | None) -> list[Q]:
    values = [bytes.fromhex(value) for value in trace.lookups]
    listed = Q(id__in=Lookup.objects.filter(value__in=values).values("event_id")[:most])
    return [listed, Q(target_id__in=trace.targets)] if trace.targets else [listed]


def promised(event: AuditEvent) -> list[tuple[bytes, str]]:
    """Return digest and subject of each addendum of an event; none where somebody damaged the entry."""
    try:
        return [
            (bytes.fromhex(part["sha256"]), str(part["subject"])) for part in event.body.get("addenda", ())
        ]
    except (ValueError, KeyError, TypeError):
        return []


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
