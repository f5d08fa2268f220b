"""The pages of key-encryption keys: what there is, what lives on each, new versions and the end of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recordings import keks, key_work
from recordings.key_approvals import KEY_DESTROY
from recordings.models import KeyWork, KeyWorkKind
from vault import clock, kms
from vault.access.callers import actor_of
from vault.access.gate import records_nothing, requires
from vault.approvals.reading import find_waiting
from vault.errors import Invalid, Unavailable
from vault.kms import Duty, KeyInfo
from vault.kms.models import Kek, KekState
from vault.permissions import Permission

READ, MANAGE = Permission.KEY_READ, Permission.KEY_MANAGE
WORK_SHOWN = 20

USES = {
    "audio": gettext_lazy("Audio and other copies; retention ends in this month"),
    "fields": gettext_lazy("Numbers, names and references; retention ends in this month"),
    "trail": gettext_lazy("What the audit trail of this month says about people"),
    "accounts": gettext_lazy("Second factors, sessions and reasons"),
    "exports": gettext_lazy("Exports of the audit trail, for a day"),
    "ledger": gettext_lazy("The ledger outside the database"),
}
OPEN_USES = {
    "audio": gettext_lazy("Audio and other copies; no known end of retention"),
    "fields": gettext_lazy("Numbers, names and references; no known end of retention"),
}
STATE_TONES = {KekState.ACTIVE: "intact", KekState.CLOSING: "due", KekState.DESTROYED: "erased"}


@dataclass(frozen=True, slots=True)
class Row:
    """One key as it is shown; ``info`` is what the service says, and None where it knows no such key."""

    kek: Kek
    use: str
    tone: str
    lives: keks.Lives
    work: KeyWork | None
    info: KeyInfo | None

    @property
    def is_empty(self) -> bool:
        """Say whether nothing lives on it, and nothing is being done with it."""
        return self.lives.is_empty and not self.wraps_elsewhere and self.work is None

    @property
    def wraps_elsewhere(self) -> bool:
        """Say whether what it wraps stands outside the database, where nobody counts it."""
        return self.kek.name in key_work.WRAPS_ELSEWHERE

    @property
    def has_many(self) -> bool:
        """Say whether more live on it than are counted."""
        return self.lives.data_keys > keks.COUNTED_UP_TO


@records_nothing
@requires(GET=READ)
def list_keys(request: HttpRequest) -> HttpResponse:
    """Show the keys that something lives on, and on request those that are empty, or gone."""
    is_gone, are_empty = request.GET.get("gone") == "yes", request.GET.get("empty") == "yes"
    found = (
        Kek.objects.exclude(state=KekState.ACTIVE) if is_gone else Kek.objects.filter(state=KekState.ACTIVE)
    )
    infos, trouble = _described()
    rows = _rows(list(found.order_by("pk")), infos)
    if not is_gone:  # one that the service has lost stands first, whether it is needed or not
        rows = [row for row in rows if (row.is_empty and bool(row.info or trouble)) == are_empty]
    context = {
        "rows": rows,
        "gone": is_gone,
        "empty": are_empty,
        "trouble": trouble,
        "most": keks.COUNTED_UP_TO,
    }
    return render(request, "recordings/keys.html", context)


@records_nothing
@requires(GET=READ)
def show_key(request: HttpRequest, name: str) -> HttpResponse:
    """Show one key with its history, and what can be done with it."""
    kek, now = keks.require(name), clock.now()
    infos, trouble = _described()
    (row,) = _rows([kek], infos)
    is_in_use = kek.state == KekState.ACTIVE
    service = kms.service(Duty.ROTATION)
    may_manage = actor_of(request).may(MANAGE)
    context: dict[str, Any] = {
        "row": row,
        "kek": kek,
        "trouble": trouble,
        "most": keks.COUNTED_UP_TO,
        "service_keeps_days": service.destruction_takes.days,
        "is_in_old_copies": not service.destruction_reaches_copies,
        "history": KeyWork.objects.filter(kek=name).order_by("-asked_at", "-pk")[:WORK_SHOWN],
        "may_manage": may_manage,
        "may_renew": may_manage and is_in_use and row.work is None,
        "may_harden": not row.wraps_elsewhere,
        "is_stuck": may_manage and row.work is not None and row.work.stuck_at is not None,
        "asked": find_waiting(KEY_DESTROY, [name], now=now).get(name),
        "may_ask_end": may_manage and is_in_use and bool(keks.month_of(name)) and row.lives.is_empty,
        "is_months": bool(keks.month_of(name)),
    }
    return render(request, "recordings/key.html", context)


@requires(POST=MANAGE)
def renew_key(request: HttpRequest, name: str) -> HttpResponse:
    """Ask for a new version; a job does the rest."""
    kind = request.POST.get("kind", "")
    if kind not in KeyWorkKind.values:
        raise Invalid(_("Choose what is to be done with the key."), code="no-such-work")
    key_work.begin(name, KeyWorkKind(kind), actor=actor_of(request), now=clock.now())
    messages.success(request, _("It has begun; this page shows how far it is."))
    return redirect("keys:key", name)


@requires(POST=MANAGE)
def retry_work(request: HttpRequest, name: str) -> HttpResponse:
    """Take up work that was given up."""
    key_work.retry(name, actor=actor_of(request), now=clock.now())
    messages.success(request, _("It is taken up again; this page shows how far it is."))
    return redirect("keys:key", name)


def _described() -> tuple[dict[str, KeyInfo], str]:
    """Return what the service says of its keys, or why it says nothing."""
    try:
        return {info.name: info for info in kms.service(Duty.ROTATION).describe()}, ""
    except Unavailable as refusal:
        return {}, refusal.detail


def _rows(found: list[Kek], infos: dict[str, KeyInfo]) -> list[Row]:
    """Put together what is shown of keys, with two queries for all of them."""
    names = [kek.name for kek in found]
    lives = keks.lives_on_each(names)
    under_way = {work.kek: work for work in KeyWork.objects.filter(kek__in=names, finished_at__isnull=True)}
    return [
        Row(
            kek,
            _use_of(kek),
            STATE_TONES[KekState(kek.state)],
            lives[kek.name],
            under_way.get(kek.name),
            infos.get(kek.name),
        )
        for kek in found
    ]


def _use_of(kek: Kek) -> str:
    purpose, _dash, month = kek.name.partition("-")
    return str(OPEN_USES[purpose] if month == "open" and purpose in OPEN_USES else USES.get(purpose, ""))
