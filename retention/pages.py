"""The DPO's pages of keeping and letting go: numbers and their lists, one recording, holds, erasures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from recordings.key_approvals import COPY_NAMES
from recordings.models import Recording
from retention import claims, clock_guard, disclosures, erasure, figures, holds, proof, reasons
from retention.errors import CountDiffers, GroundNeeded
from retention.forms import GroundForm, HoldForm, NewHoldForm, ReasonForm
from retention.hold_release import HOLD_RELEASE
from retention.models import Erasure, ErasureState, Ground, Hold, HoldKind
from vault import clock
from vault.access.api import CursorNotValid, KeyPages
from vault.access.callers import actor_of
from vault.access.gate import requires
from vault.access.models import User
from vault.access.reading import record_page
from vault.approvals.reading import find_waiting
from vault.crypto.container import CopyKind
from vault.errors import Missing, Refusal, Unavailable
from vault.permissions import Permission
from vault.residency import watch

T = TypeVar("T")
READ = Permission.RETENTION_READ
SHOWN = 50

HOLD_WORDS = {
    HoldKind.LEGAL_HOLD: "held",
    HoldKind.ACCESS_REQUEST: "frozen",
    HoldKind.RESTRICTION: "restricted",
}
ERASURE_TONES = {
    ErasureState.DUE: "due",
    ErasureState.CLAIMED: "due",
    ErasureState.HELD: "held",
    ErasureState.BLOCKED: "refused",
    ErasureState.NEEDS_ATTENTION: "refused",
    ErasureState.CERTIFIED: "intact",
}
STATES_SHOWN = {
    "all": tuple(ErasureState),
    "unfinished": tuple(
        state for state in ErasureState if state not in (ErasureState.CERTIFIED, ErasureState.NEEDS_ATTENTION)
    ),
    "stuck": (ErasureState.NEEDS_ATTENTION,),
    "blocked": (ErasureState.BLOCKED,),
    "certified": (ErasureState.CERTIFIED,),
    "certified-7": (ErasureState.CERTIFIED,),
}


@requires(GET=READ)
def overview(request: HttpRequest) -> HttpResponse:
    """Show every number that needs a thought, and whether the sweep runs."""
    now = clock.now()
    context = {
        "figures": figures.figures(actor=actor_of(request), now=now),
        "machinery": figures.machinery(now=now),
        "violations": watch.find_open(),
        "most": figures.MOST,
        "now": now,
    }
    record_page(request)
    return render(request, "retention/overview.html", context)


@requires(POST=Permission.POLICY_CHANGE)
def confirm_time(request: HttpRequest) -> HttpResponse:
    """Take the DPO's word that the database's time is right."""
    clock_guard.confirm_time(actor=actor_of(request), now=clock.now())
    messages.success(request, _("The time is confirmed; erasing goes on with the next sweep."))
    return redirect("retention:overview")


@requires(GET=READ)
def list_recordings(request: HttpRequest) -> HttpResponse:
    """Show the recordings behind one number, those that end first at the top."""
    code = request.GET.get("which", "overdue")
    if code not in figures.LISTS:
        raise Missing(_("There is no such list."))
    actor, now = actor_of(request), clock.now()
    rows, after = _soonest(figures.recordings_in(code, actor=actor, now=now), request.GET.get("after", ""))
    disclosures.record_listed(code, count=len(rows), actor=actor, now=now)
    context = {
        "which": figures.LISTS[code],
        "lists": figures.LISTS.values(),
        "rows": [{"recording": row, "why": reasons.why_kept(row)} for row in rows],
        "after": after,
    }
    return render(request, "retention/recordings.html", context)


@requires(GET=READ)
def show_recording(request: HttpRequest, recording_id: UUID) -> HttpResponse:
    """Show why one recording is still here, or why it is gone, and what can be done about it."""
    return _render_recording(request, recording_id)


@requires(POST=Permission.HOLD_PLACE)
def place_hold(request: HttpRequest, recording_id: UUID) -> HttpResponse:
    """Place a legal hold on the recording of this page."""
    form = HoldForm(request.POST)
    if form.is_valid():
        placed = _try(form, "reason", lambda: _place(request, recording_id, form.cleaned_data))
        if placed is None:
            return _render_recording(request, recording_id, hold_form=form)
        messages.success(
            request, _("The hold is placed; nothing erases this recording until it is released.")
        )
        return redirect("retention:recording", recording_id)
    return _render_recording(request, recording_id, hold_form=form)


@requires(POST=Permission.RECORDING_ERASE)
def erase(request: HttpRequest, recording_id: UUID) -> HttpResponse:
    """Erase one recording now: it cannot be undone, so its number is typed."""
    if request.POST.get("count", "").strip() != "1":
        raise CountDiffers
    form = GroundForm(request.POST)
    if not form.is_valid():
        raise GroundNeeded
    ground = Ground(form.cleaned_data["ground"])
    erasure.erase_recording(recording_id, ground=ground, actor=actor_of(request), now=clock.now())
    messages.success(request, _("The keys are destroyed: nobody can hear it any more. Its copies go next."))
    return redirect("retention:recording", recording_id)


@requires(GET=Permission.ERASURE_PROOF_READ)
def download_proof(request: HttpRequest, recording_id: UUID) -> HttpResponse:
    """Hand out the proof of an erasure as a text file."""
    text = proof.read_proof(recording_id, actor=actor_of(request), now=clock.now())
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="erasure-{recording_id}.proof.txt"'
    return response


@requires(GET=Permission.HOLD_READ)
def list_holds(request: HttpRequest) -> HttpResponse:
    """Show the holds in force, or those that were released."""
    released = request.GET.get("released") == "yes"
    within = Recording.objects.visible_to(actor_of(request))
    found = Hold.objects.filter(recording__in=within, released_at__isnull=not released)
    page = KeyPages("placed_at", size=SHOWN).page(found.select_related("recording"), request)
    what = "holds-released" if released else "holds"
    disclosures.record_listed(what, count=len(page.rows), actor=actor_of(request), now=clock.now())
    context = {
        "rows": _told(page.rows, now=clock.now()),
        "released": released,
        "older": page.older,
        "newer": page.newer,
    }
    return render(request, "retention/holds.html", context)


@requires(GET=Permission.HOLD_PLACE, POST=Permission.HOLD_PLACE)
def new_hold(request: HttpRequest) -> HttpResponse:
    """Place a legal hold on a recording named by its id."""
    form = NewHoldForm(request.POST or None)
    if form.is_valid():
        recording_id = form.recording_id()
        if _try(form, "recording", lambda: _place(request, recording_id, form.cleaned_data)):
            messages.success(
                request, _("The hold is placed; nothing erases this recording until it is released.")
            )
            return redirect("retention:recording", recording_id)
    return render(request, "retention/hold_new.html", {"form": form})


@requires(GET=Permission.HOLD_RELEASE, POST=Permission.HOLD_RELEASE)
def release_hold(request: HttpRequest, hold_id: UUID) -> HttpResponse:
    """Ask why a freeze or a restriction ends, and end it; a legal hold needs a second person."""
    actor, now = actor_of(request), clock.now()
    hold = holds.require_hold(hold_id, actor=actor)
    if hold.kind == HoldKind.LEGAL_HOLD:
        return redirect("approvals:ask", HOLD_RELEASE, str(hold_id))
    form = ReasonForm(request.POST or None)
    if form.is_valid():
        reason = form.cleaned_data["reason"]
        if _try(form, "reason", lambda: holds.release_hold(hold_id, reason=reason, actor=actor, now=now)):
            messages.success(
                request, _("It no longer stops the clock; the recording's own end counts again.")
            )
            return redirect("retention:recording", hold.recording_id)
    disclosures.record_viewed(hold.recording, actor=actor, now=now)
    ends = hold.recording.expires_at
    context = {
        "form": form,
        "hold": _told([hold], now=now)[0],
        "is_overdue": ends is not None and ends <= now,
    }
    return render(request, "retention/hold_release.html", context)


@requires(GET=READ)
def list_erasures(request: HttpRequest) -> HttpResponse:
    """Show erasures, newest first, by how far they have come."""
    shown = request.GET.get("state", "all")
    if shown not in STATES_SHOWN:
        raise Missing(_("There is no such list."))
    within = Recording.objects.visible_to(actor_of(request))
    found = Erasure.objects.filter(recording__in=within, state__in=STATES_SHOWN[shown])
    if shown == "certified-7":
        found = found & figures.certified_lately(now=clock.now())
    page = KeyPages("noticed_at", size=SHOWN).page(found, request)
    what = f"erasures-{shown}"
    disclosures.record_listed(what, count=len(page.rows), actor=actor_of(request), now=clock.now())
    rows = [
        {"erasure": row, "tone": ERASURE_TONES.get(ErasureState(row.state), "erased")} for row in page.rows
    ]
    context = {"rows": rows, "shown": shown, "older": page.older, "newer": page.newer}
    return render(request, "retention/erasures.html", context)


@requires(POST=Permission.RECORDING_ERASE)
def retry(request: HttpRequest, erasure_id: UUID) -> HttpResponse:
    """Take up an erasure that was given up."""
    row = claims.retry(erasure_id, actor=actor_of(request), now=clock.now())
    messages.success(request, _("It is tried again with the next sweep."))
    return redirect("retention:recording", row.recording_id)


def _render_recording(
    request: HttpRequest, recording_id: UUID, *, hold_form: HoldForm | None = None
) -> HttpResponse:
    actor = actor_of(request)
    recording = Recording.objects.visible_to(actor).require(recording_id)
    disclosures.record_viewed(recording, actor=actor, now=clock.now())
    found = list(recording.holds.order_by("-placed_at", "-pk"))
    row = Erasure.objects.filter(recording=recording).first()
    context = {
        "recording": recording,
        "why": reasons.why_kept(recording),
        "holds": _told(found, now=clock.now()),
        "is_held": any(hold.released_at is None for hold in found),
        "erasure": row,
        "copies": [
            {"copy": copy, "name": COPY_NAMES[CopyKind(copy.kind)]}
            for copy in recording.renditions.order_by("kind")
        ],
        "may_export": actor.may(Permission.DATA_KEY_EXPORT),
        "hold_form": hold_form or HoldForm(),
        "ground_form": GroundForm(),
    }
    return render(request, "retention/recording.html", context)


def _place(request: HttpRequest, recording_id: UUID, asked: dict[str, Any]) -> Hold:
    return holds.place_hold(
        recording_id,
        reason=asked["reason"],
        case=asked["case"],
        review_on=asked["review_on"],
        actor=actor_of(request),
        now=clock.now(),
    )


def _told(found: list[Hold], *, now: datetime) -> list[dict[str, Any]]:
    """Return holds with their reasons in clear, the names of those who answer for them, and what waits."""
    why = holds.open_reasons(found)
    asked = find_waiting(HOLD_RELEASE, [str(hold.pk) for hold in found], now=now)
    people = User.objects.in_bulk({hold.owner for hold in found} | {hold.released_by for hold in found})
    return [
        {
            "hold": hold,
            "tone": HOLD_WORDS[HoldKind(hold.kind)],
            "reason": why.get(hold.pk, ("", ""))[0],
            "release_reason": why.get(hold.pk, ("", ""))[1],
            "owner": people.get(hold.owner),
            "released_by": people.get(hold.released_by) if hold.released_by else None,
            "asked": asked.get(str(hold.pk)),
        }
        for hold in found
    ]


def _soonest(found: QuerySet[Recording], after: str) -> tuple[list[Recording], str]:
    """Return the rows that end soonest after a cursor, and the cursor that leads on; no end comes last."""
    if after:
        ends_at, key = _read_cursor(after)
        endless = Q(expires_at__isnull=True)
        later = Q(expires_at__gt=ends_at) | Q(expires_at=ends_at, pk__gt=key) | endless
        found = found.filter(later if ends_at else endless & Q(pk__gt=key))
    rows = list(found.order_by("expires_at", "pk")[: SHOWN + 1])
    if len(rows) <= SHOWN:
        return rows, ""
    last = rows[SHOWN - 1]
    return rows[:SHOWN], f"{last.expires_at.isoformat() if last.expires_at else ''}_{last.pk}"


def _read_cursor(cursor: str) -> tuple[datetime | None, UUID]:
    ends_at, _separator, key = cursor.partition("_")
    try:
        at = datetime.fromisoformat(ends_at) if ends_at else None
        if at is not None and at.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        return at, UUID(key)
    except ValueError:
        raise CursorNotValid(_("This cursor is not one of this list. Start from the first page.")) from None


def _try(form: Form, field: str, act: Callable[[], T]) -> T | None:
    """Do it, or say beside the field why it was refused; nothing was changed."""
    try:
        return act()
    except Unavailable:
        raise  # nothing that another word in the form would mend
    except Refusal as refusal:
        form.add_error(field, refusal.detail)
        return None
