"""The keys of months: there before they are needed, hardened after erasures, gone when all is over."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, ProgrammingError, connection, transaction

from audit.actions import Action
from audit.actor import Actor
from recordings import fields, keks, key_work, keys, moving, reading
from recordings.errors import KeyReplaced
from recordings.models import Details, KeyWork, KeyWorkKind, Recording, StoredKey
from retention import clock_guard, erasure, holds, key_months
from retention.errors import ClockDoubted
from retention.models import Ground
from retention.periods import Period
from tests.recordings import calls
from tests.retention.conftest import NOW, due_call, make_policy, run_sweep
from tests.trail import events
from vault import kms
from vault.crypto.container import CopyKind
from vault.kms import Duty, KeyDestroyed, KeyMissing
from vault.kms import keks as books
from vault.kms.models import Kek, KekState, Master

JOB = Actor.system("task:retention.destroy_passed_keys")
PASSED = "2026-01"


@pytest.fixture(autouse=True)
def _keyring_of_its_own(own_keyring) -> None:
    """Destroy keys that nobody else needs."""


@pytest.fixture
def passed(due) -> Recording:
    """A recording that should have gone in January, its keys of that month."""
    with transaction.atomic():
        Recording.objects.filter(pk=due.pk).update(planned_month=PASSED)
    assert moving.move_keys(now=NOW) == 1
    due.refresh_from_db()
    return due


def destroy_passed() -> int:
    return key_months.destroy_passed(actor=JOB)


def states(month: str = PASSED) -> dict[str, str]:
    found = Kek.objects.filter(name__endswith=month).order_by("name")
    return dict(found.values_list("name", "state"))


def test_the_keys_that_calls_will_need_are_made_ahead_and_told(north, katrien):
    make_policy(katrien, keep_at_most=Period(7, "years"))
    make_policy(katrien, name="Short", keep_at_most=Period(6, "weeks"))

    made = key_months.make_ahead(actor=JOB, now=datetime(2026, 12, 31, 12, tzinfo=UTC))

    names = set(Kek.objects.values_list("name", flat=True))
    months = [
        "2026-12",
        "2027-01",
        "2027-02",
        "2027-03",
        "2027-04",
        "2033-12",
        "2034-01",
        "2034-02",
        "2034-03",
    ]
    assert {f"{use}-{month}" for use in ("audio", "fields") for month in [*months, "open"]} <= names
    assert made == len(names)
    assert {event.target_id for event in events(Action.KEY_CREATED)} == names
    assert key_months.make_ahead(actor=JOB, now=datetime(2026, 12, 31, 12, tzinfo=UTC)) == 0
    assert {info.name for info in kms.service(Duty.ROTATION).describe()} == names


def test_a_passed_months_keys_go_when_nothing_lives_on_them(passed):
    assert destroy_passed() == 0
    run_sweep()

    assert destroy_passed() == 2

    assert states() == {f"audio-{PASSED}": "destroyed", f"fields-{PASSED}": "destroyed"}
    assert not Master.objects.filter(kek=f"fields-{PASSED}").exists()
    with pytest.raises(KeyDestroyed):
        kms.service(Duty.INGEST).wrap(f"audio-{PASSED}", bytes(32), b"")
    assert [
        (event.action, event.target_id) for event in events("key.destruction_begun", "key.destroyed")
    ] == [
        ("key.destruction_begun", f"audio-{PASSED}"),
        ("key.destruction_begun", f"fields-{PASSED}"),
        ("key.destroyed", f"audio-{PASSED}"),
        ("key.destroyed", f"fields-{PASSED}"),
    ]
    assert destroy_passed() == 0


def test_a_new_version_that_was_on_its_way_ends_with_its_key(passed):
    key_work.begin(f"audio-{PASSED}", KeyWorkKind.HARDEN, actor=JOB, now=NOW)
    run_sweep()

    assert destroy_passed() == 2
    assert key_work.carry_on(actor=JOB, now=NOW) == 0

    assert KeyWork.objects.get().finished_at is not None


def test_what_the_service_has_again_from_a_backup_is_destroyed_again(passed, exchange, settings):
    """Else a restored snapshot of the service would open what was erased."""
    hardened = "audio-open"
    books.ensure(hardened)
    key_work.begin(hardened, KeyWorkKind.ROTATE, actor=JOB, now=NOW)
    key_work.carry_on(actor=JOB, now=NOW)
    files = [Path(settings.KMS_KEYRING), Path(settings.KMS_MASTER_FILE)]
    before = [file.read_bytes() for file in files]
    run_sweep()
    assert destroy_passed() == 2
    key_work.begin(hardened, KeyWorkKind.HARDEN, actor=JOB, now=NOW)
    key_work.carry_on(actor=JOB, now=NOW)
    kms.service(Duty.ROTATION).rotate(hardened)
    for file, content in zip(files, before, strict=True):
        file.write_bytes(content)
    kms.service(Duty.ROTATION).rotate(hardened)  # until it has the version that the books ask for
    versions = {info.name: info.versions for info in kms.service(Duty.ROTATION).describe()}
    assert (versions[f"audio-{PASSED}"], versions[hardened]) == (1, 3)

    assert destroy_passed() == 3

    versions = {info.name: info.versions for info in kms.service(Duty.ROTATION).describe()}
    assert (versions[f"audio-{PASSED}"], versions[f"fields-{PASSED}"], versions[hardened]) == (0, 0, 1)
    assert [event.target_id for event in events(Action.KEY_DESTROYED)][2:] == [
        f"audio-{PASSED}",
        f"fields-{PASSED}",
    ]
    assert destroy_passed() == 0


def test_that_a_key_was_not_in_the_service_is_not_told_as_its_destruction(passed, monkeypatch):
    run_sweep()
    with transaction.atomic():
        keks.close(f"audio-{PASSED}", why="by hand", actor=JOB, now=NOW)
    monkeypatch.setattr(kms.service(Duty.DESTRUCTION), "destroy", _missing)

    assert keks.destroy_closed(actor=JOB, now=NOW) == 1

    (event,) = events(Action.KEY_DESTROYED)
    assert b'"not-in-the-service"' in bytes(event.entry)


def test_a_held_recordings_keys_outlive_their_month(passed, katrien):
    holds.place_hold(passed.pk, reason="Claim 12 is before the court.", actor=katrien, now=NOW)
    run_sweep()

    assert destroy_passed() == 0
    with pytest.raises(keks.KeyLivesOn), transaction.atomic():
        keks.close(f"audio-{PASSED}", why="by hand", actor=JOB, now=NOW)

    keys.forget_all_cached()
    assert b"".join(reading.read_whole(passed.renditions.get(kind=CopyKind.ORIGINAL)))


def test_the_database_closes_no_key_that_something_lives_on_whatever_the_code_does(passed):
    for name in (f"audio-{PASSED}", f"fields-{PASSED}"):
        with pytest.raises(IntegrityError, match="lives"), transaction.atomic():
            Kek.objects.filter(pk=name).update(state=KekState.CLOSING, closed_at=NOW)
    with pytest.raises(IntegrityError, match="needed"), transaction.atomic():
        Master.objects.filter(kek=f"fields-{PASSED}").delete()
    with pytest.raises(ProgrammingError, match="permission"), transaction.atomic():
        Kek.objects.filter(pk=f"audio-{PASSED}").delete()


def test_no_key_goes_while_a_recording_of_its_month_is_kept_even_if_its_own_keys_are_not_there(passed):
    """A key store that is being put back, or was emptied by SQL, is no reason to destroy what would open its backup."""
    name = f"audio-{PASSED}"
    StoredKey.objects.filter(recording_id=passed.pk).delete()

    assert destroy_passed() == 0
    assert set(states().values()) == {"active"}
    with pytest.raises(keks.KeyLivesOn), transaction.atomic():
        keks.close(name, why="by hand", actor=JOB, now=NOW)

    Kek.objects.filter(pk=name).update(state=KekState.CLOSING, closed_at=NOW)
    assert keks.destroy_closed(actor=JOB, now=NOW) == 0
    assert {info.name for info in kms.service(Duty.ROTATION).describe() if not info.destroyed_at} >= {name}


def test_a_doubted_clock_destroys_no_key(passed, monkeypatch):
    run_sweep()
    monkeypatch.setattr(clock_guard, "recheck", _doubt)

    with pytest.raises(ClockDoubted):
        destroy_passed()

    assert set(states().values()) == {"active"}


def test_a_month_that_has_not_passed_keeps_its_keys(due):
    run_sweep()
    this_month = f"{NOW:%Y-%m}"
    assert states(this_month)

    assert destroy_passed() == 0

    assert set(states(this_month).values()) == {"active"}


@pytest.mark.parametrize("dies_after", ["close", "destroy"])
def test_a_destruction_that_broke_off_is_finished_by_the_next_sweep(passed, dies_after, monkeypatch):
    run_sweep()
    service = kms.service(Duty.DESTRUCTION)
    real = service.destroy

    def die(name):
        if dies_after == "destroy":
            real(name)
        raise _Killed

    monkeypatch.setattr(service, "destroy", die)
    with pytest.raises(_Killed):
        destroy_passed()
    monkeypatch.undo()
    assert "closing" in states().values()

    assert destroy_passed() == 2
    assert set(states().values()) == {"destroyed"}


def test_a_key_that_was_closed_takes_nothing_in_and_a_call_of_that_month_comes_under_the_open_key(
    north, exchange, katrien
):
    make_policy(katrien, keep_at_most=Period(1, "years"))
    books.ensure("audio-2027-11")
    with transaction.atomic():
        keks.close("audio-2027-11", why="by hand", actor=JOB, now=NOW)
    books.forget()

    recording = calls.bring_in(exchange)

    assert recording.key_month == recording.planned_month == "open"
    assert StoredKey.objects.get(recording_id=recording.pk, kind=CopyKind.ORIGINAL).kek == "audio-open"


def test_keys_on_their_way_to_a_month_whose_key_is_gone_go_to_the_open_key_instead(passed):
    books.ensure("audio-2027-11")
    with transaction.atomic():
        Recording.objects.filter(pk=passed.pk).update(planned_month="2027-11")
        keks.close("audio-2027-11", why="by hand", actor=JOB, now=NOW)
    books.forget()

    assert [moving.move_keys(now=NOW), moving.move_keys(now=NOW)] == [1, 0]

    passed.refresh_from_db()
    assert passed.key_month == passed.planned_month == "open"
    Recording.objects.filter(pk=passed.pk).update(planned_month="2027-11")
    assert moving.move_keys(now=NOW) == 0
    passed.refresh_from_db()
    assert passed.planned_month == "open"
    assert len(events(Action.KEY_MOVED)) == 2


def test_one_that_is_erased_while_its_keys_move_does_not_stop_the_others(
    passed, exchange, katrien, monkeypatch
):
    second = due_call(exchange)
    Recording.objects.update(planned_month="2027-11")
    first, second = sorted((passed.pk, second.pk))
    real = fields.open_details

    def erased_meanwhile(recording):
        if recording.pk == first:
            Details.objects.filter(pk=first).delete()
        return real(recording)

    monkeypatch.setattr(fields, "open_details", erased_meanwhile)

    assert moving.move_keys(now=NOW) == 1
    assert Recording.objects.get(pk=second).key_month == "2027-11"


def test_a_call_for_a_key_that_was_destroyed_a_moment_ago_is_asked_for_again_not_refused_for_good(
    north, exchange, katrien, monkeypatch
):
    """What this process knew a minute ago would say 410, and an exchange that hears that sends the call nowhere."""
    make_policy(katrien, keep_at_most=Period(1, "years"))
    books.ensure("audio-2027-11")
    books.closed()
    with transaction.atomic():
        keks.close("audio-2027-11", why="by hand", actor=JOB, now=NOW)
    keks.destroy_closed(actor=JOB, now=NOW)

    with pytest.raises(KeyReplaced):
        calls.bring_in(exchange)

    assert calls.bring_in(exchange).key_month == "open"


def test_a_call_whose_key_is_closed_at_the_last_moment_is_refused_and_leaves_nothing(
    north, exchange, katrien, monkeypatch
):
    make_policy(katrien, keep_at_most=Period(1, "years"))
    monkeypatch.setattr(keks, "usable_month", lambda month: month)
    monkeypatch.setattr(keys, "refresh", lambda *args: None)

    def closed_meanwhile():
        yield calls.wav(0.2)
        with transaction.atomic():
            keks.close("audio-2027-11", why="by hand", actor=JOB, now=NOW)

    with pytest.raises(KeyReplaced):
        calls.bring_in(exchange, audio=closed_meanwhile())

    assert not Recording.objects.exists()
    assert not StoredKey.objects.filter(kek="audio-2027-11").exists()


def test_keys_are_hardened_monthly_or_after_many_erasures(north, exchange, katrien, settings):
    make_policy(katrien, keep_at_most=Period(1, "years"))
    first, second, third = (calls.bring_in(exchange, audio=calls.wav(0.2)) for _ in range(3))
    made_at = Kek.objects.get(pk="audio-2027-11").made_at
    settings.HARDEN_AFTER_ERASURES = 2

    def due_at(at):
        return key_months.harden_due(actor=JOB, now=at)

    assert due_at(made_at + timedelta(days=31)) == 0
    _erase(first, katrien)
    assert due_at(made_at + timedelta(days=1)) == 0
    _erase(second, katrien)
    assert due_at(made_at + timedelta(days=1)) == 2  # audio and fields
    key_work.carry_on(actor=JOB, now=clock_guard.read().at)

    assert KeyWork.objects.filter(finished_at__isnull=False).count() == 2
    assert due_at(made_at + timedelta(days=1)) == 0
    keys.forget_all_cached()
    assert b"".join(reading.read_whole(third.renditions.get(kind=CopyKind.ORIGINAL)))


def test_only_a_months_key_can_be_destroyed(north, exchange, katrien):
    for name in ("audio-open", "fields-open", "ledger", "accounts", "trail-2026-11"):
        books.ensure(name)
        with pytest.raises(keks.KeyIsNoMonths), transaction.atomic():
            keks.close(name, why="by hand", actor=JOB, now=NOW)


@pytest.mark.parametrize(
    "name", ["audio-open", "fields-open", "ledger", "exports", "accounts", "trail-2026-12"]
)
def test_the_database_lets_no_job_destroy_a_key_that_is_needed_for_good(db, name):
    """The account that serves requests may write the books; what stands there as closed a job destroys."""
    books.ensure(name)

    with pytest.raises(IntegrityError, match="possible"), transaction.atomic():
        Kek.objects.filter(pk=name).update(state=KekState.CLOSING, closed_at=NOW)
    with pytest.raises(IntegrityError, match="possible"), transaction.atomic():
        Kek.objects.create(name="audio-2031-01", state=KekState.CLOSING, closed_at=NOW)

    assert keks.destroy_closed(actor=JOB, now=NOW) == 0


@pytest.mark.parametrize("name", ["ledger", "exports"])
def test_work_that_only_the_database_asked_for_destroys_no_version_that_is_needed_elsewhere(db, name):
    books.ensure(name)
    wrapped = kms.service(Duty.INGEST).wrap(name, bytes(32), b"an object of the ledger")
    KeyWork.objects.create(kek=name, kind=KeyWorkKind.HARDEN, asked_at=NOW, moved_at=NOW)

    key_work.carry_on(actor=JOB, now=NOW)

    assert KeyWork.objects.get().stuck_at == NOW
    assert kms.service(Duty.INGEST).unwrap(name, wrapped, b"an object of the ledger") == bytes(32)


def test_storing_a_key_and_closing_its_key_meet_never_both(fresh_database):
    """Whoever comes second waits, and then sees what the first has done."""
    books.ensure("audio-2027-11")
    row = {"recording_id": uuid4(), "kind": 1, "kek": "audio-2027-11", "kek_version": 1}

    def store() -> str:
        try:
            StoredKey.objects.create(**row, wrapped=b"x", created_at=NOW)
        except IntegrityError:
            return "refused"
        finally:
            connection.close()
        return "stored"

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            keks.close("audio-2027-11", why="by hand", actor=JOB, now=NOW)
            storing = pool.submit(store)
            with pytest.raises(TimeoutError):
                storing.result(timeout=0.3)
        assert storing.result(timeout=10) == "refused"
    assert not StoredKey.objects.filter(kek="audio-2027-11").exists()


def test_the_command_shows_does_and_drills(passed, exchange):
    due_call(exchange)
    listed = run("list")
    assert f"audio-{PASSED}" in listed

    assert "version 2, 1 keys wrapped again" in run("rotate", f"audio-{PASSED}")
    drilled = run("replace", f"audio-{PASSED}")
    assert "version 3" in drilled
    assert "1 data keys and 0 local masters tried, 0 unreadable" in drilled
    run_sweep()
    assert "destroyed 2 keys" in run("end")
    assert "destroyed" in run("list")
    with pytest.raises(CommandError, match="key-not-in-use"):
        run("harden", f"audio-{PASSED}")
    with pytest.raises(CommandError, match="no-such-key"):
        run("check", "audio-1999-01")


def test_the_command_fails_where_work_is_given_up_and_goes_on_when_the_key_is_put_back(passed):
    there = StoredKey.objects.get(kek=f"audio-{PASSED}")
    StoredKey.objects.filter(pk=there.pk).update(wrapped=bytes(there.wrapped)[:-1] + b"x")

    with pytest.raises(CommandError, match=f"audio-{PASSED}"):
        run("harden", f"audio-{PASSED}")
    with pytest.raises(CommandError, match=str(passed.pk)):
        run("check", f"audio-{PASSED}")
    StoredKey.objects.filter(pk=there.pk).update(wrapped=bytes(there.wrapped))

    assert "version 3, 1 keys" in run("retry", f"audio-{PASSED}")


def test_keys_are_made_ahead_for_an_archive_too(katrien):
    make_policy(katrien, keep_at_most=Period(7, "years"))

    run("ahead", "--since", "2021-05-03")

    assert Kek.objects.filter(pk="audio-2028-05", made_ahead=True).exists()


def run(*words: str) -> str:
    said = StringIO()
    call_command("keys", *words, stdout=said)
    return said.getvalue()


class _Killed(BaseException):
    """The process is gone."""


def _missing(name: str) -> None:
    raise KeyMissing


def _doubt():
    raise ClockDoubted


def _erase(recording: Recording, actor: Actor) -> None:
    erasure.erase_recording(recording.pk, ground=Ground.REQUEST, actor=actor, now=NOW)
