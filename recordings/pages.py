"""Pages of recordings: the list, one call, listening to it, its lawful bases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters

from audit.actions import Action
from audit.actor import Actor
from recordings import answers, fields, lawful_bases, playback, player, search, viewing, wording
from recordings.errors import NoSuchGrant, PlaybackEnded
from recordings.filters import filters_of, shown_filters
from recordings.forms import LawfulBasisForm, ListenForm
from recordings.lawful_bases import NewBasis
from recordings.models import Recording, State
from recordings.search import CallPage
from recordings.sought import NothingToSearchFor
from recordings.standing import Standing
from recordings.viewing import Viewed
from vault import clock
from vault.access.callers import actor_of
from vault.access.gate import requires
from vault.access.roles import Role
from vault.permissions import Permission
from vault.web.words import duration, moment

_OPEN = "listening"  # in the session: tokens of this session's open permissions, by recording
_MOST_OPEN = 20


@dataclass(frozen=True, slots=True)
class Opened:
    """A permission that still stands, and its token."""

    token: str
    standing: Standing


@requires(GET=Permission.RECORDING_FIND, POST=Permission.RECORDING_FIND)
@sensitive_post_parameters("number")
def show_list(request: HttpRequest) -> HttpResponse:
    """Show calls newest first; a number or reference comes posted, and is in no address."""
    actor, now = actor_of(request), clock.now()
    if request.method == "POST":
        return _show_found(request, actor, now)
    filters = filters_of(request.GET, now=now)
    page = search.find(filters, actor=actor, cursor=request.GET.get("page") or None, now=now)
    chips = shown_filters(request, actor)
    context = _list_context(page, actor, now) | {
        "filters": chips,
        "any_filter": any(chip.chosen for chip in chips),
        "other_filters": [
            (k, v) for k, v in request.GET.items() if k not in {"period", "from", "until", "page"}
        ],
        "count_text": _count_text(search.count(filters, actor=actor, now=now)),
        "older_url": _page_url(request, page.older),
        "newer_url": _page_url(request, page.newer),
        "no_team": not actor.teams and actor.role != Role.DPO,
    }
    return render(request, "recordings/list.html", context)


@requires(GET=Permission.RECORDING_FIND)
def show_recording(request: HttpRequest, recording_id: UUID) -> HttpResponse:
    """Show one call: the player where this session has a permission, else the question what it is for."""
    actor, now = actor_of(request), clock.now()
    seen = viewing.view(recording_id, actor=actor, now=now)
    if seen.recording.is_erased:
        return render(request, "recordings/erased.html", _tombstone_context(seen, actor, now), status=410)
    opened = _find_open(request, recording_id, actor, now)
    if opened is None:
        return render(request, "recordings/gate.html", _gate_context(seen, actor, now, ListenForm()))
    return render(request, "recordings/player.html", _player_context(seen, actor, now, opened))


@requires(POST=Permission.RECORDING_PLAY)
@sensitive_post_parameters("reason")
def listen(request: HttpRequest, recording_id: UUID) -> HttpResponse:
    """Open a call for a purpose and a reason."""
    actor, now = actor_of(request), clock.now()
    form = ListenForm(request.POST)
    if not form.is_valid():
        seen = viewing.view(recording_id, actor=actor, now=now)
        return render(request, "recordings/gate.html", _gate_context(seen, actor, now, form), status=400)
    granted = playback.grant(
        recording_id,
        purpose=form.cleaned_data["purpose"],
        reason=form.cleaned_data["reason"],
        actor=actor,
        now=now,
    )
    others = {key: token for key, token in request.session.get(_OPEN, {}).items() if key != str(recording_id)}
    newest = list(others.items())[-(_MOST_OPEN - 1) :]
    request.session[_OPEN] = dict(newest) | {str(recording_id): granted.token}
    return redirect("recordings:detail", recording_id)


listen.refused_as = Action.PLAYBACK_REFUSED  # type: ignore[attr-defined]


@requires(POST=Permission.RECORDING_PLAY)
def stop_listening(request: HttpRequest, recording_id: UUID) -> HttpResponse:
    """Give the permission back before it ends."""
    tokens = request.session.get(_OPEN, {})
    token = tokens.pop(str(recording_id), None)
    if token is not None:
        request.session[_OPEN] = tokens
        playback.stop(token, actor=actor_of(request), now=clock.now())
        messages.success(request, _("You stopped listening. What you heard stands in the audit trail."))
    return redirect("recordings:detail", recording_id)


@requires(GET=Permission.LAWFUL_BASIS_RECORD, POST=Permission.LAWFUL_BASIS_RECORD)
def record_basis(request: HttpRequest, recording_id: UUID) -> HttpResponse:
    """Add an entry to the history of lawful bases."""
    actor, now = actor_of(request), clock.now()
    if request.method == "POST":
        recording = Recording.objects.visible_to(actor).require_kept(recording_id)
        form = LawfulBasisForm(request.POST, recording=recording)
        if form.is_valid():
            said = NewBasis(at=now, **form.cleaned_data)
            lawful_bases.record_basis(recording_id, said, actor=actor, now=now)
            messages.success(request, _("It stands in the history, and takes effect at once."))
            return redirect("recordings:detail", recording_id)
        seen = viewing.view(recording_id, actor=actor, now=now)
    else:
        seen = viewing.view(recording_id, actor=actor, now=now)
        form = LawfulBasisForm(recording=seen.recording)
    context = _recording_context(seen, actor, now) | {"form": form, "may_record_basis": False}
    return render(request, "recordings/bases.html", context, status=400 if form.errors else 200)


def _show_found(request: HttpRequest, actor: Actor, now: datetime) -> HttpResponse:
    cursor = request.POST.get("page") or None
    text = request.POST.get("number", "")
    try:
        page = search.find_by_number_or_reference(text, actor=actor, cursor=cursor, now=now)
    except NothingToSearchFor as refusal:
        messages.error(request, str(refusal.title))
        return redirect("recordings:list")
    context = _list_context(page, actor, now) | {
        "searched": text,
        "older_cursor": page.older,
        "newer_cursor": page.newer,
        "count_text": ngettext("%(n)s call on this page.", "%(n)s calls on this page.", len(page.rows))
        % {"n": len(page.rows)},
    }
    return render(request, "recordings/list.html", context)


def _list_context(page: CallPage, actor: Actor, now: datetime) -> dict[str, Any]:
    return {
        "may_play": actor.may(Permission.RECORDING_PLAY),
        "rows": [
            wording.row_of(
                found.recording,
                number=found.number,
                heard=wording.heard_by(me=found.heard_by_me, others=found.heard_by_others),
                now=now,
            )
            for found in page.rows
        ],
    }


def _recording_context(seen: Viewed, actor: Actor, now: datetime) -> dict[str, Any]:
    recording = seen.recording
    others = {listener.account_id for listener in seen.listeners} - {actor.id}
    me = any(listener.account_id == actor.id for listener in seen.listeners)
    heard = wording.heard_by(me=me, others=bool(others))
    return {
        "row": wording.row_of(recording, number=seen.number, heard=heard, now=now),
        "heading": recording.category or _("A call"),
        "history": [wording.entry_of(entry) for entry in seen.history],
        "may_record_basis": actor.may(Permission.LAWFUL_BASIS_RECORD),
        "retention_url": _retention_url(recording.pk, actor),
        "trail_url": _trail_url(recording.pk, actor),
        "answers": {
            "why": answers.why_may_i_hear(
                recording,
                may_play=actor.may(Permission.RECORDING_PLAY),
                is_closed=_why_closed(seen, actor) is not None,
            ),
            "kept": answers.how_long_kept(recording, now),
            "listened": answers.who_listened(len(seen.listeners)),
            "intact": answers.how_intact(recording),
        },
        "listeners": [
            {
                "name": _("You") if listener.account_id == actor.id else listener.name,
                "when": f"{moment(listener.last_at)} · {duration(listener.heard_ms)}",
            }
            for listener in seen.listeners[:5]
        ],
    }


def _gate_context(seen: Viewed, actor: Actor, now: datetime, form: ListenForm) -> dict[str, Any]:
    offered = sorted(
        seen.purposes, key=lambda each: not each.is_allowed
    )  # stable: the customer's order stays
    purposes = [
        {
            "code": each.purpose.code,
            "name": wording.purpose_name(each.purpose),
            "allowed": each.is_allowed,
            "why": answers.why_this_purpose(each.state),
        }
        for each in offered
    ]
    return _recording_context(seen, actor, now) | {
        "form": form,
        "purposes": purposes,
        "playback_minutes": settings.PLAYBACK_MINUTES,
        "closed_because": _why_closed(seen, actor),
    }


def _why_closed(seen: Viewed, actor: Actor) -> dict[str, str] | None:
    """Return why nobody, or not this person, can open the call now; None where they may be asked."""
    if not actor.may(Permission.RECORDING_PLAY):
        return answers.CLOSED_TO_ROLE.told()
    if seen.recording.state == State.QUARANTINED:
        return answers.CLOSED_BY_QUARANTINE.told()
    if seen.recording.is_restricted:
        return answers.CLOSED_BY_RESTRICTION.told()
    if not any(offered.is_allowed for offered in seen.purposes):
        return answers.CLOSED_WITHOUT_BASIS.told()
    return None


def _player_context(seen: Viewed, actor: Actor, now: datetime, opened: Opened) -> dict[str, Any]:
    recording, audio = seen.recording, opened.standing.audio
    extra = fields.open_details(recording).extra
    said = {"duration_ms": audio.duration_ms}
    context = _recording_context(seen, actor, now)
    purpose = wording.purpose_name(opened.standing.grant.purpose)
    context["answers"]["why"] = answers.why_you_hear(recording, purpose)
    return context | {
        "heading": player.title_of(extra) or context["heading"],
        "player": {
            "audio_url": reverse("recordings-api:grant-audio", args=[opened.token]),
            "waveform_url": reverse("recordings-api:grant-waveform", args=[opened.token]),
            "standing_url": reverse("recordings-api:grant", args=[opened.token]),
            "duration_ms": audio.duration_ms,
            "seconds": audio.duration_ms // 1000,
            "channels": audio.channels,
            "ends_at": opened.standing.expires_at,
            "now": now,
            "purpose": purpose,
        },
        "heard": playback.heard(recording.pk, opened.standing.grant.account_id),
        "turns": player.lines_of(extra, language=recording.language, **said),
        "pauses": player.gaps_of(extra, **said),
        "marks": player.marks_of(seen.history, **said),
        "words": player.words(),
    }


def _tombstone_context(seen: Viewed, actor: Actor, now: datetime) -> dict[str, Any]:
    return {
        "row": wording.row_of(seen.recording, number="", heard="", now=now),
        "erased_at": seen.recording.erased_at,
        "retention_url": _retention_url(seen.recording.pk, actor),
        "trail_url": _trail_url(seen.recording.pk, actor),
    }


def _find_open(request: HttpRequest, recording_id: UUID, actor: Actor, now: datetime) -> Opened | None:
    """Return this session's permission for a call, if it still stands."""
    tokens: dict[str, str] = request.session.get(_OPEN, {})
    token = tokens.get(str(recording_id))
    if token is None:
        return None
    try:
        return Opened(token, playback.check_standing(token, actor=actor, now=now))
    except (PlaybackEnded, NoSuchGrant):
        request.session[_OPEN] = {key: kept for key, kept in tokens.items() if key != str(recording_id)}
        return None


def _retention_url(recording_id: UUID, actor: Actor) -> str:
    if not actor.may(Permission.RETENTION_READ):
        return ""
    return reverse("retention:recording", args=[recording_id])


def _trail_url(recording_id: UUID, actor: Actor) -> str:
    if not actor.may(Permission.AUDIT_READ):
        return ""
    return reverse("audit:recording", args=[recording_id])


def _page_url(request: HttpRequest, cursor: str | None) -> str:
    if cursor is None:
        return ""
    query = request.GET.copy()
    query["page"] = cursor
    return f"{request.path}?{query.urlencode()}"


def _count_text(count: int) -> str:
    if count >= search.COUNTED:
        return _("More than 10,000 calls.")
    return ngettext("%(n)s call.", "%(n)s calls.", count) % {"n": count}
