"""Nobody makes a DPO or an administrator alone, nor takes over the account of one."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from audit.actions import Action
from tests.approvals.conftest import NOW, REASON, ask
from tests.people import client_of, make_person
from tests.recordings.conftest import person
from tests.trail import events
from vault import clock
from vault.access import factors, people
from vault.access.models import Invitation, NoSuchPerson, User
from vault.access.people import LastAdministrator, OwnAccount, PersonDisabled
from vault.access.roles import Role
from vault.access.second_person import GRANT_ROLE, LET_IN, RENEW_SIGN_IN, NeedsSecondPerson
from vault.approvals import deciding
from vault.approvals.errors import (
    AboutYourself,
    NoLongerPossible,
    ParametersInvalid,
    SecondPersonNotNeeded,
)
from vault.approvals.models import Approval, State

JSON = {"content_type": "application/json"}


def role_of(somebody: User) -> str:
    return User.objects.get(pk=somebody.pk).role


@pytest.mark.parametrize("role", [Role.DPO, Role.ADMINISTRATOR])
def test_no_use_case_grants_a_privileged_role_to_one_person_alone(bram, ines, role):
    with pytest.raises(NeedsSecondPerson):
        people.change_role(ines.pk, role, actor=bram, now=NOW)
    with pytest.raises(NeedsSecondPerson):
        people.invite_person("eva@example.org", name="Eva", role=role, actor=bram, now=NOW)

    assert role_of(ines) == Role.SUPERVISOR
    assert not User.objects.filter(email="eva@example.org").exists()


def test_no_use_case_renews_or_gives_back_the_access_of_a_privileged_account_alone(bram):
    dpo = make_person(Role.DPO)
    with pytest.raises(NeedsSecondPerson):
        people.reset_sign_in(dpo.pk, actor=bram, now=NOW)
    people.disable_person(dpo.pk, actor=bram, now=NOW)
    with pytest.raises(NeedsSecondPerson):
        people.enable_person(dpo.pk, actor=bram, now=NOW)

    assert not Invitation.objects.exists()


def test_a_role_is_granted_when_a_dpo_approves_what_an_administrator_asked(bram, katrien, ines):
    session = client_of(ines)
    asked = ask(bram, GRANT_ROLE, str(ines.pk), parameters={"role": "dpo"})
    assert role_of(ines) == Role.SUPERVISOR

    deciding.approve(asked.pk, actor=katrien, now=NOW)

    assert role_of(ines) == Role.DPO
    assert session.get("/me/").status_code == 302
    (event,) = events(Action.ACCOUNT_ROLE_CHANGED)
    entry = bytes(event.entry).decode()
    assert event.actor_id == katrien.id
    assert f'"on_behalf_of":"{bram.id}"' in entry
    assert f'"approval":"{asked.pk}"' in entry


def test_nobody_decides_on_their_own_role(bram):
    second = make_person(Role.ADMINISTRATOR)
    asked = ask(bram, GRANT_ROLE, str(second.pk), parameters={"role": "dpo"}, now=clock.now())
    client = client_of(second)

    answer = client.post(f"/api/v1/approvals/{asked.pk}/decision", {"approve": True}, **JSON)

    assert (answer.status_code, answer.json()["code"]) == (403, AboutYourself.code)
    assert "somebody else has to decide" in client.get(f"/approvals/{asked.pk}/").content.decode()
    assert role_of(second) == Role.ADMINISTRATOR


def test_an_id_written_otherwise_is_not_found(bram, ines):
    for writing in (str(ines.pk).upper(), ines.pk.hex, f"{{{ines.pk}}}", "nobody"):
        with pytest.raises(NoSuchPerson):
            ask(bram, GRANT_ROLE, writing, parameters={"role": "dpo"})


def test_only_what_needs_two_people_is_asked_of_two(bram, ines):
    for parameters in ({"role": "reviewer"}, {}, {"role": "dpo", "more": "x"}):
        with pytest.raises(ParametersInvalid):
            ask(bram, GRANT_ROLE, str(ines.pk), parameters=parameters)
    with pytest.raises(ParametersInvalid):
        ask(bram, LET_IN, str(ines.pk), parameters={"role": "dpo"})
    for code in (RENEW_SIGN_IN, LET_IN):
        with pytest.raises(SecondPersonNotNeeded):
            ask(bram, code, str(ines.pk))
    with pytest.raises(SecondPersonNotNeeded):
        ask(bram, GRANT_ROLE, str(make_person(Role.DPO).pk), parameters={"role": "dpo"})


def test_nobody_asks_for_their_own_account_or_for_one_that_may_not_sign_in(bram, ines):
    make_person(Role.ADMINISTRATOR)
    for code, parameters in ((GRANT_ROLE, {"role": "dpo"}), (RENEW_SIGN_IN, {})):
        with pytest.raises(OwnAccount):
            ask(bram, code, str(bram.id), parameters=parameters)
    people.disable_person(ines.pk, actor=bram, now=NOW)
    with pytest.raises(PersonDisabled):
        ask(bram, GRANT_ROLE, str(ines.pk), parameters={"role": "dpo"})


def test_a_person_who_was_disabled_or_became_the_last_administrator_meanwhile_keeps_their_role(
    bram, katrien, ines
):
    disabled = ask(bram, GRANT_ROLE, str(ines.pk), parameters={"role": "dpo"})
    people.disable_person(ines.pk, actor=bram, now=NOW)
    other = person("other@example.org", Role.ADMINISTRATOR)
    last = ask(other, GRANT_ROLE, str(bram.id), parameters={"role": "dpo"})
    User.objects.filter(pk=other.id).update(role=Role.AGENT)

    for asked in (disabled, last):
        with pytest.raises(NoLongerPossible):
            deciding.approve(asked.pk, actor=katrien, now=NOW)

    assert role_of(ines) == Role.SUPERVISOR
    assert User.objects.get(pk=bram.id).role == Role.ADMINISTRATOR
    assert set(Approval.objects.values_list("state", flat=True)) == {State.VOID}


def test_no_role_is_granted_to_an_account_that_somebody_took_over_while_it_was_asked_for(bram, katrien, ines):
    """Who decides may have looked before: then the account was its owner's, with a factor enrolled."""
    asked = ask(bram, GRANT_ROLE, str(ines.pk), parameters={"role": "dpo"})
    people.reset_sign_in(ines.pk, actor=bram, now=NOW + timedelta(minutes=1))
    factors.enrol_totp(ines, "JBSWY3DPEHPK3PXP")

    with pytest.raises(NoLongerPossible):
        deciding.approve(asked.pk, actor=katrien, now=NOW + timedelta(minutes=2))

    assert role_of(ines) == Role.SUPERVISOR
    again = ask(bram, GRANT_ROLE, str(ines.pk), parameters={"role": "dpo"}, now=NOW + timedelta(minutes=3))
    page = client_of(User.objects.get(pk=katrien.id)).get(f"/approvals/{again.pk}/").content.decode()
    assert "Last link made" in page
    assert "22 Nov 2026, 11:53" in page


