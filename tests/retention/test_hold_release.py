"""A legal hold is released by two people: one asks, another approves."""

from __future__ import annotations

import pytest

from recordings.models import Recording
from retention import holds
from retention.errors import AlreadyReleased, NoSuchHold
from retention.hold_release import HOLD_RELEASE
from retention.models import Hold
from tests.people import client_of, make_person
from tests.recordings.conftest import person
from tests.retention.conftest import NOW, release, run_sweep
from tests.trail import events
from vault.access.models import User
from vault.access.roles import Role
from vault.access.second_person import NeedsSecondPerson
from vault.approvals import asking, deciding, words
from vault.approvals.errors import OwnRequest, ParametersInvalid, SecondPersonNotNeeded
from vault.approvals.models import Approval
from vault.crypto.errors import NotAuthentic
from vault.errors import Forbidden

WHY = "The dispute with Mrs Ashby is settled"


@pytest.fixture
def held(due, katrien) -> Hold:
    """A hold on a recording whose own end has passed."""
    return holds.place_hold(due.pk, reason="Dispute", case="C-17", actor=katrien, now=NOW)


def ask(hold: Hold, actor, **more) -> Approval:
    return asking.ask(HOLD_RELEASE, str(hold.pk), **{"reason": WHY, "actor": actor, "now": NOW, **more})


def test_nobody_releases_a_legal_hold_alone(held, katrien, due):
    with pytest.raises(NeedsSecondPerson):
        holds.release_hold(held.pk, reason=WHY, actor=katrien, now=NOW)
    asked = ask(held, katrien)
    with pytest.raises(OwnRequest):
        deciding.approve(asked.pk, actor=katrien, now=NOW)
    run_sweep()

    assert Recording.objects.get(pk=due.pk).is_held
    assert Hold.objects.in_force().exists()


@pytest.mark.parametrize("role", [Role.DPO, Role.ADMINISTRATOR])
def test_another_dpo_or_an_administrator_releases_what_a_dpo_asked_for(held, katrien, role):
    second = person("second@example.org", role)
    asked = ask(held, katrien)

    deciding.approve(asked.pk, actor=second, now=NOW)

    released = Hold.objects.get()
    assert (released.released_at, released.released_by) == (NOW, katrien.id)
    assert holds.open_reasons([released])[held.pk][1] == WHY
    (event,) = events("hold.released")
    entry = bytes(event.entry).decode()
    assert event.actor_id == second.id
    assert f'"on_behalf_of":"{katrien.id}"' in entry
    assert f'"approval":"{asked.pk}"' in entry
    assert WHY not in entry


def test_erasing_the_recording_blanks_why_its_hold_was_to_be_released(held, katrien, due):
    second = person("second@example.org", Role.DPO)
    refused = ask(held, katrien)
    deciding.refuse(refused.pk, said="Mrs Ashby has appealed", actor=second, now=NOW)
    release(held, asker=katrien, reason=WHY)
    run_sweep()

    assert Recording.objects.get(pk=due.pk).is_erased
    for asked in Approval.objects.all():
        assert (words.reason_of(asked), words.words_of(asked)) == ("", "")
    page = client_of(User.objects.get(pk=second.id)).get(f"/approvals/{refused.pk}/")
    assert "Forgotten with what it was about" in page.content.decode()


def test_a_copy_of_the_request_from_before_the_erasure_tells_nobody_why(held, katrien, due):
    asked = ask(held, katrien)
    stolen = Approval.objects.get(pk=asked.pk)
    assert words.reason_of(stolen) == WHY
    deciding.approve(asked.pk, actor=person("second@example.org", Role.DPO), now=NOW)

    run_sweep()

    with pytest.raises(NotAuthentic):
        words.reason_of(stolen)


def test_only_who_may_release_asks_and_only_for_a_legal_hold_in_force(held, kept, katrien):
    with pytest.raises(Forbidden):
        ask(held, person("bram@example.org", Role.ADMINISTRATOR))
    with pytest.raises(ParametersInvalid):
        ask(held, katrien, parameters={"x": "y"})
    for writing in (held.pk.hex, str(held.pk).upper(), "no-hold", str(kept.pk)):
        with pytest.raises(NoSuchHold):
            asking.ask(HOLD_RELEASE, writing, reason=WHY, actor=katrien, now=NOW)
    frozen = holds.freeze(kept.pk, reason="Art. 15", actor=katrien, now=NOW)
    with pytest.raises(SecondPersonNotNeeded):
        ask(frozen, katrien)
    release(held, asker=katrien)
    with pytest.raises(AlreadyReleased):
        ask(held, katrien)


def test_an_administrator_decides_without_seeing_more_than_the_case(held, katrien, due):
    asked = ask(held, katrien)
    administrator, dpo = client_of(make_person(Role.ADMINISTRATOR)), client_of(make_person(Role.DPO))

    shown = administrator.get(f"/approvals/{asked.pk}/").content.decode()

    assert "C-17" in shown
    assert WHY in shown
    assert "the next sweep erases it" in shown
    assert "Dispute" not in shown.replace(WHY, "")
    assert f"/retention/recordings/{due.pk}/" not in shown
    assert f"/retention/recordings/{due.pk}/" in dpo.get(f"/approvals/{asked.pk}/").content.decode()
