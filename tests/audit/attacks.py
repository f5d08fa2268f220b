"""What somebody who owns the database can do to a trail: each attack changes rows, and says how it must be named."""

# ruff: noqa: S608 - the names of tables and columns are those below

from __future__ import annotations

import random  # noqa: TID251 - chooses attacks, from a seed that a failing test names
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import connection

from audit import log_key, package, verify
from audit.check import examine
from audit.events import EventFilters
from audit.models import Checkpoint
from audit.tree import Edge, leaf_hash
from audit.tree_head import TreeHead
from tests.audit.conftest import NOW

TABLES = ("event", "addendum", "leaf", "tile", "checkpoint")
CHECK = "CHECK"  # named by the vault's own check: what an export does not hold

# Columns that no signature covers, and that change nothing of what the trail says: the database's own moments,
# the number of a row, where the sequencer reads on.
UNSIGNED = {
    "audit_event": {"tx"},
    "audit_addendum": {"recorded_at"},
    "audit_tile": {"id"},
    "audit_checkpoint": {"signed_at", "cluster", "tx"},
}
KEYS = {
    "audit_event": "id",
    "audit_addendum": "digest",
    "audit_leaf": "index",
    "audit_tile": "id",
    "audit_checkpoint": "size",
}
# Columns that take one of some words only.
OF_A_LIST = {
    "outcome": "CASE outcome WHEN 'done' THEN 'failed' ELSE 'done' END",
    "actor_kind": "CASE actor_kind WHEN 'system' THEN 'service' ELSE 'system' END",
}
NAMED_AS = {
    ("audit_event", "id"): {"GAP"},
    ("audit_event", "recorded_at"): {"GAP", CHECK},
    ("audit_event", "entry"): {"ALTERED", "UNREADABLE"},
    ("audit_leaf", "index"): {"GAP", "MOVED", "TILE", "TRUNCATED"},
    ("audit_leaf", "event_id"): {"GAP"},
    ("audit_leaf", "recorded_at"): {"GAP", CHECK},
    ("audit_leaf", "hash"): {"TILE", CHECK},
    ("audit_tile", "level"): {"TILE", "ALTERED", "FILE"},
    ("audit_tile", "number"): {"TILE", "FILE"},
    ("audit_tile", "hashes"): {"TILE", "ALTERED"},
    ("audit_tile", "root"): {"TILE"},
    ("audit_checkpoint", "size"): {"FILE", "ROLLED BACK", "TILE", CHECK},
    ("audit_checkpoint", "root"): {CHECK},
    ("audit_checkpoint", "note"): {"UNSIGNED", "BROKEN", CHECK},
    ("audit_checkpoint", "number"): {CHECK},
    ("audit_checkpoint", "number_signature"): {CHECK},
}


_LAST_LEAF = "SELECT 1 FROM audit_leaf WHERE index = (SELECT max(size) FROM audit_checkpoint) - 1"


def run(statement: str, *values: object) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []


def columns_of(table: str) -> list[tuple[str, str]]:
    found = run(
        "SELECT attname, atttypid::regtype::text FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        table,
    )
    return [(name, kind) for name, kind in found if name not in UNSIGNED.get(table, ())]


def flip(table: str, column: str, kind: str, dice: random.Random) -> set[str]:
    """Change one column of one row by a bit, a character or a moment."""
    key = KEYS[table]
    chosen = f"SELECT {key} FROM {table} WHERE {column} IS NOT NULL ORDER BY {key}"
    rows = run(chosen)
    (row,) = dice.choice(rows)
    bit = 1 << dice.randrange({"bigint": 40, "smallint": 14}.get(kind, 8))
    length = {"bytea": f"octet_length({column})", "uuid": "16", "text": f"greatest(length({column}), 1)"}
    at = f"floor({dice.random()} * {length.get(kind, '1')})::int"
    raw = f"decode(translate({column}::text, '-', ''), 'hex')"
    new = {
        "bytea": f"set_byte({column}, {at}, get_byte({column}, {at}) # {bit})",
        "uuid": f"encode(set_byte({raw}, {at}, get_byte({raw}, {at}) # {bit}), 'hex')::uuid",
        "text": f"overlay({column} placing 'ß' from {at} + 1 for 1)",
        "bigint": f"{column} # {bit}",
        "smallint": f"({column}::int # {bit})::smallint",
        "timestamp with time zone": f"{column} + interval '{bit} microseconds'",
    }[kind]
    new = OF_A_LIST.get(column, new)
    is_last = bool(
        run(f"{_LAST_LEAF} AND ({'event_id' if table == 'audit_event' else 'index'})::text = %s", str(row))
    )
    run(f"UPDATE {table} SET {column} = {new} WHERE {key} = %s", row)
    repeated = {CHECK} if table == "audit_event" else {"ADDENDUM MISSING", "ADDENDUM ALTERED"}
    named = NAMED_AS.get((table, column), repeated)
    # The last record is not missed among others: the records end too early.
    return (named - {"GAP"}) | {"TRUNCATED"} if "GAP" in named and is_last else named


