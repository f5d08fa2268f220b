"""Finding calls: newest first, by page, by what the list shows; and by number or reference, as a disclosure.

Pages go by key, never by offset: ``(started_at, id)`` as one row value, which five million rows answer in a
millisecond. A number is never in a cursor, a filter or an address.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from uuid import UUID

from django.db import models
from django.db.models import Q

from audit import trail
from audit.actions import Action
from audit.actor import Actor, Ref
from recordings import fields as personal_fields
from recordings import paging, sought
from recordings.models import (
    Basis,
    BasisStatus,
    Direction,
    PlaybackGrant,
    Recording,
    RecordingQuerySet,
)
from recordings.sought import Sought
from vault.errors import Invalid, gettext_noop

COUNTED = 10_001  # a count beyond this says "more than 10 000"
DUE_SOON = timedelta(days=2)


class Standing(models.TextChoices):
    """States as people filter by them: what the list's last column shows."""

    KEPT = "kept", "Kept"
    HELD = "held", "On hold"
    RESTRICTED = "restricted", "Restricted"
    QUARANTINED = "quarantined", "Quarantined"
    DUE = "due", "Due within two days"
    ERASED = "erased", "Erased"


@dataclass(frozen=True, slots=True)
class CallFilters:
    """What to keep of the list; empty means any."""

    team: UUID | None = None
    agent: UUID | None = None
    queue: str = ""
    started_from: datetime | None = None
    started_before: datetime | None = None
    direction: str = ""
    shortest_s: int | None = None
    longest_s: int | None = None
    category: str = ""
    basis: str = ""
    basis_status: str = ""
    state: str = ""

    def names(self) -> str:
        """Name the filters that are set, for the trail: never what they are set to."""
        return " ".join(each.name for each in fields(self) if getattr(self, each.name) not in (None, ""))


@dataclass(frozen=True, slots=True)
class CallRow:
    """One call of the list, its number masked."""

    recording: Recording
    number: str
    heard_by_me: bool
    heard_by_others: bool


@dataclass(frozen=True, slots=True)
class CallPage:
    """A page of calls; ``older`` and ``newer`` are the cursors of its neighbours, if there are any."""

    rows: list[CallRow]
    older: str | None
    newer: str | None


def find(
    filters: CallFilters, *, actor: Actor, cursor: str | None = None, limit: int = 50, now: datetime
) -> CallPage:
    """Return a page of the calls within reach, newest first. That the list was seen is in the trail.

    :raises BadCursor: for a cursor that was not made here.
    """
    page = paging.page(_filtered(filters, actor, now), cursor, limit)
    trail.record_disclosure(
        Action.RECORDING_LISTED,
        actor=actor,
        target=Ref("page", "recordings"),
        at=now,
        count=len(page.rows),
        filters=filters.names(),
        page="first" if cursor is None else "further",
    )
    return CallPage(rows_of(page.rows, actor), page.older, page.newer)


def find_by_number(
    number: str,
    *,
    filters: CallFilters | None = None,
    actor: Actor,
    cursor: str | None = None,
    limit: int = 50,
    now: datetime,
) -> CallPage:
    """Return the calls on which a number was, newest first; a disclosure, recorded before anything is shown.

    :raises NothingToSearchFor: for what is no number, or a withheld one.
    """
    return _search(sought.by_number(number), filters, actor, cursor, limit, now)


def find_by_reference(
    reference: str,
    *,
    filters: CallFilters | None = None,
    actor: Actor,
    cursor: str | None = None,
    limit: int = 50,
    now: datetime,
) -> CallPage:
    """Return the calls with a customer's reference, newest first; a disclosure like a search by number.

    :raises NothingToSearchFor: for an empty one.
    """
    return _search(sought.by_reference(reference), filters, actor, cursor, limit, now)


