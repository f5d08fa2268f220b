"""What the vault's own check may find wrong with the trail: a code and figures, put into words for who reads it.

The check is done by a job, which has no reader and so no language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_SENTENCES: Mapping[str, str | Promise] = {
    "stops-here": _("There is more; this check stops here."),
    "reaches-beyond": _("The newest checkpoint states %(size)d events, and the tree holds %(count)d."),
    "not-cosigned": _("The events do not lead to what the witness %(place)s cosigned at %(size)d events."),
    "leaves-missing": _("The tree lacks leaves between %(first)d and %(last)d."),
    "event-gone": _("Event %(index)d is gone."),
    "event-changed": _("Event %(index)d is not what was hashed."),
    "columns-differ": _("Event %(index)d differs from its entry in: %(columns)s."),
    "writer-skips": _("Before event %(index)d its writer's event %(number)d is missing or moved."),
    "tile-changed": _("Tile %(level)d/%(number)d is not what its leaves give."),
    "checkpoint-unsigned": _("The newest checkpoint is not signed by the log's key."),
    "root-differs": _("The events do not lead to the signed root."),
    "anchor-beyond": _("An anchor (%(kind)s) covers %(size)d events, and the newest checkpoint %(count)d."),
    "moment-moved": _("Event %(index)d has another moment of recording than its leaf."),
    "passed-over": _("Event %(id)s stands beside the tree: it was put there, or its leaf is gone."),
    "leaf-unsigned": _("Leaf %(index)d lies beyond the newest checkpoint."),
    "tile-stray": _("Tile %(level)d/%(number)d lies beyond the newest checkpoint."),
    "addendum-stray": _("Addendum %(digest)s is promised by no event."),
    "checkpoint-odd": _("Checkpoint %(size)d is not the one that was signed."),
    "removal-differs": _(
        "Between %(first)d and %(last)d %(missing)d events are gone, but %(events)d were removed when"
        " their time was over."
    ),
    "removal-untold": _("The table of removed months holds %(month)s, and no event says so."),
    "removal-left-older": _(
        "An event says that %(month)s was removed, but event %(index)d of another time is left before."
    ),
    "removal-left-last": _(
        "An event says that %(month)s was removed, but its last event %(index)d is there."
    ),
    "checkpoints-missing": _(
        "Between the checkpoints over %(low)d and %(high)d events, %(count)d are missing."
    ),
    "lookup-gone": _("Event %(index)d is not found by its address or search: the row for that is gone."),
    "lookups-stray": _(
        "%(count)d rows by which events are found lead to events that have no such address or search."
    ),
    "addendum-gone": _("The addendum of event %(index)d about %(subject)s is gone."),
    "month-key-gone": _("The month's key of the addendum of event %(index)d about %(subject)s is gone."),
    "addendum-changed": _("The addendum of event %(index)d about %(subject)s is not what was sealed."),
    "key-gone": _(
        "The key of the addendum of event %(index)d about %(subject)s is gone, and no event says that it was"
        " forgotten."
    ),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold."""

    code: str
    figures: Mapping[str, int | str]

    def __str__(self) -> str:
        return str(_SENTENCES[self.code]) % self.figures

    @property
    def short(self) -> str:
        """Return it as the trail holds it: "event-gone index=7"."""
        return " ".join([self.code, *(f"{name}={value}" for name, value in self.figures.items())])

    def as_row(self) -> dict[str, Any]:
        """Return it as the database keeps it."""
        return {"code": self.code, **self.figures}

    @classmethod
    def of(cls, code: str, **figures: int | str) -> Self:
        """Return what was found."""
        return cls(code, figures)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Return what was kept."""
        return cls(row["code"], {name: value for name, value in row.items() if name != "code"})
