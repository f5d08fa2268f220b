"""A month of the trail goes as a whole when its time is over; what is left can be checked as before."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, transaction
from django.template.loader import render_to_string

from audit import check, checkpoints, export, months, package, proofs, trail, verify
from audit.actions import Action
from audit.actor import Actor, Ref
from audit.events import EventFilters
from audit.models import AuditEvent, Check, CheckState, ExportState, Leaf, Lookup, RemovedMonth, SubjectKey
from audit.writers import _writers
from retention import key_months
from tests.audit.conftest import NOW, record, sequence
from tests.audit.history import let_a_day_pass, months_ago, owner_of, partitions, write_history
from tests.trail import events as events_of
from vault import clock
from vault.errors import Missing
from vault.kms.models import Kek, KekState, Master

JOB = Actor.system("task:audit.remove_months")
A, B, C = (f"{months_ago(ago):%Y-%m}" for ago in (62, 61, 60))


def remove_due() -> int:
    return months.remove_due(actor=JOB)


def exported(tmp_path: Path, *known: str, filters: EventFilters | None = None) -> verify.Findings:
    """Return what the verifier finds in a package with all that opens."""
    sequence()
    order = package.Order("one", checkpoints.newest(), filters or EventFilters(), "jsonl", True, NOW)
    path = tmp_path / "export.zip"
    path.write_bytes(b"".join(package.write_package(order, lambda _: None)))
    return verify.verify_export(path, None, list(known), whole=filters is None)


def checked() -> list[str]:
    sequence()
    return [str(one) for one in check.check_trail(actor=JOB, now=clock.now()).findings]


def test_the_oldest_months_go_one_a_day_and_everything_that_is_left_still_holds(
    fresh_database, ines, tmp_path
):
    write_history(fresh_database, ines)
    kept = [checkpoints.newest().note]
    first = AuditEvent.objects.order_by("recorded_at").first()
    assert (exported(tmp_path, *kept).all(), checked()) == ([], [])

    assert remove_due() == 4

    assert not {A} & set(partitions())
    assert not SubjectKey.objects.filter(month=A).exists()
    assert not Master.objects.filter(name=f"trail/{A}").exists()
    assert Lookup.objects.count() == 21
    with pytest.raises(Missing):
        proofs.event_proof(first.id)
    said = AuditEvent.objects.get(action=Action.TRAIL_MONTH_REMOVED)
    assert {name: said.body["facts"][name] for name in ("month", "first", "last", "events", "policy")} == {
        "month": A,
        "first": 0,
        "last": 3,
        "events": 4,
        "policy": "60 months",
    }
    assert (remove_due(), months.removed()) == (0, [A])
    let_a_day_pass(fresh_database)
    assert remove_due() == 5
    let_a_day_pass(fresh_database)
    assert (remove_due(), months.removed()) == (0, [A, B])
    sequence()
    kept.append(checkpoints.newest().note)
    found = exported(tmp_path, *kept)
    assert (found.all(), checked()) == ([], [])
    assert (
        f"4 of the records 0 to 3 ({A}) were removed when their time was over, as record 26 says."
        in found.notes
    )
    assert "Agrees with 2 checkpoints that you kept." in found.notes
    assert exported(tmp_path, filters=EventFilters(action="recording.viewed")).all() == []
    assert months.kept() == {"keep_months": 60, "gone_months": 2, "gone_since": A, "gone_until": B}


def test_the_key_of_a_month_is_destroyed_when_its_events_are_gone_and_not_before(
    fresh_database, own_keyring, ines
):
    write_history(fresh_database, ines)

    def states() -> dict[str, str]:
        key_months.destroy_passed(actor=JOB)
        return dict(Kek.objects.filter(name__in=[f"trail-{A}", f"trail-{B}"]).values_list("name", "state"))

    assert states() == {f"trail-{A}": KekState.ACTIVE, f"trail-{B}": KekState.ACTIVE}
    with pytest.raises(IntegrityError, match="this local master is needed"), transaction.atomic():
        Master.objects.filter(name=f"trail/{A}").delete()
    assert remove_due() == 4

    assert states() == {f"trail-{A}": KekState.DESTROYED, f"trail-{B}": KekState.ACTIVE}
    (begun,) = events_of(Action.KEY_DESTRUCTION_BEGUN)
    assert begun.target == Ref("key", f"trail-{A}")
    assert checked() == []


def test_the_trails_page_can_say_how_long_it_is_kept_and_what_is_gone(fresh_database, ines):
    write_history(fresh_database, ines)
    page = render_to_string("audit/_kept.html", {"kept": months.kept()})
    assert "kept for 60 months. Nothing of it has been removed yet." in page

    remove_due()

    page = render_to_string("audit/_kept.html", {"kept": months.kept()})
    assert f"One month was removed when its time was over: {A}." in page


def call_function(month: str, **facts: object) -> None:
    """Do what the job does, with facts of one's own."""
    said: dict[str, object] = {"month": month, "first": 0, "last": 3, "events": 4} | facts
    with transaction.atomic(), connection.cursor() as cursor:
        event = trail.record(
            Action.TRAIL_MONTH_REMOVED, actor=JOB, target=Ref("trail", "x"), at=clock.now(), **said
        )
        cursor.execute("SELECT audit_remove_month(%s, %s)", [month, event.id])


