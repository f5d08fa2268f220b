"""Statements and breach reports as people read them: a letter and a report, in the language that was chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit import wording as trail_wording
from privacy.breach import Report, Taken
from privacy.consultations import Heard, Seen, Stretch, What
from privacy.periods import Period
from privacy.statement import Statement
from recordings.models import Purpose
from recordings.wording import purpose_name
from vault import pdf
from vault.errors import Unavailable, gettext_noop
from vault.web.words import day, duration, moment_exact, role_name

_STYLE = Path(__file__).with_name("letter.css")
WHAT_NAMES: dict[What, Promise] = {
    What.PLAYER: gettext_lazy("Opened the player (words and picture of the sound) and played nothing"),
    What.PAGE: gettext_lazy("Opened the page of the call"),
    What.NUMBER: gettext_lazy("Had the telephone number shown in full"),
    What.DATA_KEY: gettext_lazy("Took out a key that opens a copy of the recording"),
    What.ERASURE_PROOF: gettext_lazy("Read the proof of the erasure"),
    What.REQUEST: gettext_lazy("Read a request about the recording"),
}


class CannotPrint(Unavailable):
    """No PDF can be drawn here, or this one could not."""

    code = "cannot-print"
    title = gettext_noop("The PDF could not be made")


@dataclass(frozen=True, slots=True)
class HeardLine:
    """One listening, in words."""

    no: int
    at: str
    purpose: str
    who: str
    sent: str
    sent_length: str
    possibly: str
    possibly_length: str


@dataclass(frozen=True, slots=True)
class SeenLine:
    """One look, in words."""

    no: int
    at: str
    what: str
    who: str


def statement_html(stated: Statement, *, addressee: str) -> SafeString:
    """Return the letter, in its language, to stand on a page; whom it is addressed to is kept nowhere."""
    with translation.override(stated.language):
        return mark_safe(render_to_string("privacy/_statement.html", _of_statement(stated, addressee)))  # noqa: S308 - a template's own output


def statement_pdf(stated: Statement, *, addressee: str) -> bytes:
    """Return the letter as PDF."""
    with translation.override(stated.language):
        return _print(
            _("Who consulted the recordings of your calls"), statement_html(stated, addressee=addressee)
        )


def report_html(report: Report) -> SafeString:
    """Return the report, in its language, to stand on a page."""
    with translation.override(report.language):
        return mark_safe(render_to_string("privacy/_breach.html", _of_report(report)))  # noqa: S308 - a template's own output


def report_pdf(report: Report) -> bytes:
    """Return the report as PDF."""
    with translation.override(report.language):
        return _print(_("Breach report"), report_html(report))


def check_can_print() -> None:
    """Refuse a PDF before anything is recorded, where this machine cannot draw one.

    :raises CannotPrint: if it lacks the libraries.
    """
    if not pdf.can_print():
        raise CannotPrint(
            gettext_noop("Pango is missing on this machine; docs/guides/operating.md says how to add it.")
        )


def _print(title: str, body: SafeString) -> bytes:
    document = format_html(
        '<!doctype html>\n<html lang="{}"><head><meta charset="utf-8"><title>{}</title><style>{}</style></head>'
        "<body>{}</body></html>",
        translation.get_language(),
        title,
        mark_safe(_STYLE.read_text()),  # noqa: S308 - a file of ours
        body,
    )
    try:
        return pdf.print_pdf(document)
    except pdf.NotPrinted as error:
        raise CannotPrint(gettext_noop("Take it as a page or as JSON; tell who runs the vault.")) from error


def _of_statement(stated: Statement, addressee: str) -> dict[str, object]:
    return {
        "stated": stated,
        "addressee": addressee.strip(),
        "recordings": [
            (recording.no, moment_exact(recording.started_at), duration(recording.duration_ms or 0))
            for recording in stated.recordings
        ],
        "searches": [(_role(role), count) for role, count in stated.searches],
        **_of_either(stated, named=stated.with_names),
    }


def _of_report(report: Report) -> dict[str, object]:
    return {
        "report": report,
        "recordings": [
            (one.no, one.id, moment_exact(one.started_at) if one.started_at else "–", one.is_erased)
            for one in report.recordings
        ],
        "taken": [(moment_exact(one.at), _act(one), one.target_id, one.events) for one in report.taken],
        **_of_either(report, named=False),
    }


def _of_either(told: Statement | Report, *, named: bool) -> dict[str, object]:
    names, numbers, done = _purposes(), told.numbers, told.consultations
    return {
        "controller": settings.ORGANISATION,
        "zone": timezone.get_current_timezone_name(),
        "period": _period(told.period),
        "covered_since": day(told.coverage.since) if told.coverage.since else "",
        "removed_months": ", ".join(told.coverage.removed_months),
        "heard": [_heard(one, numbers[one.recording_id], names, named=named) for one in done.heard],
        "seen": [_seen(one, numbers[one.recording_id], named=named) for one in done.seen],
        "total_sent": _length(sum(one.sent_ms for one in done.heard)),
        "total_possibly": _length(sum(one.possibly_sent_ms for one in done.heard)),
    }


def _act(one: Taken) -> str:
    target = str(trail_wording.TARGETS.get(one.target_kind, one.target_kind))
    return trail_wording.say(one.action, "done").pattern.replace("{what}", target)


def _heard(one: Heard, no: int, names: dict[str, str], *, named: bool) -> HeardLine:
    return HeardLine(
        no=no,
        at=moment_exact(one.at),
        purpose=names.get(one.purpose, one.purpose),
        who=_who(one.role, one.name, named=named),
        sent=_parts(one.sent),
        sent_length=_length(one.sent_ms),
        possibly=_parts(one.possibly_sent),
        possibly_length=_length(one.possibly_sent_ms) if one.possibly_sent_ms else "",
    )


def _seen(one: Seen, no: int, *, named: bool) -> SeenLine:
    return SeenLine(
        no=no,
        at=moment_exact(one.at),
        what=str(WHAT_NAMES[one.what]),
        who=_who(one.role, one.name, named=named),
    )


def _who(role: str, name: str, *, named: bool) -> str:
    if not named:
        return _role(role)
    return f"{_role(role)}: {name or _('name forgotten')}"


def _role(role: str) -> str:
    return role_name(role) or _("Somebody unknown")


def _purposes() -> dict[str, str]:
    return {purpose.code: purpose_name(purpose) for purpose in Purpose.objects.all()}


def _parts(stretches: Sequence[Stretch]) -> str:
    return ", ".join(f"{_clock(from_ms)}–{_clock(to_ms)}" for from_ms, to_ms in stretches)


def _clock(milliseconds: int) -> str:
    """Return a time of the call as exactly as it is known: "1:02" or "1:02.498"."""
    minutes, rest = divmod(milliseconds, 60_000)
    seconds, thousandths = divmod(rest, 1000)
    return f"{minutes}:{seconds:02}" + (f".{thousandths:03}".rstrip("0") if thousandths else "")


def _length(milliseconds: int) -> str:
    return _("%(seconds)s s") % {"seconds": f"{milliseconds / 1000:.3f}".rstrip("0").rstrip(".")}


def _period(period: Period) -> str:
    words = {
        "since": moment_exact(period.since) if period.since else "",
        "until": moment_exact(period.until) if period.until else "",
    }
    if period.since and period.until:
        return _("from %(since)s until %(until)s") % words
    if period.since:
        return _("from %(since)s") % words
    return _("until %(until)s") % words if period.until else _("all that the trail holds")
