"""Passkeys: enrolled by link, good as a second factor and alone, with the person verified."""

import json

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from tests.access.passkey import Passkey
from tests.access.test_signing_in import give_password
from tests.people import PASSWORD, SETTING_UP, client_of
from vault import clock
from vault.access import people
from vault.access.models import SignIn
from vault.access.roles import Role

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _as_in_production(settings):
    settings.MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = False


def enrolled(passkey: Passkey):
    """Return a person who was invited and enrolled this passkey, and their client."""
    invited = people.invite_person(
        "somebody@example.org", name="Somebody", role=Role.REVIEWER, actor=SETTING_UP, now=clock.now()
    )
    client = Client()
    client.get(f"/account/invitation/{invited.secret}/")
    client.post("/account/invitation/", {"password": PASSWORD, "again": PASSWORD})
    page = client.get("/account/factors/passkeys/add/")
    credential = passkey.create(page.context["js_data"]["creation_options"])
    client.post(
        "/account/factors/passkeys/add/", {"name": "laptop", "credential": credential, "passwordless": "on"}
    )
    return invited.person, client


def sign_in_without_password(client: Client, passkey: Passkey):
    options = client.get("/account/factors/passkeys/login/", headers={"Accept": "application/json"}).json()
    return client.post(
        "/account/factors/passkeys/login/", {"credential": passkey.get(options["request_options"])}
    )


def test_a_passkey_is_enrolled_by_link_and_the_session_counts():
    person, client = enrolled(Passkey())

    assert client.get("/me/").status_code == 200
    assert SignIn.objects.get(user=person).second_factor == "passkey"


def test_a_passkey_alone_opens_the_vault():
    passkey = Passkey()
    enrolled(passkey)
    client = Client()

    sign_in_without_password(client, passkey)

    assert client.get("/me/").status_code == 200
    assert SignIn.objects.order_by("-started_at")[0].second_factor == "passkey"


def test_a_passkey_alone_must_have_verified_the_person():
    passkey = Passkey()
    enrolled(passkey)
    passkey.is_verifying = False
    client = Client()

    sign_in_without_password(client, passkey)

    assert client.get("/me/").status_code == 302


def test_a_passkey_is_good_as_the_second_factor():
    passkey = Passkey(is_verifying=True)
    person, _client = enrolled(passkey)
    client = Client()
    give_password(client, person)

    page = client.get("/account/factors/authenticate/")
    credential = passkey.get(page.context["js_data"]["request_options"])
    client.post("/account/factors/authenticate/", {"credential": credential})

    assert client.get("/me/").status_code == 200


def test_an_answer_for_another_site_is_refused():
    passkey = Passkey()
    enrolled(passkey)
    passkey.origin = "https://testserver.evil.example"
    client = Client()

    sign_in_without_password(client, passkey)

    assert client.get("/me/").status_code == 302


def test_an_answer_cannot_be_sent_again():
    passkey = Passkey()
    enrolled(passkey)
    client, thief = Client(), Client()
    options = client.get("/account/factors/passkeys/login/", headers={"Accept": "application/json"}).json()
    answer = passkey.get(options["request_options"])
    client.post("/account/factors/passkeys/login/", {"credential": answer})

    thief.get("/account/factors/passkeys/login/", headers={"Accept": "application/json"})
    thief.post("/account/factors/passkeys/login/", {"credential": answer})

    assert thief.get("/me/").status_code == 302


def test_somebody_elses_passkey_does_not_open_an_account(supervisor):
    passkey = Passkey()
    enrolled(passkey)
    passkey.user_handle = supervisor.pk.hex.encode()
    client = Client()

    sign_in_without_password(client, passkey)

    assert client.get("/me/").status_code == 302


def test_a_disabled_person_does_not_get_in_with_a_passkey():
    passkey = Passkey()
    person, _client = enrolled(passkey)
    people.disable_person(person.pk, actor=SETTING_UP, now=clock.now())
    client = Client()

    sign_in_without_password(client, passkey)

    assert client.get("/me/").status_code == 302


@pytest.mark.parametrize("sent", ["", "x", "[]", "{}", json.dumps({"response": {"userHandle": "####"}})])
def test_a_mangled_answer_is_refused_in_order(sent):
    client = Client()
    client.get("/account/factors/passkeys/login/", headers={"Accept": "application/json"})

    answer = client.post("/account/factors/passkeys/login/", {"credential": sent})

    assert answer.status_code == 302


def test_the_only_passkey_cannot_be_removed():
    person, client = enrolled(Passkey())
    pk = Authenticator.objects.get(user=person, type=Authenticator.Type.WEBAUTHN).pk

    assert client.post(f"/account/factors/passkeys/{pk}/remove/").status_code == 409
    assert Authenticator.objects.filter(pk=pk).exists()


def test_nobody_touches_somebody_elses_passkey(supervisor):
    person, _client = enrolled(Passkey())
    pk = Authenticator.objects.get(user=person, type=Authenticator.Type.WEBAUTHN).pk
    client = client_of(supervisor)
    client.post("/account/reauthenticate/", {"password": PASSWORD})

    assert client.post(f"/account/factors/passkeys/{pk}/remove/").status_code == 404
    assert Authenticator.objects.filter(pk=pk).exists()