def flip_anything(dice: random.Random) -> set[str]:
    table = dice.choice(list(KEYS))
    column, kind = dice.choice(columns_of(table))
    return flip(table, column, kind, dice)


def an_index(dice: random.Random) -> int:
    return dice.randrange(run("SELECT max(size) FROM audit_checkpoint")[0][0])


def delete_a_row(dice: random.Random) -> set[str]:
    table = dice.choice(["audit_event", "audit_addendum", "audit_leaf", "audit_tile"])
    (row,) = dice.choice(run(f"SELECT {KEYS[table]} FROM {table} ORDER BY 1"))
    run(f"DELETE FROM {table} WHERE {KEYS[table]} = %s", row)
    return {
        "audit_event": {"GAP", "TRUNCATED"},
        "audit_addendum": {"ADDENDUM MISSING", "ADDENDUM ALTERED"},
        "audit_leaf": {"GAP", "TILE", "TRUNCATED"},
        "audit_tile": {"TILE"},
    }[table]


_FORGED = """
    INSERT INTO audit_event (id, recorded_at, occurred_at, action, outcome, actor_kind, actor_id, actor_role,
        target_kind, target_id, purpose, writer, counter, entry, tx)
    SELECT %s, recorded_at, occurred_at, action, 'refused', actor_kind, actor_id, actor_role, target_kind, target_id,
        purpose, writer, counter, convert_to(replace(convert_from(entry, 'UTF8'), '"done"', '"refused"'), 'UTF8'), tx
    FROM audit_event WHERE id = (SELECT event_id FROM audit_leaf WHERE index = %s)
"""


def insert_an_event(dice: random.Random) -> set[str]:
    """Put an event beside the tree, where the sequencer looks no more."""
    event = uuid4()
    run(_FORGED, event, an_index(dice))
    if dice.random() < 0.5:  # it claims a transaction that no sequencer will ever come to
        run("UPDATE audit_event SET tx = '4611686018427387904' WHERE id = %s", event)
    return {CHECK}


def insert_an_event_with_its_leaf(dice: random.Random) -> set[str]:
    index, event = an_index(dice), uuid4()
    run(_FORGED, event, index)
    run("UPDATE audit_leaf SET index = index + 1000000 WHERE index >= %s", index)
    run("UPDATE audit_leaf SET index = index - 999999 WHERE index >= 1000000")
    run(
        "INSERT INTO audit_leaf (index, event_id, recorded_at, hash)"
        " SELECT %s, id, recorded_at, sha256('\\x00'::bytea || entry) FROM audit_event WHERE id = %s",
        index,
        event,
    )
    return {"MOVED", "ALTERED", "TILE"}


def insert_a_leaf(dice: random.Random) -> set[str]:
    run(
        "INSERT INTO audit_leaf (index, event_id, recorded_at, hash)"
        " SELECT max(size) + %s, %s, now(), sha256('x') FROM audit_checkpoint",
        dice.randrange(3),
        uuid4(),
    )
    return {CHECK}


def insert_a_twin(dice: random.Random) -> set[str]:
    """Put another event beside one that is numbered, under the same id."""
    index = an_index(dice)
    (event,) = run("SELECT event_id FROM audit_leaf WHERE index = %s", index)[0]
    run(
        "INSERT INTO audit_event (id, recorded_at, occurred_at, action, outcome, actor_kind, actor_id, actor_role,"
        " target_kind, target_id, purpose, writer, counter, entry, tx)"
        " SELECT id, recorded_at + interval '1 second', occurred_at, action, 'refused', actor_kind, actor_id, actor_role,"
        " target_kind, target_id, purpose, writer, counter, entry, tx FROM audit_event WHERE id = %s",
        event,
    )
    return {CHECK}


