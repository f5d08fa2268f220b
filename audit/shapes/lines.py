"""What every shape is made of: the entry of an event, and what may be said about the people in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """One event. ``name``, ``address`` and ``words`` are empty where they are withheld or forgotten."""

    index: int
    entry: dict[str, Any]
    leaf: bytes
    name: str = ""
    address: str = ""
    words: tuple[str, ...] = ()
    withheld: int = 0

    @property
    def actor(self) -> dict[str, str]:
        """Who acted: kind, id and role, each only where there is one."""
        found: dict[str, str] = self.entry.get("actor", {})
        return found

    @property
    def target(self) -> dict[str, str]:
        """What it was about: kind and id."""
        found: dict[str, str] = self.entry.get("target", {})
        return found

    @property
    def facts(self) -> dict[str, Any]:
        """What else the entry says."""
        found: dict[str, Any] = self.entry.get("facts", {})
        return found

    def text(self, member: str) -> str:
        """Return a member of the entry; empty if it has none."""
        return str(self.entry.get(member, ""))


@dataclass(frozen=True, slots=True)
class About:
    """What a package is: where it comes from, who asked for what, and the checkpoint that fixes it."""

    origin: str
    export_id: str
    made_at: datetime
    asked_at: datetime
    asked_by: str
    ground: str
    filters: dict[str, str]
    with_personal: bool
    language: str
    tree_size: int
    checkpoint: str
    vkey: str
    site: str = ""
    events: int = 0


Tell = Callable[[int], None]
# Makes a file of lines; tells how many of them are done as it goes.
Maker = Callable[[About, Iterable[list[Line]], Tell], Iterator[bytes]]
