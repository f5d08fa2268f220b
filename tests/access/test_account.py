"""One's own account: factors come and go, passwords change, each with its event."""

import smtplib
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.core.mail import EmailMessage
from django.test import Client

from audit.actions import Action
from audit.actor import Actor
from tests.access.passkey import Passkey
from tests.access.test_signing_in import code, give_password, sign_in
from tests.people import PASSWORD, TOTP_SECRET, client_of
from tests.trail import events
from vault import clock
from vault.access import people
from vault.access.models import SignIn
from vault.access.tasks import forget_expired_sessions
from vault.errors import Conflict, Invalid
from vault.jobs.models import Heartbeat

pytestmark = pytest.mark.django_db
NEW = "twelve green doors beside a canal"


def reauthenticated(client: Client) -> Client:
    client.post("/account/reauthenticate/", {"password": PASSWORD})
    return client


def add_passkey(client: Client, passkey: Passkey):
    page = client.get("/account/factors/passkeys/add/")
    credential = passkey.create(page.context["js_data"]["creation_options"])
    return client.post("/account/factors/passkeys/add/", {"name": "laptop", "credential": credential})


def test_changing_factors_asks_for_the_password_again(supervisor):
    answer = client_of(supervisor).get("/account/factors/passkeys/add/")

    assert answer.headers["Location"].startswith("/account/reauthenticate/")


def test_a_second_factor_is_added_and_the_first_removed(supervisor):
    client = reauthenticated(client_of(supervisor))

    added = add_passkey(client, Passkey())
    removed = client.post("/account/factors/app/stop/")

    assert (added.status_code, removed.status_code) == (302, 302)
    assert not Authenticator.objects.filter(user=supervisor, type=Authenticator.Type.TOTP).exists()
    actions = [event.action for event in events()]
    assert Action.ACCOUNT_FACTOR_ADDED in actions
    assert Action.ACCOUNT_FACTOR_REMOVED in actions


def test_new_recovery_codes_are_written_down_and_end_the_old_ones(supervisor):
    client = reauthenticated(client_of(supervisor))
    add_passkey(client, Passkey())
    before = Authenticator.objects.get(user=supervisor, type=Authenticator.Type.RECOVERY_CODES)

    client.post("/account/factors/recovery-codes/new/")

    after = Authenticator.objects.get(user=supervisor, type=Authenticator.Type.RECOVERY_CODES)
    assert after.pk != before.pk
    assert before.data["seed"] != after.data["seed"]
    assert len(events(Action.ACCOUNT_RECOVERY_CODES_MADE)) == 2


def test_a_form_that_is_refused_changes_and_records_nothing(supervisor):
    client = reauthenticated(client_of(supervisor))

    client.post("/account/factors/passkeys/add/", {"name": "x", "credential": "{}"})

    assert not events(Action.ACCOUNT_FACTOR_ADDED)


def test_a_changed_password_ends_the_other_sessions_and_keeps_this_one(supervisor):
    here, there = client_of(supervisor), client_of(supervisor)

    here.post("/account/password/change/", {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW})

    assert here.get("/me/").status_code == 200
    assert there.get("/me/").status_code == 302
    assert b'"how":"changed"' in bytes(events(Action.ACCOUNT_PASSWORD_CHANGED)[0].entry)


def test_a_weak_new_password_is_refused(supervisor):
    client = client_of(supervisor)

    answer = client.post(
        "/account/password/change/", {"oldpassword": PASSWORD, "password1": "short", "password2": "short"}
    )

    assert answer.status_code == 200
    assert not events(Action.ACCOUNT_PASSWORD_CHANGED)


def test_signing_in_again_as_somebody_else_leaves_nothing_of_the_first(supervisor, dpo):
    client = Client()
    sign_in(client, supervisor)
    client.post("/account/logout/")

    give_password(client, dpo)
    client.post("/account/factors/authenticate/", {"code": code(TOTP_SECRET)})

    assert client.get("/me/").context["person"] == dpo
    assert SignIn.objects.get(user=supervisor).ended_because == "own-wish"


def test_a_session_whose_row_was_changed_counts_as_none(supervisor):
    client = client_of(supervisor)
    row = Session.objects.get()
    Session.objects.update(session_data=row.session_data[:-8] + "AAAAAAA=")

    assert client.get("/me/").status_code == 302


def test_an_administrator_ends_somebodys_sessions(supervisor, administrator):
    there = client_of(supervisor)

    client_of(administrator).post(f"/people/{supervisor.pk}/end-sessions/")

    assert there.get("/me/").status_code == 302


def test_a_disabled_person_gets_no_new_link(supervisor, administrator):
    client = client_of(administrator)
    client.post(f"/people/{supervisor.pk}/disable/")

    assert client.post(f"/people/{supervisor.pk}/invite-again/").status_code == 409


def test_what_a_form_gets_wrong_is_said_on_the_persons_page(supervisor, administrator):
    client = client_of(administrator)

    role = client.post(f"/people/{supervisor.pk}/role/", {"role": "integration"})
    teams = client.post(f"/people/{supervisor.pk}/teams/", {"teams": [str(supervisor.pk)]})

    assert role.context["role_form"].errors
    assert teams.context["teams_form"].errors


def test_two_different_passwords_are_refused(administrator):
    client = client_of(administrator)
    page = client.post(
        "/people/invite/", {"name": "Eva", "email": "eva@example.org", "role": "agent", "language": "en"}
    )
    newcomer = Client()
    newcomer.get(page.context["link"].partition("testserver")[2])

    answer = newcomer.post("/account/invitation/", {"password": PASSWORD, "again": NEW})

    assert "again" in answer.context["form"].errors


def test_a_page_of_the_invitation_without_its_link_is_refused(db):
    assert Client().get("/account/invitation/").status_code == 404


def test_doing_it_again_changes_nothing(supervisor, administrator):
    client = client_of(administrator)
    for _time in range(2):
        client.post(f"/people/{supervisor.pk}/disable/")
    for _time in range(2):
        client.post(f"/people/{supervisor.pk}/enable/")
    for _time in range(2):
        client_of(supervisor).post("/me/language/", {"language": "nl"})

    for action in (Action.ACCOUNT_DISABLED, Action.ACCOUNT_ENABLED, Action.ACCOUNT_LANGUAGE_CHANGED):
        assert len(events(action)) == 1


def test_an_unknown_language_is_refused(supervisor):
    with pytest.raises(Invalid):
        people.set_language(supervisor.pk, "xx", actor=Actor.system("test"), now=clock.now())


def test_a_team_needs_a_name(administrator):
    with pytest.raises(Invalid):
        people.create_team("  ", actor=Actor.system("test"), now=clock.now())


def test_the_job_ends_sessions_and_shows_its_life_sign(supervisor):
    client_of(supervisor)
    SignIn.objects.update(seen_at=clock.now() - timedelta(hours=2))

    forget_expired_sessions()

    assert Heartbeat.objects.get(job="access.forget_expired_sessions").done == 1


def test_mail_that_cannot_be_sent_breaks_no_answer(supervisor, monkeypatch):
    def fail(self, fail_silently=False):
        raise smtplib.SMTPServerDisconnected("mail.internal.example is down")

    monkeypatch.setattr(EmailMessage, "send", fail)
    answer = Client().post("/account/password/reset/", {"email": supervisor.email})

    assert answer.status_code == 302


def test_a_conflict_of_an_account_is_a_page_that_says_why(administrator):
    answer = client_of(administrator).post(f"/people/{administrator.pk}/disable/")

    assert answer.status_code == Conflict.status
    assert b"own-account" in answer.content
