"""Reasons and words of requests: sealed under the key of what they are about, bound to their row and column.

That is a key of the house's own, or what the kind says: what is said about a recording is sealed under the
recording's field key, so that erasing it makes the words unreadable in every backup too.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from audit import subjects, trail
from audit.actions import Action
from audit.actor import Actor
from vault.approvals import kinds
from vault.approvals.models import Approval
from vault.crypto.fields import open_field, seal_field
from vault.kms import masters

_MASTER = {"approvals": "accounts"}


def prepare(now: datetime, asked: Approval | None = None) -> None:
    """Fetch the keys ahead, so that no transaction waits for the key management service."""
    masters.prepare(_MASTER)
    subjects.prepare_month(now)
    if asked is not None:
        _key_for(asked)


def seal(asked: Approval, column: str, text: str) -> bytes:
    """Return a text as it may stand in the column; nothing for none."""
    said = text.strip()
    return seal_field(_key_for(asked), said.encode(), _place(asked, column)) if said else b""


def show(asked: Approval, *, actor: Actor, now: datetime) -> tuple[str, str]:
    """Return reason and words for somebody's eyes, once it stands in the trail that they see them."""
    trail.record_disclosure(
        Action.APPROVAL_READ,
        actor=actor,
        target=kinds.require(asked.kind).ref(asked),
        at=now,
        kind=asked.kind,
        approval=str(asked.pk),
    )
    return reason_of(asked), words_of(asked)


def reason_of(asked: Approval) -> str:
    """Return why it was asked for; empty once that was forgotten."""
    return _open(asked, "reason", asked.reason_sealed)


def words_of(asked: Approval) -> str:
    """Return what who decided has said."""
    return _open(asked, "words", asked.words_sealed)


def forget(kind: str, targets: Iterable[str]) -> None:
    """Empty what was said about targets that are erased, in the caller's transaction."""
    Approval.objects.filter(kind=kind, target_id__in=targets).update(reason_sealed=b"", words_sealed=b"")


def forget_person(account_id: UUID) -> None:
    """Empty what somebody has said, and what was said about their account, in the caller's transaction."""
    about = Q(target_id=str(account_id))
    Approval.objects.filter(about | Q(asked_by=account_id)).update(reason_sealed=b"")
    Approval.objects.filter(about | Q(decided_by=account_id)).update(words_sealed=b"")


def _open(asked: Approval, column: str, sealed: bytes | memoryview) -> str:
    return open_field(_key_for(asked), bytes(sealed), _place(asked, column)).decode() if sealed else ""


def _place(asked: Approval, column: str) -> bytes:
    return f"approvals_approval|{column}|{asked.pk}|1".encode()


def _key_for(asked: Approval) -> bytes:
    return kinds.require(asked.kind).sealing_key(asked) or _master()


def _master() -> bytes:
    ((name, kek),) = _MASTER.items()
    return masters.get(name, kek=kek)
