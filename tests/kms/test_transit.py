"""OpenBao's transit engine: what each token may do, what breaks off in the middle, and a server that is away."""

from __future__ import annotations

import base64
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest
from django.conf import settings

from tests.kms.openbao import EachByItsDuty, Namespace
from tests.kms.wire import CUT, DEAD, PASS
from vault.kms import (
    Duty,
    DutyNotGiven,
    KeyDestroyed,
    KeyManagementUnavailable,
    KeyMissing,
    UnwrapRefused,
    WrappedKey,
    server,
)
from vault.kms.server import Answer, Server, Token
from vault.kms.transit import Transit

NAME = "audio-2027-02"
CONTEXT = b"callvault/v1\0 one recording"
KEY = os.urandom(32)

# What each duty may do; everything else that stands in ACTS it may not.
MAY = {
    Duty.INGEST: {"wrap audio", "wrap fields", "unwrap fields", "read"},
    Duty.PLAYBACK: {"unwrap audio", "read"},
    Duty.MOVING: {"wrap audio", "unwrap audio", "read"},
    Duty.ROTATION: {"make", "rotate", "rewrap", "read", "list"},
    Duty.DESTRUCTION: {"forbid versions", "trim", "allow deletion", "delete", "leave its name", "read"},
}
SOUND = {"type": "aes256-gcm96", "derived": True, "exportable": False, "allow_plaintext_backup": False}


@pytest.fixture(autouse=True)
def _hurried(monkeypatch) -> None:
    monkeypatch.setattr(server, "_PAUSE_SECONDS", 0.001)


@pytest.fixture
def wrapped(transit: EachByItsDuty) -> bytes:
    transit.ensure_key(NAME)
    return transit.wrap(NAME, KEY, CONTEXT)


@pytest.fixture
def key(bao: Namespace) -> None:
    """Make the key."""
    bao.as_duty(Duty.ROTATION).ensure_key(NAME)