def test_the_database_lets_nothing_go_that_it_should_not(fresh_database, ines):
    write_history(fresh_database, ines)
    record(ines, at=months_ago(62) + timedelta(days=9))
    with owner_of(fresh_database) as owner:
        owner.execute("UPDATE audit_event SET recorded_at = occurred_at WHERE counter = 26")
    refused = [
        ("not all of it is numbered", A, {"events": 5}),
        ("not over for a year", f"{months_ago(0):%Y-%m}", {}),
        ("an older month has to go first", B, {}),
        ("no such month", "2001-01", {}),
        ("no such month", "2001-1%", {}),
    ]
    for why, month, facts in refused:
        with pytest.raises(DatabaseError, match=why):
            call_function(month, **facts)
    assert remove_due() == 0
    sequence()
    with pytest.raises(DatabaseError, match="no event of this transaction says what goes"):
        call_function(A)
    with transaction.atomic(), connection.cursor() as cursor:
        said = trail.record(
            Action.TRAIL_MONTH_REMOVED,
            actor=JOB,
            target=Ref("trail", "x"),
            at=clock.now(),
            month=A,
            first=0,
            last=25,
            events=5,
        )
    with (
        pytest.raises(DatabaseError, match="no event of this transaction"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT audit_remove_month(%s, %s)", [A, said.id])

    assert A in partitions()
    assert not RemovedMonth.objects.exists()


def test_whoever_writes_does_not_wait_for_a_removal_that_waits_for_others(fresh_database, ines):
    write_history(fresh_database, ines)

    with psycopg.connect(fresh_database.environment["DATABASE_OWNER_URL"]) as busy:
        busy.execute("LOCK TABLE audit_event IN ROW EXCLUSIVE MODE")  # as an event that is not committed yet
        assert remove_due() == 0

    assert A in partitions()
    assert Master.objects.filter(name=f"trail/{A}").exists()
    assert remove_due() == 4


def test_a_month_waits_for_who_reads_the_trail_and_who_reads_for_the_event_that_says_what_went(
    fresh_database, ines
):
    write_history(fresh_database, ines)
    now = clock.database_now()
    reading = Check.objects.create(
        id=uuid4(), asked_at=now, state=CheckState.RUNNING, lease_until=now + timedelta(minutes=5)
    )
    assert remove_due() == 0
    Check.objects.filter(pk=reading.pk).update(state=CheckState.DONE)
    asked = export.request_export(
        format="jsonl", filters=EventFilters(), with_personal=False, ground="", actor=ines, now=NOW
    )
    sequence()

    assert remove_due() == 4

    assert check.check_trail(actor=JOB, now=now).findings == []
    assert export.run_waiting(now=NOW) == 0
    assert export.require(asked.pk).state == ExportState.WAITING
    sequence()
    assert export.run_waiting(now=NOW) == 1


@pytest.mark.parametrize("statement", ["DELETE FROM audit_removedmonth", "DROP TABLE audit_event_{month}"])
def test_the_application_itself_removes_nothing(fresh_database, ines, statement):
    write_history(fresh_database, ines)

    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), transaction.atomic():
        connection.cursor().execute(statement.format(month=A.replace("-", "_")))


def test_a_clock_that_jumps_ahead_removes_nothing_for_a_week(fresh_database, ines):
    write_history(fresh_database, ines)
    with owner_of(fresh_database) as owner:
        owner.execute(
            "UPDATE audit_event SET recorded_at = clock_timestamp() WHERE counter BETWEEN 17 AND 21"
        )

    assert remove_due() == 0

    assert A in partitions()


def test_a_month_that_is_not_anchored_stays_where_there_are_anchors(fresh_database, ines):
    write_history(fresh_database, ines)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_anchor (size, kind, place, evidence, anchored_at) VALUES (3, 'mail', '', '', now())"
        )

    assert remove_due() == 0

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_anchor (size, kind, place, evidence, anchored_at) VALUES (4, 'mail', '', '', now())"
        )
    assert remove_due() == 4


