"""Service tokens: hashed, expiring, scoped, revocable."""

from datetime import timedelta

import pytest
from django.test import Client

from audit.actions import Action
from tests.people import SETTING_UP, client_of
from tests.trail import events
from vault import clock
from vault.access import tokens
from vault.access.models import ServiceToken
from vault.access.roles import Role, permissions_of
from vault.errors import Invalid
from vault.permissions import Permission

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.probes")]
FIND, INGEST = Permission.RECORDING_FIND, Permission.RECORDING_INGEST


def make(*scopes: Permission, days: int = 30) -> tokens.MadeToken:
    return tokens.create_token(
        "exchange", scopes=scopes, lifetime=timedelta(days=days), actor=SETTING_UP, now=clock.now()
    )


def with_secret(secret: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {secret}"})


def test_only_a_hash_of_the_secret_is_kept():
    made = make(FIND)

    row = ServiceToken.objects.values().get()
    assert made.secret not in str(row)
    assert made.secret.encode() not in bytes(row["secret_hash"])
    assert made.secret not in repr(made)
    assert made.secret.encode() not in bytes(events()[0].entry)


def test_a_token_does_what_its_scopes_say_and_nothing_else():
    client = with_secret(make(FIND).secret)

    assert client.get("/api/v1/probe").status_code == 200
    refused = client.post("/api/v1/probe", {}, content_type="application/json")

    assert (refused.status_code, refused.json()["code"]) == (403, "not-permitted")
    assert events(Action.ACCESS_REFUSED)[0].actor_kind == "service"


def test_a_token_opens_no_page():
    client = with_secret(make(*permissions_of(Role.INTEGRATION)).secret)

    assert client.get("/me/").status_code == 403
    assert client.get("/people/").status_code == 403
    assert client.get("/recordings/").status_code == 403  # though its scopes hold recording:find


@pytest.mark.parametrize("header", ["Bearer cv_made-up", "Bearer", "Basic dXNlcjpwYXNz", "cv_x", "Bearer xx"])
def test_a_made_up_token_is_refused(header):
    refused = Client(headers={"Authorization": header}).get("/api/v1/probe")

    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert refused.json()["code"] == "token-not-valid"


def test_an_expired_token_is_refused():
    made = make(FIND)
    ServiceToken.objects.update(
        created_at=clock.now() - timedelta(days=2), expires_at=clock.now() - timedelta(days=1)
    )

    assert with_secret(made.secret).get("/api/v1/probe").status_code == 401


def test_a_revoked_token_is_refused_for_good():
    made = make(FIND)

    tokens.revoke_token(made.token.pk, actor=SETTING_UP, now=clock.now())

    assert with_secret(made.secret).get("/api/v1/probe").status_code == 401
    with pytest.raises(tokens.TokenNotInForce):
        tokens.renew_token(made.token.pk, lifetime=timedelta(days=1), actor=SETTING_UP, now=clock.now())


def test_a_renewed_token_keeps_its_identity_and_ends_the_old_secret():
    old = make(FIND)

    new = tokens.renew_token(old.token.pk, lifetime=timedelta(days=1), actor=SETTING_UP, now=clock.now())

    assert new.token.pk == old.token.pk
    assert with_secret(old.secret).get("/api/v1/probe").status_code == 401
    assert with_secret(new.secret).get("/api/v1/probe").status_code == 200


def test_a_token_may_not_be_given_what_integrations_may_not():
    with pytest.raises(Invalid):
        make(Permission.RECORDING_PLAY)
    with pytest.raises(Invalid):
        make()


def test_a_token_may_not_live_for_ever():
    with pytest.raises(Invalid):
        make(FIND, days=401)


def test_use_is_noted_at_most_once_a_minute(django_assert_num_queries):
    made = make(FIND)
    token = tokens.find_in_force(made.secret, now=clock.now())
    assert token is not None

    tokens.note_used(token, now=clock.now())
    token.refresh_from_db()

    with django_assert_num_queries(0):
        tokens.note_used(token, now=clock.now())
    assert token.last_used_at is not None


def test_a_token_in_a_header_counts_and_the_session_beside_it_does_not(administrator):
    client = client_of(administrator)

    refused = client.get("/people/", headers={"Authorization": f"Bearer {make(FIND).secret}"})

    assert refused.status_code == 403


def test_an_administrator_makes_renews_and_revokes_tokens_on_the_pages(administrator):
    client = client_of(administrator)

    made = client.post(
        "/tokens/", {"name": "telephone exchange", "scopes": ["recording:ingest"], "days": "90"}
    )
    token = ServiceToken.objects.get()
    renewed = client.post(f"/tokens/{token.pk}/renew/", {"days": "30"})
    listed = client.get("/tokens/")
    revoked = client.post(f"/tokens/{token.pk}/revoke/")

    assert made.context["secret"].startswith("cv_")
    assert made.headers["Cache-Control"].count("no-store") == 1
    assert renewed.context["secret"] != made.context["secret"]
    assert made.context["secret"].encode() not in listed.content
    assert revoked.status_code == 302
    assert token.created_by == administrator
    assert [event.action for event in events(Action.TOKEN_CREATED, Action.TOKEN_REVOKED)] == [
        Action.TOKEN_CREATED,
        Action.TOKEN_CREATED,
        Action.TOKEN_REVOKED,
    ]


def test_records_of_made_up_tokens_are_limited_so_that_nobody_floods_the_trail():
    client = with_secret("cv_made-up")

    for _attempt in range(35):
        client.get("/api/v1/probe")

    assert len(events(Action.ACCESS_REFUSED)) == 30
