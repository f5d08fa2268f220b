"""A call's life with its keys in OpenBao, each step in a process that has the token for it and no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from recordings import keys as data_keys
from recordings import moving
from recordings.models import Recording, StoredKey
from recordings.reading import read_whole
from tests.kms.conftest import forget_keys
from tests.recordings import calls
from tests.recordings.conftest import exchange_actor
from vault import kms
from vault.access.models import Team
from vault.crypto import container
from vault.crypto.container import CopyKind
from vault.kms import Duty, DutyNotGiven, KeyDestroyed, WrappedKey, keks


@pytest.fixture
def only(on_openbao, settings) -> Callable[..., object]:
    """Go on as a process that has tokens for these duties alone, and no key in memory."""

    @contextmanager
    def as_process(*given: Duty) -> Iterator[None]:
        for duty in Duty:
            setattr(settings, f"KMS_TOKEN_{duty.name}", on_openbao.tokens[duty] if duty in given else "")
        forget_keys()
        assert kms.duties() == given
        yield

    return as_process


def hear(recording: Recording) -> bytes:
    original = recording.renditions.get(kind=CopyKind.ORIGINAL)
    return b"".join(bytes(piece) for piece in read_whole(original))


def key_of_audio(recording: Recording) -> StoredKey:
    return StoredKey.objects.exclude(kind=data_keys.FIELDS).get(recording_id=recording.pk)


def test_a_call_goes_through_its_life_with_each_token_where_it_belongs(db, settings, only):
    settings.RECORDING_SCHEDULER = "tests.recordings.calls.plan"
    Team.objects.create(name="North")
    exchange, audio = exchange_actor(), calls.wav()

    with only(Duty.ROTATION):  # keys are made ahead
        for month in ("2027-02", "2027-11", "open"):
            keks.ensure(data_keys.kek_for_audio(month), ahead=True)
            keks.ensure(data_keys.kek_for_fields(month), ahead=True)
        for kek in ("ledger", "accounts", "exports", "trail-2026-11"):
            keks.ensure(kek, ahead=True)

    with only(Duty.INGEST):
        recording = calls.bring_in(exchange, audio=audio)
        Recording.objects.filter(pk=recording.pk).update(planned_month="2027-11")
        for refused in (hear, lambda each: moving.move(each.pk, actor=exchange, now=calls.NOW)):
            with pytest.raises(DutyNotGiven):
                refused(recording)
    with only(Duty.PLAYBACK):
        assert hear(recording) == audio

    settings.RECORDING_SCHEDULER = "tests.recordings.calls.plan_later"
    with only(Duty.INGEST, Duty.MOVING):  # the fields are wrapped by local masters
        assert moving.move(recording.pk, actor=exchange, now=calls.NOW)
    row = key_of_audio(recording)
    assert (row.kek, row.kek_version) == ("audio-2027-11", 1)
    before = WrappedKey(bytes(row.wrapped), context_of(row))

    with only(Duty.ROTATION):
        service = kms.service(Duty.ROTATION)
        newest = service.rotate(row.kek)
        (row.wrapped,) = service.rewrap(row.kek, [before])
        row.kek_version = service.version_of(row.wrapped)
        row.save(update_fields=["wrapped", "kek_version"])
        assert row.kek_version == newest == 2
        with pytest.raises(DutyNotGiven):
            service.trim(row.kek, oldest=newest)
        with pytest.raises(DutyNotGiven):
            service.destroy(row.kek)
    with only(Duty.DESTRUCTION):
        kms.service(Duty.DESTRUCTION).trim(row.kek, oldest=newest)
    with only(Duty.PLAYBACK):
        assert hear(recording) == audio
        with pytest.raises(kms.UnwrapRefused):
            kms.service(Duty.PLAYBACK).unwrap(row.kek, before.wrapped, before.context)

    with only(Duty.DESTRUCTION):
        kms.service(Duty.DESTRUCTION).destroy(row.kek)
        with pytest.raises(DutyNotGiven):
            hear(recording)
    with only(*Duty), pytest.raises(KeyDestroyed):
        hear(recording)


def context_of(row: StoredKey) -> bytes:
    return container.context(row.recording_id, row.pk, CopyKind(row.kind))
