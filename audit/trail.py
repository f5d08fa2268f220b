"""The only writer of the trail.

A change and its event commit together (``record``); a disclosure commits its event first
(``record_disclosure``); a refusal is recorded by the doors, after the rollback (``record_refusal``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

from django.db import Error as DatabaseProblem
from django.db import connection, transaction

from audit import subjects, writers
from audit.actions import FACTS, FACTS_OF_REFUSAL, Action, Outcome
from audit.actor import Actor, Ref
from audit.canonical import Value, canonical
from audit.ids import new_uuid
from audit.models import AuditEvent, SubjectKey
from audit.prepared import prepared_cursor
from audit.subjects import OpenKey
from audit.subjects import Subject as Subject
from audit.time_limit import time_limit
from vault.errors import Refusal, Unavailable, gettext_noop

Fact = str | int | bool | None
T = TypeVar("T")

# How long a disclosure waits for its event before it is refused.
TIME_LIMIT_MS = 3_000
_HANG_UP_AFTER_S = 5.0
_LONGEST_ENTRY = 16_384
_LONGEST_FACT = 1_024
_ACTIONS = frozenset(action.value for action in Action)


class OutsideTransaction(RuntimeError):
    """A change was to be recorded outside the transaction that makes it."""


class TrailUnavailable(Unavailable):
    """The event could not be committed, so what it stands for does not happen."""

    code = "trail-unavailable"


@dataclass(frozen=True, slots=True)
class Personal:
    """What an event says about one subject; stored sealed, under the subject's key."""

    subject: Subject
    fields: dict[str, str]


def record(
    action: Action,
    *,
    actor: Actor,
    target: Ref,
    at: datetime,
    outcome: Outcome = Outcome.DONE,
    purpose: str = "",
    rule: str = "",
    personal: Sequence[Personal] = (),
    **facts: Fact,
) -> AuditEvent:
    """Append one event within the caller's transaction, so both commit or neither does.

    The actor's name and address become an addendum of their own. A fact that is None is left out.

    :raises OutsideTransaction: if there is no transaction to commit with.
    :raises ValueError: for a fact that the action may not carry.
    :raises TrailUnavailable: if the database does not take it; the caller's transaction is over then.
    """
    if not connection.in_atomic_block:
        raise OutsideTransaction(action)
    return _append(
        action,
        actor=actor,
        target=target,
        at=at,
        outcome=outcome,
        purpose=purpose,
        rule=rule,
        personal=personal,
        facts=facts,
    )


def record_disclosure(
    action: Action,
    *,
    actor: Actor,
    target: Ref,
    at: datetime,
    outcome: Outcome = Outcome.DONE,
    purpose: str = "",
    rule: str = "",
    personal: Sequence[Personal] = (),
    **facts: Fact,
) -> AuditEvent:
    """Commit one event in a transaction of its own; on return it stands, and the disclosure may begin.

    :raises TrailUnavailable: if it cannot be committed within the time limit; then nothing may be served.
    """
    try:
        with _within_time(), _own_transaction():
            return _append(
                action,
                actor=actor,
                target=target,
                at=at,
                outcome=outcome,
                purpose=purpose,
                rule=rule,
                personal=personal,
                facts=facts,
            )
    except (DatabaseProblem, TrailUnavailable) as error:
        connection.close_if_unusable_or_obsolete()
        raise _unavailable() from error


def record_refusal(
    refusal: Exception,
    *,
    actor: Actor,
    action: str,
    target: Ref,
    at: datetime,
    purpose: str = "",
    rule: str = "",
    personal: Sequence[Personal] = (),
    **facts: Fact,
) -> AuditEvent:
    """Commit that something was refused, or failed, in a transaction of its own.

    ``action`` is what was asked: an action's name, or any other word, which then stands as the fact
    ``asked`` of ``access.refused``.

    :raises TrailUnavailable: if it cannot be committed.
    """
    known = action in _ACTIONS
    refused = isinstance(refusal, Refusal)
    return record_disclosure(
        Action(action) if known else Action.ACCESS_REFUSED,
        actor=actor,
        target=target,
        at=at,
        outcome=Outcome.REFUSED if refused else Outcome.FAILED,
        purpose=purpose,
        rule=rule,
        personal=personal,
        asked=None if known else action[:200],
        code=refusal.reason if isinstance(refusal, Refusal) else None,
        status=refusal.status if isinstance(refusal, Refusal) else 500,
        error=None if refused else type(refusal).__name__,
        **facts,
    )


