"""The DPO's pages of privacy: who listened to somebody, and what was sent to an account."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation

from privacy import breach, printed, statement, written
from privacy.forms import BreachForm, StatementForm, WantedForm
from recordings import search
from recordings.sought import NothingToSearchFor
from vault import clock
from vault.access.callers import actor_of
from vault.access.gate import requires
from vault.access.reading import record_page
from vault.permissions import Permission

STATE, REPORT = Permission.CONSULTATIONS_STATE, Permission.BREACH_REPORT
SHOWN = 200
_TYPES = {
    "pdf": "application/pdf",
    "json": "application/json; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
}


@requires(GET=STATE, POST=STATE)
def who_listened(request: HttpRequest) -> HttpResponse:
    """Find somebody's recordings, then state who listened to them."""
    act = request.POST.get("act", "")
    if act in statement.FORMATS:
        return _state(request, act)
    if request.method != "POST":
        return render(request, "privacy/who_listened.html", {"form": WantedForm()})
    form = WantedForm(request.POST)
    if not form.is_valid():
        return _again(request, form)
    wanted = form.cleaned_data["wanted"]
    try:
        page = search.find_by_number_or_reference(
            wanted, actor=actor_of(request), limit=SHOWN, now=clock.now()
        )
    except NothingToSearchFor as refusal:
        form.add_error("wanted", str(refusal.title))
        return _again(request, form)
    context = {
        "form": form,
        "found": page.rows,
        "has_more": page.older is not None,
        "options": StatementForm(initial={"wanted": wanted, "language": _language()}),
    }
    return render(request, "privacy/who_listened.html", context)


@requires(GET=REPORT, POST=REPORT)
def breach_report(request: HttpRequest) -> HttpResponse:
    """Report everything that was sent or shown to an account, a token or a session."""
    if request.method != "POST":
        record_page(request)  # the form names everybody who has an account
        return render(request, "privacy/breach.html", {"form": BreachForm(initial={"language": _language()})})
    form = BreachForm(request.POST)
    if not form.is_valid():
        return render(request, "privacy/breach.html", {"form": form}, status=400)
    act = request.POST.get("act", "page")
    if act == "pdf":
        printed.check_can_print()
    report = breach.make_report(
        form.suspect(),
        period=form.period(),
        format=act,
        language=form.cleaned_data["language"],
        actor=actor_of(request),
        now=clock.now(),
    )
    if act == "pdf":
        return _file(printed.report_pdf(report), "breach-report", act)
    if act == "csv":
        return _file(written.report_as_csv(report).encode(), "breach-report", act)
    if act == "json":
        return _file(_json(written.report_as_json(report)), "breach-report", act)
    context = {"form": form, "report": report, "text": printed.report_html(report)}
    return render(request, "privacy/breach.html", context)


def _state(request: HttpRequest, act: str) -> HttpResponse:
    options = StatementForm(request.POST)
    form = WantedForm(request.POST)
    if not (options.is_valid() and form.is_valid()):
        asked = {"form": form, "options": options}
        return render(request, "privacy/who_listened.html", asked, status=400)
    if act == "pdf":
        printed.check_can_print()
    actor = actor_of(request)
    stated = statement.make_statement(options.asked(act, actor), actor=actor, now=clock.now())
    addressee = options.cleaned_data["addressee"]
    if act == "pdf":
        return _file(printed.statement_pdf(stated, addressee=addressee), "statement", act)
    if act == "json":
        content = _json(written.statement_as_json(stated, controller=settings.ORGANISATION))
        return _file(content, "statement", act)
    context = {
        "form": form,
        "options": options,
        "stated": stated,
        "text": printed.statement_html(stated, addressee=addressee),
    }
    return render(request, "privacy/who_listened.html", context)


def _again(request: HttpRequest, form: WantedForm) -> HttpResponse:
    return render(request, "privacy/who_listened.html", {"form": form}, status=400)


def _file(content: bytes, name: str, kind: str) -> HttpResponse:
    response = HttpResponse(content, content_type=_TYPES[kind])
    response["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    response["Cache-Control"] = "no-store"
    return response


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n"


def _language() -> str:
    here = translation.get_language() or ""
    return here if here in statement.LANGUAGES else statement.LANGUAGES[0]
