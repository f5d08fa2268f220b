"""What retention is told of a call: facts only, no identity."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What decides how long a call is kept."""

    started_at: datetime
    ended_at: datetime
    ingested_at: datetime
    team_id: UUID | None
    queue: str
    category: str
    language: str
    basis: str
    basis_status: str
    is_quarantined: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What retention answers. ``month`` names the keys: ``2027-02``, or ``open`` when the end is unknown."""

    expires_at: datetime | None
    keep_until_at_least: datetime | None
    month: str
    policy_id: UUID | None
    policy_version: int | None
    policy_name: str
    in_conflict: bool
    why: str
