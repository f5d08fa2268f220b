"""Who listened to me: every consultation of the recordings that somebody is on, for the person to have.

The right to it is that of article 15 GDPR as the Court of Justice reads it (C-579/21): dates and purposes of
consultations; who consulted them only where the person cannot do without it, which somebody decides and grounds.
That a statement is made is committed before anything of it is returned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from audit import events, trail
from audit.actions import Action, Outcome
from audit.actor import Actor, Ref
from audit.events import Coverage, Told
from audit.subjects import Subject
from audit.trail import Personal
from privacy import consultations
from privacy.consultations import LISTENING, REFUSABLE, SEEING, Consultations
from privacy.periods import Period
from recordings import sought
from recordings.sought import NothingToSearchFor, Sought
from vault.errors import Invalid, gettext_noop

SHORTEST_GROUND = 10
LONGEST_GROUND = 500
MOST_RECORDINGS = 5_000
LANGUAGES = ("nl", "en")
FORMATS = ("page", "pdf", "json")


class GroundTooShort(Invalid):
    """Employees are to be named, and nobody said why."""

    code = "ground-too-short"
    title = gettext_noop("Say in at least 10 characters why employees are named")


class TooManyRecordings(Invalid):
    """The number of a house, not of a person."""

    code = "too-many-recordings"
    title = gettext_noop("This is on more than 5,000 recordings, so it is no one person's")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for: about whom, for which period, in which language, with employees' names or not."""

    number: str = field(default="", repr=False)
    reference: str = field(default="", repr=False)
    period: Period = field(default_factory=Period)
    language: str = "nl"
    format: str = "json"
    with_names: bool = False
    ground: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class StatedRecording:
    """A recording that the person is on, numbered within the statement."""

    no: int
    id: UUID
    started_at: datetime
    duration_ms: int | None


@dataclass(frozen=True, slots=True)
class Statement:
    """What is stated; ``id`` is the event that stands for its making."""

    id: UUID
    made_at: datetime
    language: str
    field: str
    masked: str
    period: Period
    coverage: Coverage
    recordings: tuple[StatedRecording, ...]
    consultations: Consultations
    searches: tuple[tuple[str, int], ...]
    statements: int
    with_names: bool

    @property
    def numbers(self) -> dict[UUID, int]:
        """Return under which number each recording stands in it."""
        return {recording.id: recording.no for recording in self.recordings}


def make_statement(asked: Asked, *, actor: Actor, now: datetime) -> Statement:
    """State every consultation of the recordings on which a number is, or that have a reference.

    :raises NothingToSearchFor: for what is no number and no reference.
    :raises GroundTooShort: if employees are to be named without a ground.
    :raises TooManyRecordings: if it is on more recordings than one person's ever would be.
    :raises TrailUnavailable: if it cannot be recorded; then nothing is stated.
    """
    ground = " ".join(asked.ground.split())
    if asked.with_names and not SHORTEST_GROUND <= len(ground) <= LONGEST_GROUND:
        raise GroundTooShort
    if asked.language not in LANGUAGES or asked.format not in FORMATS:
        raise Invalid(gettext_noop("There is no such language or format."), code="format")
    wanted = _wanted(asked)
    recordings = _recordings(wanted, actor)
    ids = [str(recording.id) for recording in recordings]
    period = asked.period
    done = consultations.gather(_events(ids, asked), since=period.since, until=period.until)
    searches, statements = _searches(wanted, period)
    since, until = period.facts
    event = trail.record_disclosure(
        Action.STATEMENT_MADE,
        actor=actor,
        target=Ref("page", "privacy"),
        at=now,
        personal=[Personal(Subject.account(actor.id), {"ground": ground})]
        if asked.with_names and actor.id
        else [],
        field=wanted.column,
        query=wanted.query,
        recordings=len(recordings),
        consultations=len(done),
        names=asked.with_names,
        format=asked.format,
        language=asked.language,
        since=since,
        until=until,
    )
    return Statement(
        id=event.id,
        made_at=now,
        language=asked.language,
        field=wanted.column,
        masked=wanted.masked,
        period=period,
        coverage=events.coverage(),
        recordings=recordings,
        consultations=done,
        searches=searches,
        statements=statements,
        with_names=asked.with_names,
    )


def _wanted(asked: Asked) -> Sought:
    if bool(asked.number.strip()) == bool(asked.reference.strip()):
        raise NothingToSearchFor
    return sought.by_number(asked.number) if asked.number.strip() else sought.by_reference(asked.reference)


def _recordings(wanted: Sought, actor: Actor) -> tuple[StatedRecording, ...]:
    found = list(wanted.recordings(actor).order_by("started_at", "pk")[: MOST_RECORDINGS + 1])
    if len(found) > MOST_RECORDINGS:
        raise TooManyRecordings
    return tuple(
        StatedRecording(no, recording.pk, recording.started_at, recording.duration_ms)
        for no, recording in enumerate(found, start=1)
    )


def _events(ids: list[str], asked: Asked) -> Iterator[Told]:
    return events.read_about(
        "recording",
        ids,
        [*LISTENING, *SEEING, *REFUSABLE],
        since=asked.period.read_since,
        until=asked.period.read_until,
        with_people=asked.with_names,
    )


def _searches(wanted: Sought, period: Period) -> tuple[tuple[tuple[str, int], ...], int]:
    """Return how often each role looked for this, and how many statements about it were made before."""
    by_role: Counter[str] = Counter()
    statements = 0
    asked_for = [Action.RECORDING_SEARCHED, Action.STATEMENT_MADE]
    for told in events.read_by_value(
        "query", wanted.query, asked_for, since=period.since, until=period.until
    ):
        if told.event.outcome != Outcome.DONE:
            continue
        if told.event.action == Action.STATEMENT_MADE:
            statements += 1
        else:
            by_role[told.event.actor_role] += 1
    return tuple(sorted(by_role.items())), statements
