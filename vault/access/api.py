"""What every part of the API shares: pages by key, and the description of the API itself."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from drf_spectacular.views import SpectacularJSONAPIView

from vault.errors import Invalid
from vault.permissions import Permission

M = TypeVar("M", bound=Model)


class CursorNotValid(Invalid):
    """The cursor was not made by this list."""

    code = "cursor-not-valid"


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """Some rows, and the cursors that lead on; empty where there is nothing more."""

    rows: list[M]
    older: str
    newer: str


class KeyPages:
    """Page through a table by key, newest first: one index range, however far back.

    A cursor names the last row seen; rows that arrive meanwhile move nothing. ``moment`` is the name of
    the column to order by; ``pk`` settles ties.
    """

    def __init__(self, moment: str, *, size: int = 50, most: int = 200) -> None:
        self._moment, self._size, self._most = moment, size, most

    def asked(self, request: HttpRequest) -> tuple[str, str, int]:
        """Return the query's ``after`` (older rows), ``before`` (newer rows) and ``limit``."""
        limit = request.GET.get("limit", str(self._size))
        if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit) <= self._most:
            raise Invalid(
                _("limit must be a number from 1 to %(most)d.") % {"most": self._most}, code="limit"
            )
        return request.GET.get("after", ""), request.GET.get("before", ""), int(limit)

    def page(self, rows: QuerySet[M], request: HttpRequest) -> Page[M]:
        """Return the page that the request's query asks for.

        :raises CursorNotValid: for a cursor that is not of this list.
        """
        after, before, limit = self.asked(request)
        return self.newer(rows, before, limit) if before else self.older(rows, after, limit)

    def older(self, rows: QuerySet[M], after: str, limit: int) -> Page[M]:
        """Return the rows older than a cursor, or the newest."""
        if after:
            moment, key = self._read(after)
            rows = rows.filter(**{f"{self._moment}__lte": moment}).exclude(
                **{self._moment: moment, "pk__gte": key}
            )
        found = list(rows.order_by(f"-{self._moment}", "-pk")[: limit + 1])
        shown = found[:limit]
        return Page(
            shown,
            older=self._cursor(shown[-1]) if len(found) > limit else "",
            newer=self._cursor(shown[0]) if after and shown else "",
        )

    def newer(self, rows: QuerySet[M], before: str, limit: int) -> Page[M]:
        """Return the rows just newer than a cursor, newest first."""
        moment, key = self._read(before)
        rows = rows.filter(**{f"{self._moment}__gte": moment}).exclude(
            **{self._moment: moment, "pk__lte": key}
        )
        found = list(rows.order_by(self._moment, "pk")[: limit + 1])
        shown = found[:limit][::-1]
        return Page(
            shown,
            older=self._cursor(shown[-1]) if shown else "",
            newer=self._cursor(shown[0]) if len(found) > limit else "",
        )

    def _cursor(self, row: M) -> str:
        moment: datetime = getattr(row, self._moment)
        return (
            base64.urlsafe_b64encode(json.dumps([moment.isoformat(), str(row.pk)]).encode())
            .decode()
            .rstrip("=")
        )

    def _read(self, cursor: str) -> tuple[datetime, UUID]:
        try:
            padded = cursor + "=" * (-len(cursor) % 4)
            moment, key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
            at = datetime.fromisoformat(moment)
            if at.tzinfo is None:
                raise ValueError("a moment needs its time zone")
            return at, UUID(key)
        except (ValueError, TypeError, AttributeError, binascii.Error):
            raise CursorNotValid(
                _("This cursor is not one of this list. Start from the first page.")
            ) from None


class Description(SpectacularJSONAPIView):
    """GET /openapi.json: what this API is, in OpenAPI."""

    required_permission = Permission.PUBLIC
    authentication_classes = []
    permission_classes = []
