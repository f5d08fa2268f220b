"""Exports: made by the job, sealed, fetched once, checked by the verifier they hold."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction
from pypdf import PdfReader

from audit import events, export, package, tasks, trail, verify
from audit.actions import Action
from audit.actor import Actor, Ref
from audit.events import EventFilters
from audit.models import AuditEvent, Export, ExportState, SubjectKey
from audit.package import write_package
from audit.shapes.formats import FORMATS
from audit.subjects import Subject
from tests.audit.conftest import CALL, INES, NOW, make_export, record, record_disclosure, sequence
from vault import clock, pdf, storage
from vault.errors import Invalid
from vault.jobs.models import Heartbeat
from vault.kms import masters

pytestmark = pytest.mark.usefixtures("fresh_database")


def names(package: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(package)).namelist()


def read(package: bytes, name: str) -> str:
    return zipfile.ZipFile(io.BytesIO(package)).read(name).decode()


def named_in(package: bytes) -> list[str]:
    """Return the files that hold a name or an address."""
    archive = zipfile.ZipFile(io.BytesIO(package))
    texts = {name: archive.read(name) for name in archive.namelist()}
    if "report.pdf" in texts:
        sheets = PdfReader(io.BytesIO(texts["report.pdf"])).pages
        texts["report.pdf"] = "".join(sheet.extract_text() for sheet in sheets).encode()
    return [name for name, text in texts.items() if b"Verhoeven" in text or b"203.0.113.7" in text]


def found_in(package: bytes, tmp_path, **options) -> list[str]:
    path = tmp_path / "export.zip"
    path.write_bytes(package)
    return verify.verify_export(path, None, options.get("known", []), whole=False).all()


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("with_personal", [True, False])
def test_a_whole_export_passes_its_own_verifier(ines, tmp_path, format, with_personal):
    for _ in range(3):
        record(ines, purpose="complaint")
    sequence()

    package = make_export(ines, format=format, with_personal=with_personal)

    assert found_in(package, tmp_path) == []
    copies = {shape.file for shape in FORMATS.values() if shape.file}
    assert copies == verify.READING_COPIES | {"entries.csv"}
    assert copies & set(names(package)) == {FORMATS[format].file} - {""}
    assert ("Ines Verhoeven" in read(package, "addenda.jsonl")) if with_personal else not named_in(package)
    manifest = json.loads(read(package, "manifest.json"))
    assert (manifest["scope"], manifest["events"]) == ("whole", 4)  # the order itself is the fourth


def test_the_verifier_says_which_reading_copy_it_did_not_check(ines, tmp_path):
    path = tmp_path / "export.zip"
    path.write_bytes(make_export(ines, format="ocsf"))

    found = verify.verify_export(path, None, [], whole=True)

    assert found.all() == []
    assert "ocsf.jsonl is a reading copy and was not checked; entries.jsonl was." in found.notes


def test_an_export_over_many_tiles_passes(tmp_path, ines):
    system = Actor.system("test")
    with transaction.atomic():
        for _ in range(255):
            trail.record(Action.RECORDING_VIEWED, actor=system, target=CALL, at=NOW)

    of_one_full_tile = make_export(ines)
    with transaction.atomic():
        for _ in range(300):
            trail.record(Action.RECORDING_VIEWED, actor=system, target=CALL, at=NOW)
    of_several = make_export(ines)

    assert [name for name in names(of_one_full_tile) if "tile" in name] == ["tile/0/000", "tile/1/000.p/1"]
    assert {"tile/0/000", "tile/0/001", "tile/1/000.p/2"} <= set(names(of_several))
    assert found_in(of_one_full_tile, tmp_path) == []
    assert found_in(of_several, tmp_path) == []


def test_a_selection_holds_what_was_asked_for_and_passes(tmp_path, ines):
    system = Actor.system("test")
    with transaction.atomic():
        for at in range(600):
            actor = ines if at % 200 == 50 else system
            trail.record(Action.RECORDING_VIEWED, actor=actor, target=CALL, at=NOW)
    sequence()

    package = make_export(ines, filters=EventFilters(actor_id=INES), with_personal=True)

    manifest = json.loads(read(package, "manifest.json"))
    assert (manifest["scope"], manifest["events"]) == ("selection", 4)
    assert found_in(package, tmp_path) == []
    assert found_in(package, tmp_path, known=[read(package, "checkpoint")]) == []


def test_cells_that_a_spreadsheet_would_run_are_made_harmless(ines, tmp_path):
    record(ines, purpose="=1+1")
    sequence()

    package = make_export(ines, format="csv")

    assert "'=1+1" in read(package, "entries.csv")
    assert found_in(package, tmp_path) == []


def test_an_export_is_made_only_when_a_checkpoint_covers_the_asking(ines):
    asked = export.request_export(
        format="jsonl", filters=EventFilters(), with_personal=False, actor=ines, now=NOW
    )

    assert export.run_waiting(now=NOW) == 0
    sequence()
    assert export.run_waiting(now=NOW) == 1
    assert Export.objects.get(pk=asked.pk).state == ExportState.READY


def test_names_leave_only_on_a_ground_which_is_sealed(ines):
    with pytest.raises(Invalid):
        export.request_export(format="jsonl", filters=EventFilters(), with_personal=True, actor=ines, now=NOW)

    make_export(ines, with_personal=True)

    asked = events.read_event(AuditEvent.objects.get(action=Action.TRAIL_EXPORTED).id)
    assert {"ground": "regulator's request"} in [part.fields for part in asked.addenda]
    assert b"regulator" not in asked.event.entry


def test_what_is_stored_is_sealed(ines):
    record(ines)
    asked = export.request_export(
        format="jsonl", filters=EventFilters(), with_personal=False, actor=ines, now=NOW
    )
    sequence()
    export.run_waiting(now=NOW)

    row = Export.objects.get(pk=asked.pk)
    stored = storage.store().read(row.object_name, 0, row.sealed_bytes)
    assert b"PK\x03\x04" not in stored
    assert b"manifest" not in stored


def test_a_package_is_fetched_once(ines):
    record(ines)
    asked = export.request_export(
        format="jsonl", filters=EventFilters(), with_personal=False, actor=ines, now=NOW
    )
    with pytest.raises(export.NotReady):
        export.download(asked.id, actor=ines, now=NOW)
    sequence()
    export.run_waiting(now=NOW)
    b"".join(export.download(asked.id, actor=ines, now=NOW).pieces)

    with pytest.raises(export.AlreadyFetched) as caught:
        export.download(asked.id, actor=ines, now=NOW)

    assert caught.value.status == 410
    fetched = AuditEvent.objects.get(action=Action.TRAIL_EXPORT_DOWNLOADED)
    assert fetched.target == Ref("export", str(asked.id))


def test_a_package_expires_after_a_day_and_leaves_nothing(ines):
    asked = export.request_export(
        format="jsonl", filters=EventFilters(), with_personal=False, actor=ines, now=NOW
    )
    sequence()
    export.run_waiting(now=NOW)
    name = Export.objects.get(pk=asked.pk).object_name

    assert export.expire(now=NOW + timedelta(hours=23)) == 0
    assert export.expire(now=NOW + timedelta(hours=25)) == 1

    row = Export.objects.get(pk=asked.pk)
    assert (row.state, row.wrapped_key, row.object_name) == (ExportState.EXPIRED, None, "")
    assert storage.store().versions(name) == []
    assert AuditEvent.objects.filter(action=Action.TRAIL_EXPORT_EXPIRED).count() == 1


def test_a_package_that_was_fetched_is_removed_too(ines):
    make_export(ines)

    assert export.expire(now=NOW + timedelta(hours=1)) == 1

    row = Export.objects.get()
    assert (row.state, row.wrapped_key, row.object_name) == (ExportState.FETCHED, None, "")


def test_an_export_whose_maker_died_is_made_by_the_next(ines):
    asked = export.request_export(
        format="jsonl", filters=EventFilters(), with_personal=False, actor=ines, now=NOW
    )
    sequence()
    assert export._claim(NOW) is not None

    assert export.run_waiting(now=NOW) == 0
    assert export.run_waiting(now=NOW + export.LEASE) == 1
    assert Export.objects.get(pk=asked.pk).attempts == 2


def test_an_export_that_fails_again_and_again_is_given_up(ines, monkeypatch):
    asked = export.request_export(
        format="jsonl", filters=EventFilters(), with_personal=False, actor=ines, now=NOW
    )
    sequence()
    Export.objects.filter(pk=asked.pk).update(attempts=export.MOST_ATTEMPTS)

    assert export.run_waiting(now=NOW) == 0
    assert Export.objects.get(pk=asked.pk).state == ExportState.FAILED


def test_forgetting_somebody_blanks_their_words_and_every_proof_still_holds(ines, tmp_path):
    record_disclosure(ines)
    with transaction.atomic():
        trail.forget(Subject.account(INES), actor=Actor.system("test"), at=NOW)
    dpo = Actor.system("test")

    package = make_export(dpo, with_personal=True)

    assert b"Ines" not in read(package, "addenda.jsonl").encode()
    assert found_in(package, tmp_path) == []


def test_words_that_are_missing_without_a_forgetting_are_found(ines, tmp_path, fresh_database):
    record(ines)
    SubjectKey.objects.all().delete()

    package = make_export(Actor.system("test"), with_personal=True)

    (finding,) = found_in(package, tmp_path)
    assert finding.startswith(f"ADDENDUM MISSING: record 0 lacks its addendum about account:{INES}")


def test_a_selection_of_a_period_goes_on_where_its_filters_say(ines, tmp_path):
    record(ines, at=NOW - timedelta(days=3))
    record(ines)
    period = EventFilters(since=NOW - timedelta(days=1), until=NOW + timedelta(days=1), actor_id=INES)

    package = make_export(ines, filters=period, format="csv", with_personal=True)

    assert json.loads(read(package, "manifest.json"))["events"] == 2
    assert "203.0.113.7" in read(package, "entries.csv")
    assert found_in(package, tmp_path) == []


def test_a_report_of_too_many_events_is_refused_where_it_is_ordered(ines, monkeypatch):
    narrow = EventFilters(action=Action.RECORDING_VIEWED.value)
    monkeypatch.setitem(FORMATS, "pdf", replace(FORMATS["pdf"], most_events=2))
    for _ in range(3):
        record(ines)

    with pytest.raises(Invalid) as caught:
        order(ines, "pdf")

    assert caught.value.reason == "too-many-events"
    assert "Narrow the filter" in caught.value.detail
    assert not AuditEvent.objects.filter(action=Action.TRAIL_EXPORTED).exists()
    assert order(ines, "csv").format == "csv"
    with pytest.raises(Invalid):
        order(ines, "pdf", narrow)


def test_a_report_is_refused_where_nothing_prints_it(ines, monkeypatch):
    monkeypatch.setattr(pdf, "can_print", lambda: False)

    with pytest.raises(Invalid) as caught:
        order(ines, "pdf")

    assert caught.value.reason == "no-printer"


def test_a_report_names_who_asked_and_why_only_where_names_are_shown(ines):
    record(ines)

    shown = printed(make_export(ines, format="pdf", with_personal=True))
    withheld = printed(make_export(ines, format="pdf"))

    assert "regulator's request" in shown
    assert f"supervisor {INES}" in withheld
    assert "(names, addresses, reasons) are withheld" in withheld


def test_progress_goes_on_while_a_report_is_printed_and_ends_at_the_events(ines, monkeypatch):
    seen: list[int] = []
    write = package.write_package

    def watch(asked, on_progress):
        def note(done: int) -> None:
            seen.append(done)
            on_progress(done)

        return write(asked, note)

    monkeypatch.setattr(package, "write_package", watch)
    record(ines)

    make_export(ines, format="pdf")

    assert seen[0] == 2
    assert seen[-1] == 2 * (1 + FORMATS["pdf"].weight)
    made = Export.objects.get()
    assert (made.done, made.total) == (2, 2)


def order(actor, format, filters=None):
    return export.request_export(
        format=format, filters=filters or EventFilters(), with_personal=False, actor=actor, now=NOW
    )


def printed(made: bytes) -> str:
    report = zipfile.ZipFile(io.BytesIO(made)).read("report.pdf")
    sheets = PdfReader(io.BytesIO(report)).pages
    return " ".join("".join(sheet.extract_text() for sheet in sheets).split())


def test_a_format_that_nobody_makes_is_refused(ines):
    with pytest.raises(Invalid):
        export.request_export(format="xml", filters=EventFilters(), with_personal=False, actor=ines, now=NOW)


def test_who_took_over_an_export_is_not_overruled_by_who_was_slow(ines, monkeypatch):
    asked = export.request_export(
        format="jsonl", filters=EventFilters(), with_personal=False, actor=ines, now=NOW
    )
    sequence()
    slow = export._claim(NOW)
    assert export.run_waiting(now=NOW + export.LEASE) == 1

    assert slow is not None
    assert export._make(slow, NOW) is False
    made = Export.objects.get(pk=asked.pk)
    assert made.attempts == 2
    assert storage.store().versions(made.object_name)


def test_a_long_export_keeps_its_lease_while_it_is_written(ines, monkeypatch):
    record(ines)
    asked = export.request_export(
        format="csv", filters=EventFilters(), with_personal=False, actor=ines, now=NOW
    )
    sequence()
    passed = iter(range(0, 100_000, 25))  # each look at the clock comes 25 minutes after the one before
    monkeypatch.setattr(export, "_since", lambda _began: timedelta(minutes=next(passed)))
    leases = []

    def slowly(*given, **more):
        for piece in write_package(*given, **more):
            leases.append(Export.objects.get(pk=asked.pk).lease_until)
            yield piece

    monkeypatch.setattr("audit.package.write_package", slowly)

    assert export.run_waiting(now=NOW) == 1

    assert leases[-1] > leases[0] + export.LEASE
    made = Export.objects.get(pk=asked.pk)
    assert (made.state, made.attempts, made.done) == (ExportState.READY, 1, 2)


def test_who_lost_an_export_while_writing_it_stops(ines, monkeypatch):
    record(ines)
    asked = export.request_export(
        format="jsonl", filters=EventFilters(), with_personal=False, actor=ines, now=NOW
    )
    sequence()
    slow = export._claim(NOW)
    monkeypatch.setattr(export, "RENEWED_EVERY", timedelta())
    mine = Export.objects.filter(pk=asked.pk)
    monkeypatch.setattr("vault.kms.keks.ensure", lambda _kek: mine.update(attempts=2))

    assert export._make(slow, NOW) is False

    assert (mine.get().state, mine.get().attempts) == (ExportState.RUNNING, 2)
    assert storage.store().versions(mine.get().object_name) == []


def test_the_job_that_makes_exports_may_take_longer_than_others():
    assert tasks.run_exports.time_limit > 4 * 3600


def test_a_package_that_is_fetched_as_it_expires_is_not_taken_from_its_reader(ines):
    asked = export.request_export(
        format="jsonl", filters=EventFilters(), with_personal=False, actor=ines, now=NOW
    )
    sequence()
    export.run_waiting(now=NOW)
    seen_by_the_job = Export.objects.get(pk=asked.pk)

    download = export.download(asked.pk, actor=ines, now=NOW + timedelta(hours=23, minutes=59))
    over = NOW + timedelta(hours=24)
    assert export._expire_one(seen_by_the_job, over) is False

    assert len(b"".join(download.pieces)) == download.length
    assert export.expire(now=over + export.LEASE) == 1
    row = Export.objects.get(pk=asked.pk)
    assert (row.state, row.wrapped_key, row.object_name) == (ExportState.FETCHED, None, "")


def test_an_export_without_its_key_is_gone(ines):
    asked = export.request_export(
        format="jsonl", filters=EventFilters(), with_personal=False, actor=ines, now=NOW
    )
    sequence()
    export.run_waiting(now=NOW)
    Export.objects.filter(pk=asked.pk).update(wrapped_key=None)

    with pytest.raises(export.AlreadyFetched):
        export.download(asked.id, actor=ines, now=NOW)


def test_the_periodic_jobs_make_exports_remove_them_and_make_partitions(ines):
    asked = export.request_export(
        format="jsonl", filters=EventFilters(), with_personal=False, actor=ines, now=clock.now()
    )
    sequence()

    tasks.run_exports()
    assert Export.objects.get(pk=asked.pk).state == ExportState.READY
    tasks.expire_exports()
    tasks.make_partitions()

    month = clock.now().strftime("%Y-%m")
    assert masters.find(f"trail/{month}") is not None
    beats = Heartbeat.objects.values_list("job", flat=True)
    assert {"audit.run_exports", "audit.expire_exports", "audit.make_partitions"} <= set(beats)
