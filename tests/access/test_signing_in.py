"""Signing in: password, then a second factor; nothing in between opens anything."""

import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import connection
from django.test import Client

from audit.actions import Action
from tests.people import PASSWORD, TOTP_SECRET, client_of, make_person
from tests.trail import events
from vault.access.models import SignIn, User
from vault.access.roles import Role

pytestmark = pytest.mark.django_db


def code(secret: str = TOTP_SECRET, steps: int = 0) -> str:
    """Return the current code, never one that runs out before it can be sent."""
    left = 30 - time.time() % 30
    if left < 2:
        time.sleep(left)
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


def give_password(client: Client, person: User, password: str = PASSWORD):
    return client.post("/account/login/", {"login": person.email, "password": password})


def sign_in(client: Client, person: User, password: str = PASSWORD):
    give_password(client, person, password)
    return client.post("/account/factors/authenticate/", {"code": code()})


def test_password_and_code_open_the_vault(supervisor):
    client = Client()

    first = give_password(client, supervisor)
    after_password = client.get("/me/")
    second = client.post("/account/factors/authenticate/", {"code": code()})

    assert first.headers["Location"].startswith("/account/factors/authenticate/")
    assert after_password.headers["Location"].startswith("/account/login/")
    assert second.status_code == 302
    assert client.get("/me/").status_code == 200
    assert [event.action for event in events()] == [Action.SESSION_SIGNED_IN]


def test_a_code_works_only_once(supervisor):
    sign_in(Client(), supervisor)
    thief = Client()

    give_password(thief, supervisor)
    again = thief.post("/account/factors/authenticate/", {"code": code()})

    assert again.status_code == 200
    assert thief.get("/me/").status_code == 302


def test_codes_of_the_steps_before_and_after_do_not_work(supervisor):
    client = Client()
    give_password(client, supervisor)

    for steps in (-1, 1):
        assert client.post("/account/factors/authenticate/", {"code": code(steps=steps)}).status_code == 200

    assert client.get("/me/").status_code == 302


def test_a_person_without_a_factor_gets_nowhere_with_the_password_alone(db):
    newcomer = make_person(Role.SUPERVISOR, enrolled=False)
    client = Client()

    refused = give_password(client, newcomer)

    assert refused.status_code == 403
    for address in ("/me/", "/account/factors/", "/account/factors/app/", "/account/factors/passkeys/add/"):
        assert client.get(address).status_code == 302
    (event,) = events()
    assert (event.action, event.target_id) == (Action.SESSION_SIGN_IN_FAILED, str(newcomer.pk))


def test_a_session_of_a_password_alone_ends_when_a_factor_exists(db):
    person = make_person(Role.SUPERVISOR, enrolled=True)
    client = Client()
    client.force_login(person)  # a session without a second factor, however it came about

    assert client.get("/account/factors/").status_code == 302
    assert client.get("/me/").status_code == 302
    assert not SignIn.objects.filter(user=person, ended_at__isnull=True).exists()


@pytest.mark.urls("tests.access.probes")
def test_the_api_asks_for_the_second_factor_too(supervisor):
    client = Client()
    client.force_login(supervisor)

    refused = client.get("/api/v1/probe")

    assert refused.status_code == 401
    assert refused.json()["code"] == "not-signed-in"


def test_a_wrong_password_is_recorded_without_the_address_in_clear(supervisor):
    give_password(Client(REMOTE_ADDR="203.0.113.7"), supervisor, "wrong")
    stranger = User(email="stranger@example.com")
    give_password(Client(REMOTE_ADDR="203.0.113.7"), stranger, "wrong")

    known, unknown = events()

    assert known.target_id == str(supervisor.pk)
    assert unknown.target_id.startswith("unknown-")
    for event in (known, unknown):
        assert event.actor_kind == "unknown"
        entry = bytes(event.entry)
        assert b"@" not in entry
        assert b"203.0.113.7" not in entry


def test_a_wrong_code_is_recorded(supervisor):
    client = Client()
    give_password(client, supervisor)

    client.post("/account/factors/authenticate/", {"code": "000000"})

    assert Action.SESSION_SECOND_FACTOR_FAILED in [event.action for event in events()]


def test_known_and_unknown_addresses_get_the_same_answer(supervisor):
    known = give_password(Client(), supervisor, "wrong")
    unknown = give_password(Client(), User(email="stranger@example.com"), "wrong")

    def without_what_was_typed(response, email):
        return re.sub(r"[A-Za-z0-9]{64}", "", response.content.decode().replace(email, ""))

    assert known.status_code == unknown.status_code
    assert without_what_was_typed(known, supervisor.email) == without_what_was_typed(
        unknown, "stranger@example.com"
    )


