"""On which recordings a number or reference is, for whoever looks through the trail: TRAIL_NUMBER_FINDER."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from audit.actor import Actor
from audit.traces import NumberFound
from recordings import fields, identity, numbers
from recordings.models import Details, Party, Recording
from recordings.sought import NothingToSearchFor, live_months
from vault.errors import Invalid, gettext_noop

MOST_RECORDINGS = 2_000


class TooManyRecordings(Invalid):
    """It is a number of the house rather than of somebody: the trail cannot be searched by it."""

    code = "too-many-recordings"
    title = gettext_noop("It is on more than 2,000 recordings; look for one of them")


def of_number(value: str, *, actor: Actor) -> NumberFound:
    """Return the recordings within reach on which a number or reference is, and what searches for it are known by.

    What was typed is taken for both: digits may be either.

    :raises NothingToSearchFor: for an empty text.
    :raises TooManyRecordings: if it is on more than ``MOST_RECORDINGS``.
    """
    text = value.strip()
    if not text:
        raise NothingToSearchFor
    months = live_months()
    queries = [identity.of_query("reference", text).hex()]
    details = Details.objects.filter(reference_index__in=fields.indexes_of("reference", text, months))
    found = _visible(details.values_list("recording", flat=True), actor)
    if number := numbers.normalise(text, settings.DEFAULT_COUNTRY):
        queries.insert(0, identity.of_query("number", number.tagged).hex())
        indexes = fields.indexes_of("number", number.tagged, months)
        parties = Party.objects.filter(number_index__in=indexes)
        found |= _visible(parties.values_list("recording", flat=True), actor)
    if len(found) > MOST_RECORDINGS:
        raise TooManyRecordings
    return NumberFound(sorted(found), queries)


def _visible(ids: QuerySet[Any, UUID], actor: Actor) -> set[UUID]:
    visible = Recording.objects.visible_to(actor).filter(pk__in=ids)
    return set(visible.order_by().values_list("pk", flat=True)[: MOST_RECORDINGS + 1])
