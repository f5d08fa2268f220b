"""Checks of the whole trail as a job: once at a time, taken up after a crash, with anchors compared."""

from __future__ import annotations

import base64
import hashlib
import struct
from datetime import timedelta
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit import check, checkpoints, checks
from audit.actions import Action
from audit.actor import Actor
from audit.models import Anchor, AuditEvent, Check, CheckState
from tests.audit.conftest import NOW, attacker, record, sequence
from tests.people import client_of, make_person
from vault import clock
from vault.access.roles import Role

HOUSE = Actor.system("test")
WITNESS = "witness.example/one"
COSIGNER = Ed25519PrivateKey.generate()
_PUBLIC = b"\x04" + COSIGNER.public_key().public_bytes_raw()
KEY_ID = hashlib.sha256(WITNESS.encode() + b"\n" + _PUBLIC).digest()[:4]


@pytest.fixture(autouse=True)
def _witness(settings) -> None:
    key = f"{WITNESS}+{KEY_ID.hex()}+{base64.b64encode(_PUBLIC).decode()}"
    settings.WITNESSES = [f"{key} https://witness.example"]


@pytest.fixture
def trail_of_three(fresh_database) -> None:
    for _ in range(3):
        record(HOUSE)
    sequence()


def anchor(size: int, note: str) -> None:
    """Keep a cosignature of a witness that the settings name over this checkpoint."""
    text = note[: note.rindex("\n\n") + 1]
    moment = struct.pack(">Q", 1_764_000_000)
    message = b"cosignature/v1\ntime 1764000000\n" + text.encode()
    signature = base64.b64encode(KEY_ID + moment + COSIGNER.sign(message)).decode()
    line = f"\N{EM DASH} {WITNESS} {signature}\n"
    Anchor.objects.create(size=size, kind="witness", place=WITNESS, evidence=line.encode(), anchored_at=NOW)


def test_a_check_that_is_asked_for_twice_is_done_once(trail_of_three):
    first = checks.request_check(actor=HOUSE, now=NOW)
    second = checks.request_check(actor=HOUSE, now=NOW)

    assert first == second
    assert checks.run_waiting(now=clock.now()) == 1
    done = Check.objects.get()
    assert (done.state, done.findings) == (CheckState.DONE, [])
    assert done.done == done.total == 3
    asked = AuditEvent.objects.get(action=Action.TRAIL_CHECK_REQUESTED)
    told = AuditEvent.objects.get(action=Action.TRAIL_VERIFIED)
    assert asked.target.id == told.body["facts"]["check"] == str(done.pk)


def test_a_check_whose_worker_died_is_taken_up_again_and_given_up_in_the_end(trail_of_three, monkeypatch):
    def die(checkpoint, *, on_progress):
        on_progress(1)
        raise KeyboardInterrupt

    checks.request_check(actor=HOUSE, now=NOW)
    with monkeypatch.context() as patch:
        patch.setattr(check, "examine", die)
        with pytest.raises(KeyboardInterrupt):
            checks.run_waiting(now=clock.now())

    assert checks.run_waiting(now=clock.now()) == 0  # its lease still runs
    assert checks.run_waiting(now=clock.now() + checks.LEASE * 2) == 1
    assert Check.objects.get().state == CheckState.DONE

    Check.objects.update(state=CheckState.RUNNING, attempts=checks.MOST_ATTEMPTS)
    assert checks.run_waiting(now=clock.now() + checks.LEASE * 2) == 0
    assert Check.objects.get().state == CheckState.FAILED
    page = client_of(make_person(Role.DPO)).get(reverse("audit:trail")).content.decode()
    assert "The last check could not be finished." in page


@pytest.mark.parametrize("is_late", [False, True])
def test_who_lost_its_lease_neither_goes_on_nor_says_anything(trail_of_three, monkeypatch, is_late):
    examine = check.examine

    def lose(checkpoint, *, on_progress):
        result = examine(checkpoint) if is_late else None
        Check.objects.update(attempts=2)
        return result or examine(checkpoint, on_progress=on_progress)

    checks.request_check(actor=HOUSE, now=NOW)
    monkeypatch.setattr(check, "examine", lose)

    assert checks.run_waiting(now=clock.now()) == 0
    assert Check.objects.get().state == CheckState.RUNNING
    assert not AuditEvent.objects.filter(action=Action.TRAIL_VERIFIED).exists()


