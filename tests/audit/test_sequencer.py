"""The sequencer: it numbers what is committed, once, in order, and loses nothing."""

from __future__ import annotations

import base64
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.db import connections

from audit import log_key, proofs, sequencer
from audit.actor import Actor
from audit.models import AuditEvent, Checkpoint, Leaf, Tile
from audit.tiles import stored_tree
from audit.tree import check_consistency, check_inclusion, leaf_hash
from audit.tree_head import open_checkpoint
from tests.audit.conftest import NOW, attacker, record, sequence
from vault.errors import Missing

pytestmark = pytest.mark.usefixtures("fresh_database")
SYSTEM = Actor.system("test")


def record_many(count: int) -> list[AuditEvent]:
    return [record(SYSTEM) for _ in range(count)]


def test_events_are_numbered_in_the_order_of_their_commits():
    events = record_many(5)

    checkpoint = sequence()

    assert checkpoint.size == 5
    assert list(Leaf.objects.order_by("index").values_list("event_id", flat=True)) == [e.id for e in events]


def test_a_checkpoint_is_signed_by_the_logs_key_and_states_the_root():
    record_many(3)

    checkpoint = sequence()

    head = open_checkpoint(checkpoint.note, [log_key.verifier()], origin=settings.AUDIT_ORIGIN)
    assert (head.size, head.root) == (3, stored_tree(3).root())
    assert head.root == bytes(checkpoint.root)


def test_without_anything_new_there_is_no_checkpoint():
    record_many(1)
    sequence()

    assert sequencer.sequence_once(now=NOW) is None


def test_a_transaction_that_commits_late_is_not_lost(fresh_database):
    with psycopg.connect(fresh_database.environment["DATABASE_URL"]) as slow:
        slow.execute(
            "INSERT INTO audit_event (id, occurred_at, action, outcome, actor_kind, actor_role, target_kind,"
            " target_id, purpose, writer, counter, entry) VALUES (gen_random_uuid(), now(), 'import.run', 'done',"
            " 'system', '', 'job', '1', '', gen_random_uuid(), 1, '{}')"
        )
        quick = record(SYSTEM)
        assert sequencer.sequence_once(now=NOW) is None
        slow.commit()

    sequence()

    assert Leaf.objects.count() == 2
    assert Leaf.objects.get(event_id=quick.id).index == 1


def test_two_sequencers_never_number_at_once(fresh_database):
    record_many(1)
    with psycopg.connect(fresh_database.environment["DATABASE_SEQUENCER_URL"]) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [sequencer.LOCK])

        assert sequencer.sequence_once(now=NOW) is None

    assert sequence().size == 1


def test_rounds_cut_by_the_batch_size_number_everything_once(monkeypatch):
    monkeypatch.setattr(sequencer, "BATCH", 7)
    events = record_many(30)

    sequence()

    assert list(Leaf.objects.order_by("index").values_list("event_id", flat=True)) == [e.id for e in events]


def test_a_restore_to_another_cluster_loses_and_doubles_nothing(fresh_database, monkeypatch):
    monkeypatch.setattr(sequencer, "BATCH", 4)
    record_many(5)
    sequence()
    record_many(9)
    with attacker(fresh_database) as owner:
        # As after a restore of a dump: the rows brought along have numbers that this cluster has not reached.
        owner.execute("UPDATE audit_event SET tx = (tx::text::bigint + 4000000000)::text::xid8")
        owner.execute("UPDATE audit_checkpoint SET cluster = 1, tx = tx + 4000000000")
    record_many(6)

    sequence()
    record_many(2)
    sequence()

    assert Leaf.objects.count() == 22
    assert Checkpoint.objects.order_by("-size").first().cluster != 1


def test_transactions_are_compared_as_numbers_where_they_gain_a_digit(fresh_database, monkeypatch):
    monkeypatch.setattr(sequencer, "BATCH", 2)
    events = record_many(6)
    with attacker(fresh_database) as owner:
        for event, tx in zip(events, (98, 99, 100, 999, 1000, 1001), strict=True):
            owner.execute("UPDATE audit_event SET tx = %s::text::xid8 WHERE id = %s", [tx, event.id])
        horizon = owner.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint").fetchone()[0]
    assert horizon > 1001

    sequence()

    assert list(Leaf.objects.order_by("index").values_list("event_id", flat=True)) == [e.id for e in events]


def test_nothing_is_signed_on_top_of_a_changed_tree(fresh_database):
    record_many(3)
    sequence()
    with attacker(fresh_database) as owner:
        owner.execute("UPDATE audit_leaf SET hash = sha256('other') WHERE index = 1")
    record_many(1)

    with pytest.raises(sequencer.TreeDiffers):
        sequence()


def test_full_tiles_are_kept_and_every_proof_holds_over_them():
    events = record_many(300)

    checkpoint = sequence()

    assert Tile.objects.count() == 1
    tree, root = stored_tree(300), bytes(checkpoint.root)
    assert tree.root() == root
    for index in (0, 1, 255, 256, 299):
        leaf = leaf_hash(bytes(events[index].entry))
        check_inclusion(leaf, index, 300, tree.inclusion_proof(index), root)
    check_consistency(256, stored_tree(256).root(), 300, root, tree.consistency_proof(256))


def test_the_sequencers_account_can_neither_write_events_nor_change_the_tree(fresh_database):
    record_many(1)
    sequence()
    with connections["sequencer"].cursor() as cursor:
        for statement in (
            "INSERT INTO audit_event SELECT * FROM audit_event",
            "UPDATE audit_leaf SET index = 7",
            "DELETE FROM audit_checkpoint",
            "TRUNCATE audit_tile",
        ):
            with pytest.raises(Exception, match="permission denied"):
                cursor.execute(statement)


def test_the_lag_is_the_age_of_the_oldest_event_without_a_number():
    record_many(1)

    assert sequencer.lag().total_seconds() > 0
    sequence()
    assert sequencer.lag().total_seconds() == 0


def test_one_events_proof_holds_the_entry_as_it_was_hashed():
    events = record_many(3)
    checkpoint = sequence()

    proof = proofs.event_proof(events[1].id, b"words\n")

    head, _, rest = proof.partition("\n\n")
    lines = head.split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert base64.b64decode(lines[1].removeprefix("extra ")) == events[1].entry + b"\nwords\n"
    assert lines[2] == "index 1"
    assert rest == checkpoint.note
    hashes = [base64.b64decode(line) for line in lines[3:]]
    check_inclusion(leaf_hash(events[1].entry), 1, 3, hashes, bytes(checkpoint.root))


def test_an_event_that_no_checkpoint_covers_yet_has_no_proof():
    event = record(SYSTEM)

    with pytest.raises(proofs.NotYetSequenced):
        proofs.event_proof(event.id)


def test_what_is_not_in_the_trail_has_no_proof():
    with pytest.raises(Missing):
        proofs.event_proof(uuid4())
