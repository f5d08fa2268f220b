"""What is forgotten says so, and what is missing without a word is found: here and in every package."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import timedelta

import pytest
from django.db import transaction

from audit import check, events, forgetting, trail, verify
from audit.actions import Action, Outcome
from audit.actor import Actor, Ref
from audit.canonical import canonical
from audit.models import Lookup, SubjectKey
from audit.subjects import Subject
from tests.audit.conftest import INES, NOW, record, sequence
from tests.audit.history import owner_of
from tests.audit.packages import make_entries, write_package
from tests.audit.test_attacks import kinds
from tests.trail import events as events_of
from vault import clock
from vault.kms import masters

JOB = Actor.system("test")


def checked() -> list[str]:
    sequence()
    return [str(one) for one in check.check_trail(actor=JOB, now=clock.now()).findings]


def test_addresses_of_unknown_visitors_are_forgotten_a_day_at_a_time_when_they_are_old(fresh_database):
    now = clock.database_now()
    for days, address in ((120, "198.51.100.1"), (91, "198.51.100.2"), (89, "198.51.100.3")):
        unknown = Actor.unknown("web", address=address)
        at = now - timedelta(days=days)
        record(unknown, Action.SESSION_SIGN_IN_FAILED, Ref("session", "-"), method="password", at=at)

    assert forgetting.forget_days(actor=JOB, now=now) == 2

    told = events.tell(events_of(Action.SESSION_SIGN_IN_FAILED))
    assert [one.actor_address for one in told] == ["", "", "198.51.100.3"]
    assert Lookup.objects.count() == 1
    dates = [(now - timedelta(days=days)).date().isoformat() for days in (120, 91)]
    assert [event.target for event in events_of(Action.TRAIL_FORGOTTEN)] == [Ref("day", day) for day in dates]
    assert (forgetting.forget_days(actor=JOB, now=now), checked()) == (0, [])


DELETED = "DELETE FROM audit_addendum"
OF_ANOTHER = "UPDATE audit_addendum SET sealed = set_byte(sealed, 30, get_byte(sealed, 30) # 1)"
UNKEYED = "DELETE FROM audit_subjectkey"


@pytest.mark.parametrize(
    ("attack", "found"),
    [
        (DELETED, "The addendum of event 0 about account:{ines} is gone."),
        (OF_ANOTHER, "The addendum of event 0 about account:{ines} is not what was sealed."),
        (
            UNKEYED,
            "The key of the addendum of event 0 about account:{ines} is gone, and no event says that it was"
            " forgotten.",
        ),
    ],
    ids=["a deleted addendum", "an altered addendum", "a key deleted behind the vault's back"],
)
def test_an_addendum_that_is_missing_without_a_word_is_found(fresh_database, ines, attack, found):
    record(ines)
    assert checked() == []

    with owner_of(fresh_database) as owner:
        owner.execute(attack)

    assert checked() == [found.format(ines=INES)]


def test_a_month_whose_master_is_gone_is_found(fresh_database, ines, monkeypatch):
    record(ines)
    monkeypatch.setattr(masters, "many", lambda names: {})

    assert checked() == [f"The month's key of the addendum of event 0 about account:{INES} is gone."]


def test_a_forgetting_explains_what_was_sealed_before_and_for_a_minute_after_and_nothing_later(
    fresh_database, ines
):
    record(ines)
    with transaction.atomic():
        trail.forget(Subject.account(INES), actor=JOB, at=NOW)
    for seconds in (59, 61):  # another process had the key in memory; then somebody deletes a new one
        record(ines, at=NOW + timedelta(seconds=seconds))
    with owner_of(fresh_database) as owner:
        owner.execute("DELETE FROM audit_subjectkey")

    assert checked() == [
        f"The key of the addendum of event 3 about account:{INES} is gone, and no event says that it was forgotten."
    ]


def test_what_was_refused_or_speaks_of_what_comes_later_explains_nothing(fresh_database, ines):
    back = Ref("trail", "x")
    said: dict[str, object] = {"events": 1, "tree_size": 1, "root": ""}
    record(JOB, Action.TRAIL_REIMPORTED, back, first=0, last=10**9, **said)
    record(JOB, Action.TRAIL_REIMPORTED, back, first="x", last=10**9, **said)
    record(ines)
    record(JOB, Action.TRAIL_FORGOTTEN, Ref("account", str(INES)), outcome=Outcome.REFUSED, keys=1)
    assert checked() == []

    with owner_of(fresh_database) as owner:
        owner.execute("DELETE FROM audit_subjectkey")

    assert checked() == [
        f"The key of the addendum of event 2 about account:{INES} is gone, and no event says that it was forgotten."
    ]


def test_what_is_said_after_a_forgetting_has_a_new_key_that_the_next_forgetting_takes(fresh_database, ines):
    record(ines)
    for _ in range(2):
        with transaction.atomic():
            assert trail.forget(Subject.account(INES), actor=JOB, at=NOW) == 1
        again = record(ines, at=NOW + timedelta(hours=1))
        assert events.tell([again])[0].actor_name == "Ines Verhoeven"

    assert SubjectKey.objects.filter(subject_id=str(INES)).count() == 1
    assert checked() == []


def addendum(subject: str, number: int) -> bytes:
    return canonical({"blind": "AAAAAAAAAAAAAAAAAAAAAA==", "fields": {"n": str(number)}, "subject": subject})


def entries_about(subject: str, count: int, **changes: dict[int, object]) -> tuple[list[bytes], list[bytes]]:
    """Return entries of which each speaks of the subject, a minute apart, and their addenda."""
    told = [addendum(subject, at) for at in range(count)]
    entries = []
    for at, raw in enumerate(make_entries(count)):
        body = json.loads(raw)
        body["at"] = f"2026-11-22T10:{at:02}:00.000000Z"
        body["addenda"] = [{"sha256": verify.sha256(told[at]).hexdigest(), "subject": subject}]
        entries.append(body)
    for at, change in changes.get("changes", {}).items():
        entries[at] |= change
    return [canonical(body) for body in entries], told


SUBJECT = "recording:00000000-0000-0000-0000-00000000c411"
FORGOTTEN = {"action": "trail.forgotten", "target": {"kind": "recording", "id": SUBJECT.split(":")[1]}}


def test_the_verifier_tells_what_was_forgotten_from_what_is_still_told(tmp_path):
    entries, told = entries_about(SUBJECT, 12, changes={5: FORGOTTEN})

    def found(name: str, missing: set[int], altered: Collection[int] = ()) -> list[str]:
        lines = [
            raw.replace(b'"n":"', b'"n":"x') if at in altered else raw
            for at, raw in enumerate(told)
            if at not in missing
        ]
        folder = write_package(tmp_path / name, entries, addenda=b"".join(raw + b"\n" for raw in lines))
        return verify.verify_export(folder, None, [], whole=True).all()

    assert found("all", set()) == []
    assert found("before", {0, 1, 2, 3, 4, 5}) == []
    assert found("a minute after", {0, 1, 2, 3, 4, 5, 6}) == []
    assert found("later", {0, 1, 2, 3, 4, 5, 8}) == [
        f"ADDENDUM MISSING: record 8 lacks its addendum about {SUBJECT}, whom no event says was forgotten"
    ]
    entries, told = entries_about(SUBJECT, 12, changes={5: FORGOTTEN | {"outcome": "refused"}})
    assert kinds(found("refused", {0, 1})) == {"ADDENDUM MISSING"}
    entries, told = entries_about(SUBJECT, 12, changes={5: FORGOTTEN})
    assert found("altered", {0, 1}, {8, 9}) == [
        "ADDENDUM ALTERED: records 8 to 9 has an addendum that is not what was hashed"
    ]
