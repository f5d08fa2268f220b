"""New versions of key-encryption keys: nothing becomes unreadable, whatever dies in between."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from audit.actions import Action
from audit.actor import Actor
from recordings import fields, ingest, keks, key_check, key_work, keys, reading
from recordings.models import KeyWork, KeyWorkKind, Recording, Rendition, StoredKey
from tests.recordings import calls
from tests.recordings.calls import NOW, bring_in, wav
from tests.recordings.test_sweeps import Broken
from tests.trail import events
from vault import clock, kms
from vault.crypto.container import CopyKind
from vault.kms import Duty, KeyManagementUnavailable, UnwrapRefused, masters
from vault.kms.models import Kek, Master

NAME = "audio-2027-02"
JOB = Actor.system("task:recordings.work_on_keys")


def begin(kind: KeyWorkKind = KeyWorkKind.HARDEN, name: str = NAME) -> KeyWork:
    return key_work.begin(name, kind, actor=JOB, now=NOW)


def carry_on() -> int:
    return key_work.carry_on(actor=JOB, now=NOW)


def heard(recording: Recording) -> bytes:
    keys.forget_all_cached()
    return b"".join(reading.read_whole(recording.renditions.get(kind=CopyKind.ORIGINAL)))


@pytest.fixture(autouse=True)
def _keyring_of_its_own(own_keyring) -> None:
    """Count versions from one."""


@pytest.fixture
def three(north, exchange) -> list[Recording]:
    return [bring_in(exchange, audio=wav(seconds)) for seconds in (0.2, 0.3, 0.4)]


def test_rotating_wraps_every_key_again_and_touches_no_audio(three):
    before = {row.pk: bytes(row.wrapped) for row in StoredKey.objects.filter(kek=NAME)}
    objects = {each.pk: each.object_version for each in Rendition.objects.all()}

    begin(KeyWorkKind.ROTATE)

    assert carry_on() == 3
    assert carry_on() == 0
    after = StoredKey.objects.filter(kek=NAME)
    assert {row.kek_version for row in after} == {2}
    assert not {bytes(row.wrapped) for row in after} & set(before.values())
    assert [heard(each) for each in three] == [wav(0.2), wav(0.3), wav(0.4)]
    assert {each.pk: each.object_version for each in Rendition.objects.all()} == objects
    (work,) = KeyWork.objects.all()
    assert (work.total, work.rewrapped, work.refused, work.finished_at) == (3, 3, 0, NOW)
    assert [event.action for event in events(*_KEY_ACTIONS)] == [
        Action.KEY_ROTATION_BEGUN,
        Action.KEY_ROTATED,
        Action.KEY_REWRAPPED,
    ]


def test_hardening_makes_a_stolen_copy_of_the_key_store_worthless_for_what_was_erased(three):
    stolen = StoredKey.objects.get(recording_id=three[0].pk, kind=CopyKind.ORIGINAL)
    with transaction.atomic():
        keys.shred(three[0])

    begin()
    carry_on()

    context = keys.context_of(stolen.recording_id, stolen.pk, stolen.kind)
    with pytest.raises(UnwrapRefused):
        kms.service(Duty.PLAYBACK).unwrap(stolen.kek, bytes(stolen.wrapped), context)
    assert [heard(each) for each in three[1:]] == [wav(0.3), wav(0.4)]
    kek = Kek.objects.get(pk=NAME)
    assert kek.hardened_at == kek.rotated_at is not None


def test_rotating_a_months_fields_wraps_its_masters_again_and_leaves_the_field_keys(three):
    before = {row.pk: bytes(row.wrapped) for row in StoredKey.objects.filter(kek="fields/2027-02")}
    begin(KeyWorkKind.ROTATE, "fields-2027-02")
    carry_on()

    assert set(Master.objects.filter(kek="fields-2027-02").values_list("kek_version", flat=True)) == {2}
    assert {row.pk: bytes(row.wrapped) for row in StoredKey.objects.filter(pk__in=before)} == before
    masters.forget_all()
    assert fields.open_details(three[0]).reference == calls.REFERENCE


def test_hardening_a_months_fields_makes_a_stolen_master_worthless_for_what_was_erased(three, exchange):
    stolen = Master.objects.get(name="fields/2027-02")
    with transaction.atomic():
        keys.shred(three[0])

    begin(KeyWorkKind.HARDEN, "fields-2027-02")
    carry_on()

    (work,) = KeyWork.objects.all()
    assert (work.total, work.rewrapped, work.finished_at) == (2 + 3, 2 + 2, NOW)
    with pytest.raises(UnwrapRefused):
        masters._unwrap(stolen)
    assert masters.newest_generation("fields/2027-02") == 2
    assert not Master.objects.filter(name="fields/2027-02").exists()
    masters.forget_all()
    assert [fields.open_details(each).reference for each in three[1:]] == [calls.REFERENCE] * 2
    assert StoredKey.objects.get(recording_id=bring_in(exchange).pk, kind=keys.FIELDS).kek_version == 2


def test_hardening_destroys_nothing_until_a_backup_from_after_the_rewrapping_exists(three, settings):
    settings.HARDEN_WAIT = timedelta(hours=26)
    last_night = {row.pk: bytes(row.wrapped) for row in StoredKey.objects.filter(kek=NAME)}
    work = begin()
    carry_on()
    carry_on()

    work.refresh_from_db()
    assert (work.rewrapped, work.trim_at, work.finished_at) == (3, NOW + timedelta(hours=26), None)
    for row in StoredKey.objects.filter(kek=NAME):  # what was backed up last night still opens
        kms.service(Duty.PLAYBACK).unwrap(
            NAME, last_night[row.pk], keys.context_of(row.recording_id, row.pk, 1)
        )
    key_work.carry_on(actor=JOB, now=NOW + timedelta(hours=27))

    assert KeyWork.objects.get().finished_at == NOW + timedelta(hours=27)
    row = StoredKey.objects.get(kek=NAME, recording_id=three[0].pk)
    with pytest.raises(UnwrapRefused):
        kms.service(Duty.PLAYBACK).unwrap(
            NAME, last_night[row.pk], keys.context_of(row.recording_id, row.pk, 1)
        )
    assert [heard(each) for each in three] == [wav(0.2), wav(0.3), wav(0.4)]


def test_a_key_that_others_may_know_is_replaced_at_once(three, settings):
    settings.HARDEN_WAIT = timedelta(hours=26)

    begin(KeyWorkKind.REPLACE)
    carry_on()

    assert KeyWork.objects.get().finished_at == NOW


def test_the_database_deletes_no_master_that_a_field_key_needs(three):
    for name in ("fields/2027-02", "index-number/2027-02", "source-identity"):
        with pytest.raises(IntegrityError, match="needed"), transaction.atomic():
            Master.objects.filter(name=name).delete()
    row = StoredKey.objects.get(kek="fields/2027-02", recording_id=three[0].pk)
    with pytest.raises(IntegrityError, match="replaced"), transaction.atomic():
        StoredKey.objects.filter(pk=row.pk).update(kek_version=7)


def test_work_goes_on_where_it_stood_after_any_step_that_fails(three, monkeypatch):
    monkeypatch.setattr(key_work, "BATCH", 2)
    begin()
    for name in ("rotate", "rewrap", "trim"):
        for duty in Duty:
            broken = Broken(kms.service(duty), name, KeyManagementUnavailable())
        with monkeypatch.context() as patch:
            patch.setattr(kms, "service", lambda duty, broken=broken: broken)
            carry_on()
        assert KeyWork.objects.get().finished_at is None

    carry_on()

    assert KeyWork.objects.get().finished_at == NOW
    assert [heard(each) for each in three] == [wav(0.2), wav(0.3), wav(0.4)]
    assert key_check.check_keys(NAME, actor=JOB, now=NOW).tried == 3


def test_what_arrives_under_an_old_version_is_wrapped_again_before_that_is_destroyed(three, exchange):
    def slowly():
        yield wav(0.5)
        work = begin()
        for _ in ("the new version", "all that is there"):
            key_work._step(work, actor=JOB, now=NOW)
        assert work.rewrapped == 3

    recording = bring_in(exchange, audio=slowly())
    key = StoredKey.objects.filter(recording_id=recording.pk, kind=CopyKind.ORIGINAL)
    assert key.get().kek_version == 1

    carry_on()

    assert KeyWork.objects.get().finished_at == NOW
    assert key.get().kek_version == 2
    assert heard(recording) == wav(0.5)


def test_a_service_that_has_lost_the_new_version_stops_the_work(three, monkeypatch):
    work = begin()
    key_work._step(work, actor=JOB, now=NOW)
    KeyWork.objects.update(version=7)  # as after the service was put back from a backup

    carry_on()

    assert KeyWork.objects.get().stuck_at == NOW
    assert [heard(each) for each in three] == [wav(0.2), wav(0.3), wav(0.4)]


def test_a_version_that_the_service_does_not_have_gives_up_no_older_one_and_stops_no_other_work(
    three, exchange
):
    """As after the service was put back from a backup, for a key on which nothing lives."""
    kms.keks.ensure("audio-2031-01")
    begin(name="audio-2031-01")
    KeyWork.objects.update(version=7)
    begin(KeyWorkKind.ROTATE)

    assert carry_on() == 3

    assert KeyWork.objects.get(kek="audio-2031-01").stuck_at == NOW
    assert Kek.objects.get(pk="audio-2031-01").oldest_version == 1


def test_work_on_which_the_database_refuses_something_does_not_stop_the_others(three, monkeypatch):
    kms.keks.ensure("audio-2031-01")
    begin(name="audio-2031-01")
    begin(KeyWorkKind.ROTATE)
    real = key_work._make_version

    def deadlock(work, **given):
        if work.kek != NAME:
            raise OperationalError("deadlock detected")
        real(work, **given)

    monkeypatch.setattr(key_work, "_make_version", deadlock)

    assert carry_on() == 3


def test_what_was_erased_while_keys_were_being_wrapped_again_waits_for_the_next_hardening(three):
    """A copy of the key store from in between holds it under the version that stays."""
    work = begin()
    for _ in ("the new version", "all that is there"):
        key_work._step(work, actor=JOB, now=NOW)
    in_between = clock.database_now()

    key_work.carry_on(actor=JOB, now=clock.database_now())

    assert KeyWork.objects.get().finished_at is not None
    assert Kek.objects.get(pk=NAME).hardened_at < in_between


def test_wrapping_again_waits_for_nobody_who_has_a_key_in_hand(fresh_database):
    """Whoever moves or erases locks keys in another order: waiting for each other would end one of them."""
    recording_id = uuid4()
    kms.keks.ensure(NAME)
    rows = [keys.new_data_key(recording_id, CopyKind.ORIGINAL, month="2027-02", now=NOW)[0] for _ in range(3)]
    StoredKey.objects.bulk_create(rows)
    begin(KeyWorkKind.ROTATE)

    def work() -> int:
        try:
            return carry_on()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        StoredKey.objects.select_for_update().get(pk=rows[1].pk)
        pool.submit(work).result(timeout=10)
        assert sorted(StoredKey.objects.values_list("kek_version", flat=True)) == [1, 2, 2]
    carry_on()

    assert set(StoredKey.objects.values_list("kek_version", flat=True)) == {2}
    assert KeyWork.objects.get().finished_at == NOW


def test_the_database_stores_nothing_under_a_version_that_was_given_up(three):
    begin()
    carry_on()
    row = StoredKey.objects.filter(kek=NAME).first()

    with pytest.raises(IntegrityError, match="replaced"), transaction.atomic():
        StoredKey.objects.filter(pk=row.pk).update(kek_version=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Kek.objects.filter(pk=NAME).update(oldest_version=1)
    with pytest.raises(IntegrityError, match="lives"), transaction.atomic():
        Kek.objects.filter(pk=NAME).update(oldest_version=3)


def test_a_long_upload_that_began_before_the_hardening_is_kept_all_the_same(three, exchange):
    def slowly():
        yield wav(0.6)
        begin()
        carry_on()

    recording = bring_in(exchange, audio=slowly())

    assert StoredKey.objects.get(recording_id=recording.pk, kind=CopyKind.ORIGINAL).kek_version == 2
    assert heard(recording) == wav(0.6)


def test_a_worker_that_is_ended_right_after_the_commit_deletes_nothing_that_is_in_use(
    north, exchange, monkeypatch
):
    real = ingest._take_in

    def ended_after(*args, **kwargs):
        real(*args, **kwargs)
        raise SystemExit

    monkeypatch.setattr(ingest, "_take_in", ended_after)
    with pytest.raises(SystemExit):
        bring_in(exchange, audio=wav(0.2))

    assert heard(Recording.objects.get()) == wav(0.2)


def test_a_key_that_was_altered_stops_the_destruction_and_is_somebodys_to_look_at(three):
    row = StoredKey.objects.filter(kek=NAME, recording_id=three[1].pk).get()
    whole = bytes(row.wrapped)
    StoredKey.objects.filter(pk=row.pk).update(wrapped=whole[:-1] + bytes([whole[-1] ^ 1]))

    begin()
    carry_on()

    work = KeyWork.objects.get()
    assert (work.rewrapped, work.refused, work.finished_at) == (2, 1, None)
    assert work.stuck_at == NOW
    assert [heard(three[0]), heard(three[2])] == [wav(0.2), wav(0.4)]
    assert [event.outcome for event in events(Action.KEY_WORK_STUCK)] == ["failed"]
    StoredKey.objects.filter(pk=row.pk).update(wrapped=whole)
    key_work.retry(NAME, actor=JOB, now=NOW)
    carry_on()
    assert KeyWork.objects.get().finished_at == NOW
    assert heard(three[1]) == wav(0.3)


def test_a_key_gets_one_new_version_at_a_time(three):
    begin()

    with pytest.raises(key_work.WorkUnderWay):
        begin(KeyWorkKind.ROTATE)
    with pytest.raises(key_work.NotStuck):
        key_work.retry(NAME, actor=JOB, now=NOW)
    with pytest.raises(keks.NoSuchKey):
        begin(name="audio-1999-01")


@pytest.mark.parametrize("name", ["ledger", "exports"])
def test_a_key_whose_wraps_stand_outside_the_books_keeps_its_versions(three, name):
    kms.keks.ensure(name)

    with pytest.raises(key_work.CannotBeHardened):
        begin(name=name)
    begin(KeyWorkKind.ROTATE, name)
    carry_on()
    assert KeyWork.objects.get().finished_at == NOW


def test_trying_all_keys_finds_the_one_that_opens_another_object(three):
    assert key_check.check_keys(NAME, actor=JOB, now=NOW) == key_check.Checked(3, ())
    rendition = three[0].renditions.get()
    rendition.header = three[1].renditions.get().header
    rendition.save()

    assert key_check.check_keys(NAME, actor=JOB, now=NOW) == key_check.Checked(3, (three[0].pk,))
    assert [event.outcome for event in events(Action.KEY_VERIFIED)] == ["done", "failed"]


def test_trying_the_key_of_fields_tries_its_masters_and_what_they_wrap(three):
    found = key_check.check_keys("fields-2027-02", actor=JOB, now=NOW)
    assert (found.tried, found.unreadable, found.masters, found.lost_masters) == (3, (), 3, ())
    changed = Master.objects.get(name="index-number/2027-02")
    changed.wrapped = bytes(Master.objects.get(name="fields/2027-02").wrapped)
    changed.save()

    found = key_check.check_keys("fields-2027-02", actor=JOB, now=NOW)

    assert (found.unreadable, found.lost_masters) == ((), ("index-number/2027-02",))


_KEY_ACTIONS = [
    action for action in Action if action.value.startswith("key.") and action != Action.KEY_CREATED
]
