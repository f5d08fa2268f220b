"""A person who has left is forgotten everywhere, by two people, and every proof of what they did still holds."""

from __future__ import annotations

import secrets

import pytest
from allauth.account.models import EmailAddress
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.test import Client

from audit import events as trail_events
from audit import subjects, verify
from audit.actions import Action
from audit.models import AuditEvent, Lookup
from tests import canary
from tests.approvals.conftest import ask
from tests.audit.conftest import make_export, sequence
from tests.people import client_of, make_person, make_team
from tests.recordings.conftest import person
from tests.trail import events
from vault import clock
from vault.access import invitations, people
from vault.access.forgetting import StillActive
from vault.access.models import Membership, SignIn, User
from vault.access.people import PersonForgotten
from vault.access.roles import Role
from vault.access.second_person import FORGET, GRANT_ROLE, LET_IN
from vault.approvals import deciding, words
from vault.approvals.models import Approval
from vault.errors import Forbidden

REASON = "Left in June"


def act_as(somebody: User, address: str) -> Client:
    """Sign somebody in from an address, look at a page, and be refused another."""
    client = client_of(somebody)
    client.defaults["REMOTE_ADDR"] = address
    assert client.get("/me/").status_code == 200
    assert client.get("/trail/").status_code == 403
    return client


def disable(somebody: User) -> None:
    people.disable_person(somebody.pk, actor=person("jan@example.org", Role.ADMINISTRATOR), now=clock.now())


def words_of_the_trail() -> str:
    """Return all that any key of the vault still opens: addenda and the reasons of requests."""
    told = trail_events.tell(AuditEvent.objects.all())
    fields = [repr(part.fields) for one in told for part in one.addenda]
    said = [words.reason_of(asked) + words.words_of(asked) for asked in Approval.objects.all()]
    return "\n".join(fields + said)


def test_nothing_in_any_table_says_who_a_forgotten_person_was(fresh_database, tmp_path):
    name, address = f"Ines Zoë-{secrets.token_hex(5)}", f"203.0.113.{secrets.randbelow(250) + 1}"
    ines = make_person(Role.SUPERVISOR, name=name, teams=[make_team()])
    EmailAddress.objects.create(user=ines, email=ines.email, verified=True, primary=True)
    now = clock.now()
    katrien, bram = person("katrien@example.org", Role.DPO), person("bram@example.org", Role.ADMINISTRATOR)
    act_as(ines, address)
    with transaction.atomic():
        invitations.issue(ines, now=now)
    ask(bram, GRANT_ROLE, str(ines.pk), parameters={"role": "dpo"}, reason=f"{name} stands in", now=now)
    disable(ines)
    assert name in words_of_the_trail()
    assert Lookup.objects.filter(value__in=subjects.lookups("address", address)).exists()
    kept = sequence().note

    asked = ask(katrien, FORGET, str(ines.pk), reason=f"{name} left in June", now=now)
    deciding.approve(asked.pk, said=f"Yes, {name} has left", actor=bram, now=clock.now())

    forms = canary.forms_of(name) | canary.forms_of(ines.email) | canary.forms_of(address)
    assert canary.found_in(canary.dump_of(fresh_database), forms) == []
    for said in (name, ines.email, address):
        assert said not in words_of_the_trail()
    assert not Lookup.objects.filter(value__in=subjects.lookups("address", address)).exists()
    assert not Session.objects.exists()
    for model in (Membership, SignIn, EmailAddress):
        assert not model.objects.filter(user=ines).exists()
    (event,) = events(Action.TRAIL_FORGOTTEN)
    assert (event.target_id, event.body["on_behalf_of"]) == (str(ines.pk), str(katrien.id))
    assert event.body["facts"] == {"keys": 1, "ground": "no-longer-needed", "approval": str(asked.pk)}
    path = tmp_path / "export.zip"
    path.write_bytes(make_export(katrien, with_personal=True))
    findings = verify.verify_export(path, None, [kept], whole=True)
    assert findings.all() == []
    assert "1 subjects were forgotten; their addenda are blank." in findings.notes


def test_whoever_looks_sees_somebody_forgotten_and_nobody_gets_in_again(db):
    ines, katrien = make_person(Role.SUPERVISOR), person("katrien@example.org", Role.DPO)
    dpo = make_person(Role.DPO)
    disable(ines)
    page = client_of(dpo).get(f"/people/{ines.pk}/").content.decode()
    assert f"/approvals/ask/account.forget/{ines.pk}/" in page
    asked = ask(katrien, FORGET, str(ines.pk), reason=REASON, now=clock.now())

    deciding.approve(asked.pk, actor=person("bram@example.org", Role.ADMINISTRATOR), now=clock.now())

    client = client_of(dpo)
    page = client.get(f"/people/{ines.pk}/").content.decode()
    assert "<h1>Somebody forgotten</h1>" in page
    assert "account.forget" not in page
    assert "Somebody forgotten" in client.get("/people/").content.decode()
    forgotten = User.objects.get(pk=ines.pk)
    assert (str(forgotten), forgotten.has_usable_password()) == ("Somebody forgotten", False)
    bram = person("other@example.org", Role.ADMINISTRATOR)
    for act in (people.enable_person, people.reset_sign_in):
        with pytest.raises(PersonForgotten):
            act(ines.pk, actor=bram, now=clock.now())
    with pytest.raises(PersonForgotten):
        people.change_role(ines.pk, Role.AGENT, actor=bram, now=clock.now())
    with pytest.raises(PersonForgotten):
        ask(bram, LET_IN, str(ines.pk), reason=REASON, now=clock.now())
    with pytest.raises(PersonForgotten):
        ask(katrien, FORGET, str(ines.pk), reason=REASON, now=clock.now())


def test_only_the_dpo_asks_and_only_for_somebody_who_has_left(db):
    ines, katrien = make_person(Role.SUPERVISOR), person("katrien@example.org", Role.DPO)

    with pytest.raises(StillActive):
        ask(katrien, FORGET, str(ines.pk), reason=REASON, now=clock.now())
    disable(ines)
    with pytest.raises(Forbidden):
        ask(person("bram@example.org", Role.ADMINISTRATOR), FORGET, str(ines.pk), reason=REASON)


def test_the_database_keeps_a_name_for_everybody_who_was_not_forgotten(db):
    ines = make_person(Role.SUPERVISOR)

    with (
        pytest.raises(Exception, match="only_who_was_forgotten_has_no_name"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE access_user SET name = '' WHERE id = %s", [ines.pk])
