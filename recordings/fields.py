"""Personal fields: sealed under the recording's field key, found by blind index, shown masked.

The place of a value (table, column, row) is authenticated with it, so that nothing sealed for one row passes
in another. Erasing the recording destroys its field key, and all of this with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from recordings import keys, numbers
from recordings.models import Details, Party, PartyRole, Recording
from recordings.numbers import Number
from vault.crypto import blind_index
from vault.crypto.fields import open_field, seal_field
from vault.kms import masters

_VERSION = 1


@dataclass(frozen=True, slots=True)
class FieldKey:
    """The key of one recording's fields, in memory for as long as a request takes."""

    key: bytes = field(repr=False)

    def seal(self, table: str, column: str, row: UUID, text: str) -> bytes:
        """Seal a text for one place; an empty text is sealed too."""
        return seal_field(self.key, text.encode(), _place(table, column, row))

    def seal_or_none(self, table: str, column: str, row: UUID, text: str) -> bytes | None:
        """Seal a text, or leave the column empty where there is none."""
        return self.seal(table, column, row, text) if text else None

    def open(self, table: str, column: str, row: UUID, sealed: bytes | memoryview | None) -> str:
        """Open what was sealed for this place; empty where there is nothing."""
        return open_field(self.key, bytes(sealed), _place(table, column, row)).decode() if sealed else ""


@dataclass(frozen=True, slots=True)
class OpenParty:
    """Someone on the call, in clear."""

    id: UUID
    position: int
    role: str
    channel: int | None
    number: Number | None
    name: str
    agent_ref: str


@dataclass(frozen=True, slots=True)
class OpenDetails:
    """A recording's personal fields in clear; whoever shows them records a disclosure first."""

    source: dict[str, str] = field(repr=False)
    reference: str = field(repr=False)
    extra: dict[str, Any] = field(repr=False)
    parties: tuple[OpenParty, ...] = field(repr=False)


def key_of(recording_id: UUID) -> FieldKey:
    """Return the key of a recording's fields."""
    return FieldKey(keys.open_field_key(recording_id))


def open_details(recording: Recording) -> OpenDetails:
    """Open every personal field of a recording.

    :raises KeyGone: if they are not there: it was erased this very moment, or something is wrong.
    """
    key, row = key_of(recording.pk), recording.pk
    details = Details.objects.filter(pk=row).first()
    if details is None:
        raise keys.KeyGone
    extra = key.open("details", "extra", row, details.extra_sealed)
    return OpenDetails(
        source=json.loads(key.open("details", "source", row, details.source_sealed)),
        reference=key.open("details", "reference", row, details.reference_sealed),
        extra=json.loads(extra) if extra else {},
        parties=tuple(_open_party(key, party) for party in recording.parties.order_by("position")),
    )


def masked_numbers(recordings: Sequence[Recording]) -> dict[UUID, str]:
    """Return the masked number of each recording's other side; two queries, whatever their number."""
    ids = [recording.pk for recording in recordings if not recording.is_erased]
    parties = (
        Party.objects.filter(recording_id__in=ids, number_sealed__isnull=False)
        .exclude(role=PartyRole.AGENT)
        .order_by("recording_id", "-position")
    )
    # Of several the first on the call is shown: it comes last here and so wins.
    shown = {party.recording_id: party for party in parties}
    field_keys = keys.open_field_keys(shown)
    return {
        recording_id: masked_number(FieldKey(field_keys[recording_id]), party)
        for recording_id, party in shown.items()
        if recording_id in field_keys
    }


def masked_number(key: FieldKey, party: Party) -> str:
    """Return a party's number with all but its ends hidden; empty where there is none."""
    tagged = key.open("party", "number", party.pk, party.number_sealed)
    return numbers.masked(numbers.from_tagged(tagged)) if tagged else ""


def index_of(column: str, value: str, month: str) -> bytes:
    """Return under what a number (tagged) or a reference is found among the recordings of a month."""
    master = masters.get(keys.map_index_masters(month)[column], kek=keys.kek_for_fields(month))
    return blind_index.index(master, column, folded(column, value))


def indexes_of(column: str, value: str, months: Iterable[str]) -> list[bytes]:
    """Return all under which a value is found in these months; months without a master hold nothing."""
    names = [keys.map_index_masters(month)[column] for month in months]
    return [
        blind_index.index(master, column, folded(column, value)) for master in masters.many(names).values()
    ]


def folded(column: str, value: str) -> str:
    """Fold a reference as people write it: case and spaces make no difference."""
    return "".join(value.split()).upper() if column == "reference" else value


def _open_party(key: FieldKey, party: Party) -> OpenParty:
    tagged = key.open("party", "number", party.pk, party.number_sealed)
    return OpenParty(
        id=party.pk,
        position=party.position,
        role=party.role,
        channel=party.channel,
        number=numbers.from_tagged(tagged) if tagged else None,
        name=key.open("party", "name", party.pk, party.name_sealed),
        agent_ref=key.open("party", "ref", party.pk, party.ref_sealed),
    )


def _place(table: str, column: str, row: UUID) -> bytes:
    return f"recordings_{table}|{column}|{row}|{_VERSION}".encode()
