"""The administrators' pages: people, teams, service tokens; and everyone's own account."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from audit.actor import Actor
from vault import clock
from vault.access import factors, people, tokens
from vault.access.callers import actor_of, caller_of
from vault.access.forms import (
    ChangeRole,
    ChangeTeams,
    ChooseLanguage,
    InvitePerson,
    LifeOfToken,
    MakeToken,
    NameTeam,
)
from vault.access.gate import requires
from vault.access.invitations import Invited
from vault.access.models import ROLE_NAMES, ServiceToken, SignIn, Team, User
from vault.access.reading import record_page
from vault.access.roles import Role
from vault.access.second_person import GRANT_ROLE, LET_IN, PRIVILEGED, RENEW_SIGN_IN, NeedsSecondPerson
from vault.access.tokens import MadeToken
from vault.errors import Conflict, Invalid
from vault.permissions import Permission

T = TypeVar("T")
READ, MANAGE = Permission.PEOPLE_READ, Permission.PEOPLE_MANAGE
TOKENS = Permission.TOKEN_MANAGE


@requires(GET=READ)
def list_people(request: HttpRequest) -> HttpResponse:
    """Show everybody who has an account."""
    found = list(User.objects.prefetch_related("teams").order_by("name", "pk"))
    enrolled = factors.factors_of_all(found)
    rows = [{"person": person, "factors": enrolled[person.pk]} for person in found]
    record_page(request)
    return render(request, "access/people.html", {"rows": rows, "may_manage": _may(request, MANAGE)})


@requires(GET=MANAGE, POST=MANAGE)
def invite(request: HttpRequest) -> HttpResponse:
    """Invite somebody; the link is shown once. A privileged role is asked for next, and waits."""
    form = InvitePerson(request.POST or None)
    if form.is_valid():
        asked = form.cleaned_data
        role = Role(asked["role"])
        invited = _try(
            form,
            "email",
            lambda: people.invite_person(
                asked["email"],
                name=asked["name"],
                role=Role.AGENT if role in PRIVILEGED else role,
                teams=[team.pk for team in asked["teams"]],
                language=asked["language"],
                actor=actor_of(request),
                now=clock.now(),
            ),
        )
        if invited is not None:
            return show_link(request, invited, wanted=role if role in PRIVILEGED else None)
    return render(request, "access/invite.html", {"form": form})


@requires(GET=READ)
def show_person(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """Show one person: role, teams, factors, sessions."""
    person = User.objects.require(person_id)
    return _render_person(request, person)


@requires(POST=MANAGE)
def change_role(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """Give a person another role."""
    form = ChangeRole(request.POST)
    if not form.is_valid():
        return _render_person(request, User.objects.require(person_id), role_form=form)
    role = Role(form.cleaned_data["role"])
    try:
        people.change_role(person_id, role, actor=actor_of(request), now=clock.now())
    except NeedsSecondPerson:
        return redirect(_asking(GRANT_ROLE, person_id, role=role.value))
    messages.success(request, _("The role was changed, and the person's sessions were ended."))
    return redirect("access:person", person_id)


@requires(POST=MANAGE)
def change_teams(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """Choose a person's teams."""
    form = ChangeTeams(request.POST)
    if not form.is_valid():
        return _render_person(request, User.objects.require(person_id), teams_form=form)
    teams = [team.pk for team in form.cleaned_data["teams"]]
    people.set_teams(person_id, teams, actor=actor_of(request), now=clock.now())
    messages.success(request, _("The teams were changed."))
    return redirect("access:person", person_id)