def forget(
    subject: Subject, *, actor: Actor, at: datetime, ground: str | None = None, approval: str | None = None
) -> int:
    """Destroy the subject's keys within the caller's transaction, and record it; return how many.

    Every addendum about the subject is blank from then on, here and in every copy; the event is what tells
    a verifier why. With no key there is nothing to forget, and no event, unless two people decided on it.
    """
    keys = subjects.destroy_keys(subject)
    if keys or approval:
        record(
            Action.TRAIL_FORGOTTEN,
            actor=actor,
            target=Ref(subject.kind, subject.id),
            at=at,
            keys=keys,
            ground=ground,
            approval=approval,
        )
    return keys


def _unavailable() -> TrailUnavailable:
    return TrailUnavailable(gettext_noop("What you asked for cannot be recorded now, so it is not served."))


def _within_time() -> AbstractContextManager[None]:
    return time_limit(connection, cancel_after=TIME_LIMIT_MS / 1000, hang_up_after=_HANG_UP_AFTER_S)


def _own_transaction() -> AbstractContextManager[object]:
    """Return what makes one statement a transaction of its own: nothing, where none is open.

    Where one is, Django refuses: its rollback would undo an event that a disclosure has gone by.
    """
    return transaction.atomic(durable=True) if connection.in_atomic_block else nullcontext()


def _append(
    action: Action,
    *,
    actor: Actor,
    target: Ref,
    at: datetime,
    outcome: Outcome,
    purpose: str,
    rule: str,
    personal: Sequence[Personal],
    facts: dict[str, Fact],
) -> AuditEvent:
    """Append one event with all that belongs to it, in one statement."""
    allowed = FACTS[action] if outcome == Outcome.DONE else FACTS[action] | FACTS_OF_REFUSAL
    if unlisted := facts.keys() - allowed:
        raise ValueError(f"{action} may not carry {sorted(unlisted)}")
    keys: dict[Subject, OpenKey] = {}
    addenda = [_seal(part, at, keys) for part in [*_about_actor(actor, at), *personal] if part.fields]
    event_id = new_uuid(at)
    writer, counter = writers.next_number(connection)
    body: dict[str, Value] = {
        "v": 1,
        "id": str(event_id),
        "at": moment(at),
        "action": action.value,
        "outcome": outcome.value,
        "actor": _filled({"kind": actor.kind.value, "id": str(actor.id or ""), "role": actor.role}),
        "on_behalf_of": str(actor.on_behalf_of or ""),
        "target": {"kind": target.kind, "id": target.id},
        "purpose": purpose,
        "rule": rule or actor.rule,
        "access_point": actor.access_point,
        "request": actor.request_id,
        "session": actor.session,
        "facts": _checked(facts),
        "addenda": [{"sha256": sealed.digest.hex(), "subject": sealed.subject} for sealed in addenda],
        "writer": str(writer),
        "counter": counter,
    }
    entry = canonical(_filled(body))
    if len(entry) > _LONGEST_ENTRY:
        raise ValueError(f"{action} is too long for the trail: {len(entry)} bytes")
    lookups = _lookups(actor, facts, addenda, at)
    columns: dict[str, Any] = {
        "id": event_id,
        "occurred_at": at,
        "action": action.value,
        "outcome": outcome.value,
        "actor_kind": actor.kind.value,
        "actor_id": actor.id,
        "actor_role": actor.role,
        "target_kind": target.kind,
        "target_id": target.id,
        "purpose": purpose,
        "writer": writer,
        "counter": counter,
        "entry": entry,
    }
    try:
        columns["recorded_at"] = _insert(
            columns, addenda, lookups, [key.row for key in keys.values() if key.row]
        )
    except DatabaseProblem as error:
        raise _unavailable() from error
    except BaseException:
        # Interrupted, nobody knows whether it stands: the number is not used again, and this writer ends.
        connection.close()
        raise
    writers.confirm_by_commit(connection, counter)
    subjects.remember(keys, at)
    return AuditEvent.from_db(connection.alias, _FIELDS, [columns[field] for field in _FIELDS])


@dataclass(frozen=True, slots=True)
class _Sealed:
    subject: str
    digest: bytes
    key_id: str
    sealed: bytes


