"""What a record of the trail costs: against a plain INSERT, and against two audit packages of Django's.

`vs_plain_insert`: 16 processes, each with a connection of its own and each event a transaction of its own, send
the trail's very statement (partitions, triggers' table, checks, indexes); the reference sends the same bytes in
the same columns to a plain table with the same indexes. A chain over rows, where each row names the hash of the
one before, is measured beside it: `chain_vs_plain_insert` is there to be seen and has no bar.

`vs_auditlog` and `vs_pghistory`: 4 processes through Django. Ours is a recording that somebody looked at, committed
before it is shown: the actor's name and address sealed in an addendum, with the keyed hash by which the address is
found. Theirs is one change of a row in a transaction with the same actor, name, address, role and purpose, in clear,
recorded the way each package does: the change is part of the price, because neither records without one.
`within_change_vs_pghistory`, which has no bar, is what `trail.record` costs within a transaction that does nothing
else, against the same.
"""

import hashlib
import io
import logging
import os
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import Any
from uuid import uuid4

import psycopg

from bench._crew import a_crew
from bench._trail import event
from bench._vault import a_vault
from bench.harness import Row, Work, summarise, wall_seconds

WRITERS, APPLICATIONS = 16, 4
PLAIN = """
CREATE TABLE bench_{name} (
    id uuid NOT NULL PRIMARY KEY,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    tx xid8 NOT NULL DEFAULT pg_current_xact_id(),
    occurred_at timestamptz NOT NULL,
    action text NOT NULL,
    outcome text NOT NULL,
    actor_kind text NOT NULL,
    actor_id uuid,
    actor_role text NOT NULL,
    target_kind text NOT NULL,
    target_id text NOT NULL,
    purpose text NOT NULL,
    writer uuid NOT NULL,
    counter bigint NOT NULL,
    entry bytea NOT NULL
    {more}
);
CREATE INDEX ON bench_{name} (tx, counter);
CREATE INDEX ON bench_{name} (actor_id, id) WHERE actor_id IS NOT NULL;
CREATE INDEX ON bench_{name} (target_id, id);
CREATE INDEX ON bench_{name} (action, id);
"""
HEAD = """
CREATE TABLE bench_head (hash bytea NOT NULL);
INSERT INTO bench_head VALUES ('\\x00');
"""
NAME, ADDRESS, ROLE, PURPOSE = "Ines Verhoeven", "203.0.113.7", "supervisor", "complaint"


def measure(*, small: bool) -> list[Row]:
    """Measure both comparisons, each side in turns with its reference."""
    events, changes, rounds = (10, 10, 1) if small else (100, 200, 7)
    with a_vault("bench._change.settings"):
        _prepare()
        with a_crew(WRITERS, partial(_writer, events)) as do:
            bare = _take_turns(do, ["event", "plain", "chain"], rounds)
        with a_crew(APPLICATIONS, partial(_application, changes)) as do:
            django = _take_turns(do, ["trail", "within", "auditlog", "pghistory"], rounds)
    return [
        summarise("vs_plain_insert", _shares(bare, "event", "plain"), bar=0.85),
        summarise("chain_vs_plain_insert", _shares(bare, "chain", "plain"), bar=0),
        summarise("vs_auditlog", _shares(django, "trail", "auditlog"), bar=1.3),
        summarise("vs_pghistory", _shares(django, "trail", "pghistory"), bar=1.3),
        summarise("within_change_vs_pghistory", _shares(django, "within", "pghistory"), bar=0),
    ]


def _take_turns(do: Callable[[str], object], sides: list[str], rounds: int) -> dict[str, list[float]]:
    """Return the seconds that each side took, round by round."""
    for side in sides:
        do(side)  # the first round only warms up
    spent: dict[str, list[float]] = {side: [] for side in sides}
    for turn in range(rounds):
        for side in sides if turn % 2 == 0 else sides[::-1]:
            spent[side].append(wall_seconds(partial(do, side)))
    return spent


def _shares(spent: dict[str, list[float]], ours: str, reference: str) -> list[float]:
    return [theirs / mine for mine, theirs in zip(spent[ours], spent[reference], strict=True)]


