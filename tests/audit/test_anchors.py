"""Anchors: a real witness sees the vault's checkpoints, and an outage is told once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings as current
from django.core import mail as outbox

from audit import checkpoints, log_key, proofs, state, verify
from audit.actor import Actor
from audit.anchors import work
from audit.models import Anchor, AnchorPlace
from tests.audit.conftest import NOW, attacker, make_export, record, sequence
from tests.audit.witnesses import running_witness
from tests.trail import events

pytestmark = pytest.mark.usefixtures("fresh_database")
SYSTEM = Actor.system("test")
OUTAGE = ("trail.anchor_failed", "trail.anchor_works_again")


@pytest.fixture
def witness(tmp_path, settings):
    with running_witness(tmp_path / "w", log_key.verifier().vkey) as running:
        settings.WITNESSES = [running.setting]
        yield running


def anchor(now=NOW) -> int:
    return work.anchor(actor=SYSTEM, now=now)


def grow(count: int = 3) -> None:
    for _ in range(count):
        record(SYSTEM)
    sequence()


def policy_of(witness) -> verify.Policy:
    return verify.Policy.parse(f"log {log_key.verifier().vkey}\nwitness dpo {witness.vkey}\nquorum dpo\n")


def test_a_witness_cosigns_as_the_trail_grows_and_the_checkpoint_given_out_says_so(witness):
    for _ in range(2):
        grow()
        assert anchor() == 1

    newest = checkpoints.newest()
    opened = verify.open_checkpoint(checkpoints.given_out(newest), policy_of(witness))
    assert opened.size == newest.size == 6
    assert list(Anchor.objects.values_list("kind", "place", "size")) == [
        ("witness", "dpo.example/witness", 3),
        ("witness", "dpo.example/witness", 6),
    ]
    assert events(*OUTAGE) == []


def test_an_export_meets_a_policy_that_asks_for_the_witness(witness, ines, tmp_path):
    grow()
    path = tmp_path / "export.zip"
    path.write_bytes(make_export(ines))

    findings = verify.verify_export(path, policy_of(witness), [], whole=True)

    assert findings.all() == []


def test_a_proof_is_over_the_newest_checkpoint_that_a_witness_saw(witness):
    grow()
    anchor()
    grow()

    proof = proofs.event_proof(events()[0].id)

    assert verify.open_proof(proof, policy_of(witness)).checkpoint.size == 3


def test_what_nothing_new_has_come_to_is_asked_again_only_after_a_while(witness):
    grow()

    assert [anchor(), anchor(), anchor(NOW + timedelta(minutes=11))] == [1, 0, 1]
    assert Anchor.objects.count() == 1


def test_an_outage_is_told_once_and_its_end_too(witness, settings, tmp_path):
    grow()
    settings.WITNESSES = [f"{witness.vkey} http://127.0.0.1:9"]
    for minute in range(3):
        assert anchor(NOW + timedelta(minutes=minute)) == 0
    settings.WITNESSES = [witness.setting]
    anchor()
    anchor()

    assert [event.action for event in events(*OUTAGE)] == list(OUTAGE)
    assert events(*OUTAGE)[0].body["facts"] == {
        "kind": "witness dpo.example/witness",
        "why": "does-not-answer",
        "tree_size": 3,
    }


def test_a_history_rewritten_with_the_real_key_is_refused_and_shown(witness, fresh_database):
    grow()
    anchor()
    with attacker(fresh_database) as owner:
        for table in ("leaf", "tile", "checkpoint", "event", "addendum"):
            owner.execute(f"DELETE FROM audit_{table}")  # noqa: S608 - fixed names
    grow(5)

    assert anchor() == 0

    assert AnchorPlace.objects.get().why == "proof-refused"
    assert state.state_of_trail()["is_anchor_failing"]
    assert "FORK" in witness.log.read_text()


def test_a_witness_that_lost_count_is_told_from_where_it_is(witness):
    grow()
    anchor()
    AnchorPlace.objects.update(size=0)
    grow()

    assert anchor() == 1


def test_a_witness_with_another_key_is_not_believed(witness, settings, tmp_path):
    with running_witness(tmp_path / "other", log_key.verifier().vkey) as other:
        settings.WITNESSES = [f"{witness.vkey} {other.url}"]
        grow()

        assert anchor() == 0

    assert AnchorPlace.objects.get().why == "not-cosigned"


def test_checkpoints_go_by_mail_once_a_day_and_after_many_events_and_no_address_is_kept(settings):
    settings.AUDIT_ANCHOR_MAIL = ["dpo@example.org"]
    settings.AUDIT_ANCHOR_MAIL_EVENTS = 5
    grow()
    assert [anchor(), anchor()] == [1, 0]
    grow()
    assert anchor(NOW + timedelta(hours=1)) == 0
    grow()
    assert anchor(NOW + timedelta(hours=2)) == 1
    grow(1)
    assert anchor(NOW + timedelta(hours=27)) == 1

    first = outbox.outbox[0]
    assert len(outbox.outbox) == 3
    assert first.to == ["dpo@example.org"]
    note = first.body[first.body.index(f"{current.AUDIT_ORIGIN}\n") :]
    trusted = verify.Policy([verify.Key.parse(log_key.verifier().vkey)])
    assert verify.open_checkpoint(note, trusted).size == 3
    evidence = bytes(Anchor.objects.first().evidence).decode()
    assert "dpo@example.org" not in evidence
    assert first.extra_headers["Message-ID"] in evidence


def test_the_page_says_when_the_only_witness_is_on_this_machine(witness):
    grow()
    assert not state.state_of_trail()["is_anchored_here"]
    anchor()

    told = state.state_of_trail()

    assert (told["is_anchored"], told["is_anchored_here"]) == (False, True)
