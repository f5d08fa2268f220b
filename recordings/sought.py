"""What calls are looked for by: somebody's telephone number or reference. Personal, so never in an address or a log."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef

from audit.actor import Actor
from recordings import fields as personal_fields
from recordings import identity, numbers
from recordings.models import Details, Party, Recording, RecordingQuerySet
from recordings.numbers import NumberKind
from vault.errors import Invalid, gettext_noop


class NothingToSearchFor(Invalid):
    """Neither a number nor a reference, or a number nobody can be found by."""

    code = "nothing-to-search-for"
    title = gettext_noop("Type a telephone number or a customer reference")


@dataclass(frozen=True, slots=True)
class Sought:
    """A number, tagged, or a reference, and the condition under which a recording has it."""

    column: str
    value: str = field(repr=False)
    condition: Exists = field(repr=False)

    @property
    def query(self) -> str:
        """Return what was looked for as the trail holds it: a keyed hash."""
        return identity.of_query(self.column, personal_fields.folded(self.column, self.value)).hex()

    @property
    def masked(self) -> str:
        """Return a number with all but its ends hidden; of a reference, nothing."""
        return numbers.masked(numbers.from_tagged(self.value)) if self.column == "number" else ""

    def recordings(self, actor: Actor) -> RecordingQuerySet:
        """Return the recordings within reach that have it; the caller records that they were looked for."""
        return Recording.objects.visible_to(actor).filter(self.condition)


def by_number(number: str) -> Sought:
    """Look for the calls on which a number was.

    :raises NothingToSearchFor: for what is no number, or a withheld one.
    """
    normal = numbers.normalise(number, settings.DEFAULT_COUNTRY)
    if normal is None:
        raise NothingToSearchFor
    indexes = personal_fields.indexes_of("number", normal.tagged, live_months())
    on_call = Party.objects.filter(recording=OuterRef("pk"), number_index__in=indexes)
    return Sought("number", normal.tagged, Exists(on_call))


def by_reference(reference: str) -> Sought:
    """Look for the calls with a customer's reference.

    :raises NothingToSearchFor: for an empty one.
    """
    if not reference.strip():
        raise NothingToSearchFor
    indexes = personal_fields.indexes_of("reference", reference, live_months())
    with_it = Details.objects.filter(recording=OuterRef("pk"), reference_index__in=indexes)
    return Sought("reference", reference, Exists(with_it))


def is_number(text: str) -> bool:
    """Say whether a text looks like somebody's number; bare digits of a few may be a reference, too."""
    normal = numbers.normalise(text, settings.DEFAULT_COUNTRY)
    return normal is not None and normal.kind is not NumberKind.SHORT


def column_of(text: str, *, actor: Actor) -> str:
    """Say as what a text is looked for: bare digits that are on no call within reach as a number are a reference."""
    if not is_number(text):
        return "reference"
    if text.strip().isdecimal() and not by_number(text).recordings(actor).exists():
        return "reference"
    return "number"


def live_months() -> list[str]:
    """Return the months whose keys are in use, by hopping along the index from one to the next."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE months(month) AS (
                (SELECT min(key_month) FROM recordings_recording)
                UNION ALL
                SELECT (SELECT min(key_month) FROM recordings_recording WHERE key_month > month)
                FROM months WHERE month IS NOT NULL
            )
            SELECT month FROM months WHERE month IS NOT NULL
            """
        )
        return [month for (month,) in cursor.fetchall()]
