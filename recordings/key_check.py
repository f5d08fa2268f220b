"""Whether everything under a key-encryption key can be opened: what a drill shows, and an operator wants to know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from audit import trail
from audit.actions import Action, Outcome
from audit.actor import Actor
from recordings import keks, keys
from recordings.models import Rendition, StoredKey
from vault.crypto.container import Opener
from vault.crypto.errors import NotAuthentic
from vault.kms import KeyDestroyed, KeyMissing, UnwrapRefused, masters
from vault.kms.models import Master

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Checked:
    """How many data keys and local masters were tried, and whose open nothing: recordings, and masters by name."""

    tried: int
    unreadable: tuple[UUID, ...]
    masters: int = 0
    lost_masters: tuple[str, ...] = ()


def check_keys(name: str, *, actor: Actor, now: datetime) -> Checked:
    """Unwrap all that lives on a key, and see that each data key is the one that sealed its object. Reads no audio.

    :raises NoSuchKey: if the books have no such key.
    :raises KeyManagementUnavailable: if the service does not answer; that says nothing about any key.
    """
    keks.require(name)
    masters.forget_all()  # what this process remembers would say nothing about the service
    under = list(Master.objects.filter(kek=name).order_by("name").values_list("name", flat=True))
    lost = tuple(master for master in under if not _is_there(master))
    tried, unreadable = 0, []
    for page in _pages(name):
        renditions = Rendition.objects.in_bulk([row.pk for row in page], field_name="key_id")
        for row in page:
            tried += 1
            if not _opens(row, renditions.get(row.pk)):
                unreadable.append(row.recording_id)
    with transaction.atomic(durable=True):
        trail.record(
            Action.KEY_VERIFIED,
            actor=actor,
            target=keks.ref(name),
            at=now,
            outcome=Outcome.FAILED if unreadable or lost else Outcome.DONE,
            keys=tried + len(under),
            unreadable=len(unreadable) + len(lost),
        )
    return Checked(tried, tuple(unreadable), len(under), lost)


def _pages(name: str) -> Iterator[list[StoredKey]]:
    """Yield a key's data keys, page by page. One that leaves meanwhile is no longer of this key."""
    wrapped = keks.named_by_keys(name)
    after = UUID(int=0)
    while page := list(StoredKey.objects.filter(kek=wrapped, pk__gt=after).order_by("pk")[:_PAGE]):
        yield page
        after = page[-1].pk


def _is_there(master: str) -> bool:
    """Say whether a local master opens."""
    try:
        return masters.find(master) is not None
    except (UnwrapRefused, KeyMissing):
        return False


def _opens(row: StoredKey, rendition: Rendition | None) -> bool:
    """Say whether the key unwraps, and commits to its object's header."""
    try:
        if row.kind == keys.FIELDS:
            keys.open_field_key(row.recording_id)
            return True
        data_key = keys.unwrap_stored(row)
        if rendition is not None:
            context = keys.context_of(row.recording_id, row.pk, row.kind)
            Opener(data_key, context, bytes(rendition.header), rendition.sealed_length)
    except (UnwrapRefused, KeyDestroyed, KeyMissing, keys.KeyGone, NotAuthentic):
        return StoredKey.objects.filter(pk=row.pk, wrapped=bytes(row.wrapped)).count() == 0
    return True
