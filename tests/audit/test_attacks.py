"""Somebody who owns the database changes the trail; the export's verifier names what was done."""

from __future__ import annotations

import psycopg
import pytest
from django.conf import settings
from django.db import transaction

from audit import check, checkpoints, log_key, package, trail, verify
from audit.actions import Action
from audit.actor import Actor
from audit.events import EventFilters
from audit.models import Checkpoint
from audit.tree import Edge, leaf_hash
from audit.tree_head import TreeHead
from tests.audit.conftest import CALL, NOW, attacker, make_export, record, sequence

SYSTEM = Actor.system("test")


def record_some(count: int = 12) -> None:
    for _ in range(count):
        with transaction.atomic():
            trail.record(Action.RECORDING_VIEWED, actor=SYSTEM, target=CALL, at=NOW, state="active")


def verified(tmp_path, *known: str) -> list[str]:
    path = tmp_path / "export.zip"
    path.write_bytes(make_export(SYSTEM))
    return verify.verify_export(path, None, list(known), whole=True).all()


def kinds(found: list[str]) -> set[str]:
    return {finding.split(":")[0] for finding in found}


FLIPPED = """
    UPDATE audit_event SET entry = set_byte(entry, 20, get_byte(entry, 20) # 1)
    WHERE id = (SELECT event_id FROM audit_leaf WHERE index = 5)
"""
DELETED = "DELETE FROM audit_event WHERE id = (SELECT event_id FROM audit_leaf WHERE index = 5)"
SWAPPED = """
    UPDATE audit_event AS event SET entry = other.entry
    FROM audit_event AS other, audit_leaf AS three, audit_leaf AS five
    WHERE three.index = 3 AND five.index = 5
      AND (event.id, other.id) IN ((three.event_id, five.event_id), (five.event_id, three.event_id))
"""
RENAMED = """
    UPDATE audit_event SET entry = convert_to(replace(convert_from(entry, 'UTF8'), 'active', 'erased'), 'UTF8')
    WHERE id = (SELECT event_id FROM audit_leaf WHERE index = 5)
"""
REHASHED = """
    UPDATE audit_leaf SET hash = (SELECT sha256('\\x00'::bytea || entry) FROM audit_event WHERE id = event_id)
    WHERE index = 5
"""


@pytest.mark.parametrize(
    ("attack", "named"),
    [
        (FLIPPED, {"ALTERED"}),
        (DELETED, {"GAP"}),
        (SWAPPED, {"MOVED"}),
        (RENAMED, {"ALTERED"}),
        ("DELETE FROM audit_leaf WHERE index = 5", {"GAP"}),
        ("UPDATE audit_leaf SET hash = sha256('x') WHERE index = 5", {"TILE"}),
    ],
    ids=[
        "a flipped bit",
        "a deleted event",
        "two swapped events",
        "a changed word",
        "a deleted leaf",
        "a changed leaf",
    ],
)
def test_a_change_after_the_checkpoint_is_named(fresh_database, tmp_path, attack, named):
    record_some()
    path = tmp_path / "export.zip"
    sequence()
    path.write_bytes(make_export(SYSTEM))  # everything is numbered and signed; a last export passes
    assert verify.verify_export(path, None, [], whole=True).all() == []

    with attacker(fresh_database) as owner:
        owner.execute(attack)

    assert kinds(exported_again(tmp_path)) >= named


def exported_again(tmp_path) -> list[str]:
    """Return what is wrong with a package written now over the newest checkpoint, without a new order."""
    order = package.Order("again", checkpoints.newest(), EventFilters(), "jsonl", False, NOW)
    path = tmp_path / "again.zip"
    path.write_bytes(b"".join(package.write_package(order, lambda _: None)))
    return verify.verify_export(path, None, [], whole=True).all()


def test_an_event_deleted_before_it_was_numbered_leaves_a_hole(fresh_database, tmp_path):
    record_some()
    with attacker(fresh_database) as owner:
        owner.execute("DELETE FROM audit_event WHERE counter = 5")

    found = verified(tmp_path)

    assert kinds(found) == {"GAP"}
    assert "follows on number 4 of writer" in found[0]