def change_a_lookup(dice: random.Random) -> set[str]:
    """Hide an event from whoever looks for an address, or let another be found in its place."""
    (row,) = dice.choice(run("SELECT id FROM audit_lookup ORDER BY id"))
    change = dice.choice(
        [
            "DELETE FROM audit_lookup WHERE id = %s",
            "UPDATE audit_lookup SET value = substr(sha256(value), 1, 16) WHERE id = %s",
            "UPDATE audit_lookup SET key_id = NULL WHERE id = %s",
            "UPDATE audit_lookup SET event_id = (SELECT event_id FROM audit_leaf WHERE index = 1) WHERE id = %s",
            "INSERT INTO audit_lookup (value, event_id, key_id) SELECT value, event_id, key_id FROM audit_lookup"
            " WHERE id = %s",
            "INSERT INTO audit_lookup (value, event_id) SELECT value, gen_random_uuid() FROM audit_lookup WHERE id = %s",
        ]
    )
    run(change, row)
    return {CHECK}


def claim_a_removed_month(dice: random.Random) -> set[str]:
    """Say of a month, where the pages look, that it went when its time was over."""
    index = an_index(dice)
    run(
        "INSERT INTO audit_removedmonth (month, first, last, events, event_id, removed_at)"
        " SELECT '2020-01', %s, %s, 1, event_id, now() FROM audit_leaf WHERE index = %s",
        index,
        index,
        index,
    )
    return {CHECK}


def insert_an_addendum(dice: random.Random) -> set[str]:
    run(
        "INSERT INTO audit_addendum (digest, event_id, key_id, sealed)"
        " SELECT sha256('x'), event_id, key_id, sealed FROM audit_addendum ORDER BY digest OFFSET %s LIMIT 1",
        dice.randrange(20),
    )
    return {CHECK}


def insert_a_tile(dice: random.Random) -> set[str]:
    run(
        "INSERT INTO audit_tile (level, number, hashes, root) SELECT %s, 1, hashes, root FROM audit_tile",
        dice.randrange(3),
    )
    return {CHECK}


def swap(dice: random.Random) -> set[str]:
    first, second = dice.sample(range(300), 2)
    table, column, named = dice.choice(
        [
            ("audit_event", "entry", {"MOVED", "ALTERED"}),
            ("audit_leaf", "hash", {"TILE", CHECK}),
            ("audit_leaf", "event_id", {"MOVED", "ALTERED", "GAP"}),
        ]
    )
    joined = "event.id" if table == "audit_event" else "event_id"
    alias = " AS event" if table == "audit_event" else ""
    held = f"SELECT {column} FROM {table}{alias} WHERE {joined} = (SELECT event_id FROM audit_leaf WHERE index = %s)"
    one, other = (run(held, index)[0][0] for index in (first, second))
    at = [run("SELECT event_id FROM audit_leaf WHERE index = %s", index)[0][0] for index in (first, second)]
    change = f"UPDATE {table}{alias} SET {column} = %s WHERE {joined} = %s"
    if column == "event_id":
        run(change, uuid4(), at[0])
        run(change, at[0], at[1])
        run("UPDATE audit_leaf SET event_id = %s WHERE index = %s", at[1], first)
    else:
        run(change, other, at[0])
        run(change, one, at[1])
    return named


def cut_the_end(dice: random.Random) -> set[str]:
    """Remove the last events, but not the checkpoint over them."""
    first = 300 - dice.randrange(1, 40)
    run("DELETE FROM audit_event WHERE id IN (SELECT event_id FROM audit_leaf WHERE index >= %s)", first)
    if dice.random() < 0.5:
        run("DELETE FROM audit_leaf WHERE index >= %s", first)
    return {"TRUNCATED", "TILE"}


def restore_a_backup(dice: random.Random) -> set[str]:
    """Take everything back to an earlier checkpoint: one, or two checkpoints in a row, are gone."""
    sizes = [size for (size,) in run("SELECT size FROM audit_checkpoint ORDER BY size")]
    size = dice.choice(sizes[:-1])
    run("DELETE FROM audit_checkpoint WHERE size > %s", size)
    run("DELETE FROM audit_event WHERE id IN (SELECT event_id FROM audit_leaf WHERE index >= %s)", size)
    run("DELETE FROM audit_leaf WHERE index >= %s", size)
    run("DELETE FROM audit_tile WHERE number >= %s >> 8 * (level + 1)", size)
    return {"ROLLED BACK"}


