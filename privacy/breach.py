"""What was sent and shown to an account, a service token or one session: the facts that a breach notice is made of.

That a report is made is committed before anything of it is returned. It discloses which recordings, not whose.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from audit import events, trail
from audit.actions import Action, Outcome
from audit.actor import Actor, Ref
from audit.events import Coverage, Told
from privacy import consultations
from privacy.consultations import LISTENING, SEEING, Consultations
from privacy.periods import Period
from recordings import keys
from recordings.fields import FieldKey
from recordings.models import Party, Recording
from vault.access.models import ServiceToken, User
from vault.errors import Invalid, Missing, gettext_noop

FORMATS = ("page", "pdf", "csv", "json")
LISTING = (Action.RECORDING_LISTED, Action.RECORDING_SEARCHED)
READING = (Action.TRAIL_SEARCHED, Action.TRAIL_EVENT_READ)
TAKING = (
    Action.TRAIL_EXPORT_DOWNLOADED,
    Action.DATA_KEY_EXPORTED,
    Action.ERASURE_PROOF_READ,
    Action.STATEMENT_MADE,
    Action.BREACH_REPORT_MADE,
)
_TRIED = (Action.PLAYBACK_REFUSED, Action.ACCESS_REFUSED)
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Suspect:
    """Whose acts are reported: an account or a token, and perhaps one session of it."""

    kind: str
    id: UUID
    name: str = field(repr=False)
    session: str = ""

    @property
    def target(self) -> Ref:
        """Return what the report is about, for the trail."""
        return Ref("session", self.session) if self.session else Ref(self.kind, str(self.id))


@dataclass(frozen=True, slots=True)
class Taken:
    """Something that was handed out as a whole: an export of the trail, a key, a proof, a statement."""

    at: datetime
    action: str
    target_kind: str
    target_id: str
    events: int
    sha256: str


@dataclass(slots=True)
class Counted:
    """Pages that show many at once; the trail holds how many rows, not which."""

    pages: int = 0
    rows: int = 0


@dataclass(frozen=True, slots=True)
class ReportedRecording:
    """A recording that was sent or shown, numbered within the report."""

    no: int
    id: UUID
    started_at: datetime | None
    is_erased: bool


@dataclass(frozen=True, slots=True)
class People:
    """How many are affected, where that is known: of erased recordings nothing is left to count."""

    numbers: int
    without_number: int
    recordings_unknown: int


@dataclass(frozen=True, slots=True)
class Report:
    """What is reported; ``id`` is the event that stands for its making."""

    id: UUID
    made_at: datetime
    language: str
    suspect: Suspect
    period: Period
    coverage: Coverage
    recordings: tuple[ReportedRecording, ...]
    people: People
    consultations: Consultations
    lists: Counted
    searches: Counted
    trail_pages: Counted
    taken: tuple[Taken, ...]

    @property
    def numbers(self) -> dict[UUID, int]:
        """Return under which number each recording stands in it."""
        return {recording.id: recording.no for recording in self.recordings}


def find_suspect(kind: str, suspect_id: UUID, session: str = "") -> Suspect:
    """Return an account or a service token.

    :raises Missing: if there is none.
    """
    found = (
        ServiceToken.objects.filter(pk=suspect_id).first()
        if kind == "token"
        else User.objects.filter(pk=suspect_id).first()
    )
    if found is None:
        raise Missing(gettext_noop("There is no such account or token."))
    return Suspect(kind, suspect_id, found.name, session.strip())


def make_report(
    suspect: Suspect, *, period: Period, format: str, language: str, actor: Actor, now: datetime
) -> Report:
    """Report everything that was sent or shown to somebody in a period.

    :raises TrailUnavailable: if it cannot be recorded; then nothing is reported.
    """
    if format not in FORMATS:
        raise Invalid(gettext_noop("There is no such format."), code="format")
    lists, searches, trail_pages = Counted(), Counted(), Counted()
    taken: list[Taken] = []
    own = _own(suspect, period, lists, searches, trail_pages, taken)
    done = consultations.gather(_with_closings(own, period), since=period.since, until=period.until)
    recordings = _recordings(done)
    people = _people([recording.id for recording in recordings if not recording.is_erased])
    since, until = period.facts
    event = trail.record_disclosure(
        Action.BREACH_REPORT_MADE,
        actor=actor,
        target=suspect.target,
        at=now,
        account=str(suspect.id),
        recordings=len(recordings),
        consultations=len(done),
        format=format,
        language=language,
        since=since,
        until=until,
    )
    return Report(
        id=event.id,
        made_at=now,
        language=language,
        suspect=suspect,
        period=period,
        coverage=events.coverage(),
        recordings=recordings,
        people=People(people.numbers, people.without_number, sum(one.is_erased for one in recordings)),
        consultations=done,
        lists=lists,
        searches=searches,
        trail_pages=trail_pages,
        taken=tuple(taken),
    )


def _own(
    suspect: Suspect,
    period: Period,
    lists: Counted,
    searches: Counted,
    trail_pages: Counted,
    taken: list[Taken],
) -> Iterator[Told]:
    """Yield what the suspect did to single recordings, and count the rest on the way."""
    counted = dict.fromkeys(READING, trail_pages) | {LISTING[0]: lists, LISTING[1]: searches}
    wanted = {*LISTENING, *SEEING, *LISTING, *READING, *TAKING, *_TRIED}
    for told in events.read_by(suspect.id, wanted, since=period.read_since, until=period.read_until):
        event = told.event
        action = Action(event.action)
        if suspect.session and event.body.get("session", "") != suspect.session:
            continue
        if event.target_kind == "recording" and action not in LISTING:
            yield told
        if event.outcome != Outcome.DONE or not _is_in(event.occurred_at, period):
            continue
        facts = event.body.get("facts", {})
        if action in counted:
            counted[action].pages += 1
            counted[action].rows += facts.get("count", 1)
        elif action in TAKING:
            taken.append(
                Taken(
                    event.occurred_at,
                    event.action,
                    event.target_kind,
                    event.target_id,
                    facts.get("events", 0),
                    facts.get("sha256", ""),
                )
            )


def _with_closings(own: Iterable[Told], period: Period) -> Iterator[Told]:
    """Yield the events, and the ends of the grants among them: the vault closes those that run out, not the person."""
    grants, recordings = set(), set()
    for told in own:
        if told.event.action in (Action.PLAYBACK_GRANTED, Action.PLAYBACK_WINDOW):
            grants.add(told.event.body["facts"]["grant"])
            recordings.add(told.event.target_id)
        if told.event.action != Action.PLAYBACK_CLOSED:
            yield told
    # Read without an end: a grant that ran when the period ended was closed after it.
    for told in events.read_about(
        "recording", sorted(recordings), [Action.PLAYBACK_CLOSED], since=period.read_since
    ):
        if told.event.body["facts"]["grant"] in grants:
            yield told


def _recordings(done: Consultations) -> tuple[ReportedRecording, ...]:
    ids = {one.recording_id for one in done.heard} | {one.recording_id for one in done.seen}
    known = Recording.objects.in_bulk(ids)
    ordered = sorted(ids, key=lambda each: (known[each].started_at if each in known else _NEVER, str(each)))
    return tuple(
        ReportedRecording(
            no,
            each,
            known[each].started_at if each in known else None,
            each not in known or known[each].is_erased,
        )
        for no, each in enumerate(ordered, start=1)
    )


def _people(ids: list[UUID]) -> People:
    """Count those on the recordings: each number once, and those without one as often as they are on a call."""
    seen: set[str] = set()
    without = 0
    for start in range(0, len(ids), _AT_ONCE):
        batch = ids[start : start + _AT_ONCE]
        opened = keys.open_field_keys(batch)
        for party in Party.objects.filter(recording_id__in=batch).order_by("pk"):
            key = opened.get(party.recording_id)
            if key is None or party.number_sealed is None:
                without += 1
            else:
                seen.add(FieldKey(key).open("party", "number", party.pk, party.number_sealed))
    return People(len(seen), without, 0)


def _is_in(at: datetime, period: Period) -> bool:
    return (period.since is None or at >= period.since) and (period.until is None or at < period.until)


_NEVER = datetime.max.replace(tzinfo=UTC)