def test_an_old_backup_is_a_rollback_for_who_kept_a_checkpoint(fresh_database, tmp_path):
    record_some(4)
    sequence()
    record_some(4)
    kept = sequence().note
    with attacker(fresh_database) as owner:
        owner.execute("DELETE FROM audit_checkpoint WHERE size > 4")
        owner.execute(
            "DELETE FROM audit_event WHERE id IN (SELECT event_id FROM audit_leaf WHERE index >= 4)"
        )
        owner.execute("DELETE FROM audit_leaf WHERE index >= 4")

    assert exported_again(tmp_path) == []
    path = tmp_path / "again.zip"
    found = verify.verify_export(path, None, [kept], whole=True).all()

    assert found == ["ROLLED BACK: a checkpoint you kept covers 8 records, this package only 4"]


def test_a_history_rewritten_with_the_real_key_is_found_by_a_kept_checkpoint(fresh_database, tmp_path):
    record_some()
    kept = sequence().note
    with attacker(fresh_database) as owner:
        owner.execute(RENAMED)
        owner.execute(REHASHED)
        entries = [
            bytes(entry)
            for (entry,) in owner.execute(
                "SELECT entry FROM audit_event JOIN audit_leaf ON event_id = id ORDER BY index"
            )
        ]
        edge = Edge()
        edge.append(map(leaf_hash, entries))
        note = TreeHead(settings.AUDIT_ORIGIN, edge.size, edge.root()).sign(log_key.signer())
        owner.execute("UPDATE audit_checkpoint SET note = %s, root = %s WHERE size = 12", [note, edge.root()])

    assert verified(tmp_path) == []
    found = verify.verify_export(tmp_path / "export.zip", None, [kept], whole=True).all()

    assert found == [
        "REWRITTEN: a checkpoint you kept covers 12 records that were others: something in records 0 to 11 was"
        " rewritten"
    ]


@pytest.mark.parametrize(
    ("attack", "named"),
    [
        (
            "DELETE FROM audit_lookup",
            "Event 0 is not found by its address or search: the row for that is gone.",
        ),
        (
            "INSERT INTO audit_lookup (value, event_id, key_id) SELECT value, gen_random_uuid(), key_id FROM audit_lookup",
            "1 rows by which events are found lead to events that have no such address or search.",
        ),
        (
            "INSERT INTO audit_event ({columns}) SELECT {columns} FROM audit_event",
            "Event 0 has another moment of recording than its leaf.",
        ),
    ],
    ids=["hide an event from who looks", "let another be found", "lay another event under the same id"],
)
def test_what_the_running_vaults_own_account_could_do_is_named(fresh_database, ines, attack, named):
    record(ines)
    sequence()
    columns = ", ".join(trail._COLUMNS)

    with psycopg.connect(fresh_database.environment["DATABASE_URL"]) as application:
        application.execute(attack.format(columns=columns))

    assert named in [str(found) for found in check.examine(checkpoints.newest()).findings]


def test_two_checkpoints_in_a_row_that_were_removed_are_missed(fresh_database):
    for _ in range(5):
        record_some(2)
        sequence()
    assert check.examine(checkpoints.newest()).findings == []
    sizes = [one.size for one in Checkpoint.objects.order_by("size")]

    with attacker(fresh_database) as owner:
        owner.execute("DELETE FROM audit_checkpoint WHERE number IN (2, 3)")
    taken = [str(found) for found in check.examine(checkpoints.newest()).findings]
    with attacker(fresh_database) as owner:
        owner.execute("UPDATE audit_checkpoint SET number = number - 2 WHERE number > 3")
    renumbered = [str(found) for found in check.examine(checkpoints.newest()).findings]

    low, high, *others = sizes[:1] + sizes[3:]
    assert taken == [f"Between the checkpoints over {low} and {high} events, 2 are missing."]
    assert set(renumbered) == {
        f"Checkpoint {size} is not the one that was signed." for size in (high, *others)
    }


def test_nothing_is_lost_and_nothing_doubled_when_it_is_checked_at_any_size(fresh_database, tmp_path):
    kept = []
    for _ in range(3):
        record_some(3)
        record(SYSTEM)
        kept.append(sequence().note)

    assert verified(tmp_path, *kept) == []
    assert Checkpoint.objects.count() == 4
