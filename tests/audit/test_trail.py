"""The one writer: what it records, what it refuses, and that it forgets."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import transaction

from audit import log_key, subjects, trail
from audit.actions import FACTS, Action
from audit.actor import Actor, Ref
from audit.models import Addendum, Anchor, AuditEvent, Checkpoint, Export, Leaf, SubjectKey, Tile
from audit.subjects import Subject
from tests.audit.conftest import CALL, INES, NOW, record
from vault.errors import Forbidden

pytestmark = pytest.mark.django_db


def test_an_event_says_who_did_what_to_what_when_and_why(ines):
    event = record(ines, Action.PLAYBACK_GRANTED, purpose="complaint", rule="supervisor-of-team", grant="g1")

    stored = AuditEvent.objects.get(id=event.id)
    assert stored.body == {
        "v": 1,
        "id": str(event.id),
        "at": "2026-11-22T10:52:07.123456Z",
        "action": "playback.granted",
        "outcome": "done",
        "actor": {"kind": "person", "id": str(INES), "role": "supervisor"},
        "target": {"kind": "recording", "id": CALL.id},
        "purpose": "complaint",
        "rule": "supervisor-of-team",
        "access_point": "web",
        "request": "req-1",
        "facts": {"grant": "g1"},
        "addenda": stored.body["addenda"],
        "writer": str(stored.writer),
        "counter": stored.counter,
    }
    assert (stored.actor_id, stored.target, stored.occurred_at) == (INES, CALL, NOW)
    assert stored.recorded_at == event.recorded_at


def test_every_action_has_a_list_of_the_facts_it_may_carry():
    assert FACTS.keys() == set(Action)


def test_a_fact_that_is_not_listed_is_refused(ines):
    with pytest.raises(ValueError, match="may not carry"):
        record(ines, number="+31301234567")


@pytest.mark.parametrize("value", [1.5, ["a"], b"a", "x" * 2000])
def test_a_fact_is_a_short_text_a_whole_number_or_yes_or_no(ines, value):
    with pytest.raises(ValueError, match="state"):
        record(ines, state=value)


def test_a_target_of_a_kind_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="unknown kind"):
        Ref("telephone", "1")


def test_the_entry_holds_neither_the_name_nor_the_address_but_the_digest_of_both(ines):
    event = record(ines)

    assert b"Ines" not in event.entry
    assert b"203.0.113.7" not in event.entry
    (addendum,) = Addendum.objects.filter(event_id=event.id)
    assert event.body["addenda"] == [{"sha256": bytes(addendum.digest).hex(), "subject": f"account:{INES}"}]
    key = subjects.open_keys([addendum.key_id])[addendum.key_id]
    opened = subjects.open_sealed(key, bytes(addendum.sealed), bytes(addendum.digest))
    assert hashlib.sha256(opened).digest() == bytes(addendum.digest)
    assert json.loads(opened)["fields"] == {"name": "Ines Verhoeven", "address": "203.0.113.7"}


def test_somebody_unknown_is_kept_under_the_key_of_the_day():
    unknown = Actor.unknown("web", address="198.51.100.4", name="nobody@example.org")

    event = record(unknown, Action.SESSION_SIGN_IN_FAILED, Ref("session", "-"), method="password")

    assert event.body["addenda"][0]["subject"] == "day:2026-11-22"


def test_one_person_has_one_key_a_month(ines):
    record(ines)
    record(ines)

    assert SubjectKey.objects.filter(subject_id=str(INES)).count() == 1


def test_personal_words_of_an_event_are_sealed_under_the_recordings_key(ines):
    recording = Subject("recording", CALL.id)

    event = record(ines, personal=[trail.Personal(recording, {"reason": "second complaint"})])

    assert {part["subject"] for part in event.body["addenda"]} == {f"account:{INES}", str(recording)}
    assert b"complaint" not in event.entry


def test_forgetting_somebody_destroys_the_keys_and_says_so(ines):
    event = record(ines)

    with transaction.atomic():
        keys = trail.forget(Subject.account(INES), actor=Actor.system("test"), at=NOW)

    assert keys == 1
    (addendum,) = Addendum.objects.filter(event_id=event.id)
    assert subjects.open_keys([addendum.key_id]) == {}
    forgotten = AuditEvent.objects.get(action=Action.TRAIL_FORGOTTEN)
    assert forgotten.target == Ref("account", str(INES))


def test_forgetting_somebody_the_trail_never_spoke_of_leaves_no_event():
    with transaction.atomic():
        assert trail.forget(Subject.account(INES), actor=Actor.system("test"), at=NOW) == 0

    assert not AuditEvent.objects.exists()


def test_a_refusal_is_recorded_with_its_code(ines):
    event = trail.record_refusal(
        Forbidden(code="out-of-reach"), actor=ines, action="recording.viewed", target=CALL, at=NOW
    )

    assert (event.action, event.outcome) == ("recording.viewed", "refused")
    assert event.body["facts"] == {"code": "out-of-reach", "status": 403}


def test_a_refusal_of_something_without_an_action_is_a_refused_access(ines):
    event = trail.record_refusal(
        KeyError("x"), actor=ines, action="GET recordings:list", target=Ref("page", "recordings:list"), at=NOW
    )

    assert (event.action, event.outcome) == ("access.refused", "failed")
    assert event.body["facts"] == {"asked": "GET recordings:list", "error": "KeyError", "status": 500}


def test_an_entry_that_no_bundle_could_hold_is_refused(ines):
    with pytest.raises(ValueError, match="too long"):
        record(ines, purpose="x" * 17_000)


def test_a_moment_without_its_time_zone_is_refused(ines):
    with pytest.raises(ValueError, match="time zone"):
        record(ines, at=datetime(2026, 11, 22))  # noqa: DTZ001 - that is the point


def test_an_addendum_that_was_changed_does_not_open(ines):
    event = record(ines)
    (addendum,) = Addendum.objects.filter(event_id=event.id)
    key = subjects.open_keys([addendum.key_id])[addendum.key_id]

    assert subjects.open_sealed(key, bytes(addendum.sealed), b"another digest") is None


def test_no_more_than_a_thousand_keys_stay_in_memory(ines):
    cache = subjects._Cache()
    for number in range(1_100):
        cache.put((Subject("account", str(number)), "2026-11", "db"), subjects.OpenKey(INES, b""), NOW)

    assert cache.get((Subject("account", "0"), "2026-11", "db"), NOW) is None
    assert cache.get((Subject("account", "1099"), "2026-11", "db"), NOW) is not None
    assert cache.get((Subject("account", "1099"), "2026-11", "db"), NOW + timedelta(minutes=2)) is None


@pytest.mark.parametrize("key", ["", "not base64!", "AAAA"])
def test_a_log_key_that_is_none_is_named_and_not_shown(settings, key):
    settings.AUDIT_KEY = key

    with pytest.raises(ImproperlyConfigured, match="32 random bytes"):
        log_key.signer()


def test_who_only_checks_needs_no_more_than_the_public_half(settings):
    settings.AUDIT_PUBLIC_KEY = log_key.signer().verifier.vkey
    settings.AUDIT_KEY = ""

    assert log_key.verifier().vkey == settings.AUDIT_PUBLIC_KEY


def test_the_public_half_of_another_log_is_refused(settings):
    settings.AUDIT_PUBLIC_KEY = log_key.signer().verifier.vkey
    settings.AUDIT_ORIGIN = "another.example/trail"

    with pytest.raises(ImproperlyConfigured, match="another log"):
        log_key.verifier()


def test_a_public_half_that_is_none_is_refused(settings):
    settings.AUDIT_PUBLIC_KEY = "nonsense"

    with pytest.raises(ImproperlyConfigured, match="show_log_key"):
        log_key.verifier()


def test_the_public_half_is_printed(capsys):
    call_command("show_log_key")

    assert capsys.readouterr().out.strip() == log_key.verifier().vkey


def test_rows_name_themselves_without_saying_anything_personal(ines):
    event = record(ines)
    (key,), (addendum,) = SubjectKey.objects.all(), Addendum.objects.all()

    assert str(event) == f"recording.viewed {event.id}"
    assert str(key) == f"account:{INES} 2026-11"
    assert str(addendum) == f"addendum of {event.id}"
    assert [str(Leaf(index=1)), str(Tile(level=0, number=3))] == ["leaf 1", "tile 0/3"]
    assert str(Checkpoint(size=7)) == "checkpoint 7"
    assert str(Anchor(kind="mail", size=7)) == "mail of 7"
    assert str(Export(id=INES)) == f"export {INES}"