def _about_actor(actor: Actor, at: datetime) -> list[Personal]:
    fields = _filled({"name": actor.name, "address": actor.address})
    if not fields:
        return []
    subject = Subject.account(actor.id) if actor.id else Subject.day(at.astimezone(UTC).date())
    return [Personal(subject, fields)]


def _seal(part: Personal, at: datetime, keys: dict[Subject, OpenKey]) -> _Sealed:
    addendum = subjects.build_addendum(part.subject, part.fields)
    digest = hashlib.sha256(addendum).digest()
    key = keys.get(part.subject) or subjects.key_for(part.subject, at.astimezone(UTC))
    keys[part.subject] = key
    return _Sealed(str(part.subject), digest, str(key.id), subjects.seal(key, addendum, digest))


def _lookups(
    actor: Actor, facts: dict[str, Fact], addenda: list[_Sealed], at: datetime
) -> list[tuple[bytes, str | None]]:
    """Return the keyed hashes under which the event is found, each with the key it goes with."""
    found: list[tuple[bytes, str | None]] = []
    if actor.address:
        found.append((subjects.lookup("address", actor.address, at), addenda[0].key_id))
    if query := facts.get("query"):
        found.append((subjects.lookup("query", str(query), at), None))
    return found


def _insert(
    columns: dict[str, Any],
    addenda: list[_Sealed],
    lookups: list[tuple[bytes, str | None]],
    keys: list[SubjectKey],
) -> datetime:
    """Insert the event, its addenda, what it is found by and the keys made for it; return when."""
    event_id = columns["id"]
    beside: list[str] = []
    values: list[Any] = []
    if keys:
        beside.append(_beside("made", _KEY, len(keys)))
        for row in keys:
            values += [getattr(row, column) for column in _KEY_COLUMNS]
    if addenda:
        beside.append(_beside("kept", _ADDENDUM, len(addenda)))
        for part in addenda:
            values += [part.digest, event_id, part.key_id, part.sealed]
    if lookups:
        beside.append(_beside("found", _LOOKUP, len(lookups)))
        for value, key_id in lookups:
            values += [value, event_id, key_id]
    values += [columns[column] for column in _COLUMNS]
    # Parsing and planning are half of what this statement costs the server.
    with prepared_cursor() as cursor:
        cursor.execute(f"WITH {', '.join(beside)} {_INSERT}" if beside else _INSERT, values)
        (recorded_at,) = cursor.fetchone()
    return recorded_at  # type: ignore[no-any-return]


@cache
def _beside(name: str, insert: tuple[str, str], count: int) -> str:
    into, row = insert
    return f"{name} AS (INSERT INTO {into} VALUES {', '.join([row] * count)})"  # noqa: S608 - names of ours and placeholders


_FIELDS = [field.attname for field in AuditEvent._meta.concrete_fields]
_COLUMNS = [field for field in _FIELDS if field != "recorded_at"]
_INSERT = (
    f"INSERT INTO audit_event ({', '.join(_COLUMNS)})"  # noqa: S608 - the model's own column names
    f" VALUES ({', '.join(['%s'] * len(_COLUMNS))}) RETURNING recorded_at"
)
_KEY_COLUMNS = [field.attname for field in SubjectKey._meta.concrete_fields]
_KEY = (f"audit_subjectkey ({', '.join(_KEY_COLUMNS)})", f"({', '.join(['%s'] * len(_KEY_COLUMNS))})")
_ADDENDUM = (
    "audit_addendum (digest, event_id, key_id, sealed)",
    "(%s::bytea, %s::uuid, %s::uuid, %s::bytea)",
)
_LOOKUP = ("audit_lookup (value, event_id, key_id)", "(%s::bytea, %s::uuid, %s::uuid)")


def moment(at: datetime) -> str:
    """Return a moment as entries write it: UTC, six decimals, Z."""
    if at.tzinfo is None:
        raise ValueError("a moment needs its time zone")
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _checked(facts: dict[str, Fact]) -> dict[str, Value]:
    kept: dict[str, Value] = {}
    for name, value in facts.items():
        if value is None:
            continue
        if not isinstance(value, str | int):
            raise ValueError(f"the fact {name} must be text, a whole number or yes or no")
        if isinstance(value, str) and len(value) > _LONGEST_FACT:
            raise ValueError(f"the fact {name} is too long")
        kept[name] = str(value) if isinstance(value, str) else value
    return kept


def _filled(values: dict[str, T]) -> dict[str, T]:
    return {name: value for name, value in values.items() if value not in ("", {}, [])}