def test_the_trail_is_checked_by_itself_once_a_day(trail_of_three, settings):
    now = clock.now()
    assert checks.run_waiting(now=now) == 1

    assert checks.run_waiting(now=now + timedelta(hours=23)) == 0
    assert checks.run_waiting(now=now + timedelta(hours=25)) == 1
    settings.CHECK_TRAIL_EVERY = timedelta(0)
    assert checks.run_waiting(now=now + timedelta(days=9)) == 0


def test_an_empty_trail_is_not_checked_by_itself(fresh_database):
    assert checks.run_waiting(now=clock.now()) == 0


def test_a_trail_that_leads_to_its_anchors_is_whole(trail_of_three):
    anchor(3, checkpoints.newest().note)
    Anchor.objects.create(size=3, kind="mail", evidence=b"the id of a message", anchored_at=NOW)
    for _ in range(2):
        record(HOUSE)
    sequence()
    anchor(5, checkpoints.newest().note)

    assert check.check_trail(actor=HOUSE, now=NOW).findings == []


def test_a_history_rewritten_and_signed_again_does_not_lead_to_its_anchor(trail_of_three, fresh_database):
    anchor(3, checkpoints.newest().note)
    with attacker(fresh_database) as owner:
        for table in ("audit_checkpoint", "audit_leaf", "audit_event"):
            owner.execute(f"DELETE FROM {table}")  # noqa: S608 - no input
    for _ in range(3):
        record(HOUSE, purpose="other")
    sequence()

    findings = check.check_trail(actor=HOUSE, now=NOW).findings

    assert f"The events do not lead to what the witness {WITNESS} cosigned at 3 events." in map(str, findings)


def test_an_anchor_that_reaches_further_than_the_trail_is_a_finding(trail_of_three):
    anchor(900, checkpoints.newest().note)

    (finding,) = check.check_trail(actor=HOUSE, now=NOW).findings

    assert str(finding) == "An anchor (witness) covers 900 events, and the newest checkpoint 3."


def test_a_size_that_nothing_stands_behind_is_a_finding_at_once(trail_of_three, fresh_database):
    with attacker(fresh_database) as owner:
        owner.execute("UPDATE audit_checkpoint SET size = 1::bigint << 40")

    with CaptureQueriesContext(connection) as asked:
        findings = [str(one) for one in check.examine(checkpoints.newest()).findings]

    assert findings[0] == f"The newest checkpoint states {1 << 40} events, and the tree holds 3."
    assert len(asked) < 30


def test_a_cosignature_over_something_else_is_a_finding(trail_of_three):
    note = checkpoints.newest().note
    anchor(2, note)

    (finding,) = check.check_trail(actor=HOUSE, now=NOW).findings

    assert str(finding) == f"The events do not lead to what the witness {WITNESS} cosigned at 2 events."


def test_the_api_asks_for_a_check_and_tells_its_result(trail_of_three):
    dpo = client_of(make_person(Role.DPO))

    asked = dpo.post(reverse("audit-api:checks"))
    checks.run_waiting(now=clock.now())
    told = dpo.get(reverse("audit-api:check", args=[asked.json()["id"]])).json()

    assert (asked.status_code, asked.json()["whole"]) == (202, None)
    assert (told["state"], told["whole"], told["findings"]) == ("done", True, [])
    assert dpo.get(reverse("audit-api:check", args=[uuid4()])).status_code == 404


UNNUMBER = "UPDATE audit_checkpoint SET number = 0, number_signature = ''"


def test_checkpoints_of_before_they_were_numbered_are_whole_below_the_first_that_is(
    trail_of_three, fresh_database
):
    with attacker(fresh_database) as owner:
        owner.execute(UNNUMBER)
    record(HOUSE)
    sequence()

    assert check.check_trail(actor=HOUSE, now=NOW).findings == []


def test_who_takes_all_numbers_off_to_take_a_checkpoint_out_is_found_by_what_the_last_check_said(
    trail_of_three, fresh_database
):
    check.check_trail(actor=HOUSE, now=NOW)
    sequence()
    with attacker(fresh_database) as owner:
        owner.execute(UNNUMBER)

    (finding,) = check.check_trail(actor=HOUSE, now=NOW).findings

    assert finding.code == "checkpoints-missing"
