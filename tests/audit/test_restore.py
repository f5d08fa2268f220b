"""A backup is put back while a witness and a locked copy, both real, remember more than it holds."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import boto3
import pytest
from botocore.exceptions import ClientError
from django.conf import settings as current
from django.core.management import CommandError, call_command

from audit import check, continuation, log_key, months, restore, sequencer, state, verify
from audit.actor import Actor
from audit.anchors import AnchorSilent, locked_copy, witnesses, work
from audit.models import AuditEvent, Checkpoint, Leaf, SubjectKey
from tests import databases
from tests.audit.conftest import NOW, attacker, make_export, record, sequence
from tests.audit.history import months_ago, partitions, write_history
from tests.audit.test_run_sequencer import CHECKOUT
from tests.audit.witnesses import running_witness
from tests.conftest import FreshDatabase
from tests.trail import events
from vault import clock
from vault.jobs.models import Heartbeat
from vault.kms.models import Master

LOCKED_FOR = timedelta(seconds=8)
SYSTEM = Actor.system("test")


@pytest.fixture(scope="module")
def locked_bucket() -> Iterator[str]:
    """Give the tests a bucket with locks; what they put there is gone when its locks have run out."""
    name = f"locked-{secrets.token_hex(8)}"
    client = boto3.client(
        "s3",
        endpoint_url=current.S3_ENDPOINT_URL,
        region_name=current.S3_REGION,
        aws_access_key_id=current.S3_ACCESS_KEY,
        aws_secret_access_key=current.S3_SECRET_KEY,
    )
    client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    yield name
    time.sleep(LOCKED_FOR.total_seconds())
    for page in client.get_paginator("list_object_versions").paginate(Bucket=name):
        for kept in page.get("Versions", []) + page.get("DeleteMarkers", []):
            client.delete_object(Bucket=name, Key=kept["Key"], VersionId=kept["VersionId"])
    client.delete_bucket(Bucket=name)
    client.close()


@pytest.fixture
def copy(locked_bucket, settings) -> Iterator[None]:
    settings.AUDIT_ORIGIN = f"{secrets.token_hex(4)}.example/trail"
    settings.LOCKED_COPY_BUCKET = locked_bucket
    settings.LOCKED_COPY_ENDPOINT_URL = settings.S3_ENDPOINT_URL
    settings.LOCKED_COPY_ACCESS_KEY = settings.S3_ACCESS_KEY
    settings.LOCKED_COPY_SECRET_KEY = settings.S3_SECRET_KEY
    settings.LOCKED_COPY_KEPT = LOCKED_FOR
    locked_copy.store.cache_clear()
    yield
    locked_copy.store.cache_clear()


@pytest.fixture
def witness(tmp_path, settings):
    with running_witness(tmp_path / "w", log_key.verifier().vkey) as running:
        settings.WITNESSES = [running.setting]
        yield running


def grow(count: int, actor: Actor = SYSTEM) -> None:
    for _ in range(count):
        record(actor)
    sequence()


def anchor() -> int:
    return work.anchor(actor=SYSTEM, now=clock.now())


@contextmanager
def put_back(backup: str) -> Iterator[FreshDatabase]:
    with databases.pointed_at(backup):
        yield FreshDatabase(backup, databases.environment(backup))


def test_a_database_that_is_behind_its_witness_does_not_sign_and_says_what_to_do(fresh_database, witness):
    grow(3)
    with databases.backup_of(fresh_database.name) as backup:
        grow(3)
        anchor()
        with put_back(backup) as restored:
            record(SYSTEM)

            program = subprocess.run(
                [sys.executable, "manage.py", "run_sequencer"],
                cwd=CHECKOUT,
                env=fresh_database.environment
                | restored.environment
                | {"DJANGO_SETTINGS_MODULE": "vault.settings", "WITNESSES": witness.setting},
                capture_output=True,
                text=True,
                timeout=60,
            )

            assert program.returncode == 1
            assert "holds a checkpoint over 6: it was put back from a backup" in program.stderr
            assert "restore_trail --from-copy" in program.stderr
            assert Checkpoint.objects.count() == 1
            assert Heartbeat.objects.get(job="audit.sequencer").error == "RestoredBehind"


def test_a_database_that_grew_another_way_does_not_sign(fresh_database, witness):
    grow(3)
    with databases.backup_of(fresh_database.name) as backup:
        grow(3)
        anchor()
        with put_back(backup):
            grow(9)

            with pytest.raises(continuation.RestoredBehind, match="not those whose checkpoint"):
                continuation.require_continuation()


def test_while_a_place_does_not_answer_nothing_is_known(fresh_database, settings, witness):
    continuation.require_continuation()  # a fresh installation goes on
    grow(1)
    anchor()
    continuation.require_continuation()
    settings.WITNESSES = [f"{witness.vkey} http://127.0.0.1:9"]

    with pytest.raises(AnchorSilent, match="does-not-answer"):
        continuation.require_continuation()


def test_the_copy_holds_everything_that_a_checkpoint_covers_and_cannot_be_deleted(fresh_database, copy):
    grow(300)
    assert anchor() == 1
    grow(20)
    assert [anchor(), anchor()] == [1, 0]

    mine = locked_copy._prefix(current.AUDIT_ORIGIN)
    found = {one.name.removeprefix(mine) for one in locked_copy.store().listing(mine)}
    assert {name for name in found if name.startswith("tile/")} == {
        "tile/0/000",
        "tile/0/001.p/44",
        "tile/0/001.p/64",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/44",
        "tile/entries/001.p/64",
    }
    assert locked_copy.newest(current.AUDIT_ORIGIN) == Checkpoint.objects.get(size=320).note
    first = next(iter(locked_copy.store().listing(mine)))
    with pytest.raises(ClientError):
        locked_copy.store()._client.delete_object(
            Bucket=current.LOCKED_COPY_BUCKET, Key=first.name, VersionId=first.version
        )


def test_what_is_missing_comes_back_from_the_copy_and_every_proof_holds_again(
    fresh_database, copy, witness, ines, tmp_path
):
    grow(250, ines)
    record(ines)  # the backup has it, without a number
    with databases.backup_of(fresh_database.name) as backup:
        grow(30, ines)
        assert anchor() == 2
        before = Checkpoint.objects.get(size=281)
        with put_back(backup):
            late = record(ines)

            call_command("restore_trail", from_copy=True)
            sequence()

            assert bytes(Checkpoint.objects.get(size=281).root) == bytes(before.root)
            continuation.require_continuation()
            assert Leaf.objects.get(event_id=late.id).index >= 281
            assert events("trail.reimported")[0].body["facts"]["first"] == 250
            path = tmp_path / "export.zip"
            path.write_bytes(make_export(ines, with_personal=True))
            trusted = verify.Policy([verify.Key.parse(log_key.verifier().vkey)])
            findings = verify.verify_export(path, trusted, [before.note], whole=True)
            assert findings.all() == []
            assert any("30 addenda were lost with the database" in note for note in findings.notes)
            assert check.examine(Checkpoint.objects.order_by("-size")[0]).findings == []
            assert anchor() == 2


def test_a_month_that_was_removed_after_the_backup_is_removed_again(fresh_database, copy, ines, capsys):
    write_history(fresh_database, ines)
    month = f"{months_ago(62):%Y-%m}"
    assert anchor() == 1
    with databases.backup_of(fresh_database.name) as backup:
        assert months.remove_due(actor=SYSTEM) == 4
        sequence()
        assert anchor() == 1
        with put_back(backup):
            assert month in partitions()

            call_command("restore_trail", from_copy=True)

            sequence()
            assert f"Removed again, as after the backup: {month}." in capsys.readouterr().out
            assert month not in partitions()
            assert months.removed() == [month]
            assert not SubjectKey.objects.filter(month=month).exists()
            assert not Master.objects.filter(name=f"trail/{month}").exists()
            assert check.examine(Checkpoint.objects.order_by("-size")[0]).findings == []


def test_a_copy_that_was_changed_brings_nothing_back(fresh_database, copy):
    grow(3)
    with databases.backup_of(fresh_database.name) as backup:
        grow(3)
        anchor()
        with put_back(backup) as restored:
            with attacker(restored) as owner:
                owner.execute("UPDATE audit_leaf SET hash = sha256('x') WHERE index = 1")

            with pytest.raises(CommandError, match="do not lead to the root"):
                call_command("restore_trail", from_copy=True)

            assert AuditEvent.objects.count() == 3


def test_a_new_origin_begins_with_the_event_that_says_what_was_before(fresh_database, settings, witness):
    old = settings.AUDIT_ORIGIN
    grow(3)
    with databases.backup_of(fresh_database.name) as backup:
        grow(3)
        anchor()
        lost = Checkpoint.objects.get(size=6)
        with put_back(backup):
            record(SYSTEM)
            settings.AUDIT_ORIGIN = f"{old}/second"
            with pytest.raises(sequencer.OriginChanged):
                sequencer.sequence_once(now=NOW)

            call_command("restore_trail", new_origin=True, why="the disk of the first one burnt")
            sequence()

            opened = events("trail.origin_opened")[0]
            assert opened.body["facts"] == {
                "old": old,
                "tree_size": 6,
                "root": bytes(lost.root).hex(),
                "why": "the disk of the first one burnt",
            }
            assert Leaf.objects.get(event_id=opened.id).index == 3
            assert Checkpoint.objects.get(size=4).note.startswith(f"{old}/second\n")
            assert Leaf.objects.count() == 5
            assert check.examine(Checkpoint.objects.order_by("-size")[0]).findings == []
            continuation.require_continuation()


def test_an_origin_is_not_opened_twice_or_without_a_reason(fresh_database, settings):
    grow(1)
    with pytest.raises(restore.RestoreRefused, match="Set AUDIT_ORIGIN"):
        restore.open_origin(why="x", actor=SYSTEM, now=NOW)
    settings.AUDIT_ORIGIN = "other.example/trail"
    with pytest.raises(restore.RestoreRefused, match="Say why"):
        restore.open_origin(why=" ", actor=SYSTEM, now=NOW)


def test_the_page_names_why_events_wait(fresh_database):
    record(SYSTEM)
    with attacker(fresh_database) as owner:
        owner.execute("UPDATE audit_event SET recorded_at = recorded_at - interval '1 minute'")
    assert "not running" in state.state_of_trail()["late_because"]
    now = clock.now()
    Heartbeat.objects.create(job="audit.sequencer", started_at=now, finished_at=now, error="AnchorSilent")

    assert "waits for an anchor" in state.state_of_trail()["late_because"]


def test_a_witness_setting_is_a_witness_key_and_an_address(settings):
    for wrong in ("http://a.example", f"{log_key.verifier().vkey} http://a.example", "x+1+y http://a"):
        settings.WITNESSES = [wrong]
        with pytest.raises(Exception, match="WITNESSES takes"):
            witnesses.configured()
