"""Side-cars: the published schema and the code agree, and nothing unknown is kept."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from recordings import sidecar
from recordings.sidecar import SidecarInvalid
from tests.recordings.calls import CUSTOMER_NUMBER, document

SCHEMA = json.loads(Path(settings.BASE_DIR, "docs/spec/sidecar.schema.json").read_text(encoding="utf-8"))


def test_a_side_car_says_who_called_whom_and_what_they_allow():
    call = sidecar.parse(document("call-1"))

    assert call.source.recording_id == "call-1"
    assert call.started_at == datetime(2026, 11, 22, 9, 41, tzinfo=UTC)
    assert call.parties[1].number == CUSTOMER_NUMBER
    assert call.category == "Complaint"
    assert call.reference == "HV-472091"
    assert call.first("queue") == "billing"
    assert [entry.purpose for entry in call.bases] == ["quality", "complaint"]
    assert call.bases[0].at == datetime(2026, 11, 22, 9, 41, 11, 930_000, tzinfo=UTC)
    assert call.dropped == 0


def test_what_nobody_asked_for_is_dropped_and_counted():
    said = document()
    said["favourite_colour"] = "blue"
    said["parties"][1]["date_of_birth"] = "1970-01-01"
    said["extra"]["mood"] = "angry"

    call = sidecar.parse(said)

    assert call.dropped == 3
    assert "date_of_birth" not in json.dumps(call.document)
    assert "angry" not in json.dumps(call.document)


def test_what_is_kept_reads_the_same_again():
    call = sidecar.parse(document())

    assert sidecar.parse(json.loads(json.dumps(call.document))) == call


def change(*path: Any, to: Any) -> dict[str, Any]:
    said = deepcopy(document())
    place = said
    for name in path[:-1]:
        place = place[name]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return said


@pytest.mark.parametrize(
    ("said", "field"),
    [
        (change("schema", to="vault-sidecar/2"), "schema"),
        (change("schema", to=None), "schema"),
        (change("source", "account", to=None), "source.account"),
        (change("source", "recording_id", to=""), "source.recording_id"),
        (change("call", "started_at", to="2026-11-22T10:41:00"), "call.started_at"),
        (change("call", "started_at", to="yesterday"), "call.started_at"),
        (change("call", "started_at", to=None), "call.started_at"),
        (change("call", "direction", to="sideways"), "call.direction"),
        (change("parties", to=[{"role": "customer"}]), "parties"),
        (change("parties", to=[{"role": "agent"}] * 21), "parties"),
        (change("parties", 0, "role", to="boss"), "parties[0].role"),
        (change("parties", 1, "number", to=31), "parties[1].number"),
        (change("lawful_bases", 0, "basis", to="because"), "lawful_bases[0].basis"),
        (change("lawful_bases", 0, "status", to=None), "lawful_bases[0].status"),
        (change("lawful_bases", 0, "audio_offset_ms", to=-1), "lawful_bases[0].audio_offset_ms"),
        (change("lawful_bases", to={"a": 1}), "lawful_bases"),
        (change("media", "sha256", to="xyz"), "media.sha256"),
        (change("media", "file", to="../../etc/passwd"), "media.file"),
        (change("retention", to={"legal_hold": True}), "retention.legal_hold"),
        (change("pauses", to=[{"from_ms": 1}]), "pauses[0].to_ms"),
    ],
)
def test_a_broken_rule_is_refused_by_code_and_schema_alike_and_named_without_its_value(said, field):
    with pytest.raises(SidecarInvalid) as refused:
        sidecar.parse(said)

    assert field in refused.value.detail
    assert CUSTOMER_NUMBER not in refused.value.detail
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(said, SCHEMA)


@pytest.mark.parametrize(
    "said",
    [
        change("lawful_bases", 0, "party", to=7),  # an index beyond the list
        change("call", "ended_at", to="2026-11-22T09:00:00+01:00"),  # before the start
    ],
)
def test_rules_between_fields_are_the_codes_alone(said):
    jsonschema.validate(said, SCHEMA)

    with pytest.raises(SidecarInvalid):
        sidecar.parse(said)


def test_what_the_code_takes_the_schema_takes_too():
    jsonschema.validate(document(), SCHEMA)
    for optional in ("media", "lawful_bases", "classification", "extra"):
        said = change(optional, to=None)
        jsonschema.validate(said, SCHEMA)
        sidecar.parse(said)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(document())), inner, max_size=4)
    ),
    max_leaves=10,
)


@limits(max_examples=200, deadline=None)
@given(
    junk=JSON, name=st.sampled_from(["source", "call", "parties", "lawful_bases", "media", "extra", "pauses"])
)
def test_junk_anywhere_is_refused_or_read_and_never_breaks_anything(junk, name):
    for said in (junk, document() | {name: junk}):
        try:
            call = sidecar.parse(said)
        except SidecarInvalid:
            continue
        assert call.source.system == "exchange"
