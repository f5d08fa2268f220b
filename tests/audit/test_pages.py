"""The trail's pages and API, through the gate: the DPO finds, opens, checks and exports; nobody else may."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from audit import check, checkpoints, checks, events, export, log_key, sequencer, trail, verify
from audit.actions import Action
from audit.actor import REF_KINDS, Actor, ActorKind
from audit.models import AuditEvent, Checkpoint, Export
from audit.shapes.formats import FORMATS
from audit.wording import SENTENCES, TARGETS, say
from tests.audit.conftest import CALL, attacker, record, sequence
from tests.people import client_of, make_person
from vault import clock
from vault.access.models import User
from vault.access.roles import Role
from vault.errors import Forbidden


@pytest.fixture
def _database(request) -> None:
    """Use the fresh database of a test that asks for one, because it numbers events; else the shared one."""
    request.getfixturevalue("fresh_database" if "fresh_database" in request.fixturenames else "db")


@pytest.fixture
def dpo(_database) -> Client:
    return client_of(make_person(Role.DPO, name="Katrien Maas"))


@pytest.fixture
def supervisor(_database) -> User:
    return make_person(Role.SUPERVISOR, name="Ines Verhoeven")


def actor_of(person: User) -> Actor:
    return Actor(kind=ActorKind.PERSON, id=person.pk, role=person.role, name=person.name, access_point="web")


def check_now(dpo: Client) -> str:
    """Ask for a check, return the panel as it is then, and let the job do it."""
    dpo.post(reverse("audit:check"))
    panel = dpo.get(reverse("audit:check-state")).content.decode()
    checks.run_waiting(now=clock.now())
    return panel


def test_the_dpo_reads_who_did_what(dpo, supervisor):
    now = clock.now()
    record(actor_of(supervisor), purpose="complaint", at=now)
    trail.record_refusal(
        Forbidden(code="out-of-reach"),
        actor=actor_of(supervisor),
        action="recording.viewed",
        target=CALL,
        at=now,
    )

    page = dpo.get(reverse("audit:trail")).content.decode()

    assert "<b>Ines Verhoeven</b> opened" in page
    assert "<b>Ines Verhoeven</b> was refused: opened" in page
    assert "code out-of-reach" in page
    assert "complaint" in page
    assert reverse("recordings:detail", args=[CALL.id]) in page


def test_reading_the_trail_is_in_the_trail(dpo):
    dpo.get(reverse("audit:trail"), {"group": "heard"})

    event = AuditEvent.objects.get(action=Action.TRAIL_SEARCHED)
    assert event.body["facts"]["filters"] == "group=heard"
    assert event.actor_role == "dpo"


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.REVIEWER, Role.ADMINISTRATOR, Role.AGENT])
def test_nobody_else_reads_the_trail(db, role):
    client = client_of(make_person(role))

    for name in ("audit:trail", "audit:exports", "audit:checkpoint", "audit-api:events"):
        assert client.get(reverse(name)).status_code == 403
    assert client.post(reverse("audit:order")).status_code == 403


FILTERS = [
    ({"group": "heard"}, True),
    ({"group": "refused"}, False),
    ({"group": "erased"}, False),
    ({"action": "recording.viewed"}, True),
    ({"action": "recording.erased"}, False),
    ({"outcome": "done"}, True),
    ({"outcome": "refused"}, False),
    ({"purpose": "complaint"}, True),
    ({"purpose": "training"}, False),
    ({"period": "7"}, True),
    ({"recording": CALL.id}, True),
    ({"recording": "0193a1b2-0000-7000-8000-00000000beef"}, False),
    ({"since": "2001-01-01"}, True),
    ({"until": "2001-01-01"}, False),
    ({"person": "Ines Verhoeven"}, True),
    ({"person": "Katrien Maas"}, False),
]


def test_events_are_found_by_what_they_are_about(dpo, supervisor):
    record(actor_of(supervisor), purpose="complaint", at=clock.now())
    people = {person.name: str(person.pk) for person in User.objects.all()}

    for query, is_found in FILTERS:
        asked = {name: people.get(value, value) for name, value in query.items()}
        page = dpo.get(reverse("audit:trail"), asked).content.decode()
        assert ("<b>Ines Verhoeven</b> opened" in page) == is_found, query


def test_pages_follow_on_one_another_by_key(dpo, supervisor):
    now = clock.now()
    for minutes in range(120):
        record(actor_of(supervisor), at=now - timedelta(minutes=minutes))
    address, seen = reverse("audit:trail") + "?action=recording.viewed", 0
    for _ in range(5):
        response = dpo.get(address)
        seen += response.content.decode().count("line__idx")
        address = response.context["older_url"]
        if not address:
            break

    assert seen == 120
    newer = dpo.get(response.context["newer_url"])
    assert newer.content.decode().count("line__idx") == 50


def test_what_cannot_be_recorded_is_not_shown(dpo, supervisor, fresh_database):
    event = record(actor_of(supervisor), at=clock.now())
    sequence()
    with attacker(fresh_database) as owner:
        owner.execute(f"REVOKE INSERT ON audit_event FROM {connection.settings_dict['USER']}")

    for name, arguments in [("trail", []), ("event", [event.id]), ("proof", [event.id])]:
        response = dpo.get(reverse(f"audit:{name}", args=arguments))
        assert response.status_code == 503
        assert b"Ines" not in response.content


def test_an_event_opens_to_its_fields_and_its_proof(dpo, supervisor, fresh_database):
    event = record(actor_of(supervisor), purpose="complaint", at=clock.now())
    address = reverse("audit:event", args=[event.id])

    assert "No checkpoint covers it yet" in dpo.get(address).content.decode()
    sequence()
    page = dpo.get(address).content.decode()

    assert "c2sp.org/tlog-proof@v1" in page
    assert "Ines Verhoeven" in page
    proof = dpo.get(reverse("audit:proof", args=[event.id]))
    assert proof["Content-Type"] == "text/plain; charset=utf-8"
    policy = verify.Policy.parse(f"log {log_key.verifier().vkey}\nquorum none\n")
    assert verify.verify_event_proof(proof.content.decode(), policy).all() == []
    assert AuditEvent.objects.filter(action=Action.TRAIL_EVENT_READ).count() == 3


def test_an_event_that_is_not_there_is_not_found(dpo):
    assert dpo.get(reverse("audit:event", args=[uuid4()])).status_code == 404


def test_the_page_says_plainly_that_nothing_is_anchored_outside(dpo, supervisor, fresh_database):
    record(actor_of(supervisor), at=clock.now())
    sequence()

    page = dpo.get(reverse("audit:trail")).content.decode()

    assert "No outside anchor: a rewritten history would not be noticed." in page
    note = dpo.get(reverse("audit:checkpoint")).content.decode()
    assert verify.open_checkpoint(
        note, verify.Policy.parse(f"log {log_key.verifier().vkey}\nquorum none\n")
    ).size


def test_checking_again_finds_nothing_in_a_whole_trail(dpo, supervisor, fresh_database):
    record(actor_of(supervisor), at=clock.now())
    sequence()
    assert "Check now" in dpo.get(reverse("audit:trail")).content.decode()

    assert "hx-trigger" in check_now(dpo)
    assert "hx-swap-oob" in dpo.get(reverse("audit:check-state")).content.decode()
    page = dpo.get(reverse("audit:trail")).content.decode()

    assert "Check again" in page
    assert "1 second after the check was asked for. Nothing is changed, missing or moved." in page
    assert "The trail is whole." in page
    assert AuditEvent.objects.get(action=Action.TRAIL_VERIFIED).body["facts"]["whole"] is True


ATTACKS = {
    "a changed entry": "UPDATE audit_event SET entry = entry || ' ' WHERE action = 'recording.viewed'",
    "a changed column": "UPDATE audit_event SET purpose = 'other' WHERE action = 'recording.viewed'",
    "a changed time": "UPDATE audit_event SET occurred_at = now() WHERE action = 'recording.viewed'",
    "a deleted event": "DELETE FROM audit_event WHERE action = 'recording.viewed'",
    "a deleted leaf": "DELETE FROM audit_leaf WHERE index = 0",
    "a changed leaf": "UPDATE audit_leaf SET hash = sha256('x') WHERE index = 0",
    "a changed root": "UPDATE audit_checkpoint SET note = 'x' || note",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_checking_again_finds_what_a_superuser_did(dpo, supervisor, fresh_database, attack):
    for _ in range(3):
        record(actor_of(supervisor), at=clock.now() - timedelta(hours=1), purpose="complaint")
    sequence()
    with attacker(fresh_database) as owner:
        owner.execute(ATTACKS[attack])

    check_now(dpo)
    page = dpo.get(reverse("audit:trail")).content.decode()

    assert "The trail is not whole." in page
    assert "<li>" in page.split('class="mb-0 found"')[1]


def test_a_check_finds_a_changed_tile(dpo, fresh_database):
    with transaction.atomic():
        for _ in range(260):
            trail.record(Action.RECORDING_VIEWED, actor=Actor.system("test"), target=CALL, at=clock.now())
    sequence()
    check_now(dpo)
    with attacker(fresh_database) as owner:
        owner.execute("UPDATE audit_tile SET root = sha256('x')")

    check_now(dpo)

    first, second = AuditEvent.objects.filter(action=Action.TRAIL_VERIFIED).order_by("id")
    assert first.body["facts"]["whole"] is True
    assert second.body["facts"]["first_finding"] == "tile-changed level=0 number=0"


def test_what_a_check_found_is_worded_for_whoever_reads_it(dpo, fresh_database):
    record(Actor.system("test"), at=clock.now())
    sequence()
    with attacker(fresh_database) as owner:
        owner.execute("DELETE FROM audit_event")
    check_now(dpo)

    english = dpo.get(reverse("audit:trail")).content.decode()
    dutch = dpo.get(reverse("audit:trail"), headers={"Accept-Language": "nl"}).content.decode()

    assert "<li>Event 0 is gone.</li>" in english
    assert "<li>Gebeurtenis 0 is verdwenen.</li>" in dutch


def test_a_damaged_entry_does_not_close_the_timeline(dpo, supervisor, fresh_database):
    for heard_ms in (62_000, 30_000):
        record(actor_of(supervisor), Action.PLAYBACK_CLOSED, at=clock.now(), heard="0-1", heard_ms=heard_ms)
    with attacker(fresh_database) as owner:
        owner.execute(
            "UPDATE audit_event SET entry = '\\xffff' WHERE position('30000' IN encode(entry, 'escape')) > 0"
        )

    page = dpo.get(reverse("audit:recording", args=[CALL.id]))

    assert page.status_code == 200
    assert "1:02" in page.content.decode()


def test_a_check_stops_after_a_hundred_findings(dpo, fresh_database):
    with transaction.atomic():
        for _ in range(120):
            trail.record(Action.RECORDING_VIEWED, actor=Actor.system("test"), target=CALL, at=clock.now())
    sequence()
    with attacker(fresh_database) as owner:
        owner.execute("UPDATE audit_event SET entry = entry || ' '")

    result = check.check_trail(actor=Actor.system("test"), now=clock.now())

    assert len(result.findings) == check.MOST_FINDINGS + 1


def test_a_check_of_an_empty_trail_finds_nothing(fresh_database):
    assert check.check_trail(actor=Actor.system("test"), now=clock.now()).is_whole


def test_an_export_is_ordered_made_and_fetched_once(dpo, supervisor, tmp_path, fresh_database):
    record(actor_of(supervisor), at=clock.now())

    dpo.post(reverse("audit:order"), {"format": "csv", "action": "recording.viewed"})
    assert "every 2s" in dpo.get(reverse("audit:exports")).content.decode()
    sequence()
    export.run_waiting(now=clock.now())
    panel = dpo.get(reverse("audit:exports")).content.decode()
    ordered = Export.objects.get()
    fetch = reverse("audit:fetch", args=[ordered.id])
    response = dpo.post(fetch)

    assert "every 2s" not in panel
    assert fetch in panel
    path = tmp_path / "export.zip"
    path.write_bytes(b"".join(response.streaming_content))
    assert int(response["Content-Length"]) == path.stat().st_size
    assert verify.verify_export(path, None, [], whole=False).all() == []
    assert b"recording.viewed" in zipfile.ZipFile(io.BytesIO(path.read_bytes())).read("entries.csv")
    again = dpo.post(fetch)
    assert again.status_code == 410
    assert "Order the export again" in again.content.decode()
    assert "Nothing can bring it back" not in again.content.decode()


def test_names_without_a_ground_are_refused_beside_the_field_with_all_that_was_typed(dpo):
    typed = {"format": "csv", "with_personal": "on", "action": "recording.viewed"}

    response = dpo.post(reverse("audit:order"), typed)

    page = response.content.decode()
    assert response.status_code == 400
    assert not Export.objects.exists()
    assert "Say why names and addresses are needed." in page
    assert 'aria-describedby="id_ground-help id_ground-error"' in page
    assert '<input type="hidden" name="action" value="recording.viewed">' in page
    assert re.search(r'value="csv"[^>]* checked', page)
    assert re.search(r'name="with_personal"[^>]* checked', page)
    assert f"{reverse('audit:trail')}?action=recording.viewed" in page


def test_a_report_of_too_many_events_is_refused_beside_the_format(dpo, supervisor, monkeypatch):
    monkeypatch.setitem(FORMATS, "pdf", replace(FORMATS["pdf"], most_events=1))
    for _ in range(2):
        record(actor_of(supervisor), at=clock.now())

    response = dpo.post(reverse("audit:order"), {"format": "pdf"})

    assert response.status_code == 400
    assert "Narrow the filter, or take CSV." in response.content.decode()
    assert not Export.objects.exists()
    refused = AuditEvent.objects.get(action=Action.TRAIL_EXPORTED)
    assert (refused.outcome, refused.body["facts"]["code"]) == ("refused", "too-many-events")


def test_an_order_keeps_the_language_of_who_asks(dpo):
    dpo.post(reverse("audit:order"), {"format": "pdf"}, headers={"accept-language": "nl"})

    assert Export.objects.get().language == "nl"


def test_the_dialog_says_what_each_format_is_for(dpo, supervisor):
    record(actor_of(supervisor), at=clock.now())

    page = dpo.get(reverse("audit:trail")).content.decode()

    for name, shape in FORMATS.items():
        assert f'value="{name}"' in page
        assert escape(str(shape.meant_for)) in page


def test_a_stranger_is_given_the_verifier_and_the_public_key(client):
    program, key = client.get(reverse("audit:verifier")), client.get(reverse("audit:key"))

    assert program.content == Path(verify.__file__).read_bytes()
    assert key.content == f"{log_key.verifier().vkey}\n".encode()
    assert [answer["Cache-Control"] for answer in (program, key)] == ["public, max-age=3600"] * 2


def test_the_api_pages_through_the_trail(dpo, supervisor, fresh_database):
    for _ in range(3):
        record(actor_of(supervisor), at=clock.now())
    sequence()

    first = dpo.get(reverse("audit-api:events"), {"action": "recording.viewed", "limit": 2}).json()
    second = dpo.post(
        reverse("audit-api:search"),
        {"action": "recording.viewed", "limit": 2, "after": first["next"]},
        content_type="application/json",
    ).json()

    assert [len(first["results"]), len(second["results"])] == [2, 1]
    assert second["next"] is None
    told = first["results"][0]
    assert told["about"] == [
        {"subject": f"account:{supervisor.pk}", "forgotten": False, "name": "Ines Verhoeven"}
    ]
    assert told["entry"]["action"] == "recording.viewed"


def test_the_api_refuses_a_filter_it_does_not_know(dpo):
    assert dpo.get(reverse("audit-api:events"), {"action": "nothing.happened"}).status_code == 400


def test_the_api_orders_and_fetches_an_export(dpo, tmp_path, fresh_database):
    ordered = dpo.post(reverse("audit-api:exports"), {}, content_type="application/json")
    assert ordered.status_code == 202
    address = {"export_id": ordered.json()["id"]}
    assert dpo.get(reverse("audit-api:package", kwargs=address)).status_code == 409
    sequence()
    export.run_waiting(now=clock.now())

    assert dpo.get(reverse("audit-api:export", kwargs=address)).json()["state"] == "ready"
    response = dpo.get(reverse("audit-api:package", kwargs=address))

    path = tmp_path / "export.zip"
    path.write_bytes(b"".join(response.streaming_content))
    assert verify.verify_export(path, None, [], whole=True).all() == []
    assert dpo.get(reverse("audit-api:package", kwargs=address)).status_code == 410


def test_the_api_gives_proofs_and_the_newest_checkpoint(dpo, supervisor, fresh_database):
    event = record(actor_of(supervisor), at=clock.now())
    assert dpo.get(reverse("audit-api:proof", args=[event.id])).status_code == 503
    sequence()

    assert dpo.get(reverse("audit-api:proof", args=[event.id])).content.startswith(
        b"c2sp.org/tlog-proof@v1\n"
    )
    assert b"\n\n" in dpo.get(reverse("audit-api:checkpoint")).content


def test_before_the_first_event_there_is_no_checkpoint_to_keep(dpo, monkeypatch):
    monkeypatch.setattr(checkpoints, "newest", lambda: None)

    assert dpo.get(reverse("audit:checkpoint")).status_code == 503
    assert dpo.get(reverse("audit-api:checkpoint")).status_code == 503
    assert "No checkpoint has been signed yet." in dpo.get(reverse("audit:trail")).content.decode()


def test_the_page_says_that_the_sequencer_is_behind(dpo, supervisor, monkeypatch):
    late = Checkpoint(size=1, signed_at=clock.now(), note="", root=b"", cluster=1, tx=0)
    monkeypatch.setattr(checkpoints, "newest", lambda: late)
    monkeypatch.setattr(sequencer, "lag", lambda: timedelta(seconds=75))

    page = dpo.get(reverse("audit:trail")).content.decode()

    assert "The oldest has been waiting for 75 seconds." in page


def test_somebody_forgotten_has_no_name_any_more(dpo, supervisor):
    record(actor_of(supervisor), at=clock.now())
    with transaction.atomic():
        trail.forget(trail.Subject.account(supervisor.pk), actor=Actor.system("test"), at=clock.now())
    event = AuditEvent.objects.filter(action=Action.RECORDING_VIEWED).get()

    page = dpo.get(reverse("audit:trail")).content.decode()

    assert "<b>Somebody forgotten</b> opened" in page
    assert (
        "Forgotten: its key was destroyed."
        in dpo.get(reverse("audit:event", args=[event.id])).content.decode()
    )


def test_the_vault_itself_has_a_name(dpo):
    record(Actor.system("task:retention.sweep"), Action.RECORDING_ERASED, at=clock.now(), ground="expired")

    page = dpo.get(reverse("audit:trail")).content.decode()

    assert "<b>The vault</b> erased" in page
    assert "ground: expired · task:retention.sweep" in page


def test_a_row_says_which_parts_of_a_call_were_heard(dpo, supervisor):
    actor = actor_of(supervisor)
    record(actor, Action.PLAYBACK_CLOSED, at=clock.now(), heard="0-62000,83000-143000")
    record(actor, Action.PLAYBACK_WINDOW, at=clock.now(), from_ms=0, to_ms=60_000)
    many = ",".join(f"{at}000-{at}500" for at in range(10))
    record(actor, Action.PLAYBACK_CLOSED, at=clock.now(), heard=many)

    page = dpo.get(reverse("audit:trail")).content.decode()

    assert "0:00–1:02, 1:23–2:23" in page
    assert "0:00–1:00" in page
    assert "0:05–0:05, …" in page


def test_a_count_stops_where_it_would_cost_too_much(dpo, supervisor, monkeypatch):
    monkeypatch.setattr(events, "MOST_COUNTED", 2)
    for _ in range(4):
        record(actor_of(supervisor), at=clock.now())

    page = dpo.get(reverse("audit:trail")).content.decode()

    assert "More than 2 events match" in page
    assert "Export these events" in page


def test_an_address_that_was_changed_is_refused(dpo):
    assert dpo.get(reverse("audit:trail"), {"after": "nonsense"}).status_code == 400


def test_filters_that_are_none_show_nothing_and_say_so_beside_the_field(dpo, supervisor):
    record(actor_of(supervisor), at=clock.now())

    response = dpo.get(reverse("audit:trail"), {"recording": "nonsense"})

    page = response.content.decode()
    assert response.status_code == 400
    assert "Ines Verhoeven</b> opened" not in page
    assert 'id="id_recording-error"' in page
    assert 'data-opens="order-export"' not in page
    assert not AuditEvent.objects.filter(action=Action.TRAIL_SEARCHED).exists()


def test_an_export_that_is_not_there_is_not_found(dpo):
    assert dpo.get(reverse("audit-api:export", args=[uuid4()])).status_code == 404


def test_an_action_of_tomorrow_is_named_as_it_is():
    assert say("of.tomorrow", "done").pattern == "of.tomorrow"
    assert say("recording.viewed", "failed").pattern.startswith("failed:")


def test_every_action_has_a_sentence():
    assert SENTENCES.keys() == set(Action)
    assert TARGETS.keys() == REF_KINDS
    assert say("of.tomorrow", "done").pattern == "of.tomorrow"


def test_asking_for_a_packages_head_does_not_use_up_its_only_time(dpo):
    assert dpo.head(reverse("audit-api:package", args=[uuid4()])).status_code == 405
    assert dpo.get(reverse("audit-api:package", args=[uuid4()])).status_code == 404
