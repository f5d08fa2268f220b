"""What needs a second person, kind by kind. Whoever owns the act registers its kind when the vault starts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from audit.actor import Actor, Ref
from audit.subjects import Subject
from vault.approvals.errors import NoSuchKind
from vault.errors import Missing
from vault.permissions import Permission

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as LazyText

    from vault.approvals.models import Approval


class CarriedOut(Enum):
    """When an approved request is carried out."""

    ON_APPROVAL = auto()  # in the transaction of the decision
    BY_REQUESTER = auto()  # once, by who asked, until it expires: what comes of it is for their eyes


@dataclass(frozen=True, slots=True)
class Line:
    """One fact about what is asked for."""

    label: str
    value: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Described:
    """What is asked for, to one reader: in a few words for a list, and in lines for its page."""

    what: str
    lines: tuple[Line, ...] = ()
    warning: str = ""


class Kind(ABC):
    """One act that nobody does alone.

    ``check`` and ``carry_out`` run in the transaction of the request, after its row is locked: they may lock
    what it is about, and make no network call. What needs one belongs into ``prepare``, which runs before.
    """

    code: ClassVar[str]
    title: ClassVar[LazyText]
    explanation: ClassVar[LazyText]
    ask: ClassVar[Permission]
    decide: ClassVar[Permission]
    carried_out: ClassVar[CarriedOut] = CarriedOut.ON_APPROVAL
    sends_file: ClassVar[bool] = False  # whether what comes of it is a file, after which the page stays

    @abstractmethod
    def check(self, asked: Approval, *, asker: Actor) -> None:
        """Refuse what is not possible; asked when it is asked for, decided on and carried out.

        Here the parameters are checked too: nothing but what the kind knows may be stored.
        """

    @abstractmethod
    def ref(self, asked: Approval) -> Ref:
        """Return what the trail's events are about."""

    @abstractmethod
    def describe(self, asked: Approval, *, reader: Actor, now: datetime) -> Described:
        """Say what is asked for, with nothing that this reader may not see."""

    @abstractmethod
    def carry_out(self, asked: Approval, prepared: Any, *, actor: Actor, now: datetime) -> Any:
        """Do it, with its own event. ``actor`` acts on behalf of who asked, or is who asked."""

    def prepare(self, asked: Approval, reason: str) -> Any:
        """Return what ``carry_out`` needs from outside the database."""
        return None

    def sealing_key(self, asked: Approval) -> bytes | None:
        """Return the key that seals reason and words, to be gone with what they are about; None: the house's own.

        Asked before the transaction too, so that within it nothing is asked of the key management service.
        """
        return None

    def subject(self, asked: Approval) -> Subject:
        """Return with whom reason and words are forgotten."""
        return Subject.account(asked.asked_by_id)

    def show(self, request: HttpRequest, result: Any) -> HttpResponse:
        """Show what came of it to who asked, once (only where the requester carries it out)."""
        raise TypeError(f"{self.code} has nothing to show")


def target_uuid(asked: Approval, missing: type[Missing]) -> UUID:
    """Return the id of the target. One writing alone is taken: requests and people are found by comparing ids.

    :raises Missing: of the kind given, for anything else.
    """
    try:
        target_id = UUID(asked.target_id)
    except ValueError:
        raise missing from None
    if str(target_id) != asked.target_id:
        raise missing
    return target_id


_registered: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Make a kind known; one code has one kind."""
    if kind.code in _registered:
        raise ValueError(f"{kind.code} is registered already")
    _registered[kind.code] = kind


def require(code: str) -> Kind:
    """Return the kind with this code, or refuse."""
    kind = _registered.get(code)
    if kind is None:
        raise NoSuchKind
    return kind


def decided_by(actor: Actor) -> list[str]:
    """Return the codes of the kinds that the actor may decide on."""
    return [kind.code for kind in _registered.values() if actor.may(kind.decide)]
