"""The data protection officer's page: who heard, saw, changed or was refused what."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit import check, checkpoints, events, export, proofs, sequencer, trail
from audit.actions import Action
from audit.actor import Actor, Ref
from audit.doors import actor_of, asks
from audit.events import EventFilters, EventPage, Told
from audit.forms import OrderExport, TrailFilters
from audit.models import Export, ExportState
from audit.wording import ACTOR_KINDS, FACT_NAMES, GROUP_NAMES, TARGETS, say
from vault import clock
from vault.errors import Invalid
from vault.permissions import Permission

READ, EXPORT = Permission.AUDIT_READ, Permission.AUDIT_EXPORT
_LATE_S = 10
_MOST_FACTS = 4
_MOST_STRETCHES = 6


@asks(GET=READ)
def show_trail(request: HttpRequest) -> HttpResponse:
    """Show the newest events that match, a page at a time; that they were read is recorded first."""
    now = clock.now()
    form = TrailFilters(request.GET)
    filters = form.filters(now) if form.is_valid() else EventFilters()
    page = events.find_events(filters, after=_key(request, "after"), before=_key(request, "before"))
    count = events.count_events(filters)
    record_reading(filters, page, actor=actor_of(request), now=now)
    context = {
        "form": form,
        "days": _by_day([_row(one) for one in page.rows]),
        "count_text": _count_text(count),
        "can_export": count > 0 and form.is_valid(),
        "export_text": _export_text(count),
        "older_url": _page_url(request, after=page.older),
        "newer_url": _page_url(request, before=page.newer),
        "groups": [
            {"name": name, "label": label, "is_on": filters.group == name}
            for name, label in GROUP_NAMES.items()
        ],
        "order": OrderExport(),
        "query": _query_of(request),
        **_state_of_trail(),
        **_exports(),
    }
    return render(request, "audit/trail.html", context)


@asks(GET=READ)
def show_event(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """Show one event with all its fields and its proof."""
    told = events.read_event(event_id)
    proof = _proof_of(told)
    _record_event_read(told, actor_of(request), clock.now())
    body = told.event.body
    context = {
        "row": _row(told),
        "fields": [
            (name, value if isinstance(value, str | int) else json.dumps(value, ensure_ascii=False))
            for name, value in body.items()
            if name not in ("facts", "addenda")
        ],
        "facts": body.get("facts", {}).items(),
        "addenda": told.addenda,
        "entry": bytes(told.event.entry).decode(),
        "proof": proof,
    }
    return render(request, "audit/event.html", context)


@asks(GET=READ)
def give_proof(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """Hand out the proof that one event stands in the trail."""
    told = events.read_event(event_id)
    proof = proofs.event_proof(event_id)
    _record_event_read(told, actor_of(request), clock.now())
    response = HttpResponse(proof, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="event-{told.index}.tlog-proof"'
    return response


@asks(GET=READ)
def give_checkpoint(request: HttpRequest) -> HttpResponse:
    """Hand out the newest checkpoint, to be kept elsewhere."""
    newest = checkpoints.newest()
    if newest is None:
        raise proofs.NotYetSequenced(_("There is no checkpoint yet."))
    response = HttpResponse(newest.note, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="checkpoint-{newest.size}.txt"'
    return response


@asks(POST=READ)
def check_now(request: HttpRequest) -> HttpResponse:
    """Check the whole trail from its rows, and say what was found."""
    result = check.check_trail(actor=actor_of(request), now=clock.now())
    if result.is_whole:
        messages.success(request, _("Checked: nothing is changed, missing or moved."))
    else:
        for finding in result.findings[:5]:
            messages.error(request, finding)
    return redirect("audit:trail")


@asks(POST=EXPORT)
def order_export(request: HttpRequest) -> HttpResponse:
    """Ask for an export of what the page shows."""
    now = clock.now()
    filters, order = TrailFilters(request.POST), OrderExport(request.POST)
    if not (filters.is_valid() and order.is_valid()):
        errors = [*filters.errors.values(), *order.errors.values()]
        raise Invalid(" ".join(str(text) for error in errors for text in error))
    export.request_export(
        format=order.cleaned_data["format"],
        filters=filters.filters(now),
        with_personal=order.cleaned_data["with_personal"],
        ground=order.cleaned_data["ground"],
        actor=actor_of(request),
        now=now,
    )
    messages.success(request, _("The export is being made. You may leave this page."))
    return redirect(f"{reverse('audit:trail')}#exports")


@asks(GET=EXPORT)
def show_exports(request: HttpRequest) -> HttpResponse:
    """Show how far the exports are; asked again and again while one is being made."""
    return render(request, "audit/_exports.html", _exports())


@asks(POST=EXPORT)
def fetch_export(request: HttpRequest, export_id: UUID) -> HttpResponseBase:
    """Hand out a package, once."""
    return send_package(export.download(export_id, actor=actor_of(request), now=clock.now()))


def send_package(package: export.Download) -> StreamingHttpResponse:
    """Return a package as a stream; the API does the same."""
    response = StreamingHttpResponse(package.pieces, content_type="application/zip")
    response["Content-Length"] = str(package.length)
    response["Content-Disposition"] = f'attachment; filename="{package.name}"'
    response["Cache-Control"] = "no-store"
    return response


def record_reading(filters: EventFilters, page: EventPage, *, actor: Actor, now: datetime) -> None:
    """Commit that somebody reads these events, before they are handed out."""
    facts = filters.as_facts()
    trail.record_disclosure(
        Action.TRAIL_SEARCHED,
        actor=actor,
        target=Ref("trail", settings.AUDIT_ORIGIN),
        at=now,
        filters=" ".join(f"{name}={value}" for name, value in facts.items()) or None,
        count=len(page.rows),
        page=str(page.rows[0].event.id) if page.rows else None,
    )


@dataclass(frozen=True, slots=True)
class Row:
    """One event as the timeline shows it."""

    id: UUID
    index: int | None
    at: datetime
    who: str
    sentence: SafeString
    below: str
    role: str
    icon: str
    tone: str


def _row(told: Told) -> Row:
    event = told.event
    said = say(event.action, event.outcome)
    return Row(
        id=event.id,
        index=told.index,
        at=event.occurred_at,
        who=_who(told),
        sentence=format_html(said.pattern, what=_what(event.target)),
        below=" · ".join(filter(None, _details(told))),
        role=event.actor_role,
        icon=said.icon,
        tone=said.tone,
    )


def _who(told: Told) -> str:
    if told.actor_name:
        return told.actor_name
    if told.is_actor_forgotten:
        return _("Somebody forgotten")
    return str(ACTOR_KINDS.get(told.event.actor_kind, told.event.actor_kind))


def _what(target: Ref) -> SafeString | str:
    name = str(TARGETS.get(target.kind, target.kind))
    if target.kind == "recording":
        return format_html('<a href="{}">{}</a>', reverse("recordings:detail", args=[target.id]), name)
    return name


def _details(told: Told) -> list[str]:
    body = told.event.body
    facts = body.get("facts", {})
    words = [
        f"“{text}”"
        for part in told.addenda
        for name, text in (part.fields or {}).items()
        if name not in ("name", "address")
    ]
    code = _("code %(code)s") % {"code": facts["code"]} if "code" in facts else ""
    others = [
        f"{FACT_NAMES[name]}: {value}" for name, value in facts.items() if name in FACT_NAMES and value != ""
    ]
    place = body.get("access_point", "")
    return [
        *words,
        _heard(facts),
        body.get("purpose", ""),
        code,
        *others[:_MOST_FACTS],
        "" if place == "web" else place,
    ]


def _heard(facts: dict[str, Any]) -> str:
    """Return which parts of a call were sent, as times of the call."""
    stretches = re.findall(r"(\d+)-(\d+)", str(facts.get("heard", "")))
    if "from_ms" in facts:
        stretches = [(facts["from_ms"], facts["to_ms"])]
    told = [f"{_clock(int(start))}–{_clock(int(end))}" for start, end in stretches[:_MOST_STRETCHES]]
    return ", ".join([*told, "…"] if len(stretches) > _MOST_STRETCHES else told)


def _clock(milliseconds: int) -> str:
    minutes, seconds = divmod(milliseconds // 1000, 60)
    return f"{minutes}:{seconds:02}"


def _by_day(rows: list[Row]) -> list[tuple[date, list[Row]]]:
    return [
        (day, list(of_day))
        for day, of_day in groupby(rows, key=lambda row: timezone.localtime(row.at).date())
    ]


def _state_of_trail() -> dict[str, object]:
    newest, last = checkpoints.newest(), check.last_check()
    waiting = sequencer.lag().total_seconds()
    return {
        "checkpoint": newest,
        "last_check": last,
        "was_whole": last is not None and last.body["facts"].get("whole") is True,
        "last_findings": last.body["facts"].get("findings", 0) if last else 0,
        "anchor": checkpoints.newest_anchor(),
        "is_late": waiting > _LATE_S,
        "waiting_s": round(waiting),
    }


def _exports() -> dict[str, object]:
    recent: list[Export] = export.recent()
    under_way = (ExportState.WAITING, ExportState.RUNNING)
    return {"exports": recent, "is_busy": any(one.state in under_way for one in recent)}


def _proof_of(told: Told) -> str:
    try:
        return proofs.event_proof(told.event.id)
    except proofs.NotYetSequenced:
        return ""


def _record_event_read(told: Told, actor: Actor, now: datetime) -> None:
    trail.record_disclosure(
        Action.TRAIL_EVENT_READ,
        actor=actor,
        target=Ref("trail", settings.AUDIT_ORIGIN),
        at=now,
        event=str(told.event.id),
    )


def _count_text(count: int) -> str:
    if count > events.MOST_COUNTED:
        return _("More than %(count)s events match") % {"count": _grouped(events.MOST_COUNTED)}
    return ngettext("%(count)s event matches", "%(count)s events match", count) % {"count": _grouped(count)}


def _export_text(count: int) -> str:
    if count > events.MOST_COUNTED:
        return _("Export these events")
    return ngettext("Export %(count)s event", "Export %(count)s events", count) % {"count": _grouped(count)}


def _key(request: HttpRequest, name: str) -> UUID | None:
    value = request.GET.get(name, "")
    try:
        return UUID(value) if value else None
    except ValueError:
        raise Invalid(
            _("This page's address was changed; start from the first page."), code="cursor-not-valid"
        ) from None


def _page_url(request: HttpRequest, **keys: UUID | None) -> str:
    query = request.GET.copy()
    for name in ("after", "before"):
        query.pop(name, None)
    name, key = next(iter(keys.items()))
    if key is None:
        return ""
    query[name] = str(key)
    return f"{request.path}?{query.urlencode()}"


def _query_of(request: HttpRequest) -> list[tuple[str, str]]:
    query = ((name, str(value)) for name, value in request.GET.items() if name not in ("after", "before"))
    return [(name, value) for name, value in query if value]


def _grouped(count: int) -> str:
    """Return a number as the reader's language writes it: "10,000" or "10.000"."""
    return number_format(count, use_l10n=True, force_grouping=True)
