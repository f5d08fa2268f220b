"""Every periodic job and every command records what it does, or stands on the published list.

Each is run once with something to do (``tests/jobs.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import call_command, get_commands

from audit.models import AuditEvent
from tests.jobs import COMMANDS, JOBS, JOBS_SEEN_ELSEWHERE
from tests.world import World, make_world
from vault import storage
from vault.access import unrecorded
from vault.access.unrecorded import reasons
from vault.celery import SCHEDULE, app

OURS = ("audit", "privacy", "recordings", "retention", "vault")
# Makes a whole organisation by the use cases of this list; its own tests run it.
SEEN_ELSEWHERE = {
    "create_demo": "tests/demo/test_create_demo.py",
    "restore_trail": "tests/audit/test_restore.py",  # it needs a backup and a copy of the trail
}


@pytest.fixture(scope="module", autouse=True)
def _every_job_is_loaded() -> None:
    app.loader.import_default_modules()


@pytest.fixture
def world(fresh_database, own_keyring) -> World:
    return make_world()


@pytest.fixture(autouse=True)
def _store_as_before() -> Iterator[None]:
    yield
    storage.store.cache_clear()


def test_every_job_is_run_here_or_stands_on_the_list():
    ours = {name for name in app.tasks if name.split(".")[0] != "celery"}

    assert ours >= SCHEDULE.keys()
    assert ours == JOBS.keys() | JOBS_SEEN_ELSEWHERE.keys() | reasons(unrecorded.TASKS).keys()
    assert not JOBS.keys() & reasons(unrecorded.TASKS).keys()


@pytest.mark.parametrize("name", JOBS)
def test_a_job_records_what_it_does(name, world, settings):
    JOBS[name](world, settings)
    before = AuditEvent.objects.count()

    app.tasks[name]()

    assert AuditEvent.objects.count() > before


def test_every_command_is_run_here_or_stands_on_the_list(settings):
    ours = {name for name, place in get_commands().items() if place.split(".")[0] in OURS}
    listed = {entry.split()[0] for entry in reasons(unrecorded.COMMANDS) if " " not in entry}

    assert ours == COMMANDS.keys() | SEEN_ELSEWHERE.keys() | listed
    assert not COMMANDS.keys() & listed
    assert all((settings.BASE_DIR / where).exists() for where in SEEN_ELSEWHERE.values())


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_records_what_it_does(name, world, tmp_path):
    words = COMMANDS[name](world, tmp_path)
    before = AuditEvent.objects.count()

    call_command(name, *words, stdout=StringIO())

    newest = AuditEvent.objects.order_by("recorded_at", "counter").last()
    assert AuditEvent.objects.count() > before
    assert newest.body["access_point"] in {f"command:{name}", "start"}
