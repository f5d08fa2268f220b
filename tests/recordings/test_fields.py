"""Personal fields: each opens where it was sealed and nowhere else; found by an index that tells nothing."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from recordings import fields, moving, search, sought
from recordings.models import Details, Party, Recording
from tests.recordings.calls import CUSTOMER_NUMBER, NOW, bring_in, document
from vault.crypto.errors import NotAuthentic
from vault.crypto.fields import open_field


def party_with(recording: Recording) -> Party:
    party: Party = recording.parties.get(role="customer")
    return party


def test_a_field_is_bound_to_table_column_row_and_version(recording):
    key, party = fields.key_of(recording.pk), party_with(recording)
    sealed = bytes(party.number_sealed)

    assert key.open("party", "number", party.pk, sealed) == CUSTOMER_NUMBER
    assert open_field(key.key, sealed, f"recordings_party|number|{party.pk}|1".encode())
    for table, column, row in (
        ("details", "number", party.pk),
        ("party", "name", party.pk),
        ("party", "number", uuid4()),
    ):
        with pytest.raises(NotAuthentic):
            key.open(table, column, row, sealed)
    with pytest.raises(NotAuthentic):
        open_field(key.key, sealed, f"recordings_party|number|{party.pk}|2".encode())


def test_a_field_of_one_recording_does_not_open_with_the_key_of_another(recording, exchange):
    other = bring_in(exchange)
    party = party_with(recording)

    with pytest.raises(NotAuthentic):
        fields.key_of(other.pk).open("party", "number", party.pk, party.number_sealed)


def test_an_index_is_of_one_field_and_one_month():
    found = {
        fields.index_of(field, CUSTOMER_NUMBER, month)
        for field in ("number", "reference")
        for month in ("2027-02", "2027-03", "open")
    }

    assert len(found) == 6
    assert {len(index) for index in found} == {16}


def test_a_number_is_searched_in_all_live_months_and_open_with_one_query(north, exchange, settings, katrien):
    first = bring_in(exchange)
    settings.RECORDING_SCHEDULER = "tests.recordings.calls.plan_later"
    second = bring_in(exchange)
    third = bring_in(exchange)
    Recording.objects.filter(pk=third.pk).update(planned_month="open")
    moving.move_keys(now=NOW)
    assert sought.live_months() == ["2027-02", "2027-11", "open"]

    with CaptureQueriesContext(connection) as queries:
        page = search.find_by_number("0970 000 000 12", actor=katrien, now=NOW)

    assert {row.recording.pk for row in page.rows} == {first.pk, second.pk, third.pk}
    assert sum('"number_index" IN' in query["sql"] for query in queries) == 1


@pytest.mark.parametrize(
    "said", ["", "anonymous", '"Anonymous" <sip:anonymous@anonymous.invalid>', "+266696687"]
)
def test_a_withheld_number_is_neither_kept_nor_indexed(north, exchange, said):
    call = document()
    call["parties"][1]["number"] = said

    party = party_with(bring_in(exchange, said=call))

    assert (party.number_sealed, party.number_index) == (None, None)


def test_what_has_nothing_to_be_found_by_has_no_index(north, exchange):
    call = document()
    del call["parties"][1]["reference"]

    details = Details.objects.get(pk=bring_in(exchange, said=call).pk)

    assert (details.reference_sealed, details.reference_index) == (None, None)
