"""One asks, another decides; nothing is carried out otherwise, and nothing twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, transaction
from psycopg import sql

from audit import trail
from audit.actions import Action
from audit.actor import Actor
from tests.approvals.conftest import NOW, REASON, Painted, PaintFence, ask
from tests.recordings.conftest import person
from tests.trail import events
from vault import clock
from vault.access.models import Team, User
from vault.access.roles import Role
from vault.approvals import asking, deciding, expiry, kinds, reading, tasks, words
from vault.approvals.errors import (
    AlreadyAsked,
    AlreadyDecided,
    ApprovalExpired,
    NoLongerPossible,
    NoSuchApproval,
    NoSuchKind,
    NotApproved,
    NotYourRequest,
    OwnRequest,
    ReasonNeeded,
)
from vault.approvals.models import Approval, State
from vault.errors import Forbidden, Unavailable
from vault.jobs.models import Heartbeat

LATER = NOW + timedelta(hours=73)


def raiser(error: type[Exception]):
    def fail(*args, **kwargs):
        raise error

    return fail


def state_of(asked: Approval) -> str:
    return Approval.objects.get(pk=asked.pk).state


def test_what_is_asked_for_waits_and_happens_when_somebody_else_approves(bram, katrien, fence):
    asked = ask(bram)
    assert not Team.objects.exists()

    deciding.approve(asked.pk, said="Go ahead", actor=katrien, now=NOW)

    assert Team.objects.get().name == "North"
    done = Approval.objects.get()
    assert (done.state, done.decided_by_id, done.ended_at) == (State.DONE, katrien.id, NOW)
    assert fence.prepared_for == [REASON]
    assert words.words_of(done) == "Go ahead"


def test_nobody_approves_or_refuses_their_own_request(bram):
    asked = ask(bram)

    with pytest.raises(OwnRequest):
        deciding.approve(asked.pk, actor=bram, now=NOW)
    with pytest.raises(OwnRequest):
        deciding.refuse(asked.pk, said="No", actor=bram, now=NOW)

    assert state_of(asked) == State.WAITING
    assert not Team.objects.exists()


def test_who_may_not_decide_finds_no_request(bram):
    asked = ask(bram)
    reviewer = person("noor@example.org", Role.REVIEWER)

    for somebody in (reviewer, Actor.system("command:test")):
        with pytest.raises(NoSuchApproval):
            deciding.approve(asked.pk, actor=somebody, now=NOW)
        assert not reading.waiting_for(somebody, now=NOW)


def test_who_lost_the_right_to_decide_while_the_page_was_open_does_not(bram, katrien):
    asked = ask(bram)
    User.objects.filter(pk=katrien.id).update(role=Role.REVIEWER)

    with pytest.raises(Forbidden):
        deciding.approve(asked.pk, actor=katrien, now=NOW)

    assert state_of(asked) == State.WAITING


def test_who_may_not_ask_is_refused(katrien):
    with pytest.raises(Forbidden):
        ask(katrien)
    with pytest.raises(NoSuchKind):
        ask(katrien, "test.unheard")


def test_asking_and_refusing_take_a_reason(bram, katrien):
    with pytest.raises(ReasonNeeded):
        ask(bram, reason="  ")
    asked = ask(bram)
    with pytest.raises(ReasonNeeded):
        deciding.refuse(asked.pk, said=" ", actor=katrien, now=NOW)


def test_the_same_is_not_asked_for_twice_until_the_first_is_over(bram):
    asked = ask(bram)
    with pytest.raises(AlreadyAsked):
        ask(bram)

    asking.withdraw(asked.pk, actor=bram, now=NOW)

    assert state_of(ask(bram)) == State.WAITING


def test_an_expired_request_makes_room_before_any_job_has_ended_it(bram):
    old = ask(bram)

    ask(bram, now=LATER)

    assert state_of(old) == State.EXPIRED


@pytest.mark.parametrize("how", ["refused", "withdrawn", "expired", "late", "done"])
def test_what_is_over_is_not_approved(bram, katrien, how):
    asked, now = ask(bram), NOW
    if how == "refused":
        deciding.refuse(asked.pk, said="Not now", actor=katrien, now=NOW)
    elif how == "withdrawn":
        asking.withdraw(asked.pk, actor=bram, now=NOW)
    elif how == "expired":
        assert expiry.expire(now=LATER) == 1
    elif how == "late":
        now = LATER
    else:
        deciding.approve(asked.pk, actor=katrien, now=NOW)
    teams = Team.objects.count()

    with pytest.raises(ApprovalExpired if how == "late" else AlreadyDecided):
        deciding.approve(asked.pk, actor=katrien, now=now)
    with pytest.raises(ApprovalExpired if how == "late" else AlreadyDecided):
        deciding.refuse(asked.pk, said="No", actor=katrien, now=now)
    with pytest.raises(ApprovalExpired if how == "late" else AlreadyDecided):
        asking.withdraw(asked.pk, actor=bram, now=now)

    assert Team.objects.count() == teams


def test_only_who_asked_withdraws(bram, katrien):
    asked = ask(bram)

    with pytest.raises(NotYourRequest):
        asking.withdraw(asked.pk, actor=katrien, now=NOW)


def test_the_job_ends_only_what_is_late(bram, monkeypatch):
    late, fresh = ask(bram), ask(bram, target="South", now=LATER)
    monkeypatch.setattr(clock, "now", lambda: LATER)

    tasks.expire()

    assert Heartbeat.objects.get(job="approvals.expire").done == 1
    assert (state_of(late), state_of(fresh)) == (State.EXPIRED, State.WAITING)
    assert [event.target_id for event in events(Action.APPROVAL_EXPIRED)] == ["North"]


@pytest.mark.parametrize("change", [{"role": Role.REVIEWER}, {"is_active": False, "disabled_at": NOW}])
def test_a_request_is_void_when_who_asked_may_not_ask_any_more(bram, katrien, change):
    asked = ask(bram)
    User.objects.filter(pk=bram.id).update(**change)

    with pytest.raises(NoLongerPossible):
        deciding.approve(asked.pk, actor=katrien, now=NOW)

    over = Approval.objects.get()
    assert (over.state, over.void_because, over.decided_by) == (State.VOID, "asker-gone", None)
    assert not Team.objects.exists()


def test_a_request_is_void_when_what_it_is_about_has_changed(bram, katrien):
    asked = ask(bram)
    Team.objects.create(name="North")

    with pytest.raises(NoLongerPossible, match="quicker"):
        deciding.approve(asked.pk, actor=katrien, now=NOW)

    over = Approval.objects.get(pk=asked.pk)
    assert (over.state, over.void_because) == (State.VOID, "painted")
    assert [event.action for event in events()] == [Action.APPROVAL_REQUESTED, Action.APPROVAL_VOID]


def test_what_is_half_done_when_it_turns_out_impossible_is_undone(bram, katrien, fence, monkeypatch):
    asked = ask(bram)

    def carry_out(*args, **kwargs):
        Team.objects.create(name="North")
        raise Painted

    monkeypatch.setattr(fence, "carry_out", carry_out)
    with pytest.raises(NoLongerPossible):
        deciding.approve(asked.pk, actor=katrien, now=NOW)

    assert not Team.objects.exists()
    assert state_of(asked) == State.VOID


@pytest.mark.parametrize("where", ["prepare", "carry_out"])
def test_an_outage_leaves_the_request_waiting(bram, katrien, fence, monkeypatch, where):
    asked = ask(bram)
    monkeypatch.setattr(fence, where, raiser(Unavailable))

    with pytest.raises(Unavailable):
        deciding.approve(asked.pk, actor=katrien, now=NOW)

    assert state_of(asked) == State.WAITING
    assert [event.action for event in events()] == [Action.APPROVAL_REQUESTED]


def test_what_cannot_even_be_prepared_any_more_is_void(bram, katrien, fence, monkeypatch):
    paint, secret = ask(bram), ask(bram, "test.secret")
    deciding.approve(secret.pk, actor=katrien, now=NOW)
    monkeypatch.setattr(PaintFence, "prepare", raiser(Painted))

    with pytest.raises(NoLongerPossible):
        deciding.approve(paint.pk, actor=katrien, now=NOW)
    with pytest.raises(NoLongerPossible):
        deciding.carry_out(secret.pk, actor=bram, now=NOW)

    assert set(Approval.objects.values_list("state", "void_because")) == {(State.VOID, "painted")}


def test_approval_and_change_and_event_commit_together_or_not_at_all(bram, katrien, monkeypatch):
    asked = ask(bram)

    monkeypatch.setattr(trail, "record", raiser(DatabaseError))
    with pytest.raises(DatabaseError):
        deciding.approve(asked.pk, actor=katrien, now=NOW)

    assert state_of(asked) == State.WAITING
    assert not Team.objects.exists()


def test_what_is_for_the_eyes_of_who_asked_is_carried_out_by_them_once(bram, katrien):
    other = person("other@example.org", Role.ADMINISTRATOR)
    asked = ask(bram, "test.secret")
    with pytest.raises(NotApproved):
        deciding.carry_out(asked.pk, actor=bram, now=NOW)
    deciding.approve(asked.pk, actor=katrien, now=NOW)
    assert state_of(asked) == State.APPROVED
    assert not Team.objects.exists()
    for somebody in (katrien, other):
        with pytest.raises(NotYourRequest):
            deciding.carry_out(asked.pk, actor=somebody, now=NOW)

    assert deciding.carry_out(asked.pk, actor=bram, now=NOW) == "green"

    assert state_of(asked) == State.DONE
    with pytest.raises(AlreadyDecided):
        deciding.carry_out(asked.pk, actor=bram, now=NOW)
    assert Team.objects.count() == 1


def test_what_was_approved_is_not_carried_out_after_its_time(bram, katrien):
    asked = ask(bram, "test.secret")
    deciding.approve(asked.pk, actor=katrien, now=NOW)

    with pytest.raises(ApprovalExpired):
        deciding.carry_out(asked.pk, actor=bram, now=LATER)
    expiry.expire(now=LATER)

    assert state_of(asked) == State.EXPIRED
    with pytest.raises(AlreadyDecided):
        deciding.carry_out(asked.pk, actor=bram, now=LATER)


def test_what_was_approved_is_void_when_it_became_impossible_before_it_was_carried_out(bram, katrien):
    asked = ask(bram, "test.secret")
    deciding.approve(asked.pk, actor=katrien, now=NOW)
    Team.objects.create(name="North")

    with pytest.raises(NoLongerPossible):
        deciding.carry_out(asked.pk, actor=bram, now=NOW)

    assert state_of(asked) == State.VOID


def test_each_step_is_in_the_trail_with_kind_and_request_and_nothing_in_clear(bram, katrien):
    done, secret = ask(bram), ask(bram, "test.secret", target="East")
    refused, withdrawn = ask(bram, target="South"), ask(bram, target="West")
    deciding.approve(done.pk, said=REASON, actor=katrien, now=NOW)
    deciding.approve(secret.pk, actor=katrien, now=NOW)
    deciding.carry_out(secret.pk, actor=bram, now=NOW)
    deciding.refuse(refused.pk, said=REASON, actor=katrien, now=NOW)
    asking.withdraw(withdrawn.pk, actor=bram, now=NOW)

    steps = events()
    assert {event.action for event in steps} == {
        Action.APPROVAL_REQUESTED,
        Action.APPROVAL_APPROVED,
        Action.APPROVAL_REFUSED,
        Action.APPROVAL_WITHDRAWN,
        Action.APPROVAL_CARRIED_OUT,
    }
    for event in steps:
        entry = bytes(event.entry).decode()
        assert '"kind":"test.' in entry
        assert any(str(asked.pk) in entry for asked in (done, secret, refused, withdrawn))
        assert "lighthouse" not in entry


def test_reasons_stand_nowhere_in_clear_in_the_database(bram, katrien):
    asked = ask(bram)
    deciding.approve(asked.pk, said=REASON, actor=katrien, now=NOW)

    with connection.cursor() as cursor:
        for table in ("approvals_approval", "audit_event", "audit_addendum"):
            cursor.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(table)))
            rows = "".join(row for (row,) in cursor.fetchall())
            assert rows
            assert "lighthouse" not in rows
            assert b"lighthouse".hex() not in rows
    assert words.reason_of(Approval.objects.get()) == REASON


FORBIDDEN = {
    "a request is approved by who asked": (
        "UPDATE approvals_approval SET state = 'approved', decided_by_id = asked_by_id, decided_at = now()"
    ),
    "a request is approved by nobody": "UPDATE approvals_approval SET state = 'approved'",
    "a request is about something else": "UPDATE approvals_approval SET target_id = 'South'",
    "a request gets other parameters": """UPDATE approvals_approval SET parameters = '{"role": "dpo"}'""",
    "a request lives longer": "UPDATE approvals_approval SET expires_at = expires_at + interval '1 day'",
    "a reason is replaced": "UPDATE approvals_approval SET reason_sealed = 'x'",
}


@pytest.mark.parametrize("statement", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_the_database_forbids_it_whatever_the_code_does(bram, statement):
    ask(bram)

    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_database_lets_no_refused_request_be_approved_and_none_be_born_approved(bram, katrien):
    asked = ask(bram)
    deciding.refuse(asked.pk, said="No", actor=katrien, now=NOW)

    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.update(state=State.APPROVED, ended_at=None)
    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.create(
            kind="test.secret",
            target_id="North",
            reason_sealed=b"x",
            asked_by_id=bram.id,
            asked_at=NOW,
            expires_at=LATER,
            state=State.APPROVED,
            decided_by_id=katrien.id,
            decided_at=NOW,
        )
    with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM approvals_approval")


def test_a_kind_has_one_code_and_shows_nothing_that_is_not_for_who_asked(fence, rf):
    with pytest.raises(ValueError, match="registered already"):
        kinds.register(fence)
    with pytest.raises(TypeError):
        kinds.require("hold.release").show(rf.get("/"), None)
