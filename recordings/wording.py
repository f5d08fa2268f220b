"""How a recording is told to people: a row of the list, the head of its page, an entry of its history.

Nothing is decided here; values come in, words go out, in the reader's language and zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy, gettext_noop, pgettext_lazy
from django.utils.translation import gettext as _

from recordings.models import (
    Basis,
    BasisStatus,
    Direction,
    LawfulBasis,
    PartyRole,
    Purpose,
    Recording,
    State,
)
from vault.web.words import day, moment, time_of_day

BASES = {
    Basis.CONSENT: gettext_lazy("Consent"),
    Basis.CONTRACT: gettext_lazy("Contract"),
    Basis.LEGAL_OBLIGATION: gettext_lazy("Legal obligation"),
    Basis.VITAL_INTERESTS: gettext_lazy("Vital interests"),
    Basis.PUBLIC_TASK: gettext_lazy("Public task"),
    Basis.LEGITIMATE_INTERESTS: gettext_lazy("Legitimate interests"),
}
STATUSES = {
    BasisStatus.GRANTED: pgettext_lazy("lawful basis", "Given"),
    BasisStatus.REFUSED: pgettext_lazy("lawful basis", "Refused"),
    BasisStatus.WITHDRAWN: pgettext_lazy("lawful basis", "Withdrawn"),
}
STATUS_TONES = {
    BasisStatus.GRANTED: "given",
    BasisStatus.REFUSED: "refused",
    BasisStatus.WITHDRAWN: "withdrawn",
}
PARTIES = {
    PartyRole.AGENT: gettext_lazy("Agent"),
    PartyRole.CUSTOMER: gettext_lazy("Caller"),
    PartyRole.MIXED: gettext_lazy("Everyone"),
    PartyRole.IVR: gettext_lazy("Machine"),
    PartyRole.OTHER: gettext_lazy("Somebody else"),
}
_DIRECTIONS = {
    Direction.IN: ("phone-incoming", gettext_lazy("From")),
    Direction.OUT: ("phone-outgoing", gettext_lazy("To")),
    Direction.INTERNAL: ("users", gettext_lazy("Within the house, with")),
}
_SOON = timedelta(days=2)
# The purposes that the product comes with, so that their names can be translated.
SEEDED_PURPOSES = (
    gettext_noop("Complaint handling"),
    gettext_noop("Quality review"),
    gettext_noop("Checking what was agreed"),
    gettext_noop("Training new colleagues"),
    gettext_noop("Handling an emergency"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A recording as the list and the head of its page show it."""

    id: UUID
    started_at: datetime
    duration_ms: int | None
    number: str
    number_missing: str
    direction_icon: str
    direction_word: str
    agent: str
    team: str
    category: str
    basis_tone: str
    basis_word: str
    state_tone: str
    state_word: str
    kept_until: str
    heard: str
    dimmed: str

    @property
    def agent_first(self) -> str:
        """Return the agent's first name, where there is little room."""
        return self.agent.split(" ")[0]

    @property
    def basis_sentence(self) -> str:
        """Return the lawful basis as a few words that stand alone."""
        if self.basis_tone == "given":
            return _("Consent given")
        if self.basis_tone == "none-found":
            return _("No lawful basis found")
        if self.basis_tone in {"refused", "withdrawn"}:
            return _("Consent: %(status)s") % {"status": self.basis_word.lower()}
        return self.basis_word

    @property
    def number_end(self) -> str:
        """Return the digits that tell callers apart: the last two."""
        return "••" + self.number[-2:] if self.number else ""


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """An entry of the history of lawful bases, as the page shows it."""

    offset_ms: int | None
    tone: str
    status: str
    party: str
    basis: str
    purpose: str
    at: datetime
    method: str
    notice_version: str


