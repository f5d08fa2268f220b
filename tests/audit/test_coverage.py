"""Every door of the vault records, or stands on the published list of what is not recorded.

Seen, not declared: each is asked by somebody who may, about something that is there, and an event is committed.
"""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.urls import get_resolver

from audit.actions import Outcome
from audit.events import read_event
from audit.models import AuditEvent
from tests import doors
from tests.doors import all_doors, permission_of, read
from tests.people import client_of
from tests.world import World, make_world, number_all
from vault.access.roles import ROLES_ALLOWED, Role
from vault.access.unrecorded import ROUTES, as_tables, reasons
from vault.permissions import Permission

FREE = frozenset({Permission.PUBLIC, Permission.SIGNED_IN, Permission.SIGNING_IN})


@pytest.fixture
def world(fresh_database, own_keyring, settings) -> World:
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"DEFAULT_THROTTLE_CLASSES": []}
    made = make_world()
    number_all()
    return made


def ask(request: doors.Ask) -> tuple[int, int]:
    """Go through a door to the last byte; return the answer's status and how many events that left."""
    before = AuditEvent.objects.count()
    status = read(request())
    return status, AuditEvent.objects.count() - before


def test_every_door_records_or_stands_on_the_list(world):
    listed = reasons(ROUTES)
    wrong = []
    for door in all_doors():
        status, left = ask(doors.prepare(door, world))
        if door in listed:
            if left or (status >= 400 and status != 405):
                wrong.append(f"{door}: stands on the list, answers {status} and records {left}")
        elif status >= 400 or not left:
            wrong.append(f"{door}: answers {status} and records {left}")

    assert not wrong, "\n".join(wrong)
    assert not listed.keys() - set(all_doors())


def test_every_refusal_is_recorded_at_every_door(world):
    wrong = []
    for door in all_doors():
        route, method = door.split()
        permission = permission_of(door)
        if permission in FREE:
            continue
        path = doors.path_of(route, {})
        who = next((role for role in Role if role not in ROLES_ALLOWED[permission]), None)
        asked = [(who, 403)] if who else []
        if method == "GET" and path != doors.path_of(route, {}):  # made up anew each time: about a thing
            asked.append((doors.role_for(door), 404))
        for role, expected in asked:
            client = world.client(role)
            if expected == 404:  # that somebody was refused something would be about it
                path = doors.path_of(route, dict.fromkeys(get_resolver().resolve(path).kwargs, uuid4()))
            status, left = ask(lambda client=client, method=method, path=path: client.generic(method, path))
            newest = AuditEvent.objects.order_by("recorded_at", "counter").last()
            if (status, left, newest.outcome) != (expected, 1, Outcome.REFUSED):
                wrong.append(f"{door} by {role}: answers {status} and records {left}")
            elif expected == 403 and newest.body["rule"] != permission:
                wrong.append(f"{door} by {role}: does not say that {permission} was missing")

    assert not wrong, "\n".join(wrong)


def test_the_guide_shows_the_list(settings):
    guide = settings.BASE_DIR / "docs" / "guides" / "what-is-recorded.md"

    assert guide.read_text(encoding="utf-8").endswith(as_tables())


def test_an_event_of_the_web_holds_the_clients_address_behind_the_proxy_and_no_forged_one(world, settings):
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    client = client_of(world.house.dpo)
    forged = {"headers": {"X-Forwarded-For": "198.51.100.66, 203.0.113.9, 10.0.0.2"}}

    client.get("/retention/", REMOTE_ADDR="10.0.0.3", **forged)
    client.get("/retention/", REMOTE_ADDR="192.0.2.4", **forged)
    client.get("/retention/erasures/", {"state": "none"}, REMOTE_ADDR="192.0.2.5", **forged)

    newest = AuditEvent.objects.order_by("-recorded_at", "-counter")[:3]
    said = [read_event(event.pk).addenda[0].fields for event in reversed(newest)]
    assert [fields and fields["address"] for fields in said] == ["203.0.113.9", "192.0.2.4", "192.0.2.5"]
    assert [event.body["rule"] for event in newest] == ["retention:read"] * 3
