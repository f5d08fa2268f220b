"""The pages of a second person: what waits for whom, one request, asking, deciding."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from audit.actor import Actor
from vault import clock
from vault.access.callers import actor_of
from vault.access.gate import requires
from vault.access.reading import record_page
from vault.approvals import asking, deciding, kinds, notices, reading, words
from vault.approvals.errors import NoLongerPossible
from vault.approvals.forms import AskForm, DecideForm
from vault.approvals.models import OPEN, Approval, State
from vault.permissions import Permission

READ = Permission.APPROVAL_READ
SHOWN = 50
LATELY = timedelta(days=30)


@requires(GET=READ)
def list_approvals(request: HttpRequest) -> HttpResponse:
    """Show what waits for the person's decision, what they asked for, and what was decided lately."""
    actor, now = actor_of(request), clock.now()
    seen = reading.visible_to(actor).select_related("asked_by", "decided_by").order_by("-asked_at", "-pk")
    mine = seen.filter(asked_by=actor.id)
    others = seen.exclude(asked_by=actor.id)
    waiting = reading.waiting_for(actor, now=now).select_related("asked_by").order_by("expires_at", "pk")
    context = {
        "waiting": _rows(waiting[:SHOWN], reader=actor, now=now),
        "mine": _rows(mine.filter(asked_at__gt=now - LATELY)[:SHOWN], reader=actor, now=now),
        "lately": _rows(
            others.exclude(state__in=OPEN).filter(ended_at__gt=now - LATELY)[:SHOWN], reader=actor, now=now
        ),
        "days": LATELY.days,
    }
    record_page(request)
    return render(request, "approvals/list.html", context)


@requires(GET=READ)
def show_approval(request: HttpRequest, approval_id: UUID) -> HttpResponse:
    """Show one request: what, who asks, why, and what can be done about it."""
    return _render(request, approval_id, form=DecideForm())


@requires(GET=READ, POST=READ)
def ask(request: HttpRequest, kind: str, target: str) -> HttpResponse:
    """Ask for what nobody does alone; the query holds the parameters of the kind."""
    actor, now = actor_of(request), clock.now()
    found = kinds.require(kind)
    parameters = {name: str(value) for name, value in request.GET.items()}
    asked = asking.draft(kind, target, parameters=parameters, actor=actor, now=now)
    if there := reading.find_waiting(kind, [target], now=now).get(target):
        messages.info(request, _("This has been asked for already."))
        return redirect("approvals:approval", there.pk)
    form = AskForm(request.POST or None)
    if form.is_valid():
        asked = asking.ask(
            kind, target, parameters=parameters, reason=form.cleaned_data["reason"], actor=actor, now=now
        )
        notices.tell_deciders(request, asked)
        messages.success(request, _("It is asked for, and waits for somebody else to decide."))
        return redirect("approvals:approval", asked.pk)
    context = {
        "form": form,
        "kind": found,
        "described": found.describe(asked, reader=actor, now=now),
        "deciders": reading.deciders(found, target, asker=actor),
        "expires_at": asked.expires_at,
    }
    record_page(request)
    return render(request, "approvals/ask.html", context)


@requires(POST=READ)
def decide(request: HttpRequest, approval_id: UUID) -> HttpResponse:
    """Approve or refuse what somebody else asked for."""
    actor, now = actor_of(request), clock.now()
    form = DecideForm(request.POST)
    is_approval = request.POST.get("decision") == "approve"
    if form.is_valid() and not is_approval and not form.cleaned_data["said"].strip():
        form.add_error("said", _("Say why you refuse: the person who asked has to understand it."))
    if not form.is_valid():
        return _render(request, approval_id, form=form)
    said = form.cleaned_data["said"]
    if not is_approval:
        deciding.refuse(approval_id, said=said, actor=actor, now=now)
        messages.success(request, _("You refused; nothing was changed."))
        return redirect("approvals:approval", approval_id)
    try:
        asked = deciding.approve(approval_id, said=said, actor=actor, now=now)
    except NoLongerPossible as over:
        messages.error(request, _("Nothing was carried out: %(why)s") % {"why": over.detail})
        return redirect("approvals:approval", approval_id)
    if asked.state == State.DONE:
        messages.success(request, _("You approved, and it is carried out."))
    else:
        messages.success(request, _("You approved; the person who asked can now carry it out, once."))
    return redirect("approvals:approval", approval_id)


@requires(POST=READ)
def withdraw(request: HttpRequest, approval_id: UUID) -> HttpResponse:
    """Take back what one has asked for."""
    asking.withdraw(approval_id, actor=actor_of(request), now=clock.now())
    messages.success(request, _("You withdrew your request."))
    return redirect("approvals:approval", approval_id)


@requires(POST=READ)
def carry_out(request: HttpRequest, approval_id: UUID) -> HttpResponse:
    """Carry out once what was approved, and show what came of it."""
    actor = actor_of(request)
    kind = kinds.require(reading.visible_to(actor).require(approval_id).kind)
    try:
        result = deciding.carry_out(approval_id, actor=actor, now=clock.now())
    except NoLongerPossible as over:
        messages.error(request, _("Nothing was carried out: %(why)s") % {"why": over.detail})
        return redirect("approvals:approval", approval_id)
    return kind.show(request, result)


def _render(request: HttpRequest, approval_id: UUID, *, form: DecideForm) -> HttpResponse:
    actor, now = actor_of(request), clock.now()
    seen = reading.visible_to(actor).select_related("asked_by", "decided_by")
    asked = seen.require(approval_id)
    kind = kinds.require(asked.kind)
    is_mine = asked.asked_by_id == actor.id
    reason, said = words.show(asked, actor=actor, now=now)
    may_decide = reading.waiting_for(actor, now=now).filter(pk=asked.pk).exists()
    context = {
        "asked": asked,
        "kind": kind,
        "described": kind.describe(asked, reader=actor, now=now),
        "reason": reason,
        "said": said,
        "is_mine": is_mine,
        "is_about_reader": asked.target_id == str(actor.id),
        "is_expired": asked.is_expired(now),
        "may_decide": may_decide,
        "may_withdraw": is_mine and asked.state in OPEN and not asked.is_expired(now),
        "may_carry_out": is_mine and asked.state == State.APPROVED and not asked.is_expired(now),
        "deciders": reading.deciders(kind, asked.target_id, asker=actor) if is_mine else [],
        "form": form,
    }
    return render(request, "approvals/approval.html", context)


def _rows(found: Iterable[Approval], *, reader: Actor, now: datetime) -> list[dict[str, Any]]:
    rows = []
    for asked in found:
        kind = kinds.require(asked.kind)
        described = kind.describe(asked, reader=reader, now=now)
        rows.append(
            {"asked": asked, "kind": kind, "what": described.what, "is_expired": asked.is_expired(now)}
        )
    return rows
