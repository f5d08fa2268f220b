"""Listening: for a purpose, by whom it was granted, for as long as everything holds, and written down before."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from audit import trail
from audit.actions import Action
from recordings import lawful_bases, playback, ranges, standing
from recordings.errors import (
    AlreadyErased,
    ConsentWithdrawn,
    NoLawfulBasis,
    NoSuchGrant,
    NoSuchRecording,
    PlaybackEnded,
    Quarantined,
    RangeNotSatisfiable,
    ReasonTooShort,
    Restricted,
    UnknownPurpose,
)
from recordings.lawful_bases import NewBasis
from recordings.models import GrantWindow, PlaybackGrant, Recording
from recordings.tombstones import bury
from tests.recordings.calls import NOW, bring_in, document, wav
from tests.recordings.conftest import exchange_actor, person
from tests.trail import events
from vault.access.models import Membership, Team, User
from vault.access.roles import Role
from vault.errors import Forbidden

REASON = "Second complaint about the August estimate"
LATER = NOW + timedelta(seconds=3)  # beyond the two seconds that an answer is good


def ask(recording, actor, *, purpose="quality", reason=REASON, now=NOW):
    return playback.grant(recording.pk, purpose=purpose, reason=reason, actor=actor, now=now)


def listen(token, actor, start=0, end=None, *, now=NOW) -> bytes:
    return b"".join(playback.open_range(token, start, end, actor=actor, now=now).pieces)


def facts(event) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bytes(event.entry)).get("facts", {})
    return found


def withdraw(recording, actor, purpose="quality", *, now=NOW):
    said = NewBasis(party=1, purpose=purpose, basis="consent", status="withdrawn", at=now, method="letter")
    return lawful_bases.record_basis(recording.pk, said, actor=actor, now=now)


@pytest.fixture(autouse=True)
def _forgetful() -> None:
    standing.forget_all()


def test_a_supervisor_hears_what_went_in(recording, ines):
    granted = ask(recording, ines)

    assert listen(granted.token, ines) == wav()
    assert granted.duration_ms == 3_000
    assert granted.channels == 2
    assert granted.expires_at == NOW + timedelta(minutes=15)


def test_a_grant_stands_in_the_trail_with_its_purpose_and_its_rule(recording, ines):
    granted = ask(recording, ines)

    (event,) = events(Action.PLAYBACK_GRANTED)
    entry = json.loads(bytes(event.entry))
    assert (entry["purpose"], entry["facts"]["grant"]) == ("quality", str(granted.grant_id))
    assert entry["rule"].startswith("supervisor in team ")
    assert REASON.encode() not in bytes(event.entry)
    assert {addendum["subject"].split(":")[0] for addendum in entry["addenda"]} == {"account", "recording"}


def test_any_range_is_the_same_bytes_capped_at_a_mebibyte(north, exchange, ines):
    audio = wav(120)
    recording = bring_in(exchange, audio=audio)
    token = ask(recording, ines).token

    whole = playback.open_range(token, 0, None, actor=ines, now=NOW)

    assert (whole.start, whole.end, whole.total) == (0, ranges.MOST_BYTES, len(audio))
    assert b"".join(whole.pieces) == audio[: ranges.MOST_BYTES]
    for start, end in [
        (0, 1),
        (44, 100_000),
        (16_383, 16_386),
        (len(audio) - 5, None),
        (1_000_000, 1_300_000),
    ]:
        assert listen(token, ines, start, end) == audio[start:end]
    with pytest.raises(RangeNotSatisfiable):
        playback.open_range(token, len(audio), None, actor=ines, now=NOW)


def test_a_minute_is_in_the_trail_before_its_first_byte_and_only_once(north, exchange, ines):
    recording = bring_in(exchange, audio=wav(150))
    token = ask(recording, ines).token

    piece = playback.open_range(token, 0, 1000, actor=ines, now=NOW)

    assert [facts(event)["from_ms"] for event in events(Action.PLAYBACK_WINDOW)] == [0]
    list(piece.pieces)
    listen(token, ines, 1000, 2000)
    listen(token, ines, 2_000_000, None)
    windows = [(facts(event)["from_ms"], facts(event)["to_ms"]) for event in events(Action.PLAYBACK_WINDOW)]
    assert windows == [(0, 60_000), (120_000, 150_000)]


def test_nothing_is_sent_that_cannot_be_written_down(fresh_database, monkeypatch):
    monkeypatch.setattr(trail, "TIME_LIMIT_MS", 200)
    ines = person("ines@example.org", Role.SUPERVISOR, Team.objects.create(name="North"))
    recording = bring_in(exchange_actor())
    token = ask(recording, ines).token

    with psycopg.connect(fresh_database.environment["DATABASE_OWNER_URL"]) as somebody:
        somebody.execute("LOCK TABLE audit_event IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(trail.TrailUnavailable):
            playback.open_range(token, 0, None, actor=ines, now=NOW)

    assert not GrantWindow.objects.exists()
    assert listen(token, ines) == wav()


def test_stopping_says_which_seconds_were_sent(north, exchange, ines):
    recording = bring_in(exchange, audio=wav(150))
    token = ask(recording, ines).token
    listen(token, ines, 0, 46 + 16_000 * 10)
    listen(token, ines, 46 + 16_000 * 70, 46 + 16_000 * 75)

    playback.stop(token, actor=ines, now=LATER)
    playback.stop(token, actor=ines, now=LATER)

    (event,) = events(Action.PLAYBACK_CLOSED)
    assert facts(event)["heard"] == "0-10000,70000-75000"
    assert facts(event)["heard_ms"] == 15_000
    assert facts(event)["possibly_sent"] == ""
    assert playback.heard(recording.pk, ines.id) == [(0, 10_000), (70_000, 75_000)]
    with pytest.raises(PlaybackEnded) as ended:
        listen(token, ines)
    assert ended.value.reason == "stopped"


def test_an_answer_that_breaks_off_counts_only_what_left(north, exchange, ines):
    recording = bring_in(exchange, audio=wav(60))
    token = ask(recording, ines).token

    pieces = playback.open_range(token, 0, None, actor=ines, now=NOW).pieces
    next(pieces)
    pieces.close()

    assert playback.heard(recording.pk, ines.id) == [(0, 4_094)]  # 64 KiB, begun milliseconds too


def test_after_a_crash_a_window_stands_as_possibly_sent(north, exchange, ines):
    recording = bring_in(exchange, audio=wav(90))
    token = ask(recording, ines).token
    lost = playback.open_range(token, 0, 100, actor=ines, now=NOW)  # never read, as after a crash

    assert playback.close_stale_grants(now=NOW + timedelta(minutes=17)) == 1

    (event,) = events(Action.PLAYBACK_CLOSED)
    assert facts(event)["why"] == "expired"
    assert facts(event)["possibly_sent"] == "0-60000"
    assert lost.end == 100


def test_an_answer_under_way_when_the_grant_is_closed_counts_as_possibly_sent(north, exchange, ines):
    recording = bring_in(exchange, audio=wav(90))
    token = ask(recording, ines).token
    listen(token, ines, 0, 1000)

    pieces = playback.open_range(token, 0, 900_000, actor=ines, now=NOW).pieces
    next(pieces)
    playback.stop(token, actor=ines, now=NOW)
    list(pieces)  # what had been answered already is read after the closing event

    (event,) = events(Action.PLAYBACK_CLOSED)
    assert facts(event)["possibly_sent"] == "0-60000"


def test_nothing_is_sent_after_the_closing_event_by_who_remembers_the_grant_as_open(recording, ines):
    token = ask(recording, ines).token
    listen(token, ines, 0, 1000)
    remembered = playback.check_standing(token, actor=ines, now=NOW)
    playback.stop(token, actor=ines, now=NOW)
    standing.remember(remembered, now=NOW)  # as another process does for two seconds

    with pytest.raises(PlaybackEnded) as ended:
        listen(token, ines, 0, 1000)

    assert ended.value.reason == "stopped"


def test_what_is_erased_or_restricted_is_not_sent_by_who_remembers_the_grant_as_open(
    north, exchange, ines, katrien
):
    erased, restricted = bring_in(exchange), bring_in(exchange)
    for recording in (erased, restricted):
        token = ask(recording, ines).token
        assert listen(token, ines) == wav()  # remembered from here on, with its key
        if recording is erased:
            bury(Recording.objects.get(pk=recording.pk), now=NOW)
        else:
            Recording.objects.filter(pk=recording.pk).update(is_restricted=True)

        with pytest.raises(AlreadyErased if recording is erased else PlaybackEnded) as refused:
            listen(token, ines)
        assert refused.value.reason == ("erased" if recording is erased else "restricted")
    with pytest.raises(PlaybackEnded):
        listen(token, ines)
    assert PlaybackGrant.objects.get(recording=restricted).ended_because == "restricted"


def test_grants_that_still_run_are_not_closed(recording, ines):
    ask(recording, ines)

    assert playback.close_stale_grants(now=NOW + timedelta(minutes=15)) == 0


def test_a_token_is_worth_nothing_to_anybody_else(recording, ines, sander):
    token = ask(recording, ines).token

    for other in (sander, replace(ines, session="another session"), replace(sander, session=ines.session)):
        with pytest.raises(NoSuchGrant):
            listen(token, other)
    for wrong in (token[:-1] + ("a" if token[-1] != "a" else "b"), token.upper(), "", "x.y", "é" * 32):
        with pytest.raises(NoSuchGrant):
            listen(wrong, ines)


def test_who_is_out_of_reach_learns_nothing(recording, sander, bram, exchange):
    for actor in (sander, bram):
        with pytest.raises(NoSuchRecording):
            ask(recording, actor)
    with pytest.raises(Forbidden):
        ask(recording, exchange)


def test_a_reason_needs_words(recording, ines):
    for reason in ("", "  because  ", "x" * 501):
        with pytest.raises(ReasonTooShort):
            ask(recording, ines, reason=reason)


def test_a_purpose_needs_a_lawful_basis_of_its_own(recording, ines):
    ask(recording, ines, purpose="complaint")
    with pytest.raises(NoLawfulBasis):
        ask(recording, ines, purpose="training")
    with pytest.raises(UnknownPurpose):
        ask(recording, ines, purpose="curiosity")


def test_what_is_quarantined_restricted_or_erased_is_not_played(north, exchange, ines, recording):
    quarantined = bring_in(exchange, said=document(lawful_bases=[]))
    with pytest.raises(Quarantined):
        ask(quarantined, ines)

    Recording.objects.filter(pk=recording.pk).update(is_restricted=True)
    with pytest.raises(Restricted):
        ask(recording, ines)

    bury(recording, now=NOW)
    with pytest.raises(AlreadyErased):
        ask(recording, ines)


def test_withdrawn_consent_refuses_the_next_listener(recording, ines, katrien):
    withdraw(recording, katrien)

    with pytest.raises(ConsentWithdrawn):
        ask(recording, ines)
    ask(recording, ines, purpose="complaint")


def lose_role(recording, ines):
    User.objects.filter(pk=ines.id).update(role="agent")


def be_disabled(recording, ines):
    User.objects.filter(pk=ines.id).update(is_active=False, disabled_at=NOW)


def leave_team(recording, ines):
    Membership.objects.filter(user_id=ines.id).delete()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lose_role, "role-lost"),
        (be_disabled, "disabled"),
        (leave_team, "out-of-reach"),
        (lambda recording, ines: withdraw(recording, ines), "consent-withdrawn"),
    ],
)
def test_what_no_longer_holds_ends_running_playback_within_two_seconds(recording, ines, change, code):
    token = ask(recording, ines).token
    listen(token, ines)

    change(recording, ines)

    listen(token, ines, now=NOW + timedelta(seconds=1.9))
    with pytest.raises(PlaybackEnded) as ended:
        listen(token, ines, now=LATER)
    assert ended.value.reason == code
    assert facts(events(Action.PLAYBACK_CLOSED)[0])["why"] == code
    assert PlaybackGrant.objects.get().ended_because == code
    with pytest.raises(PlaybackEnded) as asked_again:
        playback.check_standing(token, actor=ines, now=LATER)
    assert asked_again.value.detail == ended.value.detail != PlaybackEnded.title


def test_an_erased_recording_is_gone_for_who_was_listening(recording, ines):
    token = ask(recording, ines).token
    listen(token, ines)
    bury(recording, now=NOW)

    with pytest.raises(AlreadyErased):
        listen(token, ines, now=LATER)


def test_a_permission_ends_on_the_second(recording, ines):
    granted = ask(recording, ines)

    listen(granted.token, ines, now=granted.expires_at - timedelta(seconds=1))
    with pytest.raises(PlaybackEnded) as ended:
        listen(granted.token, ines, now=granted.expires_at)
    assert ended.value.reason == "expired"


def test_a_clock_that_goes_back_makes_no_answer_good_for_longer(recording, ines):
    token = ask(recording, ines).token
    listen(token, ines, now=NOW)
    Recording.objects.filter(pk=recording.pk).update(is_restricted=True)

    with pytest.raises(PlaybackEnded):
        listen(token, ines, now=NOW - timedelta(hours=1))


def test_what_was_heard_fits_a_fact_however_scattered():
    scattered = [(minute * 60_000, minute * 60_000 + 1_000) for minute in range(500)]

    written = playback.written(scattered)

    assert len(written) <= 1_000
    parts = [tuple(map(int, part.split("-"))) for part in written.split(",")]
    for from_ms, to_ms in scattered:
        assert any(first <= from_ms and to_ms <= last for first, last in parts)
