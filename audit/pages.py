"""The data protection officer's page: who heard, saw, changed or was refused what."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    QueryDict,
    StreamingHttpResponse,
)
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.http import urlencode
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from audit import checkpoints, checks, events, export, proofs, rows, state, sums, trail
from audit.actions import Action
from audit.actor import Actor, Ref
from audit.doors import actor_of, asks
from audit.events import EventFilters, EventPage, Told
from audit.forms import OrderExport, PostedFilters, TrailFilters
from audit.models import CheckState, Export, ExportState
from audit.shapes.formats import FORMATS
from audit.wording import GROUP_NAMES
from vault import clock
from vault.errors import Invalid, Missing
from vault.permissions import Permission

READ, EXPORT = Permission.AUDIT_READ, Permission.AUDIT_EXPORT


@asks(GET=READ, POST=READ)
@sensitive_post_parameters("number", "address")
def show_trail(request: HttpRequest) -> HttpResponse:
    """Show the newest events that match, a page at a time; that they were read is recorded first.

    A number or a network address comes posted, as does each further page of what was found by it.
    """
    now, actor = clock.now(), actor_of(request)
    asked = _asked(request)
    form = PostedFilters(asked, actor=actor, now=now)
    page, count, filters = EventPage([], None, None), 0, EventFilters()
    if form.is_valid():
        filters = form.filters(now)
        page = events.find_events(filters, after=_key(asked, "after"), before=_key(asked, "before"))
        count = events.count_events(filters)
        record_reading(filters, page, actor=actor, now=now)
    context = {
        "form": form,
        "is_posted": request.method == "POST",
        "days": rows.by_day(page.rows),
        "can_export": count > 0,
        "export_text": _export_text(count),
        "groups": [
            {"name": name, "label": label, "is_on": filters.group == name}
            for name, label in GROUP_NAMES.items()
        ],
        "order": OrderExport(),
        "query": _query_of(asked),
        **_pager(request, page, count),
        **state.state_of_trail(),
        **_check(),
        **_exports(),
    }
    return render(request, "audit/trail.html", context, status=400 if form.errors else 200)


@asks(GET=READ)
def show_recording(request: HttpRequest, recording_id: UUID) -> HttpResponse:
    """Show everything that ever happened to one recording."""
    filters = EventFilters(recording_id=recording_id)
    context = {
        "recording_id": recording_id,
        "kind": "recording",
        "sums": sums.of_recording(recording_id),
        "list_url": f"{reverse('audit:trail')}?recording={recording_id}",
    }
    return _show_timeline(request, filters, context)


@asks(GET=READ)
def show_person(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """Show everything that one person did, and that was done to them."""
    filters = EventFilters(person_id=person_id)
    person = get_user_model().objects.filter(pk=person_id).first()
    context = {
        "person": person,
        "kind": "person",
        "sums": sums.of_person(person_id),
        "list_url": f"{reverse('audit:trail')}?person={person_id}" if person else "",
    }
    return _show_timeline(request, filters, context)


@asks(GET=READ)
def show_event(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """Show one event with all its fields and its proof."""
    return _show_event(request, event_id, "audit/event.html")


@asks(GET=READ)
def show_inside(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """Show the same within the row of a timeline."""
    return _show_event(request, event_id, "audit/_inside.html")


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
def give_verifier(request: HttpRequest) -> FileResponse:
    """Hand out the stand-alone program that checks exports and proofs."""
    return FileResponse(
        open(settings.BASE_DIR / "audit" / "verify.py", "rb"),
        as_attachment=True,
        filename="verify.py",
        content_type="text/x-python; charset=utf-8",
    )


@asks(GET=READ)
def give_checkpoint(request: HttpRequest) -> HttpResponse:
    """Hand out the newest checkpoint, to be kept elsewhere."""
    newest = checkpoints.newest()
    if newest is None:
        raise proofs.NotYetSequenced(_("There is no checkpoint yet."))
    record_checkpoint_read(newest.size, actor=actor_of(request), now=clock.now())
    response = HttpResponse(checkpoints.given_out(newest), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="checkpoint-{newest.size}.txt"'
    return response


@asks(POST=READ)
def check_now(request: HttpRequest) -> HttpResponse:
    """Ask for a check of the whole trail from its rows; a job does it."""
    checks.request_check(actor=actor_of(request), now=clock.now())
    return redirect(f"{reverse('audit:trail')}#check")


@asks(GET=READ)
def show_check(request: HttpRequest) -> HttpResponse:
    """Show how far the newest check is, or what it found; asked again and again while one is under way."""
    context = {**_check(), "is_polled": True}
    if not context["is_checking"]:
        context |= state.state_of_trail()
    return render(request, "audit/_check.html", context)


@asks(POST=EXPORT)
@sensitive_post_parameters("number", "address", "ground")
def order_export(request: HttpRequest) -> HttpResponse:
    """Ask for an export of what the page shows."""
    now, actor = clock.now(), actor_of(request)
    filters, order = PostedFilters(request.POST, actor=actor, now=now), OrderExport(request.POST)
    if not filters.is_valid():
        raise Invalid(" ".join(str(text) for error in filters.errors.values() for text in error))
    if not order.is_valid():
        return _ask_again(request, filters, order)
    try:
        export.request_export(
            format=order.cleaned_data["format"],
            filters=filters.filters(now),
            with_personal=order.cleaned_data["with_personal"],
            ground=order.cleaned_data["ground"],
            language=get_language() or settings.LANGUAGE_CODE,
            actor=actor,
            now=now,
        )
    except Invalid as refusal:
        order.add_refusal(refusal)
        trail.record_refusal(
            refusal,
            actor=actor,
            action=Action.TRAIL_EXPORTED,
            target=Ref("trail", settings.AUDIT_ORIGIN),
            at=now,
        )
        return _ask_again(request, filters, order)
    messages.success(request, _("The export is being made. You may leave this page."))
    return redirect(f"{reverse('audit:trail')}#exports")


def _ask_again(request: HttpRequest, filters: PostedFilters, order: OrderExport) -> HttpResponse:
    """Show the dialog again, by itself, with what was typed and what is wrong beside its field."""
    query = [(name, str(value)) for name, value in request.POST.items() if name in filters.fields and value]
    # What may stand in an address, and no more.
    back = [(name, value) for name, value in query if name in TrailFilters.base_fields]
    context = {
        "order": order,
        "query": query,
        "back_url": f"{reverse('audit:trail')}?{urlencode(back)}",
        **_exports(),
    }
    return render(request, "audit/order.html", context, status=400)


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
        query=next((trace.query for trace in filters.traces if trace.field == "number"), None),
    )


def record_checkpoint_read(size: int, *, actor: Actor, now: datetime) -> None:
    """Commit that somebody takes the newest checkpoint, before it is handed out."""
    trail.record_disclosure(
        Action.TRAIL_CHECKPOINT_READ,
        actor=actor,
        target=Ref("trail", settings.AUDIT_ORIGIN),
        at=now,
        tree_size=size,
    )


def _show_timeline(request: HttpRequest, filters: EventFilters, context: dict[str, Any]) -> HttpResponse:
    now, actor = clock.now(), actor_of(request)
    page = events.find_events(filters, after=_key(request.GET, "after"), before=_key(request.GET, "before"))
    if not page.rows:
        raise Missing(_("Nothing stands in the trail about this."))
    count = events.count_events(filters)
    record_reading(filters, page, actor=actor, now=now)
    refused: int = context["sums"].refused
    context |= {
        "days": rows.by_day(page.rows),
        "refused_text": _capped(refused),
        "is_refused": refused > 0,
        **_pager(request, page, count),
    }
    return render(request, "audit/timeline.html", context)


def _show_event(request: HttpRequest, event_id: UUID, template: str) -> HttpResponse:
    told = events.read_event(event_id)
    proof = _proof_of(told)
    _record_event_read(told, actor_of(request), clock.now())
    context = {"row": rows.row_of(told), "inside": rows.inside_of(told), "proof": proof}
    return render(request, template, context)


def _check() -> dict[str, object]:
    newest = checks.newest()
    is_checking = newest is not None and newest.state in (CheckState.WAITING, CheckState.RUNNING)
    took = newest.finished_at - newest.asked_at if newest and newest.finished_at else None
    return {
        "check": newest,
        "is_checking": is_checking,
        "check_took_s": None if took is None else max(1, round(took.total_seconds())),
    }


def _exports() -> dict[str, object]:
    recent: list[Export] = export.recent()
    under_way = (ExportState.WAITING, ExportState.RUNNING)
    return {
        "exports": [(one, FORMATS[one.format].label if one.format in FORMATS else "") for one in recent],
        "is_busy": any(one.state in under_way for one in recent),
    }


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


def _asked(request: HttpRequest) -> QueryDict:
    """Return what is looked for; nothing that is personal in itself is taken from an address."""
    if request.method != "POST":
        if request.GET.keys() & {"number", "address"}:
            raise Invalid(_("A number or a network address is posted, never written into an address."))
        return request.GET
    asked = request.POST.copy()
    asked.pop("csrfmiddlewaretoken", None)
    if "other_group" in asked:
        asked["group"] = asked.pop("other_group")[-1]
    return asked


def _key(asked: QueryDict, name: str) -> UUID | None:
    value = asked.get(name, "")
    try:
        return UUID(value) if value else None
    except ValueError:
        raise Invalid(
            _("This page's address was changed; start from the first page."), code="cursor-not-valid"
        ) from None


def _pager(request: HttpRequest, page: EventPage, count: int) -> dict[str, Any]:
    return {
        "count_text": _count_text(count),
        "older": page.older,
        "newer": page.newer,
        "older_url": _page_url(request, after=page.older),
        "newer_url": _page_url(request, before=page.newer),
    }


def _page_url(request: HttpRequest, **keys: UUID | None) -> str:
    query = request.GET.copy()
    for name in ("after", "before"):
        query.pop(name, None)
    name, key = next(iter(keys.items()))
    if key is None:
        return ""
    query[name] = str(key)
    return f"{request.path}?{query.urlencode()}"


def _query_of(asked: QueryDict) -> list[tuple[str, str]]:
    query = ((name, str(value)) for name, value in asked.items() if name not in ("after", "before"))
    return [(name, value) for name, value in query if value]


def _capped(count: int) -> str:
    return _grouped(count) if count <= events.MOST_COUNTED else f"{_grouped(events.MOST_COUNTED)}+"


def _grouped(count: int) -> str:
    """Return a number as the reader's language writes it: "10,000" or "10.000"."""
    return number_format(count, use_l10n=True, force_grouping=True)
