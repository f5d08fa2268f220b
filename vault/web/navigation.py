"""Who sees which entry in the navigation: only pages that exist and that the person may open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from vault.permissions import Permission

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as LazyText


@dataclass(frozen=True, slots=True)
class Entry:
    """A page that the navigation leads to, and the permission without which it is not shown."""

    label: LazyText
    icon: str
    url_name: str
    permission: Permission
    counts_waiting: bool = False  # beside it stands how much waits for the person


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as one person sees it on one page."""

    label: LazyText
    icon: str
    url: str
    current: bool
    counts_waiting: bool


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with its links."""

    label: LazyText
    links: tuple[Link, ...]


NAVIGATION: tuple[tuple[LazyText, tuple[Entry, ...]], ...] = (
    (
        _("Calls"),
        (Entry(_("Recordings"), "audio-lines", "recordings:list", Permission.RECORDING_FIND),),
    ),
    (
        _("Data protection"),
        (
            Entry(_("Retention"), "calendar-clock", "retention:overview", Permission.RETENTION_READ),
            Entry(_("Legal holds"), "scale", "retention:holds", Permission.HOLD_READ),
            Entry(_("Audit trail"), "history", "audit:trail", Permission.AUDIT_READ),
            Entry(_("Who listened"), "ear", "privacy:who-listened", Permission.CONSULTATIONS_STATE),
            Entry(_("Breach report"), "siren", "privacy:breach-report", Permission.BREACH_REPORT),
        ),
    ),
    (
        _("Administration"),
        (
            Entry(_("People"), "users", "access:people", Permission.PEOPLE_READ),
            Entry(_("Teams"), "building-2", "access:teams", Permission.PEOPLE_READ),
            Entry(_("Service tokens"), "plug", "access:tokens", Permission.TOKEN_MANAGE),
            Entry(_("Keys"), "key-round", "keys:list", Permission.KEY_READ),
        ),
    ),
    (
        _("Second person"),
        (
            Entry(
                _("Approvals"),
                "list-checks",
                "approvals:list",
                Permission.APPROVAL_READ,
                counts_waiting=True,
            ),
        ),
    ),
    (
        _("Help"),
        (
            Entry(_("Keys for the player"), "keyboard", "web:keys", Permission.RECORDING_PLAY),
            Entry(_("When may I listen?"), "info", "web:when-may-i-listen", Permission.RECORDING_PLAY),
        ),
    ),
)


def entries_for(actor: Actor) -> Iterator[Entry]:
    """Yield the entries that the actor may open, in order."""
    for _label, entries in NAVIGATION:
        yield from (entry for entry in entries if actor.may(entry.permission))


def sections_for(actor: Actor, path: str) -> list[Section]:
    """Return the navigation of a person who stands on the page ``path``; empty headings are left out."""
    urls = {entry.url_name: reverse(entry.url_name) for entry in entries_for(actor)}
    here = max((url for url in urls.values() if path.startswith(url)), key=len, default="")
    sections = []
    for label, entries in NAVIGATION:
        links = tuple(
            Link(
                entry.label,
                entry.icon,
                urls[entry.url_name],
                current=urls[entry.url_name] == here,
                counts_waiting=entry.counts_waiting,
            )
            for entry in entries
            if entry.url_name in urls
        )
        if links:
            sections.append(Section(label, links))
    return sections
