"""Which seconds were sent: each stretch by itself, whoever seeks, at once or without end, and after a kill."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connections

from audit.actions import Action
from recordings import playback, sent, standing, viewing
from recordings.models import GrantWindow
from tests.recordings.calls import NOW, bring_in, wav
from tests.recordings.conftest import exchange_actor, person
from tests.trail import events
from vault.access.models import Team
from vault.access.roles import Role

SECOND = 16_000
HEADER = 46
CHECKOUT = Path(__file__).parents[2]

DIES_IN_MID_ANSWER = """
import os, signal, sys
import django
django.setup()
from audit.actor import Actor, ActorKind
from datetime import datetime
from uuid import UUID
from recordings import playback
account, session, team, token, now = sys.argv[1:]
ines = Actor(ActorKind.PERSON, UUID(account), role="supervisor", session=session, teams=frozenset([UUID(team)]))
answer = playback.open_range(token, 46, 46 + 16_000 * 70, actor=ines, now=datetime.fromisoformat(now))
next(answer.pieces)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def _forgetful() -> None:
    standing.forget_all()


def ask(recording, actor) -> str:
    return playback.grant(
        recording.pk, purpose="quality", reason="Second complaint", actor=actor, now=NOW
    ).token


def hear(token, actor, from_s, to_s) -> None:
    start, end = (HEADER + round(second * SECOND) for second in (from_s, to_s))
    for _piece in playback.open_range(token, start, end, actor=actor, now=NOW).pieces:
        pass


def closed() -> dict[str, object]:
    (event,) = events(Action.PLAYBACK_CLOSED)
    return event.body["facts"]


def test_seeks_within_a_minute_are_noted_as_they_were_and_nothing_between(north, exchange, ines):
    recording = bring_in(exchange, audio=wav(90))
    token = ask(recording, ines)

    for from_s, to_s in [(50, 55), (2, 5), (4, 6.5), (59, 61)]:
        hear(token, ines, from_s, to_s)
    playback.stop(token, actor=ines, now=NOW)

    assert playback.heard(recording.pk, ines.id) == [(2_000, 6_500), (50_000, 55_000), (59_000, 61_000)]
    assert closed()["heard"] == "2000-6500,50000-55000,59000-61000"
    assert closed()["heard_ms"] == 11_500
    assert [one.heard_ms for one in viewing.listeners_of(recording)] == [11_500]


def test_a_millisecond_that_was_begun_was_sent(north, exchange, ines):
    token = ask(bring_in(exchange), ines)

    for _piece in playback.open_range(token, HEADER + 17, HEADER + 18, actor=ines, now=NOW).pieces:
        pass

    assert GrantWindow.objects.get().sent == [[1, 2]]


def test_of_a_minute_heard_in_very_many_pieces_the_closest_become_one(north, exchange, ines, monkeypatch):
    monkeypatch.setattr(sent, "_MOST_STRETCHES", 3)
    recording = bring_in(exchange, audio=wav(60))
    token = ask(recording, ines)

    for from_s in (0, 10, 12, 30, 50):
        hear(token, ines, from_s, from_s + 1)

    assert playback.heard(recording.pk, ines.id) == [(0, 13_000), (30_000, 31_000), (50_000, 51_000)]


def test_a_header_plays_nothing(north, exchange, ines):
    recording = bring_in(exchange)
    token = ask(recording, ines)

    for _piece in playback.open_range(token, 0, HEADER, actor=ines, now=NOW).pieces:
        pass

    assert playback.heard(recording.pk, ines.id) == []
    assert viewing.listeners_of(recording) == []


def test_answers_at_once_lose_none_of_each_others_stretches(fresh_database):
    ines = person("ines@example.org", Role.SUPERVISOR, Team.objects.create(name="North"))
    recording = bring_in(exchange_actor(), audio=wav(60))
    token = ask(recording, ines)

    def listen(number: int) -> None:
        try:
            for turn in range(4):
                hear(token, ines, 2 * (number + 4 * turn), 2 * (number + 4 * turn) + 1)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(listen, range(4)))

    seconds = [(2_000 * number, 2_000 * number + 1_000) for number in range(16)]
    assert playback.heard(recording.pk, ines.id) == seconds
    assert GrantWindow.objects.get().under_way == 0


def test_a_process_killed_in_mid_answer_leaves_its_minutes_as_possibly_sent(fresh_database):
    north = Team.objects.create(name="North")
    ines = person("ines@example.org", Role.SUPERVISOR, north)
    recording = bring_in(exchange_actor(), audio=wav(150))
    token = ask(recording, ines)
    hear(token, ines, 5, 6)

    words = [str(ines.id), ines.session, str(north.pk), token, NOW.isoformat()]
    killed = subprocess.run(
        [sys.executable, "-c", DIES_IN_MID_ANSWER, *words],
        cwd=CHECKOUT,
        env=fresh_database.environment | {"DJANGO_SETTINGS_MODULE": "vault.settings"},
        capture_output=True,
        text=True,
    )
    playback.close_stale_grants(now=NOW + timedelta(minutes=17))

    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert closed()["heard"] == "5000-6000"
    assert closed()["possibly_sent"] == "0-120000"