@pytest.mark.parametrize(
    ("index", "found"),
    [
        (8, "Event 8 is gone."),
        (4, "Event 4 is gone."),
        (1, "Between 0 and 3 3 events are gone, but 4 were removed"),
    ],
)
def test_one_event_more_or_less_than_was_told_is_found(fresh_database, ines, tmp_path, index, found):
    write_history(fresh_database, ines)
    kept = AuditEvent.objects.get(id=Leaf.objects.get(index=index).event_id)
    assert remove_due() == 4

    with owner_of(fresh_database) as owner:
        if index == 1:  # something was put back, as from a backup: then what went is not what was told
            kept.recorded_at = Leaf.objects.get(index=index).recorded_at
            owner.execute("SELECT audit_make_partition('audit_event', %s::timestamp)", [f"{A}-01"])
            names = [field.attname for field in AuditEvent._meta.concrete_fields]
            owner.execute(
                f"INSERT INTO audit_event ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))})",  # noqa: S608 - the model's own column names
                [getattr(kept, name) for name in names],
            )
        else:
            owner.execute(
                "DELETE FROM audit_event WHERE id = (SELECT event_id FROM audit_leaf WHERE index = %s)",
                [index],
            )

    assert any(finding.startswith(found) for finding in checked())
    assert any(finding.startswith("GAP: record") for finding in exported(tmp_path).all())


def test_a_month_that_no_event_removed_is_a_loss(fresh_database, ines, tmp_path):
    write_history(fresh_database, ines)

    with owner_of(fresh_database) as owner:
        owner.execute(f"DROP TABLE audit_event_{A.replace('-', '_')}")

    assert exported(tmp_path).all()[0] == "GAP: records 0 to 3 are missing"
    assert checked()[0] == "Event 0 is gone."


def test_an_event_that_cannot_rightly_say_so_explains_nothing(fresh_database, ines, tmp_path):
    write_history(fresh_database, ines)
    with owner_of(fresh_database) as owner:
        owner.execute(
            "DELETE FROM audit_event WHERE id IN (SELECT event_id FROM audit_leaf WHERE index = 23)"
        )
    right: dict[str, object] = {"first": 23, "last": 23, "events": 1, "writers": 0, "numbers": 0}
    for changes in (
        {"month": f"{months_ago(0):%Y-%m}"},  # not over for a year
        {"month": A, "last": 99},  # more than there was
        {"month": A, "events": "1"},
        {"month": "2021-13"},
        {"month": A, "events": 2},
    ):
        record(JOB, Action.TRAIL_MONTH_REMOVED, Ref("trail", "x"), at=clock.now(), **(right | changes))

    assert exported(tmp_path).all()[0] == "GAP: record 23 is missing"
    assert any(found.startswith("Between 23 and 23 1 events are gone, but 2 were") for found in checked())


@pytest.mark.parametrize("moment", ["as it was", "as the event claims"])
def test_nobody_claims_that_what_happened_lately_went_with_a_month(fresh_database, ines, tmp_path, moment):
    write_history(fresh_database, ines)
    with owner_of(fresh_database) as owner:
        owner.execute("DELETE FROM audit_event WHERE id = (SELECT event_id FROM audit_leaf WHERE index = 24)")
        if moment == "as the event claims":
            owner.execute("UPDATE audit_leaf SET recorded_at = %s WHERE index = 24", [months_ago(62)])
    claim: dict[str, object] = {"month": A, "first": 24, "last": 24, "events": 1, "writers": 0, "numbers": 0}
    del _writers[connection.connection]  # what came last of its writer leaves no hole in its numbers
    record(JOB, Action.TRAIL_MONTH_REMOVED, Ref("trail", "x"), at=clock.now(), **claim)

    found = exported(tmp_path).all()

    assert found == ["GAP: record 24 is missing"]
    odd = (
        "Event 24 is gone."
        if moment == "as it was"
        else f"An event says that {A} was removed, but event 0 of"
    )
    assert any(finding.startswith(odd) for finding in checked())


def test_words_about_people_are_not_explained_by_a_month_that_is_there(fresh_database, ines, tmp_path):
    write_history(fresh_database, ines)
    claim: dict[str, object] = {"month": C, "first": 0, "last": 14, "events": 0, "writers": 0, "numbers": 0}
    record(JOB, Action.TRAIL_MONTH_REMOVED, Ref("trail", "x"), at=clock.now(), **claim)
    with owner_of(fresh_database) as owner:
        owner.execute("DELETE FROM audit_addendum WHERE recorded_at < now() - interval '1 year'")

    assert any(finding.startswith("ADDENDUM MISSING") for finding in exported(tmp_path).all())
    assert any(finding.startswith("The addendum of event") for finding in checked())


def test_a_new_writers_first_events_are_missed_also_after_a_month_was_removed(fresh_database, ines, tmp_path):
    write_history(fresh_database, ines)
    assert remove_due() == 4
    assert exported(tmp_path).all() == []
    del _writers[connection.connection]
    record(ines)
    record(ines)

    with owner_of(fresh_database) as owner:
        owner.execute(
            "DELETE FROM audit_event WHERE counter = 1"
            " AND NOT EXISTS (SELECT FROM audit_leaf WHERE event_id = audit_event.id)"
        )

    sequence()
    assert any("follows on number 0 of writer" in finding for finding in exported(tmp_path).all())
    assert any("missing or moved" in finding for finding in checked())
