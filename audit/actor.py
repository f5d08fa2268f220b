"""Who acts, and on what: the two values every event of the trail is about."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self
from uuid import UUID

from vault.permissions import Permission


class ActorKind(StrEnum):
    """What kind of actor stands behind an act."""

    PERSON = "person"
    SERVICE = "service"
    SYSTEM = "system"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody or something that acts; made by the doors, passed to every use case.

    ``name`` and ``address`` are personal: they reach the trail only sealed, as an addendum that can be
    forgotten. ``session`` is a keyed hash of the session's key, never the key. ``rule`` is what let the actor
    in, as the gate found it: it stands in every event for which the use case names no closer one.
    """

    kind: ActorKind
    id: UUID | None
    role: str = ""
    name: str = field(default="", repr=False)
    access_point: str = ""
    address: str = field(default="", repr=False)
    request_id: str = ""
    session: str = field(default="", repr=False)
    teams: frozenset[UUID] = frozenset()
    permissions: frozenset[Permission] = frozenset()
    on_behalf_of: UUID | None = None
    rule: str = ""

    def may(self, permission: Permission) -> bool:
        """Say whether the actor's role gives the permission; reach is another question."""
        return permission in self.permissions

    @classmethod
    def system(cls, access_point: str) -> Self:
        """Return the vault itself at work; it holds no permission, and its use cases ask for none."""
        return cls(kind=ActorKind.SYSTEM, id=None, access_point=access_point)

    @classmethod
    def unknown(cls, access_point: str, *, address: str = "", request_id: str = "", name: str = "") -> Self:
        """Return somebody who has not shown who they are."""
        return cls(
            kind=ActorKind.UNKNOWN,
            id=None,
            name=name,
            access_point=access_point,
            address=address,
            request_id=request_id,
        )


# What an event can be about. Ids are opaque to the trail: no foreign keys.
REF_KINDS = frozenset(
    [
        "recording",
        "account",
        "team",
        "token",
        "policy",
        "hold",
        "erasure",
        "export",
        "grant",
        "trail",
        "intake",
        "purpose",
        "basis",
        "approval",
        "job",
        "session",
        "settings",
        "key",
        "page",
        "day",
        "check",
    ]
)


@dataclass(frozen=True, slots=True)
class Ref:
    """What an event is about: a kind and an opaque id, never a number, a name or a file name."""

    kind: str
    id: str

    def __post_init__(self) -> None:
        """Refuse a kind that the trail does not know, so that a search by kind finds everything."""
        if self.kind not in REF_KINDS:
            raise ValueError(f"unknown kind of target: {self.kind}")