def row_of(recording: Recording, *, number: str, heard: str, now: datetime) -> Row:
    """Tell one recording; ``number`` is masked, ``heard`` from ``heard_by``."""
    icon, direction = _DIRECTIONS[Direction(recording.direction)]
    basis_tone, basis_word = _basis(recording)
    state_tone, state_word = _state(recording, now)
    missing = _("Number erased") if recording.is_erased else _("No number")
    return Row(
        id=recording.pk,
        started_at=recording.started_at,
        duration_ms=None if recording.is_erased else recording.duration_ms,
        number=number,
        number_missing="" if number else missing,
        direction_icon=icon,
        direction_word=str(direction),
        agent=recording.agent.name if recording.agent else "",
        team=recording.team.name if recording.team else "",
        category=recording.category,
        basis_tone=basis_tone,
        basis_word=basis_word,
        state_tone=state_tone,
        state_word=state_word,
        kept_until=_kept_until(recording, now),
        heard=heard,
        dimmed=_dimmed(recording),
    )


def heard_by(*, me: bool, others: bool) -> str:
    """Say who has heard something of a call: the reader, others, or nobody (an empty text)."""
    if me:
        return _("By you and others") if others else _("By you")
    return _("By others") if others else ""


def entry_of(entry: LawfulBasis) -> HistoryLine:
    """Tell one entry of the history of lawful bases."""
    status = BasisStatus(entry.status)
    return HistoryLine(
        offset_ms=entry.audio_offset_ms,
        tone=STATUS_TONES[status],
        status=str(STATUSES[status]),
        party=str(PARTIES[PartyRole(entry.party.role)]),
        basis=str(BASES[Basis(entry.basis)]),
        purpose=purpose_name(entry.purpose),
        at=entry.at,
        method=entry.method,
        notice_version=entry.notice_version,
    )


def purpose_name(purpose: Purpose) -> str:
    """Return a purpose's name; those that come with the product are translated."""
    return gettext(purpose.name)


def moment_kept(at: datetime, now: datetime) -> str:
    """Return an end of keeping: "today, 12:00" when it is near, otherwise the day."""
    if timezone.localdate(at) == timezone.localdate(now):
        return _("today, %(time)s") % {"time": time_of_day(at)[:5]}
    return moment(at) if abs(at - now) < _SOON else day(at)


def _kept_until(recording: Recording, now: datetime) -> str:
    if recording.erased_at is not None:
        return _("erased %(day)s") % {"day": day(recording.erased_at)}
    if recording.expires_at is None:
        return _("no end yet")
    return moment_kept(recording.expires_at, now)


def _basis(recording: Recording) -> tuple[str, str]:
    if recording.is_erased:
        return "", ""
    if recording.basis_status == BasisStatus.GRANTED and recording.basis:
        tone = "given" if recording.basis == Basis.CONSENT else "basis"
        return tone, str(BASES[Basis(recording.basis)])
    if recording.basis_status:
        status = BasisStatus(recording.basis_status)
        return STATUS_TONES[status], str(STATUSES[status])
    return "none-found", _("None found")


def _state(recording: Recording, now: datetime) -> tuple[str, str]:
    """Return the one state that needs a thought most; the normal one is quiet."""
    if recording.is_erased:
        return "erased", _("Erased")
    if recording.state == State.QUARANTINED:
        return "quarantined", _("Quarantined")
    if recording.is_restricted:
        return "restricted", _("Restricted")
    if recording.is_held:
        return "held", _("On hold")
    if recording.is_frozen:
        return "frozen", _("Frozen")
    if recording.expires_at is None or recording.expires_at - now > _SOON:
        return "", ""
    if recording.expires_at <= now:
        return "due", _("Being erased")
    if timezone.localdate(recording.expires_at) == timezone.localdate(now):
        return "due", _("Due today")
    return "due", _("Due soon")


def _dimmed(recording: Recording) -> str:
    if recording.is_erased:
        return "erased"
    return "sealed" if recording.state == State.QUARANTINED or recording.is_restricted else ""