def acts(sealed: dict[str, str]) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Return what could be asked of the engine, in an order in which somebody who may do everything can."""
    plain = {"plaintext": base64.b64encode(KEY).decode(), "context": base64.b64encode(CONTEXT).decode()}
    return {
        "read": ("GET", f"keys/{NAME}", {}),
        "list": ("GET", "keys?list=true", {}),
        "wrap audio": ("POST", f"encrypt/{NAME}", plain),
        "wrap fields": ("POST", "encrypt/fields-2027-02", plain),
        "unwrap audio": ("POST", f"decrypt/{NAME}", sealed),
        "unwrap fields": ("POST", "decrypt/fields-2027-02", sealed | {"ciphertext": sealed["fields"]}),
        "rewrap": ("POST", f"rewrap/{NAME}", sealed),
        "make": ("POST", "keys/audio-2027-03", SOUND),
        "make one that can leave": ("POST", "keys/audio-2027-04", SOUND | {"exportable": True}),
        "leave its name": ("POST", f"keys/destroyed.{NAME}", SOUND),
        "make by wrapping": ("POST", "encrypt/audio-2027-05", plain),
        "rotate": ("POST", f"keys/{NAME}/rotate", {}),
        "let it leave": ("POST", f"keys/{NAME}/config", {"exportable": True, "allow_plaintext_backup": True}),
        "export": ("GET", f"export/encryption-key/{NAME}", {}),
        "back up": ("GET", f"backup/{NAME}", {}),
        "forbid versions": (
            "POST",
            f"keys/{NAME}/config",
            {"min_decryption_version": 2, "min_encryption_version": 2},
        ),
        "trim": ("POST", f"keys/{NAME}/trim", {"min_available_version": 2}),
        "allow deletion": ("POST", f"keys/{NAME}/config", {"deletion_allowed": True}),
        "delete": ("DELETE", f"keys/{NAME}", {}),
        "forget its name": ("POST", f"keys/destroyed.{NAME}/config", {"deletion_allowed": True}),
        "list engines": ("GET", "../sys/mounts", {}),
        "change a policy": (
            "POST",
            "../sys/policies/acl/callvault-ingest",
            {"policy": 'path "*" { capabilities = ["read"] }'},
        ),
        "make a token": ("POST", "../auth/token/create", {"policies": ["callvault-playback"]}),
    }


@pytest.mark.parametrize("duty", Duty)
def test_a_duty_may_do_exactly_what_it_is_for(bao, transit, duty):
    for name in (NAME, "fields-2027-02"):
        transit.ensure_key(name)
    fields, audio = (
        "vault:v1:" + base64.b64encode(transit.wrap(name, KEY, CONTEXT)[5:]).decode()
        for name in ("fields-2027-02", NAME)
    )
    sealed = {"ciphertext": audio, "fields": fields, "context": base64.b64encode(CONTEXT).decode()}
    policy = bao.ask("GET", "sys/policies/acl/callvault-ingest")[1]["data"]["policy"]
    did: set[str] = set()

    for act, (method, path, body) in acts(sealed).items():
        where = path.removeprefix("../") if path.startswith("../") else f"transit/{path}"
        status, answer = bao.ask(method, where, body, token=bao.tokens[duty])
        if status != 403:
            did.add(act)
            assert status in (200, 204), (act, answer)
        else:
            # It is this token that may not: who may do everything can, and it is done for what comes after.
            assert bao.ask(method, where, body)[0] in (200, 204), act

    bao.ask("POST", "sys/policies/acl/callvault-ingest", {"policy": policy})
    assert did == MAY[duty]


def test_who_takes_calls_in_cannot_read_them_back(bao, transit, wrapped):
    ingest = bao.as_duty(Duty.INGEST)
    transit.ensure_key("ledger")

    assert ingest.unwrap("ledger", ingest.wrap("ledger", KEY, CONTEXT), CONTEXT) == KEY
    with pytest.raises(DutyNotGiven):
        ingest.unwrap(NAME, ingest.wrap(NAME, KEY, CONTEXT), CONTEXT)


def test_wrapping_under_a_name_that_is_not_there_makes_no_key(bao, transit):
    with pytest.raises(KeyMissing):
        bao.as_duty(Duty.INGEST).wrap(NAME, KEY, CONTEXT)

    assert transit.describe() == []


def test_a_key_that_was_made_in_another_way_is_not_used(bao, transit):
    bao.ask("POST", f"transit/keys/{NAME}", {"type": "aes256-gcm96"})

    with pytest.raises(KeyManagementUnavailable):
        transit.ensure_key(NAME)


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("is_done", [True, False])
def test_a_destruction_that_breaks_off_is_finished_by_the_next(
    bao, transit, wrapped, monkeypatch, step, is_done
):
    class BrokenOff(Exception):
        pass

    ask, changes = Server.ask, []

    def break_off(self, method, path, body=None):
        if method != "GET":
            changes.append(path)
        if len(changes) == step and not is_done:
            raise BrokenOff
        answer = ask(self, method, path, body)
        if len(changes) == step:
            raise BrokenOff
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(Server, "ask", break_off)
        with pytest.raises(BrokenOff):
            transit.destroy(NAME)
    if (step, is_done) != (3, True):
        assert transit.unwrap(NAME, wrapped, CONTEXT) == KEY
    if (step, is_done) != (1, False):
        with pytest.raises(KeyDestroyed):
            transit.ensure_key(NAME)

    transit.destroy(NAME)

    with pytest.raises(KeyDestroyed):
        transit.unwrap(NAME, wrapped, CONTEXT)
    assert [(each.name, each.versions) for each in transit.describe()] == [(NAME, 0)]


@pytest.mark.parametrize(
    ("act", "ignored"),
    [
        (lambda keys: keys.destroy(NAME), f"/keys/{NAME}"),
        (lambda keys: keys.trim(NAME, oldest=2), "/trim"),
        (lambda keys: keys.rotate(NAME), "/rotate"),
    ],
    ids=["destroy", "trim", "rotate"],
)
def test_what_a_server_says_it_has_done_is_looked_at(bao, transit, wrapped, monkeypatch, act, ignored):
    transit.rotate(NAME)
    ask = Server.ask

    def pretend(self, method, path, body=None):
        if method != "GET" and path.endswith(ignored):
            return Answer(204, {})
        return ask(self, method, path, body)

    monkeypatch.setattr(Server, "ask", pretend)
    with pytest.raises(KeyManagementUnavailable):
        act(transit)


def test_versions_that_were_forbidden_and_not_yet_trimmed_are_trimmed_by_the_next(bao, transit, wrapped):
    newest = transit.rotate(NAME)
    bao.ask("POST", f"transit/keys/{NAME}/config", {"min_decryption_version": 2, "min_encryption_version": 2})
    assert [each.versions for each in transit.describe()] == [2]

    transit.trim(NAME, oldest=newest)

    assert [each.versions for each in transit.describe()] == [1]


def test_a_key_of_one_installation_or_version_does_not_pass_for_another(transit, wrapped):
    """The server itself takes version 0 for version 1."""
    for head in (b"\x02\0\0\0\0", b"\x01\0\0\0\1", b"\x02\x7f\xff\xff\xff"):
        with pytest.raises(UnwrapRefused):
            transit.version_of(head + wrapped[5:])


def test_using_a_token_keeps_it_from_running_out(bao, transit, wrapped):
    token = bao.tokens[Duty.ROTATION] = bao.new_token(Duty.ROTATION)
    assert "last_renewal" not in bao.ask("POST", "auth/token/lookup", {"token": token})[1]["data"]

    bao.as_duty(Duty.ROTATION).describe()

    assert bao.ask("POST", "auth/token/lookup", {"token": token})[1]["data"]["last_renewal"]


def test_a_token_that_was_replaced_in_its_file_is_read_again(bao, transit, wrapped, tmp_path):
    file = tmp_path / "token"
    file.write_text("an old one\n")
    playback = Transit(
        Server(bao.address, Token(file=str(file)), namespace=bao.name, ca_bundle=bao.ca_bundle), Duty.PLAYBACK
    )
    with pytest.raises(DutyNotGiven):
        playback.unwrap(NAME, wrapped, CONTEXT)
    with pytest.raises(KeyManagementUnavailable):
        playback.check()

    file.write_text(bao.tokens[Duty.PLAYBACK] + "\n")

    assert playback.unwrap(NAME, wrapped, CONTEXT) == KEY
    playback.check()


def test_a_token_file_that_is_not_there_makes_the_keys_unavailable(bao, tmp_path):
    absent = Server(bao.address, Token(file=str(tmp_path / "token")), ca_bundle=bao.ca_bundle)

    with pytest.raises(KeyManagementUnavailable, match="token"):
        Transit(absent, Duty.INGEST).wrap(NAME, KEY, CONTEXT)


def test_a_token_of_another_duty_is_not_in_order(bao):
    bao.tokens[Duty.PLAYBACK], playback = bao.tokens[Duty.INGEST], bao.tokens[Duty.PLAYBACK]
    try:
        with pytest.raises(KeyManagementUnavailable, match="policy"):
            bao.as_duty(Duty.PLAYBACK).check()
    finally:
        bao.tokens[Duty.PLAYBACK] = playback


def test_what_is_wrong_with_the_settings_is_said(bao):
    token = Token(bao.tokens[Duty.INGEST])
    trusting = {"namespace": bao.name, "ca_bundle": bao.ca_bundle}

    for asked, said in (
        (Transit(Server(bao.address, token, **trusting), Duty.INGEST, mount="elsewhere"), "KMS_MOUNT"),
        (Transit(Server(bao.address, token, namespace=bao.name), Duty.INGEST), "KMS_CA_BUNDLE"),
        (Transit(Server(settings.S3_ENDPOINT_URL, token), Duty.INGEST), "KMS_ADDRESS"),
    ):
        with pytest.raises(KeyManagementUnavailable, match=said):
            Transit.check(asked)


def test_a_server_that_is_sealed_is_unavailable_until_it_is_not(bao, transit, wrapped):
    """A namespace that is locked answers as a server that is sealed does."""
    bao.ask("POST", f"sys/namespaces/api-lock/lock/{bao.name}", root=True)
    try:
        for act in (
            transit.check,
            transit.describe,
            lambda: transit.wrap(NAME, KEY, CONTEXT),
            lambda: transit.unwrap(NAME, wrapped, CONTEXT),
            lambda: transit.rewrap(NAME, [WrappedKey(wrapped, CONTEXT)]),
            lambda: transit.destroy(NAME),
        ):
            with pytest.raises(KeyManagementUnavailable, match="sealed"):
                act()
    finally:
        bao.ask("POST", f"sys/namespaces/api-lock/unlock/{bao.name}", root=True)

    assert transit.unwrap(NAME, wrapped, CONTEXT) == KEY


def test_a_connection_that_breaks_is_made_anew_and_one_that_cannot_be_made_is_given_up(bao, key, wire):
    ingest = bao.as_duty(Duty.INGEST, address=wire.address)
    ingest.wrap(NAME, KEY, CONTEXT)
    wire.become(PASS)
    ingest.wrap(NAME, KEY, CONTEXT)

    wire.become(CUT)
    wire.seen.clear()
    with pytest.raises(KeyManagementUnavailable, match="reached"):
        ingest.wrap(NAME, KEY, CONTEXT)
    assert 2 <= len(wire.seen) <= server._TRIES

    wire.become(PASS)
    ingest.wrap(NAME, KEY, CONTEXT)


def test_a_server_that_hangs_is_waited_for_once(bao, key, wire, monkeypatch):
    with monkeypatch.context() as patched:
        for name in ("_CONNECT_SECONDS", "_ANSWER_SECONDS", "_PATIENCE_SECONDS"):
            patched.setattr(server, name, 0.1)
        ingest = bao.as_duty(Duty.INGEST, address=wire.address)
        wire.become(DEAD)

        with pytest.raises(KeyManagementUnavailable):
            ingest.wrap(NAME, KEY, CONTEXT)
        assert wire.seen == [DEAD]

    wire.become(PASS)
    bao.as_duty(Duty.INGEST, address=wire.address).wrap(NAME, KEY, CONTEXT)


def test_a_token_is_not_carried_to_where_the_server_sends_us():
    asked = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["X-Vault-Token"])
            self.send_response(307)
            self.send_header("Location", self.path)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as there:
        Thread(target=there.serve_forever, args=(0.02,), daemon=True).start()
        sent_away = Server(f"http://127.0.0.1:{there.server_address[1]}", Token("a token"))
        with pytest.raises(KeyManagementUnavailable, match="KMS_ADDRESS"):
            Transit(sent_away, Duty.INGEST).check()
        there.shutdown()

    assert asked == ["a token"]


def test_neither_token_nor_key_is_told_to_anybody(bao, transit, wrapped, caplog):
    for logger in (None, "urllib3"):  # the settings keep the second quiet
        caplog.set_level(logging.DEBUG, logger=logger)
    playback, said = bao.as_duty(Duty.PLAYBACK), []

    assert playback.unwrap(NAME, wrapped, CONTEXT) == KEY
    answer = playback._server.ask("GET", f"transit/keys/{NAME}")
    for act in (
        lambda: playback.unwrap(NAME, wrapped, b"another"),
        lambda: playback.wrap(NAME, KEY, CONTEXT),
        lambda: playback.unwrap("audio-1999-01", wrapped, CONTEXT),
    ):
        with pytest.raises((UnwrapRefused, DutyNotGiven, KeyMissing)) as refusal:
            act()
        said += [str(refusal.value), repr(refusal.value), repr(refusal.value.__context__)]

    told = "".join([caplog.text, repr(answer), repr(playback), repr(playback._server), *said])
    assert "decrypt" in caplog.text
    for secret in (bao.tokens[Duty.PLAYBACK], base64.b64encode(KEY).decode(), KEY.hex(), str(KEY)):
        assert secret not in told


@pytest.mark.parametrize("crooked", [f"x/../{NAME}", f"{NAME}?x=1", f"{NAME}/../{NAME}", "../sys/mounts", ""])
def test_a_name_that_leads_to_another_key_leads_nowhere(bao, transit, wrapped, crooked):
    """Names come from the database: whoever writes to it must not reach the key of something that lives."""
    for act in (
        lambda: transit.destroy(crooked),
        lambda: transit.unwrap(crooked, wrapped, CONTEXT),
        lambda: transit.rotate(crooked),
        lambda: transit.ensure_key(crooked),
    ):
        with pytest.raises(KeyMissing):
            act()

    assert transit.unwrap(NAME, wrapped, CONTEXT) == KEY


@contextmanager
def a_server_that_says(answer: bytes, *, slowly: bool = False) -> Iterator[Transit]:
    """Answer everything with the same; slowly: a byte at a time."""

    class Liar(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            with suppress(OSError):
                for begin in range(0, len(answer), 1 if slowly else len(answer)):
                    self.wfile.write(answer[begin : begin + 1] if slowly else answer)
                    Event().wait(0.05 if slowly else 0)

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Liar) as there:
        there.daemon_threads = True
        Thread(target=there.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield Transit(
                Server(f"http://127.0.0.1:{there.server_address[1]}", Token("a token")), Duty.ROTATION
            )
        finally:
            there.shutdown()


@pytest.mark.parametrize(
    "answer",
    [
        b"[" * 200_000,
        b'{"data": []}',
        b'{"data": {"plaintext": "", "keys": 7, "batch_results": [], "latest_version": "2"}}',
        b'{"data": {"plaintext": 7, "keys": [7], "batch_results": [7], "latest_version": true}}',
        b'{"data": {"plaintext": "!", "keys": {"1": {}}, "latest_version": 4294967296, "min_available_version": 0}}',
        b'{"data": {"plaintext": "AAAA", "keys": {"1": "x"}, "latest_version": 1, "min_available_version": 2}}',
        b" " * (server._LONGEST_ANSWER + 1),
    ],
    ids=["deep", "list", "empty", "numbers", "version", "short", "long"],
)
def test_an_answer_that_makes_no_sense_makes_the_keys_unavailable(answer):
    wrapped = b"\2\0\0\0\1" + bytes(60)
    with a_server_that_says(answer) as transit:
        for act in (
            lambda: transit.unwrap(NAME, wrapped, CONTEXT),
            lambda: transit.wrap(NAME, KEY, CONTEXT),
            lambda: transit.rewrap(NAME, [WrappedKey(wrapped, CONTEXT)]),
            lambda: transit.rotate(NAME),
            lambda: transit.trim(NAME, oldest=1),
            transit.describe,
            transit.check,
        ):
            with pytest.raises(KeyManagementUnavailable):
                act()


def test_an_answer_that_comes_a_byte_at_a_time_is_given_up(monkeypatch):
    for name in ("_CONNECT_SECONDS", "_ANSWER_SECONDS", "_PATIENCE_SECONDS"):
        monkeypatch.setattr(server, name, 0.1)
    with (
        a_server_that_says(b'{"data": {}}' + b" " * 10_000, slowly=True) as transit,
        pytest.raises(KeyManagementUnavailable, match="reached"),
    ):
        transit.wrap(NAME, KEY, CONTEXT)


@pytest.mark.parametrize("written", ["hvs.one\nhvs.two", "hvs.one\x7f"])
def test_a_token_that_is_none_is_in_no_error(written, tmp_path):
    file = tmp_path / "token"
    file.write_text(written)
    from_file = Token(file=str(file))
    for token in (Token(written), from_file):
        with pytest.raises(KeyManagementUnavailable) as refused:
            Transit(Server("http://127.0.0.1:9", token), Duty.INGEST).check()

        assert "hvs" not in str(refused.value)
    file.write_text("hvs.mended\n")
    assert from_file.value() == "hvs.mended"
