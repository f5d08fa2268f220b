"""Settings in the trail: each change with old and new value, no secret among them, and none twice."""

from __future__ import annotations

import re
import threading

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from audit import configuration
from audit.actor import Actor
from audit.models import AuditEvent, KnownSetting
from audit.trail import TrailUnavailable
from tests.audit.conftest import NOW
from vault import env, starting

pytestmark = pytest.mark.usefixtures("fresh_database")
FOUND = {
    "QUARANTINE_DAYS": "14",
    "DATABASE_URL": "postgresql://app:hunter2@db.example:5432/vault?sslmode=verify-full",
    "S3_SECRET_KEY": "correct horse",
    "EMAIL_FROM": "Katrien Maas <katrien@example.org>",
    "KMS_TOKEN_INGEST_FILE": "/run/credentials/ingest",
    "AUDIT_PUBLIC_KEY": "callvault.example/trail+1234",
    "REGIONS": "",
}
# Each setting of the product whose value the trail never shows. A new one belongs in here, or in the open.
SECRETS = {
    *("AUDIT_KEY", "EMAIL_PASSWORD", "KMS_MASTER", "KMS_PASSPHRASE", "S3_ACCESS_KEY", "S3_SECRET_KEY"),
    *("LOCKED_COPY_ACCESS_KEY", "LOCKED_COPY_SECRET_KEY"),
    *("SECRET_KEY", "KMS_TOKEN_DESTRUCTION", "KMS_TOKEN_INGEST", "KMS_TOKEN_MOVING", "KMS_TOKEN_PLAYBACK"),
    "KMS_TOKEN_ROTATION",
}


def in_order() -> list[AuditEvent]:
    """Return all events as they were recorded, by whatever connection."""
    return list(AuditEvent.objects.order_by("recorded_at", "counter"))


def note(process: str = "web", **changes: str | None) -> list[tuple[str, str | None, str | None]]:
    """Start with these settings; return what the trail then says of it: name, old, new."""
    before = len(in_order())
    found = {name: value for name, value in (FOUND | changes).items() if value is not None}
    configuration.note_settings(process, found, actor=Actor.system("start"), now=NOW)
    said = [event.body["facts"] for event in in_order()[before:]]
    assert all(facts.pop("process") == process for facts in said)
    return [(facts["name"], facts.get("old"), facts.get("new")) for facts in said]


def test_the_first_start_is_one_event_and_the_next_is_none():
    assert note() == [("all", None, "7")]
    assert note() == []
    assert note("worker") == [("all", None, "7")]


def test_each_change_says_old_and_new():
    note()

    assert note(QUARANTINE_DAYS="30", REGIONS=None, NEW_ONE="yes") == [
        ("NEW_ONE", None, "yes"),
        ("QUARANTINE_DAYS", "14", "30"),
        ("REGIONS", "", None),
    ]
    assert note() == [("NEW_ONE", "yes", None), ("QUARANTINE_DAYS", "30", "14"), ("REGIONS", None, "")]


def test_a_secret_is_a_fingerprint_by_which_its_change_is_seen():
    note()

    ((name, old, new),) = note(S3_SECRET_KEY="battery staple")

    assert name == "S3_SECRET_KEY"
    assert old != new
    assert old.startswith("secret #")
    assert new.startswith("secret #")
    assert not any(
        word in row.value
        for row in KnownSetting.objects.all()
        for word in ("battery", "horse", "hunter2", "Katrien", "katrien")
    )


def test_an_address_keeps_its_host_and_loses_who_and_with_which_password():
    note()

    ((_, old, new),) = note(DATABASE_URL=FOUND["DATABASE_URL"].replace("hunter2", "hunter3"))

    shown = "postgresql://…@db.example:5432/vault?sslmode=verify-full #"
    assert old.startswith(shown)
    assert new.startswith(shown)
    assert old != new
    assert configuration.show("HOOK_URL", "https://h.example/?a=1&token=abc").startswith(
        "https://h.example/?a=1&token=… #"
    )
    assert configuration.show("EMAIL_FROM", FOUND["EMAIL_FROM"]).startswith("…@example.org #")


def test_a_fingerprint_is_worth_nothing_without_the_key_of_the_installation(settings):
    first = configuration.show("S3_SECRET_KEY", "x")
    settings.SECRET_KEY = "another"

    assert configuration.show("S3_SECRET_KEY", "x") != first


def test_every_setting_of_the_product_is_sorted_into_secret_or_shown(settings):
    code = (settings.BASE_DIR / "vault" / "settings.py").read_text()
    asked = set(re.findall(r'(?:env\.\w+|_database)\(\s*"([A-Z0-9_]+)"', code))

    masked = {name for name in asked if configuration.show(name, "some-value").startswith("secret ")}

    assert masked == SECRETS
    assert asked - env.effective().keys() <= {"KMS_MASTER"}  # not asked for where there is a file of it


def test_two_processes_that_start_together_record_a_change_once():
    note()
    found = FOUND | {"QUARANTINE_DAYS": "30"}
    gate = threading.Barrier(4)

    def begin() -> None:
        gate.wait()
        configuration.note_settings("web", found, actor=Actor.system("start"), now=NOW)
        connection.close()

    processes = [threading.Thread(target=begin) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert [event.body["facts"]["name"] for event in in_order()] == ["all", "QUARANTINE_DAYS"]


def test_what_cannot_be_recorded_is_not_remembered_and_stops_the_start(monkeypatch):
    note()

    def full(*args, **kwargs):
        raise TrailUnavailable

    with monkeypatch.context() as broken:
        broken.setattr("audit.configuration.trail.record", full)
        with pytest.raises(TrailUnavailable):
            note(QUARANTINE_DAYS="30")
        with pytest.raises(ImproperlyConfigured, match="could not be noted in the trail"):
            starting.note_settings("web")

    assert note(QUARANTINE_DAYS="30") == [("QUARANTINE_DAYS", "14", "30")]


def test_a_start_notes_the_version_and_what_the_environment_says():
    starting.note_settings("web")

    known = dict(KnownSetting.objects.values_list("name", "value"))
    assert known["VERSION"]
    assert known["SECRET_KEY"].startswith("secret #")
    assert known.keys() >= env.effective().keys()
