"""What a history of lawful bases adds up to. Pure: entries in, verdicts out.

The history only grows; the newest entry of a party, purpose and basis counts. A purpose is covered only when
every person it must be asked of is covered: one who refused, withdrew or was not asked leaves it uncovered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Verdict(StrEnum):
    """Where a purpose stands."""

    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    NONE = "none"


class Admission(StrEnum):
    """What becomes of the recording."""

    KEEP = "keep"
    QUARANTINE = "quarantine"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was said, in the order in which it was recorded."""

    party: int
    purpose: str
    basis: str
    status: str  # granted, refused or withdrawn
    at: datetime


@dataclass(frozen=True, slots=True)
class PurposeState:
    """A purpose's verdict, and the entry that decides it."""

    verdict: Verdict
    basis: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BasisState:
    """What the whole history says: of each purpose, and of the recording."""

    purposes: dict[str, PurposeState] = field(default_factory=dict)
    admission: Admission = Admission.QUARANTINE
    because: str = ""  # why it goes to quarantine
    basis: str = ""  # the basis, and its status, that the list shows
    status: str = ""

    def of(self, purpose: str) -> PurposeState:
        """Return where this purpose stands."""
        return self.purposes.get(purpose, PurposeState(Verdict.NONE))


# Of several people, the one who said the strongest no decides.
_WEIGHT = {Verdict.WITHDRAWN: 0, Verdict.REFUSED: 1, Verdict.NONE: 2, Verdict.GRANTED: 3}
_BECAUSE = {
    Verdict.WITHDRAWN: "consent-withdrawn",
    Verdict.REFUSED: "consent-refused",
    Verdict.NONE: "no-lawful-basis",
}


def people_to_ask(roles: Iterable[str]) -> frozenset[int]:
    """Return the positions of those whose lawful basis counts: the customers, or everybody if there are none."""
    listed = list(roles)
    customers = frozenset(position for position, role in enumerate(listed) if role == "customer")
    return customers or frozenset(
        position for position, role in enumerate(listed) if role not in {"ivr", "mixed"}
    )


def judge(entries: Iterable[Entry], people: frozenset[int]) -> BasisState:
    """Return what a history, oldest entry first, says about each purpose and about keeping the recording."""
    newest: dict[str, dict[int, dict[str, Entry]]] = {}
    for entry in entries:
        newest.setdefault(entry.purpose, {}).setdefault(entry.party, {})[entry.basis] = entry
    purposes = {purpose: _judge_purpose(said, people) for purpose, said in newest.items()}
    granted = [state for state in purposes.values() if state.verdict is Verdict.GRANTED]
    if granted:
        # Consent is shown before other bases, for it can be taken back.
        shown = min(granted, key=lambda state: state.basis != "consent")
        return BasisState(purposes, Admission.KEEP, "", shown.basis, Verdict.GRANTED.value)
    if not purposes:
        return BasisState(because=_BECAUSE[Verdict.NONE])
    shown = min(purposes.values(), key=lambda state: _WEIGHT[state.verdict])
    status = "" if shown.verdict is Verdict.NONE else shown.verdict.value
    return BasisState(purposes, Admission.QUARANTINE, _BECAUSE[shown.verdict], shown.basis, status)


def _judge_purpose(said: dict[int, dict[str, Entry]], people: frozenset[int]) -> PurposeState:
    # Somebody who was not asked, but answered, counts too: an agent may withdraw.
    states = [_judge_party(said.get(party, {})) for party in sorted(people | said.keys())]
    return min(states, key=lambda state: _WEIGHT[state.verdict], default=PurposeState(Verdict.NONE))


def _judge_party(by_basis: dict[str, Entry]) -> PurposeState:
    """One basis that holds is enough; otherwise the last word decides."""
    if not by_basis:
        return PurposeState(Verdict.NONE)
    held = [entry for entry in by_basis.values() if entry.status == Verdict.GRANTED]
    entry = held[0] if held else list(by_basis.values())[-1]
    return PurposeState(Verdict(entry.status), entry.basis, entry.at)
