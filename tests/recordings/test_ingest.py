"""Calls in: once each, with everything or with nothing."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from audit.actions import Action
from recordings import fields, ingest, keys, sidecar
from recordings.audio import Codec
from recordings.errors import (
    AlreadyErased,
    AudioTooLarge,
    CallInTheFuture,
    DigestMismatch,
    DuplicateCall,
    NoSuchIntake,
    UnknownPurpose,
    UnsupportedAudio,
    UploadUnderWay,
)
from recordings.models import Intake, PendingObject, Recording, Rendition, SourceIdentity, State, StoredKey
from recordings.tombstones import bury
from tests.recordings import calls
from tests.recordings.calls import NOW, bring_in, consent, document, in_pieces, wav
from tests.trail import events
from vault import storage
from vault.crypto import container
from vault.crypto.container import CopyKind, Opener


def test_a_call_arrives_with_everything_that_is_known_of_it(north, exchange):
    audio = wav(4.0)

    recording = bring_in(exchange, audio=audio)

    assert recording.state == State.ACTIVE
    assert recording.team == north
    assert recording.duration_ms == 4_000
    assert (recording.queue, recording.category, recording.basis_status) == (
        "billing",
        "Complaint",
        "granted",
    )
    assert recording.expires_at == recording.ended_at + timedelta(weeks=12)
    assert recording.key_month == recording.planned_month == "2027-02"
    details = fields.open_details(recording)
    assert details.reference == calls.REFERENCE
    assert details.parties[1].name == calls.CUSTOMER_NAME
    assert details.parties[1].number.tagged == calls.CUSTOMER_NUMBER
    assert [party.channel for party in details.parties] == [0, 1]
    assert read_back(recording) == audio
    assert [event.action for event in events()] == [Action.RECORDING_ANNOUNCED, Action.RECORDING_INGESTED]
    assert not Intake.objects.exists()
    assert not PendingObject.objects.exists()


def read_back(recording: Recording) -> bytes:
    rendition = recording.renditions.get(kind=CopyKind.ORIGINAL)
    context = container.context(recording.pk, rendition.key_id, CopyKind.ORIGINAL)
    opener = Opener(keys.open_data_key(rendition), context, bytes(rendition.header), rendition.sealed_length)
    store = storage.store()
    return b"".join(
        opener.open_all(
            lambda start, end: store.read(rendition.object_name, start, end, rendition.object_version)
        )
    )


@pytest.mark.parametrize("codec", list(Codec))
def test_each_codec_that_is_taken_in_comes_back_byte_for_byte(north, exchange, codec):
    audio = wav(2.5, codec=codec)

    recording = bring_in(exchange, audio=audio)

    assert read_back(recording) == audio
    assert recording.renditions.get().facts["codec"] == codec


def test_the_same_call_twice_is_one_recording(north, exchange):
    said, audio = document(), wav()

    first = bring_in(exchange, said=said, audio=audio)
    second = bring_in(exchange, said=said, audio=audio)

    assert first.pk == second.pk
    assert Recording.objects.count() == Rendition.objects.count() == 1


def test_a_call_announced_twice_is_one_announcement_and_the_last_description_counts(north, exchange):
    said = document()
    corrected = said | {"classification": ["House move"]}

    first = ingest.announce(sidecar.parse(said), actor=exchange, now=NOW)
    second = ingest.announce(sidecar.parse(corrected), actor=exchange, now=NOW)
    recording = bring_in(exchange, said=corrected)

    assert first.is_new
    assert not second.is_new
    assert first.id == second.id == recording.pk
    assert recording.category == "House move"


def test_what_is_announced_while_an_upload_begins_counts(north, exchange, monkeypatch):
    said = document()
    refused = said | {"lawful_bases": [consent("quality", status="refused")]}
    announced = ingest.announce(sidecar.parse(said), actor=exchange, now=NOW)
    key_of = fields.key_of

    def meanwhile(recording_id):
        monkeypatch.setattr(fields, "key_of", key_of)
        ingest.announce(sidecar.parse(refused), actor=exchange, now=NOW)
        return key_of(recording_id)

    monkeypatch.setattr(fields, "key_of", meanwhile)
    recording = ingest.receive_audio(announced.id, in_pieces(wav()), digest=None, actor=exchange, now=NOW)

    assert recording.state == State.QUARANTINED


def test_the_same_call_with_other_audio_is_refused_and_changes_nothing(north, exchange):
    said, audio = document(), wav(3.0)
    recording = bring_in(exchange, said=said, audio=audio)

    with pytest.raises(DuplicateCall):
        bring_in(exchange, said=said, audio=wav(3.5))

    assert read_back(recording) == audio
    assert not PendingObject.objects.exists()


def test_an_erased_call_that_is_sent_again_is_refused(north, exchange):
    said = document()
    recording = bring_in(exchange, said=said)
    bury(recording, now=NOW)

    with pytest.raises(AlreadyErased):
        ingest.announce(sidecar.parse(said), actor=exchange, now=NOW)
    with pytest.raises(AlreadyErased):
        ingest.receive_audio(recording.pk, in_pieces(wav()), digest=None, actor=exchange, now=NOW)
    assert SourceIdentity.objects.get().plain_sha256_keyed is None


def test_nobody_else_can_send_or_take_over_a_call(north, exchange, other_exchange):
    said = document()
    announced = ingest.announce(sidecar.parse(said), actor=exchange, now=NOW)

    with pytest.raises(DuplicateCall):
        ingest.announce(sidecar.parse(said), actor=other_exchange, now=NOW)
    with pytest.raises(NoSuchIntake):
        ingest.receive_audio(announced.id, in_pieces(wav()), digest=None, actor=other_exchange, now=NOW)

    recording = bring_in(exchange, said=said)
    with pytest.raises(DuplicateCall):
        ingest.announce(sidecar.parse(said), actor=other_exchange, now=NOW)
    with pytest.raises(NoSuchIntake):
        ingest.receive_audio(recording.pk, in_pieces(wav()), digest=None, actor=other_exchange, now=NOW)


def test_an_announcement_is_good_for_a_day(north, exchange):
    announced = ingest.announce(sidecar.parse(document()), actor=exchange, now=NOW)

    with pytest.raises(NoSuchIntake):
        ingest.receive_audio(
            announced.id, in_pieces(wav()), digest=None, actor=exchange, now=NOW + timedelta(hours=25)
        )


def test_audio_that_matches_its_digests_is_taken_in(north, exchange):
    audio = wav()
    sha256 = hashlib.sha256(audio)
    said = document() | {"media": {"sha256": sha256.hexdigest().upper()}}
    announced = ingest.announce(sidecar.parse(said), actor=exchange, now=NOW)

    ingest.receive_audio(announced.id, in_pieces(audio), digest=sha256.digest(), actor=exchange, now=NOW)

    assert Recording.objects.count() == 1


@pytest.mark.parametrize(
    ("audio", "digest", "refusal"),
    [
        (wav(), hashlib.sha256(b"other").digest(), DigestMismatch),
        (b"ID3" + b"x" * 5000, None, UnsupportedAudio),
        (b"", None, UnsupportedAudio),
    ],
)
def test_what_is_refused_leaves_nothing_behind(north, exchange, stored_objects, audio, digest, refusal):
    announced = ingest.announce(sidecar.parse(document()), actor=exchange, now=NOW)
    before = stored_objects()

    with pytest.raises(refusal):
        ingest.receive_audio(announced.id, in_pieces(audio), digest=digest, actor=exchange, now=NOW)

    assert stored_objects() == before
    assert not Recording.objects.exists()
    assert not PendingObject.objects.exists()
    assert not SourceIdentity.objects.exists()
    assert StoredKey.objects.get().kind == keys.FIELDS  # the intake's, for another try
    bring_in(exchange, said=document())


def test_audio_beyond_the_limit_is_refused_while_it_arrives(north, exchange, settings, stored_objects):
    settings.MAX_AUDIO_BYTES = 100_000
    announced = ingest.announce(sidecar.parse(document()), actor=exchange, now=NOW)
    before = stored_objects()

    with pytest.raises(AudioTooLarge):
        ingest.receive_audio(announced.id, in_pieces(wav(20)), digest=None, actor=exchange, now=NOW)

    assert stored_objects() == before


def test_only_one_upload_of_a_call_runs_at_a_time(north, exchange):
    announced = ingest.announce(sidecar.parse(document()), actor=exchange, now=NOW)

    def interrupted():
        yield wav()
        with pytest.raises(UploadUnderWay):
            ingest.receive_audio(announced.id, in_pieces(wav()), digest=None, actor=exchange, now=NOW)
        with pytest.raises(UploadUnderWay):
            ingest.announce(sidecar.parse(said), actor=exchange, now=NOW)

    said = document()
    announced = ingest.announce(sidecar.parse(said), actor=exchange, now=NOW)
    ingest.receive_audio(announced.id, interrupted(), digest=None, actor=exchange, now=NOW)

    assert Recording.objects.count() == 1


def test_a_call_without_a_lawful_basis_is_kept_in_quarantine(north, exchange):
    recording = bring_in(exchange, said=document(lawful_bases=[]))

    assert (recording.state, recording.quarantined_because) == (State.QUARANTINED, "no-lawful-basis")
    assert recording.expires_at == recording.ended_at + timedelta(weeks=2)
    assert recording.derive_at is None
    assert [event.action for event in events()][-1] == Action.RECORDING_QUARANTINED


def test_a_call_whose_recording_the_customer_refused_is_quarantined_for_that(north, exchange):
    recording = bring_in(exchange, said=document(lawful_bases=[consent("quality", "refused")]))

    assert (recording.state, recording.quarantined_because) == (State.QUARANTINED, "consent-refused")
    assert recording.basis_status == "refused"


def test_consent_withdrawn_during_the_call_outweighs_that_it_was_given(north, exchange):
    said = [consent("quality", "withdrawn", offset_ms=37_000), consent("quality", offset_ms=11_000)]

    recording = bring_in(exchange, said=document(lawful_bases=said))

    assert (recording.state, recording.quarantined_because) == (State.QUARANTINED, "consent-withdrawn")


def test_a_call_of_the_future_is_refused(exchange, north):
    said = document(call={"started_at": "2026-11-23T10:00:00Z"})

    with pytest.raises(CallInTheFuture):
        ingest.announce(sidecar.parse(said), actor=exchange, now=NOW)


def test_a_purpose_that_is_not_on_the_list_is_refused(exchange, north):
    with pytest.raises(UnknownPurpose):
        ingest.announce(sidecar.parse(document(lawful_bases=[consent("marketing")])), actor=exchange, now=NOW)


def test_a_header_of_a_crashed_recorder_is_repaired_in_what_is_known(north, exchange):
    whole = wav(2.0)
    crashed = whole[:42].replace(whole[:4], b"RIFF") + b"\0\0\0\0" + whole[46:]

    recording = bring_in(exchange, audio=crashed)

    assert recording.duration_ms == 2_000
    assert recording.renditions.get().facts["is_repaired"]
    assert read_back(recording) == crashed


def test_the_plan_may_change_while_the_audio_arrives(north, exchange, settings):
    announced = ingest.announce(sidecar.parse(document()), actor=exchange, now=NOW)

    def meanwhile():
        settings.RECORDING_SCHEDULER = "tests.recordings.calls.plan_later"
        yield wav()

    recording = ingest.receive_audio(announced.id, meanwhile(), digest=None, actor=exchange, now=NOW)

    assert recording.key_month == "2027-02"
    assert recording.planned_month == "2027-11"