def find_by_number_or_reference(
    text: str,
    *,
    filters: CallFilters | None = None,
    actor: Actor,
    cursor: str | None = None,
    limit: int = 50,
    now: datetime,
) -> CallPage:
    """Search by what looks like a number as a number, and by anything else as a reference.

    Bare digits that are nobody's number may be a reference, too: two searches, both in the trail.
    """
    if sought.is_number(text):
        page = find_by_number(text, filters=filters, actor=actor, cursor=cursor, limit=limit, now=now)
        if page.rows or not text.strip().isdecimal():
            return page
    return find_by_reference(text, filters=filters, actor=actor, cursor=cursor, limit=limit, now=now)


def count(filters: CallFilters, *, actor: Actor, now: datetime) -> int:
    """Return how many calls there are, at most 10 001, which means more than 10 000."""
    return _filtered(filters, actor, now).order_by()[:COUNTED].count()


def _search(
    wanted: Sought,
    filters: CallFilters | None,
    actor: Actor,
    cursor: str | None,
    limit: int,
    now: datetime,
) -> CallPage:
    filters = filters or CallFilters()
    page = paging.page(_filtered(filters, actor, now).filter(wanted.condition), cursor, limit)
    trail.record_disclosure(
        Action.RECORDING_SEARCHED,
        actor=actor,
        target=Ref("page", "recordings"),
        at=now,
        field=wanted.column,
        query=wanted.query,
        count=len(page.rows),
        filters=filters.names(),
    )
    return CallPage(rows_of(page.rows, actor), page.older, page.newer)


def _filtered(filters: CallFilters, actor: Actor, now: datetime) -> RecordingQuerySet:
    found = Recording.objects.visible_to(actor)
    equals = {
        "team_id": filters.team,
        "agent_id": filters.agent,
        "queue": filters.queue,
        "direction": _known(filters.direction, Direction),
        "category": filters.category,
        "basis": _known(filters.basis, Basis),
        "started_at__gte": filters.started_from,
        "started_at__lt": filters.started_before,
        "duration_ms__gte": None if filters.shortest_s is None else filters.shortest_s * 1000,
        "duration_ms__lte": None if filters.longest_s is None else filters.longest_s * 1000,
    }
    found = found.filter(**{name: value for name, value in equals.items() if value not in (None, "")})
    if filters.basis_status == "none":
        found = found.filter(basis_status="")
    elif filters.basis_status:
        found = found.filter(basis_status=_known(filters.basis_status, BasisStatus))
    if filters.state:
        found = found.filter(_standing(_known(filters.state, Standing), now))
    return found


def _known(value: str, choices: type[models.TextChoices]) -> str:
    if value and value not in choices.values:
        raise Invalid(
            gettext_noop("A filter has a value that is not one of its choices."), code="unknown-filter"
        )
    return value


def _standing(state: str, now: datetime) -> Q:
    free = Q(is_held=False, is_restricted=False, is_frozen=False)
    return {
        Standing.KEPT.value: Q(state="active") & free,
        Standing.HELD.value: Q(is_held=True) | Q(is_frozen=True),
        Standing.RESTRICTED.value: Q(is_restricted=True),
        Standing.QUARANTINED.value: Q(state="quarantined"),
        Standing.DUE.value: ~Q(state="erased") & free & Q(expires_at__lte=now + DUE_SOON),
        Standing.ERASED.value: Q(state="erased"),
    }[state]


def rows_of(recordings: Sequence[Recording], actor: Actor) -> list[CallRow]:
    """Return recordings as the list shows them; a few queries, whatever their number."""
    masked = personal_fields.masked_numbers(recordings)
    by_me, by_others = _who_heard(recordings, actor)
    return [CallRow(row, masked.get(row.pk, ""), row.pk in by_me, row.pk in by_others) for row in recordings]


def _who_heard(rows: Sequence[Recording], actor: Actor) -> tuple[set[UUID], set[UUID]]:
    sent = PlaybackGrant.objects.filter(recording__in=rows, last_sent_at__isnull=False)
    pairs = set(sent.values_list("recording_id", "account_id"))
    return (
        {recording for recording, account in pairs if account == actor.id},
        {recording for recording, account in pairs if account != actor.id},
    )
