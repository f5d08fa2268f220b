"""Stored audio that was changed or lost: refused before a byte of it leaves, and an incident in the trail."""

from __future__ import annotations

import json

import boto3
import pytest
from django.conf import settings

from audit.actions import Action
from recordings import keys, playback, renditions, standing
from recordings.errors import AlreadyErased, AudioDamaged
from recordings.models import GrantWindow, Party, Recording, Rendition, StoredKey
from recordings.tombstones import bury
from tests.people import client_of, make_person
from tests.recordings.calls import NOW, bring_in, wav
from tests.trail import events
from vault import storage
from vault.access.roles import Role
from vault.crypto.container import CopyKind


@pytest.fixture
def token(recording, ines) -> str:
    return permission(recording, ines)


def permission(recording, actor) -> str:
    keys.forget_cached(recording.pk)
    standing.forget_all()
    reason = "Second complaint about the August estimate"
    return playback.grant(recording.pk, purpose="quality", reason=reason, actor=actor, now=NOW).token


def original(recording) -> Rendition:
    return recording.renditions.get(kind=CopyKind.ORIGINAL)


def replace_object(rendition: Rendition, at: int) -> None:
    """Put other bytes in the object's place, as who has the store's own rights can."""
    whole = bytearray(storage.store().read(rendition.object_name, 0, rendition.sealed_length))
    whole[at] ^= 1
    client = boto3.client(
        "s3",
        endpoint_url=settings.S3_ENDPOINT_URL,
        region_name=settings.S3_REGION,
        aws_access_key_id=settings.S3_ACCESS_KEY,
        aws_secret_access_key=settings.S3_SECRET_KEY,
    )
    client.delete_object(Bucket=settings.S3_BUCKET, Key=rendition.object_name)
    answer = client.put_object(Bucket=settings.S3_BUCKET, Key=rendition.object_name, Body=bytes(whole))
    client.close()
    Rendition.objects.filter(pk=rendition.pk).update(object_version=answer.get("VersionId", "null"))


def incidents() -> list[tuple[str, str, str]]:
    found = [json.loads(bytes(event.entry)) for event in events(Action.PLAYBACK_ENDED)]
    return [(entry["outcome"], entry["facts"]["code"], entry["facts"]["error"]) for entry in found]


def test_a_changed_object_is_refused_before_its_first_byte_and_is_an_incident(recording, ines, token):
    replace_object(original(recording), at=60)

    with pytest.raises(AudioDamaged) as refused:
        playback.open_range(token, 0, None, actor=ines, now=NOW)

    assert (refused.value.status, refused.value.reason) == (503, "audio-damaged")
    assert incidents() == [("failed", "audio-damaged", "SegmentAltered")]
    assert not GrantWindow.objects.exists()


def test_damage_further_on_breaks_the_answer_off_and_counts_what_had_left(north, exchange, ines):
    recording = bring_in(exchange, audio=wav(60))
    token = permission(recording, ines)
    replace_object(original(recording), at=500_000)

    answer = playback.open_range(token, 0, None, actor=ines, now=NOW)
    with pytest.raises(AudioDamaged):
        list(answer.pieces)

    assert incidents() == [("failed", "audio-damaged", "SegmentAltered")]
    assert playback.heard(recording.pk, ines.id) == [(0, -(-(262_144 - 46) * 1000 // 16_000))]


def test_an_object_that_is_gone_is_an_incident(recording, ines, token):
    storage.store().delete([original(recording).object_name])

    with pytest.raises(AudioDamaged):
        playback.open_range(token, 0, None, actor=ines, now=NOW)

    assert incidents() == [("failed", "audio-damaged", "ObjectMissing")]


def test_a_wrapped_key_that_was_changed_is_an_incident(recording, ines, token):
    row = StoredKey.objects.get(pk=original(recording).key_id)
    wrapped = bytearray(row.wrapped)
    wrapped[-1] ^= 1
    StoredKey.objects.filter(pk=row.pk).update(wrapped=bytes(wrapped))

    with pytest.raises(AudioDamaged):
        playback.open_range(token, 0, None, actor=ines, now=NOW)

    assert incidents() == [("failed", "audio-damaged", "UnwrapRefused")]


def test_a_key_that_is_gone_is_an_incident(recording, ines, token):
    StoredKey.objects.filter(recording_id=recording.pk).delete()

    with pytest.raises(AudioDamaged):
        playback.open_range(token, 0, None, actor=ines, now=NOW)

    assert incidents() == [("failed", "audio-damaged", "KeyGone")]


def test_a_changed_waveform_is_an_incident(recording, ines, token):
    assert renditions.derive(recording.pk, now=NOW)
    replace_object(recording.renditions.get(kind=CopyKind.WAVEFORM), at=60)

    with pytest.raises(AudioDamaged):
        playback.peaks(token, actor=ines, now=NOW)

    assert incidents() == [("failed", "audio-damaged", "SegmentAltered")]


def test_what_was_erased_a_moment_ago_is_gone_and_no_incident(recording, ines, token):
    playback.check_standing(token, actor=ines, now=NOW)  # remembered for two seconds
    keys.shred(recording)
    bury(Recording.objects.get(pk=recording.pk), now=NOW)

    with pytest.raises(AlreadyErased):
        playback.open_range(token, 0, None, actor=ines, now=NOW)

    assert incidents() == []


def test_a_sealed_field_that_was_changed_is_refused_and_written_down(recording, north):
    supervisor = client_of(make_person(Role.SUPERVISOR, teams=[north]))
    for party in Party.objects.exclude(number_sealed=None):
        changed = bytearray(party.number_sealed)
        changed[-1] ^= 1
        Party.objects.filter(pk=party.pk).update(number_sealed=bytes(changed))

    for address in (f"/recordings/{recording.pk}/", f"/api/v1/recordings/{recording.pk}"):
        assert supervisor.get(address).status_code == 503

    written = [json.loads(bytes(event.entry)) for event in events(Action.ACCESS_REFUSED)]
    assert [entry["facts"]["code"] for entry in written] == ["damaged", "damaged"]
    assert {entry["target"]["id"] for entry in written} == {str(recording.pk)}
