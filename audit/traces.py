"""What a number, a reference or an address left in the trail. The value itself is kept nowhere."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from audit import subjects
from audit.actor import Actor
from vault.errors import Invalid, gettext_noop


class NotAnAddress(Invalid):
    """Something else was typed where an IP address belongs."""

    code = "not-an-address"
    title = gettext_noop("This is not an IP address")


@dataclass(frozen=True, slots=True)
class NumberFound:
    """What whoever keeps the recordings says of a number or reference: the setting TRAIL_NUMBER_FINDER names it.

    :param recordings: those that exist, and on which it is.
    :param queries: the keyed hashes, in hex, under which a search for it stands in the trail.
    """

    recordings: Sequence[UUID]
    queries: Sequence[str]


@dataclass(frozen=True, slots=True)
class Traces:
    """Where a value left traces: in events about ``targets``, and in those listed under ``lookups`` (hex).

    ``query`` stands for the value in the trail, as a keyed hash.
    """

    field: str
    query: str
    lookups: tuple[str, ...]
    targets: tuple[str, ...] = ()

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        """Return what ``dataclasses.asdict`` made of one."""
        return cls(row["field"], row["query"], tuple(row["lookups"]), tuple(row["targets"]))


def of_number(value: str, *, actor: Actor) -> Traces:
    """Return the traces of a telephone number or a customer's reference.

    They are events about the recordings on which it is, and searches for it, whoever made them.
    """
    find: Callable[..., NumberFound] = import_string(settings.TRAIL_NUMBER_FINDER)
    found = find(value, actor=actor)
    return Traces(
        "number",
        found.queries[0],
        tuple(kept.hex() for query in found.queries for kept in subjects.lookups("query", query)),
        tuple(map(str, found.recordings)),
    )


def of_address(value: str, *, now: datetime) -> Traces:
    """Return the traces of an IP address from which somebody acted.

    :raises NotAnAddress: for anything else.
    """
    try:
        ipaddress.ip_address(value.strip())
    except ValueError:
        raise NotAnAddress from None
    query = subjects.lookup("address", value, now).hex()
    return Traces("address", query, tuple(kept.hex() for kept in subjects.lookups("address", value)))
