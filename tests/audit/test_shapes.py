"""The shapes in which the trail leaves: nothing mandatory is empty, whatever happened, and the report reads."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import translation
from pypdf import PdfReader

from audit.actions import Action, Outcome
from audit.actor import ActorKind
from audit.shapes import nen7513, ocsf, report
from audit.shapes.lines import Line
from tests.vectors import make_shapes
from tests.vectors.make_shapes import ABOUT, INES, LINES, make_line, person

VECTORS = Path(make_shapes.__file__).parent


def everything_that_can_happen() -> Iterator[Line]:
    """Yield each action by each kind of actor with each outcome, saying no more than it must."""
    for action in Action:
        for kind in ActorKind:
            for outcome in Outcome:
                yield make_line(1, action.value, outcome.value, actor={"kind": kind.value})


def values_at(record: Any, path: str) -> list[Any]:
    """Return what stands at a path, once for each member of a list on the way."""
    if isinstance(record, list):
        return [value for member in record for value in values_at(member, path)]
    if not path:
        return [record]
    name, _, rest = path.partition(".")
    return values_at(record.get(name), rest) if isinstance(record, dict) else []


def missing(record: dict[str, Any], paths: tuple[str, ...]) -> list[str]:
    empty: tuple[Any, ...] = (None, "", [], {})
    return [
        path for path in paths if not (found := values_at(record, path)) or any(x in empty for x in found)
    ]


def test_no_mandatory_field_of_nen_7513_is_ever_empty():
    records = [nen7513.record_of(line, ABOUT) for line in [*everything_that_can_happen(), *LINES]]

    assert {path for record in records for path in missing(record, nen7513.MANDATORY)} == set()
    assert {record["event"]["outcome"] for record in records} == {"0", "4", "8"}


def test_no_mandatory_attribute_of_ocsf_is_ever_empty():
    for line in [*everything_that_can_happen(), *LINES]:
        event = ocsf.event_of(line, ABOUT)

        of_class = ocsf.CLASSES[event["class_uid"]][1]
        assert missing(event, (*ocsf.MANDATORY, *of_class)) == [], line.entry["action"]
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
        assert event["category_uid"] == event["class_uid"] // 1000
        assert event["status_id"] == 2 or line.entry["outcome"] == "done"


def test_every_activity_of_ocsf_is_that_of_an_action_and_has_a_name():
    actions = {action.value for action in Action}
    first_parts = {action.partition(".")[0] for action in actions}

    assert ocsf.ACTIVITIES.keys() <= actions | first_parts
    for class_uid, activity_id in ocsf.ACTIVITIES.values():
        assert activity_id == ocsf.OTHER or activity_id in ocsf.ACTIVITY_NAMES[class_uid]


@pytest.mark.parametrize("name", make_shapes.SHAPES)
def test_the_shapes_are_those_of_the_golden_files(name):
    assert make_shapes.make(name) == (VECTORS / name).read_bytes()


def test_the_caller_stands_under_the_pseudonym_of_the_recording():
    call = "0193a1b2-0000-7000-8000-00000000c411"
    said = make_line(1, "statement.made", addenda=[{"sha256": "00", "subject": f"recording:{call}"}])

    records = [nen7513.record_of(line, ABOUT) for line in (LINES[1], said, LINES[0])]

    assert [record["client"]["id"] for record in records] == [call, call, "not-applicable"]


def test_who_acted_for_somebody_else_has_a_responsible_user():
    record = nen7513.record_of(make_line(1, "recording.viewed", on_behalf_of=INES), ABOUT)

    assert record["responsible_user"] == {"id": INES, "role": "not-stated"}


def test_the_report_counts_by_kind_and_by_person():
    context = report.context_of(replace(ABOUT, events=len(LINES)), LINES)

    by_person = {share.name: (share.events, share.refused) for share in context["by_person"]}
    assert by_person["Ines Verhoeven"] == (2, 0)
    assert by_person[INES] == (1, 1)  # the one whose name is withheld
    by_kind = {share.name: (share.events, share.refused) for share in context["by_kind"]}
    assert by_kind["Heard or seen"] == (3, 1)
    assert context["refused"] == 3


def test_the_report_says_what_it_leaves_out():
    some = [replace(line, withheld=2) for line in LINES[:2]]
    about = replace(
        ABOUT, events=5, with_personal=False, filters={"outcome": "done", "until": "2026-11-23T00:00+01:00"}
    )

    context = report.context_of(about, some)

    assert "4 passages about people" in context["withheld_text"]
    assert context["not_printed"] == 3
    assert context["filters"] == [("Outcome", "Done")]
    assert context["period"].startswith("until 23 Nov 2026")


@pytest.mark.parametrize(("language", "word"), [("en", "Audit trail"), ("nl", "Audittrail")])
def test_the_report_is_a_tagged_pdf_in_the_readers_language(language, word):
    about = replace(ABOUT, events=len(LINES), language=language)
    evil = make_line(
        10, "recording.viewed", actor=person(INES, "supervisor"), name='<img src="file:///etc/hostname">'
    )

    pdf = b"".join(report.make_report(about, [[*LINES, evil]], lambda more: None))

    read = PdfReader(io.BytesIO(pdf))
    text = " ".join("".join(page.extract_text() for page in read.pages).split())
    assert word in text
    assert "Ines Verhoeven" in text
    assert "16RzJQ5/gWtBLJ8TsqaGCIUIanDKrLnrQQAbEyG3oAo=" in text
    assert "file:///etc/hostname" in text  # as text, not as an address
    assert read.trailer["/Root"]["/Lang"] == language
    assert read.trailer["/Root"]["/MarkInfo"]["/Marked"].value is True
    assert b"pdfuaid" in read.xmp_metadata.stream.get_data()
    assert translation.get_language() == "en"


def test_the_specification_names_every_activity_of_ocsf_as_it_is():
    spec = (settings.BASE_DIR / "docs" / "spec" / "ocsf.md").read_text()
    rows = re.findall(r"^\| (\d+ [^|]*|) ?\| (\d+) [^|]* \| (.*) \|$", spec, re.MULTILINE)
    told: dict[str, tuple[int, int]] = {}
    class_uid = 0
    for of_class, activity, actions in rows:
        class_uid = int(of_class.split()[0]) if of_class else class_uid
        for name in re.findall(r"`([a-z_.*]+)`", actions):
            told.setdefault(name.removesuffix(".*"), (class_uid, int(activity)))

    assert {name: ocsf.activity_of(name) for name in told} == told
    assert told.keys() >= ocsf.ACTIVITIES.keys()
