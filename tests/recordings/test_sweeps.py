"""What the periodic jobs do, and that whatever dies half-way leaves nothing behind."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import boto3
import psycopg
import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from audit import trail
from audit.actions import Action
from recordings import (
    copies,
    expiry,
    fields,
    ingest,
    keys,
    moving,
    objects,
    reading,
    renditions,
    sidecar,
    tasks,
    waiting,
)
from recordings.audio import Codec, probe
from recordings.errors import DigestMismatch, UploadTooLate
from recordings.models import Intake, PendingObject, Recording, Rendition, SourceIdentity, StoredKey
from recordings.tombstones import bury
from tests.recordings import calls
from tests.recordings.calls import NOW, bring_in, document, in_pieces, wav
from tests.recordings.conftest import exchange_actor
from tests.trail import events
from vault import clock, kms, storage
from vault.access.models import Team
from vault.crypto.container import CopyKind
from vault.kms import Duty, KeyManagementUnavailable
from vault.storage import StoreUnavailable

LATER = NOW + timedelta(minutes=3)


class Broken:
    """A part that does not answer, where it is asked for ``name``."""

    def __init__(self, real: object, name: str, error: Exception) -> None:
        self._real, self._name, self._error = real, name, error

    def __getattr__(self, name: str) -> object:
        if name == self._name:
            return self._fail
        return getattr(self._real, name)

    def _fail(self, *args: object, **kwargs: object) -> None:
        raise self._error


def announce(exchange, said=None):
    return ingest.announce(sidecar.parse(said or document()), actor=exchange, now=NOW)


def receive(announced, exchange, pieces=None):
    return ingest.receive_audio(
        announced.id, pieces or in_pieces(wav()), digest=None, actor=exchange, now=NOW
    )


def test_a_store_that_fails_leaves_nothing_and_the_next_try_succeeds(
    north, exchange, monkeypatch, stored_objects
):
    announced = announce(exchange)
    before = stored_objects()
    broken = Broken(storage.store(), "put", StoreUnavailable())
    with monkeypatch.context() as patch:
        patch.setattr(storage, "store", lambda: broken)
        with pytest.raises(StoreUnavailable):
            receive(announced, exchange)

    assert not Recording.objects.exists()
    # A server that stalled may make the object only now, of what it was sent before.
    storage.store().put(PendingObject.objects.get().object_name, [b"sealed"])
    assert objects.sweep(now=LATER) == 1
    assert stored_objects() == before
    receive(announced, exchange)


def test_an_object_that_cannot_be_deleted_now_is_swept_later(north, exchange, monkeypatch, stored_objects):
    announced = announce(exchange)
    before = stored_objects()
    broken = Broken(storage.store(), "delete", StoreUnavailable())
    with monkeypatch.context() as patch:
        patch.setattr(storage, "store", lambda: broken)
        with pytest.raises(DigestMismatch):
            ingest.receive_audio(announced.id, in_pieces(wav()), digest=b"x" * 32, actor=exchange, now=NOW)

    assert len(stored_objects() - before) == 1
    assert objects.sweep(now=NOW) == 0  # its lease still runs
    assert objects.sweep(now=LATER) == 1
    assert stored_objects() == before
    assert not PendingObject.objects.exists()


def test_a_key_service_that_fails_leaves_nothing(north, exchange, monkeypatch, stored_objects):
    announced = announce(exchange)
    before = stored_objects()
    broken = Broken(kms.service(Duty.INGEST), "wrap", KeyManagementUnavailable())
    with monkeypatch.context() as patch:
        patch.setattr(kms, "service", lambda duty: broken)
        with pytest.raises(KeyManagementUnavailable):
            receive(announced, exchange)

    assert stored_objects() == before
    assert not Recording.objects.exists()
    assert not PendingObject.objects.exists()


def test_a_sender_who_breaks_off_leaves_nothing(north, exchange, stored_objects):
    announced = announce(exchange)
    before = stored_objects()

    def broken():
        yield wav(60)
        raise ConnectionResetError

    with pytest.raises(Exception, match=r".*"):
        receive(announced, exchange, broken())

    assert stored_objects() == before
    assert not PendingObject.objects.exists()


def test_a_database_that_dies_in_the_last_transaction_leaves_an_object_for_the_sweep(
    fresh_database, monkeypatch
):
    exchange = exchange_actor()
    Team.objects.create(name="North")
    announced = announce(exchange)

    def dies(*args, **kwargs):
        with psycopg.connect(fresh_database.environment["DATABASE_URL"], autocommit=True) as killer:
            killer.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
        connection.ensure_connection()
        Recording.objects.count()

    with monkeypatch.context() as patch:
        patch.setattr(trail, "record", dies)
        with pytest.raises(DatabaseError):
            receive(announced, exchange)
    connection.close()

    pending = PendingObject.objects.get()
    assert storage.store().versions(pending.object_name)
    assert not Recording.objects.exists()
    assert not Rendition.objects.exists()
    assert not SourceIdentity.objects.exists()
    assert objects.sweep(now=LATER) == 1
    assert not storage.store().versions(pending.object_name)
    recording = receive(announced, exchange)
    assert recording.state == "active"


def test_an_upload_that_was_given_up_cannot_be_taken_into_use(north, exchange, stored_objects):
    announced = announce(exchange)
    before = stored_objects()

    def slow():
        yield wav()
        objects.sweep(now=LATER)

    with pytest.raises(UploadTooLate):
        receive(announced, exchange, slow())

    assert stored_objects() == before
    assert not Recording.objects.exists()


def test_one_object_that_cannot_be_swept_does_not_stand_in_the_way(db, monkeypatch):
    for name in ("objects/aa/1", "objects/aa/2"):
        PendingObject.objects.create(object_name=name, recording_id=uuid4(), kind=1, lease_until=NOW)
    real = storage.store()

    class Stubborn(Broken):
        def __getattr__(self, name: str) -> object:
            return self._delete if name == "delete" else getattr(real, name)

        def _delete(self, names):
            if names == ["objects/aa/1"]:
                raise StoreUnavailable
            real.delete(names)

    with monkeypatch.context() as patch:
        patch.setattr(storage, "store", lambda: Stubborn(real, "", StoreUnavailable()))
        assert objects.sweep(now=NOW) == 1

    assert list(PendingObject.objects.values_list("object_name", "is_condemned")) == [("objects/aa/1", True)]


def test_what_was_announced_and_never_came_is_dropped_with_its_key(north, exchange):
    announce(exchange)

    assert waiting.drop_stale_intakes(now=NOW + timedelta(hours=23)) == 0
    assert waiting.drop_stale_intakes(now=NOW + timedelta(hours=24)) == 1

    assert not Intake.objects.exists()
    assert not StoredKey.objects.exists()


def test_the_waveform_follows_and_its_peaks_are_those_of_the_audio(north, exchange):
    loud = bytearray(wav(1.0, codec=Codec.PCM_S16))
    loud[46 - 2 :] = b"\0" * (len(loud) - 44)
    loud[44 + 4 * 800 : 44 + 4 * 800 + 2] = (-32768).to_bytes(2, "little", signed=True)  # left, at 100 ms
    loud[44 + 4 * 4000 + 2 : 44 + 4 * 4000 + 4] = (16384).to_bytes(2, "little")  # right, at 500 ms
    recording = bring_in(exchange, audio=bytes(loud))

    assert renditions.derive_copies(now=NOW) == 1

    waveform = recording.renditions.get(kind=CopyKind.WAVEFORM)
    peaks = b"".join(reading.read_whole(waveform))
    assert len(peaks) == 2 * 50
    assert (peaks[2 * 5], peaks[2 * 25 + 1]) == (127, 64)
    assert sum(peaks) == 127 + 64
    assert renditions.derive_copies(now=NOW) == 0
    assert {row.kind for row in StoredKey.objects.filter(recording_id=recording.pk)} == {1, 4, keys.FIELDS}


def test_a_crashed_recorders_audio_gets_a_playable_copy(north, exchange):
    whole = wav(2.0)
    crashed = whole[:42] + b"\xff\xff\xff\xff" + whole[46:]
    recording = bring_in(exchange, audio=crashed)

    renditions.derive_copies(now=NOW)

    playable = b"".join(reading.read_whole(recording.renditions.get(kind=CopyKind.PLAYABLE)))
    assert playable == whole
    assert probe(playable, len(playable)).duration_ms == 2_000


def test_a_copy_that_cannot_be_derived_is_put_off_and_keeps_nobody_else_waiting(north, exchange):
    broken, whole = bring_in(exchange), bring_in(exchange)
    storage.store().delete([broken.renditions.get().object_name])

    assert renditions.derive_copies(now=NOW) == 1

    broken.refresh_from_db()
    assert broken.derive_at == NOW + timedelta(minutes=10)
    assert whole.renditions.filter(kind=CopyKind.WAVEFORM).exists()
    assert not PendingObject.objects.exists()


def test_what_is_quarantined_restricted_or_erased_is_not_even_drawn(north, exchange):
    recordings = [bring_in(exchange) for _ in range(2)] + [bring_in(exchange, said=document(lawful_bases=[]))]
    Recording.objects.filter(pk=recordings[0].pk).update(is_restricted=True)
    bury(recordings[1], now=NOW)
    Recording.objects.update(derive_at=NOW)

    assert renditions.derive_copies(now=NOW) == 0

    assert not Rendition.objects.filter(kind=CopyKind.WAVEFORM).exists()
    assert dict(Recording.objects.values_list("pk", "derive_at")) == {
        recordings[0].pk: NOW + timedelta(minutes=10),
        recordings[1].pk: None,
        recordings[2].pk: None,
    }


def test_keys_follow_the_end_of_a_recording_and_everything_still_opens(north, exchange, settings):
    recording = bring_in(exchange, audio=wav(1.5))
    renditions.derive_copies(now=NOW)
    settings.RECORDING_SCHEDULER = "tests.recordings.calls.plan_later"
    with transaction.atomic():
        planned = expiry.plan(expiry.facts_of(recording), now=NOW)
        assert expiry.set_expiry(recording, planned, actor=exchange, now=NOW)
        assert not expiry.set_expiry(recording, planned, actor=exchange, now=NOW)

    assert moving.move_keys(now=NOW) == 1
    assert moving.move_keys(now=NOW) == 0

    recording.refresh_from_db()
    assert recording.key_month == recording.planned_month == "2027-11"
    assert {row.kek for row in StoredKey.objects.all()} == {"audio-2027-11", "fields/2027-11"}
    keys.forget_cached(recording.pk)
    assert b"".join(reading.read_whole(recording.renditions.get(kind=CopyKind.ORIGINAL))) == wav(1.5)
    assert fields.open_details(recording).reference == calls.REFERENCE
    (event,) = events(Action.KEY_MOVED)
    assert event.target_id == str(recording.pk)


def test_keys_that_cannot_be_moved_wait_for_the_next_sweep(recording, monkeypatch):
    Recording.objects.filter(pk=recording.pk).update(planned_month="open")
    broken = Broken(kms.service(Duty.MOVING), "unwrap", KeyManagementUnavailable())
    with monkeypatch.context() as patch:
        patch.setattr(kms, "service", lambda duty: broken)
        keys.forget_cached(recording.pk)
        assert moving.move_keys(now=NOW) == 0

    recording.refresh_from_db()
    assert recording.key_month == "2027-02"
    assert moving.move_keys(now=NOW) == 1


def test_keys_that_cannot_be_moved_do_not_stand_in_the_way_of_others(north, exchange, monkeypatch):
    monkeypatch.setattr(moving, "_BATCH", 1)
    first, second = sorted((bring_in(exchange) for _ in range(2)), key=lambda each: each.pk)
    Recording.objects.update(planned_month="open")
    StoredKey.objects.filter(recording_id=first.pk, kind=keys.FIELDS).delete()

    assert moving.move_keys(now=NOW) == 1

    second.refresh_from_db()
    assert second.key_month == "open"


def test_a_run_of_moving_keys_that_is_out_of_time_leaves_the_rest_to_the_next(recording, monkeypatch):
    Recording.objects.update(planned_month="open")

    with monkeypatch.context() as patch:
        patch.setattr(moving, "_BUDGET_S", -1.0)
        assert moving.move_keys(now=NOW) == 0
    assert moving.move_keys(now=NOW) == 1


def test_two_runs_do_not_derive_the_same_copies(recording, monkeypatch):
    derive, by_another_run = renditions.derive, []

    def meanwhile(recording_id, *, now):
        by_another_run.append(renditions.derive_copies(now=now))
        return derive(recording_id, now=now)

    monkeypatch.setattr(renditions, "derive", meanwhile)

    assert renditions.derive_copies(now=NOW) == 1
    assert by_another_run == [0]


def test_a_recording_erased_while_its_copies_are_to_be_derived_is_passed_by(recording):
    recording.renditions.all().delete()

    assert renditions.derive_copies(now=NOW) == 0


def test_every_kind_of_copy_is_in_the_list_that_erasure_walks():
    assert set(CopyKind) == copies.COPIES.keys() | copies.NOT_OF_A_RECORDING
    assert not copies.COPIES.keys() & copies.NOT_OF_A_RECORDING


def test_erasure_is_told_of_every_object_finished_or_not(recording, stored_objects):
    renditions.derive_copies(now=NOW)
    PendingObject.objects.create(
        object_name="objects/aa/1", recording_id=recording.pk, kind=CopyKind.TRANSCRIPT, lease_until=LATER
    )

    found = copies.stored_copies(recording)

    assert {copy.kind for copy in found} == {CopyKind.ORIGINAL, CopyKind.WAVEFORM, CopyKind.TRANSCRIPT}
    assert set(copies.object_names(recording)) - {"objects/aa/1"} <= stored_objects()


def test_shredding_the_keys_leaves_nothing_that_opens(recording):
    rendition = recording.renditions.get()
    keys.opener_of(rendition)

    assert keys.shred(recording) == 2
    keys.forget_cached(recording.pk)

    with pytest.raises(keys.KeyGone):
        keys.opener_of(rendition)
    with pytest.raises(keys.KeyGone):
        fields.open_details(recording)


def test_the_job_removes_from_the_store_what_no_row_tells_of_once_it_is_days_old(bucket, db, monkeypatch):
    client = boto3.client(
        "s3",
        endpoint_url=settings.S3_ENDPOINT_URL,
        region_name=settings.S3_REGION,
        aws_access_key_id=settings.S3_ACCESS_KEY,
        aws_secret_access_key=settings.S3_SECRET_KEY,
    )
    name = f"objects/ab/{uuid4().hex}"
    client.create_multipart_upload(Bucket=bucket, Key=name)

    def unfinished() -> bool:
        found = client.list_multipart_uploads(Bucket=bucket, Prefix=name)
        return bool(found.get("Uploads"))

    tasks.drop_stale_intakes()
    assert unfinished()
    tomorrow_after_next = clock.now() + timedelta(days=3)
    monkeypatch.setattr(clock, "now", lambda: tomorrow_after_next)
    tasks.drop_stale_intakes()
    assert not unfinished()
    client.close()
