"""The filters above the list of calls: read from the address, drawn as chips. None of them is personal data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from uuid import UUID

from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.actor import Actor
from recordings.search import CallFilters, Standing
from recordings.wording import STATUSES
from vault.access.models import Team, User
from vault.access.roles import Role
from vault.web.words import day

PERIODS = {
    "today": (gettext_lazy("today"), 0),
    "7d": (gettext_lazy("last 7 days"), 6),
    "30d": (gettext_lazy("last 30 days"), 29),
    "90d": (gettext_lazy("last 90 days"), 89),
}
LENGTHS = {
    "1m": (gettext_lazy("under 1 minute"), None, 60),
    "5m": (gettext_lazy("1 to 5 minutes"), 60, 300),
    "15m": (gettext_lazy("5 to 15 minutes"), 300, 900),
    "long": (gettext_lazy("over 15 minutes"), 900, None),
}
STATES = {
    Standing.KEPT: gettext_lazy("Kept as planned"),
    Standing.HELD: gettext_lazy("On hold"),
    Standing.RESTRICTED: gettext_lazy("Restricted"),
    Standing.QUARANTINED: gettext_lazy("Quarantined"),
    Standing.DUE: gettext_lazy("Due within two days"),
    Standing.ERASED: gettext_lazy("Erased"),
}
NO_BASIS = "none"
_MOST_NAMES = 200


@dataclass(frozen=True, slots=True)
class Option:
    """A value one may choose, and the address that chooses it."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Filter:
    """One chip: what is chosen and how to take it away, or what may be chosen."""

    name: str
    label: str
    chosen: str = ""
    without: str = ""
    options: list[Option] = field(default_factory=list)


def filters_of(query: QueryDict, *, now: datetime) -> CallFilters:
    """Read the address; what it says in no known form is left out."""
    started_from, started_before = _period(query, now)
    _label, shortest_s, longest_s = LENGTHS.get(query.get("length", ""), ("", None, None))
    basis = query.get("basis", "")
    state = query.get("state", "")
    return CallFilters(
        started_from=started_from,
        started_before=started_before,
        team=_uuid(query.get("team", "")),
        agent=_uuid(query.get("agent", "")),
        basis_status=basis if basis in {*(key.value for key in STATUSES), NO_BASIS} else "",
        state=state if state in Standing.values else "",
        shortest_s=shortest_s,
        longest_s=longest_s,
    )


def shown_filters(request: HttpRequest, actor: Actor) -> list[Filter]:
    """Return the chips of this page for somebody; teams and agents are those within reach."""
    teams = _teams(actor)
    chips = [_period_chip(request)]
    if len(teams) > 1:
        chips.append(_chip(request, "team", _("Team"), ((str(team.pk), team.name) for team in teams)))
    chips += [
        _chip(request, "agent", _("Agent"), _agents(teams)),
        _chip(request, "length", _("Length"), ((key, str(value[0])) for key, value in LENGTHS.items())),
        _chip(
            request,
            "basis",
            _("Lawful basis"),
            [*((key.value, str(label)) for key, label in STATUSES.items()), (NO_BASIS, _("None found"))],
        ),
        _chip(request, "state", _("State"), ((key.value, str(label)) for key, label in STATES.items())),
    ]
    return [chip for chip in chips if chip.chosen or chip.options]


def _chip(request: HttpRequest, name: str, label: str, values: Iterable[tuple[str, str]]) -> Filter:
    options = list(values)
    chosen = dict(options).get(request.GET.get(name, ""), "")
    if chosen:
        return Filter(name, label, chosen, _address(request, **{name: ""}))
    return Filter(
        name, label, options=[Option(word, _address(request, **{name: value})) for value, word in options]
    )


def _period_chip(request: HttpRequest) -> Filter:
    first, last = _date(request.GET.get("from", "")), _date(request.GET.get("until", ""))
    words = ""
    if first and last:
        words = _("%(first)s to %(last)s") % {"first": day(first), "last": day(last)}
    elif first:
        words = _("from %(first)s") % {"first": day(first)}
    elif last:
        words = _("until %(last)s") % {"last": day(last)}
    if words:
        away = _address(request, **{"from": "", "until": ""})
        return Filter("period", _("Period"), words, away)
    return _chip(
        request, "period", _("Period"), ((key, str(label)) for key, (label, _days) in PERIODS.items())
    )


def _period(query: QueryDict, now: datetime) -> tuple[datetime | None, datetime | None]:
    first, last = _date(query.get("from", "")), _date(query.get("until", ""))
    period = PERIODS.get(query.get("period", ""))
    if first is None and last is None and period is not None:
        first = timezone.localdate(now) - timedelta(days=period[1])
    return (
        _midnight(first) if first else None,
        _midnight(last + timedelta(days=1)) if last else None,
    )


def _midnight(of: date) -> datetime:
    return timezone.make_aware(datetime.combine(of, time.min))


def _date(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2100 else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _teams(actor: Actor) -> list[Team]:
    teams = Team.objects.all() if actor.role == Role.DPO else Team.objects.filter(pk__in=actor.teams)
    return list(teams.order_by("name", "pk")[:_MOST_NAMES])


def _agents(teams: list[Team]) -> list[tuple[str, str]]:
    agents = User.objects.filter(role=Role.AGENT, memberships__team__in=teams).distinct()
    return [(str(agent.pk), agent.name) for agent in agents.only("name").order_by("name", "pk")[:_MOST_NAMES]]


def _address(request: HttpRequest, **changes: str) -> str:
    query = request.GET.copy()
    query.pop("page", None)
    for name, value in changes.items():
        query.pop(name, None)
        if value:
            query[name] = value
    return f"{request.path}?{query.urlencode()}" if query else request.path