@requires(POST=MANAGE)
def disable(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """Forbid a person to sign in."""
    people.disable_person(person_id, actor=actor_of(request), now=clock.now())
    messages.success(request, _("The account is disabled, and its sessions were ended."))
    return redirect("access:person", person_id)


@requires(POST=MANAGE)
def enable(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """Let a person sign in again."""
    try:
        people.enable_person(person_id, actor=actor_of(request), now=clock.now())
    except NeedsSecondPerson:
        return redirect(_asking(LET_IN, person_id))
    messages.success(request, _("The account may sign in again."))
    return redirect("access:person", person_id)


@requires(POST=MANAGE)
def invite_again(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """Take away password and factors, and show a new link."""
    try:
        invited = people.reset_sign_in(person_id, actor=actor_of(request), now=clock.now())
    except NeedsSecondPerson:
        return redirect(_asking(RENEW_SIGN_IN, person_id))
    return show_link(request, invited)


@requires(POST=MANAGE)
def end_sessions(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """End all sessions of a person."""
    people.end_sessions(person_id, actor=actor_of(request), now=clock.now())
    messages.success(request, _("The person's sessions were ended."))
    return redirect("access:person", person_id)


@requires(GET=READ, POST=MANAGE)
def list_teams(request: HttpRequest) -> HttpResponse:
    """Show the teams; make one."""
    form = NameTeam(request.POST or None)
    if form.is_valid():
        name = form.cleaned_data["name"]
        team = _try(form, "name", lambda: people.create_team(name, actor=actor_of(request), now=clock.now()))
        if team is not None:
            return redirect("access:team", team.pk)
    record_page(request)
    teams = Team.objects.prefetch_related("people").order_by("name", "pk")
    context = {"form": form, "teams": teams, "may_manage": _may(request, MANAGE)}
    return render(request, "access/teams.html", context)


@requires(GET=READ, POST=MANAGE)
def show_team(request: HttpRequest, team_id: UUID) -> HttpResponse:
    """Show who is in a team; give it another name."""
    team = Team.objects.require(team_id)
    form = NameTeam(request.POST or None, initial={"name": team.name})
    if form.is_valid():
        name = form.cleaned_data["name"]
        renamed = _try(
            form,
            "name",
            lambda: people.rename_team(team_id, name, actor=actor_of(request), now=clock.now()),
        )
        if renamed is not None:
            messages.success(request, _("The team has its new name."))
            return redirect("access:team", team_id)
    record_page(request)
    context = {
        "form": form,
        "team": team,
        "people": team.people.order_by("name", "pk"),
        "may_manage": _may(request, MANAGE),
    }
    return render(request, "access/team.html", context)


@requires(GET=TOKENS, POST=TOKENS)
def list_tokens(request: HttpRequest) -> HttpResponse:
    """Show the service tokens; make one."""
    form = MakeToken(request.POST or None)
    if form.is_valid():
        made = tokens.create_token(
            form.cleaned_data["name"],
            scopes=form.permissions,
            lifetime=form.lifetime,
            actor=actor_of(request),
            now=clock.now(),
        )
        return _show_secret(request, made)
    record_page(request)
    now = clock.now()
    rows = [_token_row(token, now) for token in ServiceToken.objects.order_by("name", "pk")]
    return render(request, "access/tokens.html", {"form": form, "rows": rows})


@requires(GET=TOKENS, POST=TOKENS)
def renew_token(request: HttpRequest, token_id: UUID) -> HttpResponse:
    """Give a token a new secret and a new life."""
    token = ServiceToken.objects.require(token_id)
    form = LifeOfToken(request.POST or None)
    if form.is_valid():
        made = tokens.renew_token(token_id, lifetime=form.lifetime, actor=actor_of(request), now=clock.now())
        return _show_secret(request, made)
    record_page(request)
    return render(request, "access/token_renew.html", {"form": form, "token": token})


@requires(POST=TOKENS)
def revoke_token(request: HttpRequest, token_id: UUID) -> HttpResponse:
    """End a token for good."""
    tokens.revoke_token(token_id, actor=actor_of(request), now=clock.now())
    messages.success(request, _("The token is revoked; nothing that uses it gets in any more."))
    return redirect("access:tokens")


@requires(GET=Permission.SIGNED_IN)
def show_account(request: HttpRequest) -> HttpResponse:
    """Show one's own account: role, teams, factors, sessions."""
    person = _own(request)
    this = caller_of(request).sign_in
    context = {
        "person": person,
        "factors": factors.factors_of(person),
        "sign_ins": _sign_ins(person),
        "this": this,
        "form": ChooseLanguage(initial={"language": person.language}),
    }
    return render(request, "access/account.html", context)


@requires(POST=Permission.SIGNED_IN)
def change_language(request: HttpRequest) -> HttpResponse:
    """Choose the language of one's mail."""
    form = ChooseLanguage(request.POST)
    if not form.is_valid():
        raise Invalid(_("There is no such language here."), code="no-such-language")
    people.set_language(
        _own(request).pk, form.cleaned_data["language"], actor=actor_of(request), now=clock.now()
    )
    messages.success(request, _("The language of your mail was changed."))
    return redirect("access:account")


@requires(POST=Permission.SIGNED_IN)
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    """End one's own sessions, except this one."""
    this = caller_of(request).sign_in
    people.end_sessions(
        _own(request).pk, actor=actor_of(request), now=clock.now(), but=this.pk if this else None
    )
    messages.success(request, _("Your other sessions were ended."))
    return redirect("access:account")


def show_link(request: HttpRequest, invited: Invited, *, wanted: Role | None = None) -> HttpResponse:
    """Show an invitation's link, once; ``wanted`` is the role that a second person has to approve."""
    context = {
        "person": invited.person,
        "link": request.build_absolute_uri(reverse("account_open_invitation", args=[invited.secret])),
        "expires_at": invited.expires_at,
        "wanted": ROLE_NAMES[wanted] if wanted else "",
        "asking": _asking(GRANT_ROLE, invited.person.pk, role=wanted.value) if wanted else "",
    }
    return render(request, "access/invited.html", context)


def _asking(kind: str, person_id: UUID, **parameters: str) -> str:
    """Return where a second person is asked for."""
    address = reverse("approvals:ask", args=[kind, person_id])
    return f"{address}?{urlencode(parameters)}" if parameters else address


def _render_person(
    request: HttpRequest, person: User, *, role_form: Form | None = None, teams_form: Form | None = None
) -> HttpResponse:
    record_page(request)
    actor: Actor = actor_of(request)
    teams = list(person.teams.order_by("name", "pk"))
    context = {
        "person": person,
        "teams": teams,
        "factors": factors.factors_of(person),
        "sign_ins": _sign_ins(person),
        "is_self": actor.id == person.pk,
        "may_manage": actor.may(MANAGE),
        "may_read_trail": actor.may(Permission.AUDIT_READ),
        "is_privileged": person.role in PRIVILEGED,
        "role_form": role_form or ChangeRole(initial={"role": person.role}),
        "teams_form": teams_form or ChangeTeams(initial={"teams": teams}),
    }
    return render(request, "access/person.html", context)


def _show_secret(request: HttpRequest, made: MadeToken) -> HttpResponse:
    return render(request, "access/token_made.html", {"token": made.token, "secret": made.secret})


def _token_row(token: ServiceToken, now: datetime) -> dict[str, object]:
    state = "revoked" if token.revoked_at else "expired" if token.expires_at <= now else "in-force"
    return {"token": token, "state": state}


def _sign_ins(person: User) -> Iterable[SignIn]:
    return person.sign_ins.filter(ended_at__isnull=True).order_by("-seen_at", "pk")


def _own(request: HttpRequest) -> User:
    return User.objects.require(actor_of(request).id)  # type: ignore[arg-type]


def _may(request: HttpRequest, permission: Permission) -> bool:
    return actor_of(request).may(permission)


def _try(form: Form, field: str, act: Callable[[], T]) -> T | None:
    """Return what the act returns; where it finds a conflict, put that beside the field it comes from."""
    try:
        return act()
    except Conflict as conflict:
        form.add_error(field, conflict.detail)
        return None
