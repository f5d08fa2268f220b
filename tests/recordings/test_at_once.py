"""Several senders at once: whatever the order, one recording, and nothing left over."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction

from audit import subjects, trail
from audit.actor import Actor
from audit.models import SubjectKey
from audit.subjects import Subject
from recordings import ingest, keys, playback, sidecar, standing, tombstones
from recordings.errors import UploadUnderWay
from recordings.models import GrantWindow, PendingObject, Recording, SourceIdentity
from tests.recordings.calls import NOW, bring_in, document, in_pieces, wav
from tests.recordings.conftest import exchange_actor, person
from vault import kms
from vault.access.models import Team
from vault.access.roles import Role
from vault.kms import Duty, masters
from vault.storage import store


def at_once(work: Callable[[int], Any], *, times: int) -> list[Any]:
    """Run the same work in several threads that begin together; each has a database connection of its own."""
    together = Barrier(times)

    def run(number: int) -> Any:
        try:
            together.wait()
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(run, range(times)))


def test_a_call_sent_by_four_connections_at_once_is_one_recording(fresh_database):
    Team.objects.create(name="North")
    exchange, said, audio = exchange_actor(), document(), wav()
    before = {found.name for found in store().listing("objects/")}

    def send(number: int) -> Any:
        try:
            announced = ingest.announce(sidecar.parse(said), actor=exchange, now=NOW)
            return ingest.receive_audio(
                announced.id, in_pieces(audio), digest=None, actor=exchange, now=NOW
            ).pk
        except UploadUnderWay:
            return None

    answers = at_once(send, times=4)

    recording = Recording.objects.get()
    assert set(answers) - {None} == {recording.pk}
    assert SourceIdentity.objects.count() == 1
    assert not PendingObject.objects.exists()
    assert len({found.name for found in store().listing("objects/")} - before) == 1
    assert bring_in(exchange, said=said, audio=audio).pk == recording.pk


def test_ranges_asked_for_at_once_open_each_minute_once(fresh_database):
    ines = person("ines@example.org", Role.SUPERVISOR, Team.objects.create(name="North"))
    recording = bring_in(exchange_actor(), audio=wav(30))
    token = playback.grant(
        recording.pk, purpose="quality", reason="Second complaint", actor=ines, now=NOW
    ).token
    standing.forget_all()

    def listen(number: int) -> bytes:
        piece = playback.open_range(token, number * 100, 200_000 + number, actor=ines, now=NOW)
        return b"".join(piece.pieces)

    heard = at_once(listen, times=4)

    assert heard == [wav(30)[number * 100 : 200_000 + number] for number in range(4)]
    window = GrantWindow.objects.get()
    assert window.sent == [[0, 12_498]]  # byte 200 003 plays within millisecond 12 497
    assert window.under_way == 0


def test_no_reason_for_listening_is_sealed_for_a_recording_that_is_erased_meanwhile(
    fresh_database, monkeypatch
):
    ines = person("ines@example.org", Role.SUPERVISOR, Team.objects.create(name="North"))
    recording = bring_in(exchange_actor())
    check_playable = playback.check_playable

    def erase() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = 300")
                locked = Recording.objects.select_for_update().get(pk=recording.pk)
                keys.shred(locked)
                tombstones.bury(locked, now=NOW)
                trail.forget(Subject.recording(recording.pk), actor=Actor.system("test"), at=NOW)
        finally:
            connections.close_all()

    def erased_meanwhile(*args: Any) -> None:
        check_playable(*args)
        with ThreadPoolExecutor(1) as pool, pytest.raises(OperationalError, match="lock timeout"):
            pool.submit(erase).result()

    with monkeypatch.context() as patch:
        patch.setattr(playback, "check_playable", erased_meanwhile)
        playback.grant(recording.pk, purpose="quality", reason="Second complaint", actor=ines, now=NOW)
    sealed = SubjectKey.objects.filter(subject_kind="recording", subject_id=str(recording.pk))
    assert sealed.exists()
    erase()

    assert not sealed.exists()


def test_a_long_upload_asks_the_key_service_for_nothing_while_rows_are_locked(fresh_database, monkeypatch):
    Team.objects.create(name="North")
    exchange = replace(exchange_actor(), name="Exchange")
    announced = ingest.announce(sidecar.parse(document()), actor=exchange, now=NOW)
    locked = []

    def watched(duty: Duty) -> Any:
        locked.append(connection.in_atomic_block)
        return kms.service(duty)

    def slowly() -> Any:
        yield wav()
        masters.forget_all()
        subjects._cache.drop(Subject.account(exchange.id))

    monkeypatch.setattr("vault.kms.masters.service", watched)
    ingest.receive_audio(announced.id, slowly(), digest=None, actor=exchange, now=NOW)

    assert locked
    assert not any(locked)