def test_guessing_from_elsewhere_does_not_lock_the_owner_out(supervisor):
    for _attempt in range(6):
        refused = give_password(Client(REMOTE_ADDR="203.0.113.7"), supervisor, "wrong")

    still_refused = sign_in(Client(REMOTE_ADDR="203.0.113.7"), supervisor)
    owner = Client(REMOTE_ADDR="198.51.100.4")
    sign_in(owner, supervisor)

    assert b"Too many" in refused.content
    assert still_refused.status_code == 302  # back to the first step
    assert owner.get("/me/").status_code == 200


def test_guessing_from_behind_the_owners_address_does_not_shut_a_known_device_out(supervisor):
    owner = Client(REMOTE_ADDR="203.0.113.7")
    sign_in(owner, supervisor)
    owner.post("/account/logout/")
    for _attempt in range(6):
        give_password(Client(REMOTE_ADDR="203.0.113.7"), supervisor, "wrong")

    back = give_password(owner, supervisor)

    assert back.headers["Location"].startswith("/account/factors/authenticate/")


def test_many_attempts_from_one_address_meet_a_page_that_says_wait(supervisor, settings):
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"login": "2/m/ip"}

    answers = [give_password(Client(), supervisor, "wrong") for _attempt in range(3)]

    assert answers[2].status_code == 429
    assert b"too-many" in answers[2].content


def test_another_accounts_device_is_no_known_device(supervisor, dpo):
    other = Client(REMOTE_ADDR="203.0.113.7")
    sign_in(other, dpo)
    other.post("/account/logout/")
    for _attempt in range(6):
        give_password(Client(REMOTE_ADDR="203.0.113.7"), supervisor, "wrong")

    assert b"Too many" in give_password(other, supervisor).content


def test_signing_in_changes_the_session_key(supervisor):
    client = Client()
    client.get("/account/login/")
    give_password(client, supervisor)
    before = client.cookies["vault_session"].value

    client.post("/account/factors/authenticate/", {"code": code()})

    assert client.cookies["vault_session"].value != before


def test_secrets_of_factors_and_sessions_are_not_in_clear_in_the_database(supervisor):
    client = Client()
    sign_in(client, supervisor)

    stored = Authenticator.objects.get(user=supervisor).data["secret"]
    session = Session.objects.get()

    assert TOTP_SECRET not in stored
    assert client.cookies["vault_session"].value not in session.session_key
    assert str(supervisor.pk) not in session.session_data
    with connection.cursor() as cursor:
        cursor.execute("SELECT password FROM access_user WHERE id = %s", [supervisor.pk])
        assert cursor.fetchone()[0].startswith("argon2")


def test_a_stolen_row_of_the_sessions_table_opens_no_session(supervisor):
    sign_in(Client(), supervisor)
    thief = Client()
    thief.cookies["vault_session"] = Session.objects.get().session_key

    assert thief.get("/me/").status_code == 302


def test_signing_out_ends_the_session_and_is_recorded(supervisor):
    client = client_of(supervisor)

    client.post("/account/logout/")

    assert client.get("/me/").status_code == 302
    assert events()[-1].action == Action.SESSION_SIGNED_OUT


def test_signing_out_needs_a_post(supervisor):
    client = client_of(supervisor)

    client.get("/account/logout/")

    assert client.get("/me/").status_code == 200


def test_a_reset_of_the_password_says_nothing_of_who_exists(supervisor):
    known = Client().post("/account/password/reset/", {"email": supervisor.email})
    unknown = Client().post("/account/password/reset/", {"email": "stranger@example.com"})

    assert (known.status_code, known.headers["Location"]) == (
        unknown.status_code,
        unknown.headers["Location"],
    )
    assert [message.to for message in mail.outbox] == [[supervisor.email]]
    assert [event.action for event in events()] == [Action.ACCOUNT_PASSWORD_RESET_REQUESTED] * 2


def test_a_reset_password_ends_every_session_and_still_asks_for_the_second_factor(supervisor):
    there = client_of(supervisor)
    client = Client()
    client.post("/account/password/reset/", {"email": supervisor.email})
    link = next(word for word in mail.outbox[0].body.split() if "/password/reset/key/" in word)
    form = client.get(link.partition("testserver")[2])
    new = "twelve green doors beside a canal"

    client.post(form.headers["Location"], {"password1": new, "password2": new})

    assert there.get("/me/").status_code == 302
    assert client.get("/me/").status_code == 302
    first = give_password(client, supervisor, new)
    assert first.headers["Location"].startswith("/account/factors/authenticate/")


def test_recovery_codes_work_once_and_are_sealed(supervisor):
    codes = RecoveryCodes.activate(supervisor).get_unused_codes()
    client, thief = Client(), Client()
    give_password(client, supervisor)
    give_password(thief, supervisor)

    client.post("/account/factors/authenticate/", {"code": codes[0]})
    thief.post("/account/factors/authenticate/", {"code": codes[0]})

    assert client.get("/me/").status_code == 200
    assert thief.get("/me/").status_code == 302
    assert SignIn.objects.get(user=supervisor, ended_at__isnull=True).second_factor == "recovery-code"
