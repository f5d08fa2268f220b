"""From when until when somebody asks; both ends may be open. Within the trail, a little more is read around it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from privacy.consultations import AROUND
from vault.errors import Invalid, gettext_noop


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time, its end exclusive."""

    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse a period that ends before it begins."""
        if self.since and self.until and self.since >= self.until:
            raise Invalid(gettext_noop("The period ends before it begins."), code="period")

    @property
    def read_since(self) -> datetime | None:
        """From when events are read, so that what began before is whole."""
        return self.since and self.since - AROUND

    @property
    def read_until(self) -> datetime | None:
        """Until when events are read, so that what began before its end is whole."""
        return self.until and self.until + AROUND

    @property
    def facts(self) -> tuple[str | None, str | None]:
        """Return both ends as facts of an event."""
        return (
            self.since.isoformat() if self.since else None,
            self.until.isoformat() if self.until else None,
        )
