"""The way in for somebody new: link, password, second factor."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from audit.actions import Action
from tests.access.test_signing_in import code, give_password
from tests.people import PASSWORD, SETTING_UP, client_of
from tests.trail import events
from vault import clock
from vault.access import people
from vault.access.models import Invitation, SignIn, User
from vault.access.roles import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def invited():
    return people.invite_person(
        "New.Person@Example.org", name="New Person", role=Role.REVIEWER, actor=SETTING_UP, now=clock.now()
    )


def open_link(client: Client, secret: str):
    return client.get(f"/account/invitation/{secret}/")


def choose_password(client: Client, secret: str, password: str = PASSWORD):
    open_link(client, secret)
    return client.post("/account/invitation/", {"password": password, "again": password})


def enrol_app(client: Client):
    page = client.get("/account/factors/app/")
    secret = page.context["form"].secret
    return secret, client.post("/account/factors/app/", {"code": code(secret)})


def test_an_invited_person_chooses_a_password_enrols_a_factor_and_is_in(invited):
    client = Client()

    choose_password(client, invited.secret)
    before = client.get("/me/")
    _secret, enrolled = enrol_app(client)

    assert before.status_code == 302
    assert enrolled.status_code == 302
    assert client.get("/me/").status_code == 200
    assert SignIn.objects.get(user=invited.person, ended_at__isnull=True).second_factor == "totp"
    assert [event.action for event in events()] == [
        Action.ACCOUNT_INVITED,
        Action.ACCOUNT_PASSWORD_CHANGED,
        Action.SESSION_SIGNED_IN,
        Action.ACCOUNT_FACTOR_ADDED,
        Action.ACCOUNT_RECOVERY_CODES_MADE,
    ]


def test_the_link_takes_its_secret_out_of_the_address(invited):
    answer = open_link(Client(), invited.secret)

    assert answer.headers["Location"] == "/account/invitation/"


def test_the_code_that_enrolled_an_app_does_not_sign_in_as_well(invited):
    client, thief = Client(), Client()
    choose_password(client, invited.secret)
    secret, _enrolled = enrol_app(client)

    give_password(thief, invited.person)
    thief.post("/account/factors/authenticate/", {"code": code(secret)})

    assert thief.get("/me/").status_code == 302


def test_the_session_key_changes_when_the_factor_is_enrolled(invited):
    client = Client()
    choose_password(client, invited.secret)
    before = client.cookies["vault_session"].value

    enrol_app(client)

    assert client.cookies["vault_session"].value != before


def test_a_link_is_used_up_by_enrolling(invited):
    client = Client()
    choose_password(client, invited.secret)
    enrol_app(client)

    assert open_link(Client(), invited.secret).status_code == 404
    assert not Invitation.objects.exists()


def test_a_link_can_be_opened_again_until_a_factor_is_enrolled(invited):
    choose_password(Client(), invited.secret)

    assert open_link(Client(), invited.secret).status_code == 302


def test_a_link_expires(invited):
    Invitation.objects.update(
        created_at=clock.now() - timedelta(days=4), expires_at=clock.now() - timedelta(seconds=1)
    )

    assert open_link(Client(), invited.secret).status_code == 404


def test_a_made_up_link_is_refused(db):
    assert open_link(Client(), "no-such-link").status_code == 404


def test_a_weak_password_is_refused(invited):
    answer = choose_password(Client(), invited.secret, "password1234")

    assert answer.status_code == 200
    assert not User.objects.get(pk=invited.person.pk).has_usable_password()


def test_the_secret_of_the_link_is_kept_only_as_a_hash(invited):
    assert invited.secret.encode() not in bytes(Invitation.objects.get().secret_hash)
    assert invited.secret not in repr(invited)


def test_while_enrolling_only_the_pages_of_enrolling_are_open(invited):
    client = Client()
    choose_password(client, invited.secret)

    assert client.get("/account/factors/").status_code == 200
    assert client.get("/account/factors/passkeys/add/").status_code == 200
    for address in ("/me/", "/people/", "/account/password/change/", "/account/factors/recovery-codes/"):
        assert client.get(address).status_code == 302


def test_the_last_factor_cannot_be_removed(invited):
    client = Client()
    choose_password(client, invited.secret)
    enrol_app(client)

    refused = client.post("/account/factors/app/stop/")

    assert refused.status_code == 409
    assert client.get("/me/").status_code == 200
    assert Action.ACCOUNT_FACTOR_REMOVED not in [event.action for event in events()]


def test_lost_factors_are_replaced_by_a_new_link(supervisor, administrator):
    there = client_of(supervisor)
    page = client_of(administrator).post(f"/people/{supervisor.pk}/invite-again/")
    client = Client()

    client.get(page.context["link"].partition("testserver")[2])
    client.post("/account/invitation/", {"password": PASSWORD, "again": PASSWORD})
    enrol_app(client)

    assert there.get("/me/").status_code == 302
    assert client.get("/me/").status_code == 200


def test_create_administrator_prints_a_link_that_works(db):
    out = StringIO()

    call_command("create_administrator", "First@Example.org", "--address=https://vault.example", stdout=out)

    link = out.getvalue().split()[-1]
    person = User.objects.get(email="first@example.org")
    assert person.role == Role.ADMINISTRATOR
    assert open_link(Client(), link.rstrip("/").rpartition("/")[2]).status_code == 302


def test_create_administrator_refuses_an_address_that_is_taken(administrator):
    with pytest.raises(CommandError):
        call_command("create_administrator", administrator.email)
