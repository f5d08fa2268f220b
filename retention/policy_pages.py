"""The pages of policies: what is in force, and a change with what it would do before it is done."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from recordings.models import Basis
from retention import policies
from retention.dry_run import Effect, dry_run
from retention.errors import CountDiffers
from retention.forms import BASIS_NAMES, PolicyForm
from retention.models import RetentionPolicy, Unit
from vault import clock
from vault.access.callers import actor_of
from vault.access.gate import requires
from vault.access.models import User
from vault.access.reading import record_page
from vault.errors import Invalid
from vault.permissions import Permission

READ, CHANGE = Permission.POLICY_READ, Permission.POLICY_CHANGE


@requires(GET=READ)
def list_policies(request: HttpRequest) -> HttpResponse:
    """Show the policies in force, and the retired ones below."""
    versions = RetentionPolicy.objects.select_related("team").order_by("policy_id", "-version")
    newest: dict[UUID, RetentionPolicy] = {}
    for version in versions:
        newest.setdefault(version.policy_id, version)
    told = [_told(version) for version in sorted(newest.values(), key=lambda version: version.name.lower())]
    context = {
        "in_force": [row for row in told if row["version"].is_in_force],
        "retired": [row for row in told if not row["version"].is_in_force],
        "may_change": actor_of(request).may(CHANGE),
    }
    record_page(request)
    return render(request, "retention/policies.html", context)


@requires(GET=READ)
def show_policy(request: HttpRequest, policy_id: UUID) -> HttpResponse:
    """Show every version of a policy, newest first."""
    versions = policies.require_policy(policy_id)
    people = User.objects.in_bulk({version.author for version in versions})
    context: dict[str, Any] = {
        "versions": [_told(version) | {"author": people.get(version.author)} for version in versions],
        "newest": versions[0],
        "may_change": actor_of(request).may(CHANGE) and versions[0].is_in_force,
    }
    if context["may_change"]:
        context["retiring"] = dry_run(None, policy_id=policy_id, now=clock.now())
    record_page(request)
    return render(request, "retention/policy.html", context)


@requires(GET=CHANGE, POST=CHANGE)
def new_policy(request: HttpRequest) -> HttpResponse:
    """Make a policy: fill in, see what it would do, put in force."""
    return _write(request, None)


@requires(GET=CHANGE, POST=CHANGE)
def change_policy(request: HttpRequest, policy_id: UUID) -> HttpResponse:
    """Make a new version of a policy, in the same three steps."""
    return _write(request, policies.require_policy(policy_id)[0])


@requires(POST=CHANGE)
def retire_policy(request: HttpRequest, policy_id: UUID) -> HttpResponse:
    """Take a policy out of force, after typing how many recordings that touches."""
    effect = dry_run(None, policy_id=policy_id, now=clock.now())
    _check_count(request, effect.touched)
    policies.retire_policy(policy_id, actor=actor_of(request), now=clock.now())
    messages.success(
        request, _("The policy is retired. Recordings that no other policy covers wait for you.")
    )
    return redirect("retention:policy", policy_id)


def _write(request: HttpRequest, old: RetentionPolicy | None) -> HttpResponse:
    form = PolicyForm(request.POST or None, initial=PolicyForm.initial_of(old) if old else None)
    effect: Effect | None = None
    if form.is_valid():
        actor, now = actor_of(request), clock.now()
        try:
            policies.check_terms(form.terms(), now=now)
        except Invalid as refusal:
            form.add_error(None, refusal.detail)
        else:
            effect = dry_run(form.terms(), policy_id=old.policy_id if old else None, now=now)
            if "confirmed" in request.POST:
                _check_count(request, effect.due)
                made = (
                    policies.change_policy(old.policy_id, form.terms(), actor=actor, now=now)
                    if old
                    else policies.create_policy(form.terms(), actor=actor, now=now)
                )
                messages.success(
                    request, _("The policy is in force; recordings that are here follow within minutes.")
                )
                return redirect("retention:policy", made.policy_id)
    if old or effect:
        record_page(request)
    context = {"form": form, "old": old, "effect": effect}
    return render(request, "retention/policy_edit.html", context)


def _check_count(request: HttpRequest, count: int) -> None:
    """Compare what was typed with what is counted now; where nothing goes, nothing is typed."""
    if count and request.POST.get("count", "").strip() != str(count):
        raise CountDiffers


def _told(version: RetentionPolicy) -> dict[str, Any]:
    """Return a version with its periods and conditions in words."""
    conditions = [
        (_("Team"), version.team.name if version.team else ""),
        (_("Queue"), version.queue),
        (_("Category"), version.category),
        (_("Lawful basis of the call"), str(BASIS_NAMES[Basis(version.basis)]) if version.basis else ""),
    ]
    return {
        "version": version,
        "lawful_basis": BASIS_NAMES[Basis(version.lawful_basis)],
        "at_most": _period(version.keep_at_most_count, version.keep_at_most_unit),
        "at_least": (
            _period(version.keep_at_least_count, version.keep_at_least_unit)
            if version.keep_at_least_count
            else ""
        ),
        "conditions": [(label, value) for label, value in conditions if value],
    }


def _period(count: int, unit: str) -> str:
    """Return "1 week", "6 months"."""
    words = {
        Unit.SECONDS: ngettext("%(n)d second", "%(n)d seconds", count),
        Unit.DAYS: ngettext("%(n)d day", "%(n)d days", count),
        Unit.WEEKS: ngettext("%(n)d week", "%(n)d weeks", count),
        Unit.MONTHS: ngettext("%(n)d month", "%(n)d months", count),
        Unit.YEARS: ngettext("%(n)d year", "%(n)d years", count),
    }
    return words[Unit(unit)] % {"n": count}
