"""The pages and the API of privacy: for the DPO alone; a number goes in by POST and comes out nowhere."""

from __future__ import annotations

import re
import zlib

import pytest
from django.test import Client

from audit.actions import Action
from recordings import playback
from tests.people import client_of
from tests.privacy.playing import begin, hear
from tests.recordings.calls import CUSTOMER_NUMBER, NOW, bring_in, document
from tests.trail import events
from vault.access.models import User

PAGE, REPORT = "/privacy/who-listened/", "/privacy/breach-report/"
API, REPORT_API = "/api/v1/privacy/statements", "/api/v1/privacy/breach-reports"
ADDRESS = "Daniel Ashby\n1 Harbour Road"


@pytest.fixture
def dpo(katrien) -> Client:
    return client_of(User.objects.get(pk=katrien.id))


def unpacked(pdf: bytes) -> bytes:
    """Return a PDF with its streams inflated."""
    return b"".join(
        # A carriage return at the end may be the line's or the stream's own last byte: the stream says where it ends.
        zlib.decompressobj().decompress(part)
        for part in re.findall(rb"stream\r?\n(x.*?)\nendstream", pdf, re.DOTALL)
    )


def test_only_the_dpo_states_and_reports(recording, ines, sander, bram, dpo):
    for actor in (ines, sander, bram):
        client = client_of(User.objects.get(pk=actor.id))
        for address in (PAGE, REPORT, API, REPORT_API):
            asked = {"wanted": CUSTOMER_NUMBER, "number": CUSTOMER_NUMBER, "act": "page"}
            assert client.post(address, asked).status_code == 403
    assert events(Action.STATEMENT_MADE, Action.BREACH_REPORT_MADE) == []
    assert dpo.get(PAGE).status_code == dpo.get(REPORT).status_code == 200


def test_the_dpo_finds_the_calls_then_shows_the_letter(recording, ines, dpo):
    token = begin(recording, ines)
    hear(token, ines, 0, 2)
    playback.stop(token, actor=ines, now=NOW)

    found = dpo.post(PAGE, {"wanted": CUSTOMER_NUMBER, "act": "find"}).content.decode()
    shown = dpo.post(
        PAGE, {"wanted": CUSTOMER_NUMBER, "language": "en", "addressee": ADDRESS, "act": "page"}
    ).content.decode()

    assert "1 call" in found
    assert "0:00–0:02" in shown
    assert "Daniel Ashby<br>1 Harbour Road" in shown
    assert "Ines" not in shown
    assert "C-579/21" in shown


@pytest.mark.parametrize("language", ["nl", "en"])
def test_the_letter_is_printed_in_the_language_of_who_asked(recording, dpo, language):
    asked = {"wanted": CUSTOMER_NUMBER, "language": language, "act": "pdf"}

    answer = dpo.post(PAGE, asked)

    assert answer["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")
    assert f"/Lang ({language})".encode() in unpacked(answer.content)
    assert events(Action.STATEMENT_MADE)[-1].body["facts"]["language"] == language


def test_digits_that_are_a_reference_are_stated_as_the_reference_they_were_found_as(north, exchange, dpo):
    (agent, customer) = document()["parties"]
    bring_in(exchange, said=document(parties=[agent, customer | {"reference": "0201234567"}]))

    answer = dpo.post(PAGE, {"wanted": "0201234567", "language": "en", "act": "json"}).json()

    assert answer["about"]["field"] == "reference"
    assert len(answer["recordings"]) == 1


def test_names_without_a_ground_are_sent_back(recording, dpo):
    asked = {"wanted": CUSTOMER_NUMBER, "language": "en", "names": "on", "ground": "because", "act": "page"}

    answer = dpo.post(PAGE, asked)

    assert answer.status_code == 400
    assert "at least 10 characters" in answer.content.decode()
    assert events(Action.STATEMENT_MADE) == []


def test_a_number_is_in_no_address_no_title_no_log_and_no_entry(recording, dpo, capfd):
    for act in ("find", "page", "json"):
        answer = dpo.post(PAGE, {"wanted": CUSTOMER_NUMBER, "language": "en", "act": act})
        assert answer.status_code == 200
        assert "97000000012" not in str(answer.headers)
        title = answer.content.decode().partition("</title>")[0] if act != "json" else answer.content.decode()
        assert "97000000012" not in title
    assert dpo.get(f"{PAGE}?wanted=%2B3197000000012").content.decode().count("97000000012") == 0

    logged = capfd.readouterr()
    assert "97000000012" not in logged.out + logged.err
    assert all(b"97000000012" not in bytes(event.entry) for event in events())


def test_a_report_comes_in_every_form(recording, ines, dpo):
    hear(begin(recording, ines), ines, 0, 2)

    asked = {"who": f"account:{ines.id}", "language": "en"}
    page, as_pdf, as_csv, as_json = (
        dpo.post(REPORT, asked | {"act": act}) for act in ("page", "pdf", "csv", "json")
    )

    assert "1 recording" in page.content.decode()
    assert as_pdf.content.startswith(b"%PDF-")
    assert as_csv.content.startswith(b"kind,at,recording")
    assert as_json.json()["heard"][0]["possibly_sent"] == [[0, 3000]]
    assert [event.body["facts"]["format"] for event in events(Action.BREACH_REPORT_MADE)] == [
        "page",
        "pdf",
        "csv",
        "json",
    ]


def test_the_api_answers_as_the_page_does(recording, ines, dpo):
    token = begin(recording, ines)
    hear(token, ines, 0, 2)
    playback.stop(token, actor=ines, now=NOW)

    stated = dpo.post(API, {"number": CUSTOMER_NUMBER}, content_type="application/json").json()
    reported = dpo.post(
        REPORT_API, {"kind": "account", "id": str(ines.id)}, content_type="application/json"
    ).json()

    assert stated["format"] == "callvault-statement/1"
    assert reported["format"] == "callvault-breach-report/1"
    assert stated["heard"] == reported["heard"]
    assert stated["heard"][0]["sent"] == [[0, 2000]]
    assert dpo.post(API, {}, content_type="application/json").status_code == 400
