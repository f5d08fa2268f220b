"""Every door of the vault records, or stands on the published list of what is not recorded.

Seen, not declared: each is asked by somebody who may, about something that is there, and an event is committed.
"""

from __future__ import annotations

from typing import Any

import pytest

from audit.models import AuditEvent
from tests import doors
from tests.doors import all_doors
from tests.world import World, make_world
from vault.access.unrecorded import ROUTES, reasons


@pytest.fixture
def world(fresh_database, own_keyring, settings) -> World:
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"DEFAULT_THROTTLE_CLASSES": []}
    return make_world()


def ask(request: doors.Ask) -> tuple[int, int]:
    """Go through a door to the last byte; return the answer's status and how many events that left."""
    before = AuditEvent.objects.count()
    status = read(request())
    return status, AuditEvent.objects.count() - before


def read(answer: Any) -> int:
    """Read an answer as a client does; return its status."""
    if answer.streaming:
        b"".join(answer.streaming_content)
    answer.close()
    return int(answer.status_code)


def test_every_door_records_or_stands_on_the_list(world):
    listed = reasons(ROUTES)
    wrong = []
    for door in all_doors():
        try:
            status, left = ask(doors.prepare(door, world))
        except Exception as error:
            wrong.append(f"{door}: {error!r}")
            continue
        if door in listed:
            if left or (status >= 400 and status != 405):
                wrong.append(f"{door}: stands on the list, answers {status} and records {left}")
        elif status >= 400 or not left:
            wrong.append(f"{door}: answers {status} and records {left}")

    assert not wrong, "\n".join(wrong)
    assert not listed.keys() - set(all_doors())
