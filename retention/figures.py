"""The DPO's numbers, each with the list behind it. A number and its list use one and the same query."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from recordings.models import Recording, State
from retention import clock_guard
from retention.models import ClockDoubt, Erasure, ErasureState, LedgerEntry
from vault.jobs.models import Heartbeat

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as LazyText

MOST = 10_000  # totals are capped, never counted exactly beyond
GRACE = timedelta(minutes=5)

_CLOCK_RUNS = Q(is_held=False, is_frozen=False, is_restricted=False)


@dataclass(frozen=True, slots=True)
class Which:
    """One list of recordings: what it is called, and how it looks."""

    code: str
    label: LazyText
    tone: str
    icon: str
    note: LazyText


LISTS: dict[str, Which] = {
    which.code: which
    for which in (
        Which("overdue", _("Overdue"), "is-refused", "octagon-x", _("should have gone already")),
        Which("due-7", _("Due in 7 days"), "is-due", "hourglass", _("go by themselves")),
        Which("due-30", _("Due in 30 days"), "is-due", "hourglass", _("go by themselves")),
        Which("held", _("On legal hold"), "is-held", "scale", _("until the hold is released")),
        Which("frozen", _("Open access request"), "is-held", "snowflake", _("until it is answered")),
        Which("restricted", _("Restricted"), "is-restricted", "hand", _("kept, not used")),
        Which("conflicts", _("Conflicts"), "is-quarantined", "triangle-alert", _("no end until you decide")),
        Which("quarantined", _("Quarantined"), "is-quarantined", "lock", _("no lawful basis found")),
    )
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and its list."""

    which: Which
    count: int

    @property
    def is_capped(self) -> bool:
        """Say whether there are more than were counted."""
        return self.count > MOST


@dataclass(frozen=True, slots=True)
class Machinery:
    """How the sweep itself is."""

    sweep: Heartbeat | None
    is_late: bool
    doubt: ClockDoubt | None
    waiting_for_ledger: int
    unfinished: int
    stuck: int
    blocked: int
    certified_7_days: int


def recordings_in(code: str, *, actor: Actor, now: datetime) -> QuerySet[Recording]:
    """Return the recordings of one list, unordered."""
    kept = Recording.objects.visible_to(actor).exclude(state=State.ERASED)
    conditions = {
        "overdue": _CLOCK_RUNS & Q(expires_at__lte=now - _patience()),
        "due-7": _CLOCK_RUNS & Q(expires_at__gt=now - _patience(), expires_at__lte=now + timedelta(days=7)),
        "due-30": _CLOCK_RUNS & Q(expires_at__gt=now - _patience(), expires_at__lte=now + timedelta(days=30)),
        "held": Q(is_held=True),
        "frozen": Q(is_frozen=True),
        "restricted": Q(is_restricted=True),
        "conflicts": Q(in_conflict=True),
        "quarantined": Q(state=State.QUARANTINED),
    }
    return kept.filter(conditions[code])


def figures(*, actor: Actor, now: datetime) -> list[Figure]:
    """Return every number of the overview."""
    return [
        Figure(which, recordings_in(code, actor=actor, now=now)[: MOST + 1].count())
        for code, which in LISTS.items()
    ]


def machinery(*, now: datetime) -> Machinery:
    """Return whether the sweep runs, and what stands in its way."""
    sweep = Heartbeat.objects.filter(pk="retention.sweep").first()
    finished_at = sweep.finished_at if sweep else None
    erasures = Erasure.objects
    return Machinery(
        sweep=sweep,
        is_late=finished_at is None or now - finished_at > _patience(),
        doubt=clock_guard.find_doubt(),
        waiting_for_ledger=LedgerEntry.objects.filter(written_at__isnull=True)[: MOST + 1].count(),
        unfinished=erasures.exclude(state__in=[ErasureState.CERTIFIED, ErasureState.NEEDS_ATTENTION])[
            : MOST + 1
        ].count(),
        stuck=erasures.filter(state=ErasureState.NEEDS_ATTENTION)[: MOST + 1].count(),
        blocked=erasures.filter(state=ErasureState.BLOCKED)[: MOST + 1].count(),
        certified_7_days=certified_lately(now=now)[: MOST + 1].count(),
    )


def certified_lately(*, now: datetime) -> QuerySet[Erasure]:
    """Return the erasures that were certified in the last seven days."""
    return Erasure.objects.filter(certified_at__gte=now - timedelta(days=7))


def _patience() -> timedelta:
    """Return how long after its end a recording counts as overdue: a few sweeps."""
    return GRACE + timedelta(seconds=3 * settings.SWEEP_SECONDS)