def serve_an_old_checkpoint(dice: random.Random) -> set[str]:
    """Leave the rows, and give out an older state as the newest."""
    sizes = [size for (size,) in run("SELECT size FROM audit_checkpoint ORDER BY size")]
    run("DELETE FROM audit_checkpoint WHERE size > %s", dice.choice(sizes[:-1]))
    return {"ROLLED BACK"}


def remove_checkpoints_in_a_row(dice: random.Random) -> set[str]:
    """Remove one checkpoint, or two or three in a row, over which a later one stands."""
    sizes = [size for (size,) in run("SELECT size FROM audit_checkpoint ORDER BY size")]
    count = dice.randint(1, 3)
    first = dice.randrange(len(sizes) - count)
    run("DELETE FROM audit_checkpoint WHERE size = ANY(%s)", sizes[first : first + count])
    return {CHECK}


def rewrite_with_the_key(dice: random.Random) -> set[str]:
    """Change one event, and make everything above it anew, signed with the real key."""
    index = an_index(dice)
    run(
        "UPDATE audit_event SET outcome = 'failed',"
        " entry = convert_to(replace(convert_from(entry, 'UTF8'), '\"done\"', '\"failed\"'), 'UTF8')"
        " WHERE id = (SELECT event_id FROM audit_leaf WHERE index = %s)",
        index,
    )
    entries = [
        bytes(entry)
        for (entry,) in run(
            "SELECT entry FROM audit_event JOIN audit_leaf ON event_id = audit_event.id ORDER BY index"
        )
    ]
    changed = leaf_hash(entries[index])
    run("UPDATE audit_leaf SET hash = %s WHERE index = %s", changed, index)
    edge = Edge()
    for size, note, number in run("SELECT size, note, number FROM audit_checkpoint ORDER BY size"):
        for tile in edge.append(map(leaf_hash, entries[edge.size : size])):
            run(
                "UPDATE audit_tile SET hashes = %s, root = %s WHERE level = %s AND number = %s",
                tile.hashes,
                tile.root,
                tile.level,
                tile.number,
            )
        head = TreeHead(settings.AUDIT_ORIGIN, size, edge.root())
        signed, numbered = (
            head.sign(log_key.signer()),
            log_key.signer().signature_line(head.numbered_text(number)),
        )
        assert (signed == note) == (size <= index)
        run(
            "UPDATE audit_checkpoint SET note = %s, number_signature = %s, root = %s WHERE size = %s",
            signed,
            numbered,
            edge.root(),
            size,
        )
    return {"REWRITTEN"}


ATTACKS: list[Callable[[random.Random], set[str]]] = [
    *[flip_anything] * 8,
    delete_a_row,
    delete_a_row,
    insert_an_event,
    insert_an_event_with_its_leaf,
    insert_a_leaf,
    insert_an_addendum,
    insert_a_tile,
    insert_a_twin,
    change_a_lookup,
    claim_a_removed_month,
    swap,
    swap,
    cut_the_end,
    restore_a_backup,
    serve_an_old_checkpoint,
    remove_checkpoints_in_a_row,
    rewrite_with_the_key,
]


def find(path: Path, kept: str, named: frozenset[str] = frozenset()) -> set[str]:
    """Return the kinds of what is found: in an export made now, or by the vault's own check in what no export holds.

    Where it is looked first goes by how the attack is to be named; if nothing is found there, everywhere else.
    """
    newest = Checkpoint.objects.order_by("-size").first()
    assert newest is not None

    def in_export(*, with_personal: bool) -> set[str]:
        order = package.Order("again", newest, EventFilters(), "jsonl", with_personal, NOW)
        path.write_bytes(b"".join(package.write_package(order, lambda _: None)))
        found = verify.verify_export(path, None, [kept], whole=True).all()
        return {finding.split(":")[0] for finding in found}

    def by_vault() -> set[str]:
        return {CHECK} if examine(newest).findings else set()

    is_about_people = any(kind.startswith("ADDENDUM") for kind in named)
    ways = [partial(in_export, with_personal=is_about_people), by_vault]
    if named == {CHECK}:
        ways.reverse()
    ways.append(partial(in_export, with_personal=not is_about_people))
    return next(filter(None, (way() for way in ways)), set())
