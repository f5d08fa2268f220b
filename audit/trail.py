"""The only writer of the trail.

A change and its event commit together (``record``); a disclosure commits its event first
(``record_disclosure``); a refusal is recorded by the doors, after the rollback (``record_refusal``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.db import Error as DatabaseProblem
from django.db import connection, transaction

from audit import subjects, writers
from audit.actions import FACTS, FACTS_OF_REFUSAL, Action, Outcome
from audit.actor import Actor, Ref
from audit.canonical import Value, canonical
from audit.ids import new_uuid
from audit.models import AuditEvent
from audit.prepared import prepared_cursor
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
    allowed = FACTS[action] if outcome == Outcome.DONE else FACTS[action] | FACTS_OF_REFUSAL
    if unlisted := facts.keys() - allowed:
        raise ValueError(f"{action} may not carry {sorted(unlisted)}")
    addenda = [_seal(part, at) for part in [*_about_actor(actor, at), *personal] if part.fields]
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
    event = AuditEvent(
        id=event_id,
        occurred_at=at,
        action=action.value,
        outcome=outcome.value,
        actor_kind=actor.kind.value,
        actor_id=actor.id,
        actor_role=actor.role,
        target_kind=target.kind,
        target_id=target.id,
        purpose=purpose,
        writer=writer,
        counter=counter,
        entry=entry,
    )
    try:
        _insert(event, addenda, lookups)
    except DatabaseProblem as error:
        raise _unavailable() from error
    return event


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
        connection.ensure_connection()
        with time_limit(connection.connection, _HANG_UP_AFTER_S), transaction.atomic(durable=True):
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {TIME_LIMIT_MS:d}")
            return record(
                action,
                actor=actor,
                target=target,
                at=at,
                outcome=outcome,
                purpose=purpose,
                rule=rule,
                personal=personal,
                **facts,
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


def _seal(part: Personal, at: datetime) -> _Sealed:
    addendum = subjects.build_addendum(part.subject, part.fields)
    digest = hashlib.sha256(addendum).digest()
    key = subjects.key_for(part.subject, at.astimezone(UTC))
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


def _insert(event: AuditEvent, addenda: list[_Sealed], lookups: list[tuple[bytes, str | None]]) -> None:
    values: list[Any] = []
    kept: list[str] = []
    if addenda:
        rows = ", ".join(["(%s::bytea, %s::uuid, %s::uuid, %s::bytea)"] * len(addenda))
        kept.append(f"kept AS (INSERT INTO audit_addendum (digest, event_id, key_id, sealed) VALUES {rows})")  # noqa: S608 - placeholders only
        for part in addenda:
            values += [part.digest, event.id, part.key_id, part.sealed]
    if lookups:
        rows = ", ".join(["(%s::bytea, %s::uuid, %s::uuid)"] * len(lookups))
        kept.append(f"found AS (INSERT INTO audit_lookup (value, event_id, key_id) VALUES {rows})")  # noqa: S608 - placeholders only
        for value, key_id in lookups:
            values += [value, event.id, key_id]
    values += [getattr(event, column) for column in _COLUMNS]
    beside = f"WITH {', '.join(kept)} " if kept else ""
    # Parsing and planning are half of what this statement costs the server.
    with prepared_cursor() as cursor:
        cursor.execute(f"{beside}{_INSERT}", values)
        (event.recorded_at,) = cursor.fetchone()
    event._state.adding = False
    event._state.db = connection.alias


_COLUMNS = [field.attname for field in AuditEvent._meta.concrete_fields if field.attname != "recorded_at"]
_INSERT = (
    f"INSERT INTO audit_event ({', '.join(_COLUMNS)})"  # noqa: S608 - the model's own column names
    f" VALUES ({', '.join(['%s'] * len(_COLUMNS))}) RETURNING recorded_at"
)


def moment(at: datetime) -> str:
    """Return a moment as entries write it: UTC, six decimals, Z."""
    if at.tzinfo is None:
        raise ValueError("a moment needs its time zone")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


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
