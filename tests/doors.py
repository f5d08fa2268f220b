"""One request for each door of the vault: made by somebody who may, about something that is there.

A door is a route with a method. A page that is only read needs nothing here: it is asked for by itself. A door
that needs more (something to be decided, a form) says below how that comes about and what is asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client
from django.urls import get_resolver, reverse

from audit import checks
from audit.actor import Actor
from recordings import key_work
from recordings.models import KeyWork, KeyWorkKind
from retention import holds
from retention.models import ClockDoubt, Erasure, ErasureState
from tests.access.matrix import ANY, MATRIX
from tests.access.passkey import Passkey
from tests.access.test_matrix import routes
from tests.access.test_signing_in import code, give_password
from tests.people import PASSWORD, SETTING_UP, TOTP_SECRET, client_of, make_person
from tests.recordings import calls
from tests.world import REASON, World
from vault import clock
from vault.access import people
from vault.access.models import User
from vault.access.roles import ROLES_ALLOWED, Role
from vault.access.second_person import GRANT_ROLE
from vault.approvals import deciding
from vault.permissions import Permission

Ask = Callable[[], Any]
Prepared = Callable[[World], Ask]
DPO, ADMINISTRATOR, SUPERVISOR = Role.DPO, Role.ADMINISTRATOR, Role.SUPERVISOR

DOORS: dict[str, Prepared] = {}
NEW_PASSWORD = "twelve green doors beside a canal"
POLICY_FORM = {
    "lawful_basis": "legitimate_interests",
    "justification": "Complaints come in within half a year.",
    "keep_at_most_count": "40",
    "keep_at_most_unit": "years",
    "confirmed": "yes",
    "count": "0",
}


def all_doors() -> list[str]:
    """Return every route with every method, from the committed matrix."""
    return [
        f"{name} {method}"
        for name, methods in MATRIX.items()
        for each in methods
        for method in (("GET", "POST") if each == ANY else (each,))
    ]


def permission_of(name: str) -> Permission:
    """Return what a door asks for."""
    route, method = name.split()
    return MATRIX[route].get(method) or MATRIX[route][ANY]


def role_for(name: str) -> Role:
    """Return a role that may."""
    permission = permission_of(name)
    if permission in (Permission.PUBLIC, Permission.SIGNED_IN, Permission.SIGNING_IN):
        return SUPERVISOR
    return next(role for role in Role if role in ROLES_ALLOWED[permission])


def prepare(name: str, world: World) -> Ask:
    """Let there be what the door needs, and return the request that goes through it."""
    if name in DOORS:
        return DOORS[name](world)
    route, method = name.split()
    client, path = world.client(role_for(name)), path_of(route, world.ids)
    return lambda: client.generic(method, path)


def path_of(route: str, ids: dict[str, Any]) -> str:
    """Return the address of a route: about these things, or about nothing that is there."""
    _view, example = routes()[route]
    wanted = get_resolver().resolve(example).kwargs
    return reverse(route, kwargs={each: ids.get(each, sample) for each, sample in wanted.items()})


def read(answer: Any) -> int:
    """Read an answer to its last byte, as a client does; return its status."""
    if answer.streaming:
        b"".join(answer.streaming_content)
    answer.close()
    return int(answer.status_code)


def door(name: str) -> Callable[[Prepared], Prepared]:
    """Register how a door is prepared and asked."""

    def register(prepared: Prepared) -> Prepared:
        DOORS[name] = prepared
        return prepared

    return register


def form(
    name: str,
    role: Role,
    about: Callable[[World], Any] | None = None,
    /,
    **data: Any,
) -> None:
    """Register a door that takes a form, or JSON in the API; ``about`` makes what its address names."""
    route, method = name.split()

    def prepared(world: World) -> Ask:
        args = [] if about is None else [about(world)]
        client, path = world.client(role), reverse(route, args=args)
        said = {key: value(world) if callable(value) else value for key, value in data.items()}
        if path.startswith("/api/") or method != "POST":
            return lambda: client.generic(method, path, json.dumps(said, default=str), "application/json")
        return lambda: client.post(path, said)

    DOORS[name] = prepared


def _some(role: Role = Role.AGENT) -> Callable[[World], Any]:
    return lambda world: world.somebody(role).pk


def _unique(world: World) -> str:
    return f"New {uuid4().hex[:6]}"


def _call(world: World) -> Any:
    return world.call().pk


# People, teams, tokens

form(
    "access:person-new POST", ADMINISTRATOR, name="Pia", email="pia@example.org", role="agent", language="nl"
)
form("access:person-disable POST", ADMINISTRATOR, _some())
form("access:person-end-sessions POST", ADMINISTRATOR, _some())
form("access:person-invite-again POST", ADMINISTRATOR, _some())
form("access:person-role POST", ADMINISTRATOR, _some(), role="reviewer")
form("access:person-teams POST", ADMINISTRATOR, _some(), teams=[])
form(
    "access:team POST",
    ADMINISTRATOR,
    lambda world: people.create_team(_unique(world), **_setting_up()).pk,
    name=_unique,
)
form("access:teams POST", ADMINISTRATOR, name=_unique)
form("access:tokens POST", ADMINISTRATOR, name="a switch", scopes=["recording:ingest"], days="30")
form("access:token-renew POST", ADMINISTRATOR, lambda world: world.ids["token_id"], days="30")
form("access:token-revoke POST", ADMINISTRATOR, lambda world: world.token())


def _setting_up() -> dict[str, Any]:
    return {"actor": SETTING_UP, "now": clock.now()}


@door("access:person-enable POST")
def _enable(world: World) -> Ask:
    person = world.somebody()
    people.disable_person(person.pk, **_setting_up())
    return lambda: world.client(ADMINISTRATOR).post(reverse("access:person-enable", args=[person.pk]))


@door("access:account-language POST")
def _language(world: World) -> Ask:
    client = client_of(make_person(Role.AGENT))
    return lambda: client.post(reverse("access:account-language"), {"language": "nl"})


@door("access:account-end-sessions POST")
def _end_sessions(world: World) -> Ask:
    person = make_person(Role.AGENT)
    here, _there = client_of(person), client_of(person)
    here.get("/me/")
    return lambda: here.post(reverse("access:account-end-sessions"))


# A second person

form(
    "approvals-api:approvals POST",
    ADMINISTRATOR,
    kind=GRANT_ROLE,
    target=_some(),
    parameters={"role": "dpo"},
    reason=REASON,
)
form("approvals-api:approval DELETE", ADMINISTRATOR, lambda world: world.asked().pk)
form("approvals-api:decision POST", DPO, lambda world: world.asked().pk, approve=False, words="No.")
form("approvals:decide POST", DPO, lambda world: world.asked().pk, decision="approve")
form("approvals:withdraw POST", ADMINISTRATOR, lambda world: world.asked().pk)


@door("approvals:ask GET")
def _asking(world: World) -> Ask:
    path = reverse("approvals:ask", args=[GRANT_ROLE, world.somebody().pk])
    return lambda: world.client(ADMINISTRATOR).get(f"{path}?role=dpo")


@door("approvals:ask POST")
def _ask(world: World) -> Ask:
    path = reverse("approvals:ask", args=[GRANT_ROLE, world.somebody().pk])
    return lambda: world.client(ADMINISTRATOR).post(f"{path}?role=dpo", {"reason": REASON})


@door("approvals:carry-out POST")
def _carry_out(world: World) -> Ask:
    asked = world.asked_for_eyes()
    deciding.approve(asked.pk, actor=world.actor(ADMINISTRATOR), now=clock.now())
    return lambda: world.client(DPO).post(reverse("approvals:carry-out", args=[asked.pk]))


# The trail

form("privacy:who-listened POST", DPO, wanted=calls.CUSTOMER_NUMBER, language="en", act="page")
form(
    "privacy:breach-report POST",
    DPO,
    who=lambda world: f"account:{world.somebody().pk}",
    language="en",
    act="page",
)
form("privacy-api:statements POST", DPO, number=calls.CUSTOMER_NUMBER)
form("privacy-api:breach-reports POST", DPO, kind="account", id=lambda world: world.somebody().pk)


def _asked_check() -> Any:
    checks.run_waiting(now=clock.now())  # what an earlier door has asked for
    return checks.request_check(actor=Actor.system("test"), now=clock.now()).pk


@door("audit:check POST")
def _check_again(world: World) -> Ask:
    checks.run_waiting(now=clock.now())
    return lambda: world.client(DPO).post(reverse("audit:check"))


@door("audit-api:checks POST")
def _check_again_by_api(world: World) -> Ask:
    checks.run_waiting(now=clock.now())
    return lambda: world.client(DPO).post(reverse("audit-api:checks"))


form("audit:order POST", DPO, format="jsonl")
form("audit:fetch POST", DPO, lambda world: world.package().pk)
form("audit-api:exports POST", DPO, format="jsonl")
form("audit-api:search POST", DPO, outcome="done")


@door("audit-api:package GET")
def _package(world: World) -> Ask:
    path = reverse("audit-api:package", args=[world.package().pk])
    return lambda: world.client(DPO).get(path)


# Keys

form("keys:renew POST", ADMINISTRATOR, lambda world: world.key(), kind="rotate")


@door("keys:retry POST")
def _retry_work(world: World) -> Ask:
    name = world.key()
    key_work.begin(name, KeyWorkKind.ROTATE, **_setting_up())
    KeyWork.objects.filter(kek=name, finished_at__isnull=True).update(stuck_at=clock.now())
    return lambda: world.client(ADMINISTRATOR).post(reverse("keys:retry", args=[name]))


# Calls in, calls found, calls heard

_BASIS = {"party": 1, "purpose": "quality", "basis": "consent", "status": "withdrawn", "method": "letter"}
form("recordings-api:grants POST", SUPERVISOR, _call, purpose="quality", reason=REASON)
form("recordings-api:lawful-bases POST", DPO, _call, **_BASIS)
form("recordings-api:search POST", SUPERVISOR, number=calls.CUSTOMER_NUMBER)
form("recordings:list POST", SUPERVISOR, number=calls.CUSTOMER_NUMBER)
form("recordings:listen POST", SUPERVISOR, _call, purpose="quality", reason=REASON)
form("recordings:bases POST", DPO, _call, **_BASIS)


@door("recordings-api:recordings POST")
def _announce(world: World) -> Ask:
    said = json.dumps(calls.document())
    path = reverse("recordings-api:recordings")
    return lambda: world.client(Role.INTEGRATION).post(path, said, content_type="application/json")


@door("recordings-api:audio PUT")
def _audio(world: World) -> Ask:
    client = world.client(Role.INTEGRATION)
    announced = client.post(
        reverse("recordings-api:recordings"), json.dumps(calls.document()), content_type="application/json"
    ).json()
    path = reverse("recordings-api:audio", args=[announced["id"]])
    return lambda: client.put(path, calls.wav(0.2), content_type="audio/wav")


@door("recordings-api:grant DELETE")
def _give_back(world: World) -> Ask:
    client, _recording, token = world.granted()
    return lambda: client.delete(reverse("recordings-api:grant", args=[token]))


@door("recordings-api:grant GET")
def _grant(world: World) -> Ask:
    client, _recording, token = world.granted()
    return lambda: client.get(reverse("recordings-api:grant", args=[token]))


@door("recordings-api:grant-audio GET")
def _range(world: World) -> Ask:
    client, _recording, token = world.granted()
    path = reverse("recordings-api:grant-audio", args=[token])
    return lambda: client.get(path, headers={"Range": "bytes=0-1000"})


@door("recordings-api:grant-waveform GET")
def _waveform(world: World) -> Ask:
    client, _recording, token = world.granted()
    return lambda: client.get(reverse("recordings-api:grant-waveform", args=[token]))


@door("recordings:stop POST")
def _stop(world: World) -> Ask:
    client, recording = world.client(SUPERVISOR), world.call()
    client.post(reverse("recordings:listen", args=[recording.pk]), {"purpose": "quality", "reason": REASON})
    return lambda: client.post(reverse("recordings:stop", args=[recording.pk]))


# Keeping and letting go

form("retention-api:erasure PUT", DPO, _call, ground="request")
form("retention-api:freeze PUT", DPO, _call, reason=REASON)
form("retention-api:restriction PUT", DPO, _call, reason=REASON)
form("retention-api:freeze DELETE", DPO, lambda world: world.hold(holds.freeze).recording_id, reason=REASON)
form(
    "retention-api:restriction DELETE",
    DPO,
    lambda world: world.hold(holds.restrict).recording_id,
    reason=REASON,
)
form("retention-api:hold-release POST", DPO, lambda world: world.hold(holds.freeze).pk, reason=REASON)
form("retention-api:holds POST", DPO, recording=_call, reason=REASON)
form(
    "retention-api:policies POST",
    DPO,
    name="P",
    lawful_basis="consent",
    justification="A reason.",
    keep_at_most={"count": 1, "unit": "years"},
    queue="none",
)
form("retention-api:policy-retire POST", DPO, lambda world: world.made_policy().policy_id)
form("retention:place-hold POST", DPO, _call, reason=REASON)
form("retention:erase POST", DPO, _call, ground="request", count="1")
form("retention:hold-new POST", DPO, recording=_call, reason=REASON)
form("retention:hold-release POST", DPO, lambda world: world.hold(holds.freeze).pk, reason=REASON)
form("retention:policy-new POST", DPO, name=_unique, queue=_unique, **POLICY_FORM)
form(
    "retention:policy-change POST",
    DPO,
    lambda world: world.made_policy().policy_id,
    name=_unique,
    queue="none",
    **POLICY_FORM,
)
form("retention:policy-retire POST", DPO, lambda world: world.made_policy().policy_id, count="0")


def _read(name: str, about: Callable[[World], Any]) -> None:
    route, method = name.split()

    def prepared(world: World) -> Ask:
        path = reverse(route, args=[about(world)])
        return lambda: world.client(DPO).generic(method, path)

    DOORS[name] = prepared


_read("audit-api:export GET", lambda world: world.package().pk)
_read("audit-api:check GET", lambda world: _asked_check())
_read("keys:key GET", lambda world: world.key())
_read("retention:hold-release GET", lambda world: world.hold(holds.freeze).pk)
_read("retention-api:erasure GET", lambda world: world.erased().pk)
_read("retention-api:proof GET", lambda world: world.certified())
_read("retention:proof GET", lambda world: world.certified())


@door("retention:confirm-time POST")
def _confirm(world: World) -> Ask:
    ClockDoubt.objects.filter(ended_at__isnull=True).update(ended_at=clock.now())
    world.doubt_clock()
    return lambda: world.client(DPO).post(reverse("retention:confirm-time"))


@door("retention:retry POST")
def _retry(world: World) -> Ask:
    recording = world.erased()
    Erasure.objects.filter(recording=recording).update(state=ErasureState.NEEDS_ATTENTION, tries=8)
    row = Erasure.objects.get(recording=recording)
    return lambda: world.client(DPO).post(reverse("retention:retry", args=[row.pk]))


# Signing in, and one's own account


@door("account_login POST")
def _login(world: World) -> Ask:
    person = make_person(Role.AGENT)
    return lambda: give_password(Client(), person, "not the password")


@door("mfa_authenticate POST")
def _authenticate(world: World) -> Ask:
    person, client = make_person(Role.AGENT), Client()
    give_password(client, person)
    return lambda: client.post("/account/factors/authenticate/", {"code": code(TOTP_SECRET)})


@door("account_logout POST")
def _logout(world: World) -> Ask:
    client = client_of(make_person(Role.AGENT))
    client.get("/me/")
    return lambda: client.post("/account/logout/")


def _invited() -> str:
    address = f"{uuid4().hex}@example.org"
    return people.invite_person(address, name="Somebody", role=Role.AGENT, **_setting_up()).secret


@door("account_invitation POST")
def _invitation(world: World) -> Ask:
    client = Client()
    client.get(f"/account/invitation/{_invited()}/")
    return lambda: client.post("/account/invitation/", {"password": PASSWORD, "again": PASSWORD})


@door("account_open_invitation GET")
def _open_invitation(world: World) -> Ask:
    secret = _invited()
    return lambda: Client().get(f"/account/invitation/{secret}/")


@door("account_invitation GET")
def _see_invitation(world: World) -> Ask:
    client = Client()
    client.get(f"/account/invitation/{_invited()}/")
    return lambda: client.get("/account/invitation/")


@door("account_change_password POST")
def _change_password(world: World) -> Ask:
    client = client_of(make_person(Role.AGENT))
    said = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    return lambda: client.post("/account/password/change/", said)


@door("account_reset_password POST")
def _reset(world: World) -> Ask:
    person = make_person(Role.AGENT)
    return lambda: Client().post("/account/password/reset/", {"email": person.email})


@door("account_reset_password_from_key POST")
def _reset_from_key(world: World) -> Ask:
    client, person = Client(), make_person(Role.AGENT)
    client.post("/account/password/reset/", {"email": person.email})
    link = next(word for word in mail.outbox[-1].body.split() if "/password/reset/key/" in word)
    answer = client.get(link.partition("testserver")[2])
    said = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    return lambda: client.post(answer.headers["Location"], said)


def _again(person: User) -> Client:
    """Return somebody who has just shown their password again."""
    client = client_of(person)
    client.post("/account/reauthenticate/", {"password": PASSWORD})
    return client


def _with_passkey() -> tuple[Client, Passkey, User]:
    person, passkey = make_person(Role.AGENT), Passkey(origin="http://testserver")
    client = _again(person)
    _add_passkey(client, passkey)()
    return client, passkey, person


def _add_passkey(client: Client, passkey: Passkey) -> Ask:
    page = client.get("/account/factors/passkeys/add/")
    credential = passkey.create(page.context["js_data"]["creation_options"])
    said = {"name": "laptop", "credential": credential, "passwordless": "on"}
    return lambda: client.post("/account/factors/passkeys/add/", said)


@door("mfa_add_webauthn POST")
def _add(world: World) -> Ask:
    return _add_passkey(_again(make_person(Role.AGENT)), Passkey(origin="http://testserver"))


@door("mfa_remove_webauthn POST")
def _remove(world: World) -> Ask:
    client, _passkey, person = _with_passkey()
    found = Authenticator.objects.get(user=person, type=Authenticator.Type.WEBAUTHN)
    return lambda: client.post(f"/account/factors/passkeys/{found.pk}/remove/")


@door("mfa_login_webauthn POST")
def _passkey_alone(world: World) -> Ask:
    _client, passkey, _person = _with_passkey()
    client = Client()
    found = client.get("/account/factors/passkeys/login/", headers={"Accept": "application/json"}).json()
    said = {"credential": passkey.get(found["request_options"])}
    return lambda: client.post("/account/factors/passkeys/login/", said)


@door("mfa_deactivate_totp POST")
def _stop_app(world: World) -> Ask:
    client, _passkey, _person = _with_passkey()
    return lambda: client.post("/account/factors/app/stop/")


@door("mfa_activate_totp POST")
def _start_app(world: World) -> Ask:
    client, _passkey, _person = _with_passkey()
    client.post("/account/factors/app/stop/")
    secret = client.get("/account/factors/app/").context["form"].secret
    return lambda: client.post("/account/factors/app/", {"code": code(secret)})


@door("mfa_generate_recovery_codes POST")
def _codes(world: World) -> Ask:
    client, _passkey, _person = _with_passkey()
    return lambda: client.post("/account/factors/recovery-codes/new/")


def _codes_by(method: str, path: str) -> Prepared:
    def prepared(world: World) -> Ask:
        client, _passkey, _person = _with_passkey()
        return lambda: client.generic(method, path)

    return prepared


for _method in ("GET", "POST"):
    DOORS[f"mfa_view_recovery_codes {_method}"] = _codes_by(_method, "/account/factors/recovery-codes/")
    DOORS[f"mfa_download_recovery_codes {_method}"] = _codes_by(
        _method, "/account/factors/recovery-codes/download/"
    )