def _prepare() -> None:
    """Make the tables that only this bench has, and let the product's account use them."""
    from django.core.management import call_command
    from django.db import connection, connections

    from bench._change.models import LoggedCall, TrackedCall

    owner = connections["owner"]
    with owner.schema_editor() as editor:
        changes = TrackedCall.pgh_event_model  # type: ignore[attr-defined]
        for model in (LoggedCall, TrackedCall, changes):
            editor.create_model(model)
    logging.getLogger("pgtrigger").setLevel(logging.WARNING)
    with redirect_stdout(io.StringIO()):
        call_command("pgtrigger", "install", "--database", "owner", verbosity=0)
    account = connection.settings_dict["USER"]
    with owner.cursor() as cursor:
        for statements in (
            PLAIN.format(name="plain", more=""),
            PLAIN.format(name="chain", more=", hash bytea"),
            HEAD,
        ):
            cursor.execute(statements)
        for table in owner.introspection.table_names(cursor):
            if table.startswith(("auditlog_", "pghistory_", "_change_", "bench_")):
                cursor.execute(f'GRANT ALL ON "{table}" TO {account}')
        cursor.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {account}")


def _writer(events: int) -> dict[str, Work]:
    """Return the works of one bare writer: one transaction an event, over one connection."""
    from audit import trail

    connection = psycopg.connect(os.environ["DATABASE_URL"], prepare_threshold=0)
    writer, counter = uuid4(), count(1)
    columns = ", ".join(trail._COLUMNS)
    values = ", ".join(["%s"] * len(trail._COLUMNS))
    plain = f"INSERT INTO bench_plain ({columns}) VALUES ({values}) RETURNING recorded_at"  # noqa: S608
    chain = f"INSERT INTO bench_chain ({columns}, hash) VALUES ({values}, %s) RETURNING recorded_at"  # noqa: S608

    def each(send: Callable[[list[Any]], object]) -> Work:
        def work() -> None:
            for _ in range(events):
                with connection.transaction():
                    send(event(writer, next(counter)))

        return work

    def chained(values: list[Any]) -> None:
        (before,) = _one(connection.execute("SELECT hash FROM bench_head FOR UPDATE"))
        own = hashlib.sha256(before + values[-1]).digest()
        _one(connection.execute(chain, [*values, own]))
        connection.execute("UPDATE bench_head SET hash = %s", [own])

    return {
        "event": each(lambda values: _one(connection.execute(trail._INSERT, values))),
        "plain": each(lambda values: _one(connection.execute(plain, values))),
        "chain": each(chained),
    }


def _one(cursor: psycopg.Cursor[Any]) -> Any:
    return cursor.fetchone()


def _application(changes: int) -> dict[str, Work]:
    """Return the works of one process of an application, through Django."""
    import pghistory
    from auditlog.context import set_extra_data
    from django.db import transaction

    from audit import trail
    from audit.actions import Action
    from audit.actor import Actor, ActorKind, Ref
    from bench._change.models import LoggedCall, TrackedCall
    from vault.access.models import User

    person = User.objects.create(email=f"{uuid4()}@example.org", name=NAME, role=ROLE)
    actor = Actor(
        kind=ActorKind.PERSON,
        id=person.pk,
        role=ROLE,
        name=NAME,
        access_point="web",
        address=ADDRESS,
        request_id="r",
    )
    logged = LoggedCall._default_manager.create(id=uuid4(), state="0", purpose=PURPOSE)
    tracked = TrackedCall._default_manager.create(id=uuid4(), state="0", purpose=PURPOSE)
    numbers = count(1)
    told = {
        "user": str(person.pk),
        "name": NAME,
        "address": ADDRESS,
        "role": ROLE,
        "purpose": PURPOSE,
        "request": "r",
    }

    def disclose() -> None:
        trail.record_disclosure(
            Action.RECORDING_VIEWED,
            actor=actor,
            target=Ref("recording", str(logged.id)),
            at=datetime.now(UTC),
            purpose=PURPOSE,
        )

    def record() -> None:
        with transaction.atomic(durable=True):
            trail.record(
                Action.RECORDING_VIEWED,
                actor=actor,
                target=Ref("recording", str(logged.id)),
                at=datetime.now(UTC),
                purpose=PURPOSE,
            )

    def change_logged() -> None:
        given = {"actor": person, "remote_addr": ADDRESS, "additional_data": told}
        with set_extra_data(given), transaction.atomic(durable=True):
            logged.state = str(next(numbers))
            logged.save(update_fields=["state"])

    def change_tracked() -> None:
        with pghistory.context(**told), transaction.atomic(durable=True):
            tracked.state = str(next(numbers))
            tracked.save(update_fields=["state"])

    def times(work: Work) -> Work:
        def works() -> None:
            for _ in range(changes):
                work()

        return works

    return {
        "trail": times(disclose),
        "within": times(record),
        "auditlog": times(change_logged),
        "pghistory": times(change_tracked),
    }
