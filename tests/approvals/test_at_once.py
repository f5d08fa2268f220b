"""Several people at once: whatever the order, one decision, carried out once."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection

from tests.approvals.conftest import NOW, ask
from tests.recordings.conftest import person
from tests.recordings.test_at_once import at_once
from tests.trail import events
from vault import kms
from vault.access.models import Team, User
from vault.access.roles import Role
from vault.access.second_person import GRANT_ROLE
from vault.approvals import asking, deciding, expiry
from vault.approvals.errors import AlreadyAsked, AlreadyDecided
from vault.approvals.models import Approval, State
from vault.errors import Refusal
from vault.kms import masters


def attempt(work):
    try:
        return work()
    except Refusal as refusal:
        return type(refusal)


def test_two_who_approve_at_once_carry_it_out_once(fresh_database):
    bram = person("bram@example.org", Role.ADMINISTRATOR)
    deciders = [person(f"dpo{number}@example.org", Role.DPO) for number in range(4)]
    asked = ask(bram)

    answers = at_once(
        lambda number: attempt(lambda: deciding.approve(asked.pk, actor=deciders[number], now=NOW)), times=4
    )

    assert sorted(str(answer) for answer in answers).count(str(AlreadyDecided)) == 3
    assert Team.objects.count() == 1
    assert len(events("approval.approved")) == 1


def test_deciding_withdrawing_and_expiring_at_once_meet_one_end(fresh_database):
    bram = person("bram@example.org", Role.ADMINISTRATOR)
    one, other = person("one@example.org", Role.DPO), person("other@example.org", Role.DPO)
    asked = ask(bram)
    acts = [
        lambda: deciding.approve(asked.pk, actor=one, now=NOW),
        lambda: deciding.refuse(asked.pk, said="No", actor=other, now=NOW),
        lambda: asking.withdraw(asked.pk, actor=bram, now=NOW),
        lambda: expiry.expire(now=NOW + timedelta(days=4)),
    ]

    at_once(lambda number: attempt(acts[number]), times=4)

    ends = events("approval.approved", "approval.refused", "approval.withdrawn", "approval.expired")
    assert len(ends) == 1
    assert Team.objects.exists() == (Approval.objects.get().state == State.DONE)


def test_the_same_asked_for_at_once_waits_once(fresh_database):
    people = [person(f"admin{number}@example.org", Role.ADMINISTRATOR) for number in range(3)]

    answers = at_once(lambda number: attempt(lambda: ask(people[number])), times=3)

    assert answers.count(AlreadyAsked) == 2
    assert Approval.objects.count() == 1


def test_what_is_carried_out_twice_at_once_is_carried_out_once(fresh_database):
    bram, katrien = person("bram@example.org", Role.ADMINISTRATOR), person("k@example.org", Role.DPO)
    asked = ask(bram, "test.secret")
    deciding.approve(asked.pk, actor=katrien, now=NOW)

    answers = at_once(
        lambda number: attempt(lambda: deciding.carry_out(asked.pk, actor=bram, now=NOW)), times=3
    )

    assert sorted(map(str, answers)) == sorted(map(str, ["green", AlreadyDecided, AlreadyDecided]))
    assert Team.objects.count() == 1


def test_no_step_asks_the_key_service_for_anything_while_rows_are_locked(fresh_database, monkeypatch):
    bram, katrien = person("bram@example.org", Role.ADMINISTRATOR), person("k@example.org", Role.DPO)
    locked = []

    def watched(duty):
        locked.append(connection.in_atomic_block)
        return kms.service(duty)

    monkeypatch.setattr("vault.kms.masters.service", watched)
    masters.forget_all()
    asked = ask(bram, "test.secret")
    masters.forget_all()
    deciding.approve(asked.pk, said="Yes", actor=katrien, now=NOW)
    masters.forget_all()
    deciding.carry_out(asked.pk, actor=bram, now=NOW)

    assert locked
    assert not any(locked)


def test_roles_granted_at_once_wait_for_each_other_and_none_is_lost(fresh_database):
    bram = person("bram@example.org", Role.ADMINISTRATOR)
    deciders = [person(f"admin{number}@example.org", Role.ADMINISTRATOR) for number in range(3)]
    people = [person(f"agent{number}@example.org", Role.AGENT) for number in range(3)]
    asked = [ask(bram, GRANT_ROLE, str(each.id), parameters={"role": "administrator"}).pk for each in people]

    at_once(lambda number: deciding.approve(asked[number], actor=deciders[number], now=NOW), times=3)

    assert User.objects.filter(role=Role.ADMINISTRATOR).count() == 7
