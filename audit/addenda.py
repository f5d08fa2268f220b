"""Check the addenda of some events: each is there and opens, or an event says why it does not."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from audit import subjects
from audit.actions import Action, Outcome
from audit.events import promised as promised_by
from audit.findings import Finding
from audit.lookups import Lookups
from audit.models import Addendum, AuditEvent, Leaf, SubjectKey

# How long another process may have sealed with a key that it had in memory when the subject was forgotten.
REMEMBERED_FOR = timedelta(minutes=1)
_BESIDE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Promised:
    """An addendum as an entry promises it."""

    index: int
    event: AuditEvent
    digest: bytes
    subject: str
    is_about_actor: bool

    @property
    def at(self) -> datetime:
        """When the event happened."""
        return self.event.occurred_at

    @property
    def month(self) -> str:
        """The month whose master its key stands under."""
        return f"{self.at.astimezone(UTC):%Y-%m}"


def check_addenda(
    events: Sequence[tuple[int, AuditEvent]], *, removed_months: Collection[str], lookups: Lookups
) -> Iterator[Finding]:
    """Yield what is wrong with the addenda of these events, given with their places in the tree, and how they are found.

    :param removed_months: the months that were removed from the trail, whose keys went with them.
    """
    promised = [
        _Promised(index, event, digest, subject, place == 0)
        for index, event in events
        for place, (digest, subject) in enumerate(promised_by(event))
    ]
    lost = _lost_with_a_database()
    expected = [
        one
        for one in promised
        if one.month not in removed_months and not any(one.index in span for span in lost)
    ]
    for index, event in events:
        lookups.note_query(index, event, must_be=not any(index in span for span in lost))
    rows = _rows(event for _index, event in events)
    there = set(
        SubjectKey.objects.filter(id__in={row.key_id for row in rows.values()}).values_list("id", flat=True)
    )
    keys = subjects.open_keys(there)
    blank, is_open = [], set()
    for one in expected:
        row = rows.get(one.digest)
        if row is None:
            yield _of("addendum-gone", one)
        elif row.key_id not in there:
            blank.append(one)
        elif row.key_id not in keys:
            yield _of("month-key-gone", one)
        else:
            raw = subjects.open_sealed(keys[row.key_id], bytes(row.sealed), one.digest)
            if raw is None or hashlib.sha256(raw).digest() != one.digest:
                yield _of("addendum-changed", one)
            else:
                is_open.add(one.digest)
                if one.is_about_actor:
                    lookups.note_opened(one.index, one.event, _address(raw), row.key_id)
    for one in promised:
        if one.is_about_actor and one.digest not in is_open:
            lookups.note_closed()
    yield from lookups.check()
    forgotten = _forgotten(blank)
    for one in blank:
        if not any(
            one.index < index or one.at <= at + REMEMBERED_FOR for index, at in forgotten[one.subject]
        ):
            yield _of("key-gone", one)


def _address(addendum: bytes) -> str:
    told = json.loads(addendum)
    return str(told["fields"].get("address", ""))


def _rows(events: Iterator[AuditEvent]) -> dict[bytes, Addendum]:
    found = {event.id: event.recorded_at for event in events}
    if not found:
        return {}
    moments = found.values()
    rows = Addendum.objects.filter(
        event_id__in=found, recorded_at__range=(min(moments) - _BESIDE, max(moments) + _BESIDE)
    )
    return {bytes(row.digest): row for row in rows}


def _forgotten(blank: Sequence[_Promised]) -> Mapping[str, list[tuple[float, datetime]]]:
    """Return when each of the subjects was forgotten, and where that stands in the tree: its end, if nowhere yet."""
    wanted = {one.subject.partition(":")[2] for one in blank}
    found = list(
        AuditEvent.objects.filter(
            action=Action.TRAIL_FORGOTTEN.value, outcome=Outcome.DONE.value, target_id__in=wanted
        )
    )
    leaves = Leaf.objects.filter(event_id__in=[event.id for event in found])
    places = dict(leaves.values_list("event_id", "index"))
    told: defaultdict[str, list[tuple[float, datetime]]] = defaultdict(list)
    for event in found:
        place = places.get(event.id, float("inf"))
        told[f"{event.target_kind}:{event.target_id}"].append((place, event.occurred_at))
    return told


def _lost_with_a_database() -> list[range]:
    """Return which events came back from a locked copy, which holds no addenda."""
    found = AuditEvent.objects.filter(action=Action.TRAIL_REIMPORTED.value, outcome=Outcome.DONE.value)
    places = dict(Leaf.objects.filter(event_id__in=found.values("id")).values_list("event_id", "index"))
    spans = []
    for event in found:
        try:
            told = event.body["facts"]
            # It speaks of what stands before it: nobody may explain away what comes later.
            spans.append(range(told["first"], min(told["last"] + 1, places[event.id])))
        except (KeyError, TypeError):
            continue
    return spans


def _of(code: str, one: _Promised) -> Finding:
    return Finding.of(code, index=one.index, subject=one.subject)