def test_the_last_administrator_is_not_asked_away(bram, katrien):
    with pytest.raises(LastAdministrator):
        people.give_role(bram.id, Role.DPO, actor=katrien, now=NOW)


def test_a_new_link_for_a_dpo_is_shown_once_to_who_asked_after_approval(bram, katrien):
    dpo, administrator = make_person(Role.DPO), User.objects.get(pk=bram.id)
    asks = client_of(administrator)
    offered = asks.post(f"/people/{dpo.pk}/invite-again/").headers["Location"]
    page = asks.post(offered, {"reason": REASON}).headers["Location"]
    assert asks.post(f"{page}carry-out/").status_code == 409
    assert not Invitation.objects.exists()
    client_of(User.objects.get(pk=katrien.id)).post(f"{page}decide/", {"decision": "approve"})
    assert dpo.check_password("nine blue lamps under the pier")

    shown = asks.post(f"{page}carry-out/")

    assert "/account/invitation/" in shown.content.decode()
    assert not User.objects.get(pk=dpo.pk).has_usable_password()
    assert asks.post(f"{page}carry-out/").status_code == 409
    assert Invitation.objects.count() == 1


def test_a_disabled_dpo_is_let_in_by_two(bram, katrien):
    dpo = make_person(Role.DPO)
    people.disable_person(dpo.pk, actor=bram, now=NOW)
    asks = client_of(User.objects.get(pk=bram.id))
    offered = asks.post(f"/people/{dpo.pk}/enable/").headers["Location"]
    page = asks.post(offered, {"reason": REASON}).headers["Location"]
    assert "asked for" in asks.get(f"/people/{dpo.pk}/").content.decode()
    assert not User.objects.get(pk=dpo.pk).is_active

    client_of(User.objects.get(pk=katrien.id)).post(f"{page}decide/", {"decision": "approve"})

    assert User.objects.get(pk=dpo.pk).is_active
    with pytest.raises(SecondPersonNotNeeded):
        ask(bram, LET_IN, str(dpo.pk))


def test_somebody_invited_as_a_dpo_is_an_agent_until_another_has_approved(bram, katrien):
    asks = client_of(User.objects.get(pk=bram.id))

    invited = asks.post(
        "/people/invite/", {"name": "Eva", "email": "eva@example.org", "role": "dpo", "language": "en"}
    )

    eva = User.objects.get(email="eva@example.org")
    assert eva.role == Role.AGENT
    assert "not granted yet: Data protection officer" in invited.content.decode()
    page = asks.post(invited.context["asking"], {"reason": REASON}).headers["Location"]
    assert "not enrolled a second factor" in asks.get(page).content.decode()
    assert role_of(eva) == Role.AGENT
    assert page in asks.get(f"/people/{eva.pk}/").content.decode()
    client_of(User.objects.get(pk=katrien.id)).post(f"{page}decide/", {"decision": "approve"})
    assert role_of(eva) == Role.DPO


def test_the_role_page_leads_to_asking_and_changes_nothing(bram, ines):
    asks = client_of(User.objects.get(pk=bram.id))

    answer = asks.post(f"/people/{ines.pk}/role/", {"role": "administrator"})

    assert answer.headers["Location"] == f"/approvals/ask/account.role/{ines.pk}/?role=administrator"
    assert "Nobody else may decide on this now" in asks.get(answer.headers["Location"]).content.decode()
    assert role_of(ines) == Role.SUPERVISOR


def test_the_shell_makes_the_first_dpo_as_it_makes_the_first_administrator(db):
    call_command("create_administrator", "katrien@example.org", "--role", "dpo", stdout=StringIO())
    call_command("create_administrator", "bram@example.org", stdout=StringIO())

    assert list(User.objects.order_by("role").values_list("role", flat=True)) == ["administrator", "dpo"]
