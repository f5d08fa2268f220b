"""Pages by key, newest first: ``(started_at, id)`` as one row value, which millions of rows answer at once.

Never an offset, and nothing personal in a cursor.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from django.db import models
from django.db.models.expressions import Combinable, RawSQL

from recordings.models import Recording, RecordingQuerySet
from vault.errors import Invalid, gettext_noop

LARGEST_PAGE = 200


class BadCursor(Invalid):
    """It was not made here, or was changed."""

    code = "bad-cursor"
    title = gettext_noop("This page of the list does not exist; begin with the first")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The row beside which a page begins, and to which side."""

    started_at: datetime
    id: UUID
    is_backwards: bool

    def written(self) -> str:
        """Return the cursor as it goes into an address."""
        text = json.dumps([self.started_at.isoformat(), self.id.hex, self.is_backwards])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the cursor that ``written`` wrote.

        :raises BadCursor: for anything else.
        """
        try:
            at, row, is_backwards = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            started_at = datetime.fromisoformat(at)
            if started_at.tzinfo is None or not isinstance(is_backwards, bool):
                raise BadCursor
            return cls(started_at, UUID(hex=row), is_backwards)
        except (ValueError, TypeError, AttributeError, binascii.Error):
            raise BadCursor from None


@dataclass(frozen=True, slots=True)
class Page:
    """Some recordings, and the cursors of the pages beside them, if there are any."""

    rows: list[Recording]
    older: str | None
    newer: str | None


def page(found: RecordingQuerySet, cursor: str | None, limit: int) -> Page:
    """Return one page by key, looking one row further to know whether there is a next."""
    limit = max(1, min(limit, LARGEST_PAGE))
    at = Cursor.read(cursor) if cursor else None
    backwards = at is not None and at.is_backwards
    if at is not None:
        # The row value alone decides; the plain comparison is what lets the planner begin in the index.
        found = found.filter(**{f"started_at__{'gte' if backwards else 'lte'}": at.started_at})
        found = found.filter(_beside(at))
    order = ("started_at", "id") if backwards else ("-started_at", "-id")
    rows = list(found.select_related("team", "agent").order_by(*order)[: limit + 1])
    has_more = len(rows) > limit
    rows = rows[:limit][::-1] if backwards else rows[:limit]
    has_older, has_newer = (at is not None, has_more) if backwards else (has_more, at is not None)
    return Page(
        rows,
        older=Cursor(rows[-1].started_at, rows[-1].pk, False).written() if rows and has_older else None,
        newer=Cursor(rows[0].started_at, rows[0].pk, True).written() if rows and has_newer else None,
    )


def _beside(at: Cursor) -> Combinable:
    sign = ">" if at.is_backwards else "<"
    sql = f'("recordings_recording"."started_at", "recordings_recording"."id") {sign} (%s, %s)'
    return RawSQL(sql, (at.started_at, at.id), output_field=models.BooleanField())  # noqa: S611 - no input in the SQL
