"""Check that every event is found by its address and its search, and that nothing is found by what it has not.

No signature covers these rows: who deletes one hides the event from whoever looks for an address or a number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import connection

from audit import subjects
from audit.findings import Finding
from audit.models import AuditEvent, SubjectKey

_MISSING = """
    SELECT wanted.index, wanted.key_id
    FROM unnest(%s::bigint[], %s::bytea[], %s::uuid[], %s::uuid[]) AS wanted (index, value, event_id, key_id)
    WHERE NOT EXISTS (
        SELECT FROM audit_lookup AS found WHERE found.value = wanted.value AND found.event_id = wanted.event_id
        AND found.key_id IS NOT DISTINCT FROM wanted.key_id
    )
    ORDER BY wanted.index
"""
# Of the events that the check has read, and of none at all.
_THERE = """
    SELECT count(*) FROM audit_lookup AS found LEFT JOIN audit_leaf AS leaf USING (event_id)
    WHERE leaf.index < %s
       OR leaf.index IS NULL AND NOT EXISTS (SELECT FROM audit_event AS event WHERE event.id = found.event_id)
"""


@dataclass(slots=True)
class Lookups:
    """Counts the rows that may be there, and misses those that must be."""

    may_be: int = 0
    _wanted: list[tuple[int, bytes, UUID, UUID | None]] = field(default_factory=list)
    _hashes: dict[tuple[str, str, str], bytes | None] = field(default_factory=dict)

    def note_opened(self, index: int, event: AuditEvent, address: str, key_id: UUID) -> None:
        """Take up what the words about an event's actor say: the address, empty if there is none."""
        if address:
            self._note(index, event, "address", address, key_id)

    def note_closed(self) -> None:
        """Take up an event whose words about its actor do not open: whoever sealed them late left a row, too."""
        self.may_be += 1

    def note_query(self, index: int, event: AuditEvent, *, must_be: bool) -> None:
        """Take up the search that an event says was made; one that came back from a copy is not found by it."""
        facts = event.body.get("facts")
        query = facts.get("query") if isinstance(facts, dict) else None
        if query and must_be:
            self._note(index, event, "query", str(query), None)
        elif query:
            self.may_be += 1

    def check(self) -> Iterator[Finding]:
        """Yield which of the events taken up since the last time are not found as they should be."""
        wanted, self._wanted = self._wanted, []
        self._hashes.clear()
        if not wanted:
            return
        with connection.cursor() as cursor:
            cursor.execute(_MISSING, [list(column) for column in zip(*wanted, strict=True)])
            missing = cursor.fetchall()
        keys = {key for _index, key in missing if key}
        there = set(SubjectKey.objects.filter(pk__in=keys).values_list("pk", flat=True)) if keys else set()
        for index, key in missing:
            if key is None or key in there:  # otherwise the subject was forgotten just now
                yield Finding.of("lookup-gone", index=index)

    def findings(self, size: int) -> Iterator[Finding]:
        """Yield that there are too many rows, once every event has been taken up."""
        with connection.cursor() as cursor:
            cursor.execute(_THERE, [size])
            (there,) = cursor.fetchone()
        if there > self.may_be:
            yield Finding.of("lookups-stray", count=there - self.may_be)

    def _note(self, index: int, event: AuditEvent, name: str, value: str, key_id: UUID | None) -> None:
        self.may_be += 1
        value_hash = self._hash(name, value, event.occurred_at)
        if value_hash is not None:
            self._wanted.append((index, value_hash, event.id, key_id))

    def _hash(self, name: str, value: str, at: datetime) -> bytes | None:
        key = (name, value, f"{at:%Y-%m}")
        if key not in self._hashes:
            self._hashes[key] = subjects.known_lookup(name, value, at)
        return self._hashes[key]
