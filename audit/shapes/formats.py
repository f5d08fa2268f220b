"""Every format an export comes in: one table, from which the dialog, the API and the package take it."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from audit.shapes import nen7513, ocsf, report, spreadsheet
from audit.shapes.lines import Maker


@dataclass(frozen=True, slots=True)
class Format:
    """What people call it and need it for, and the reading copy that is made beside the entries.

    ``weight`` is about how much longer making one event of it takes than writing its entry.
    """

    label: Promise
    meant_for: Promise
    file: str = ""
    make: Maker | None = None
    most_events: int | None = None
    weight: int = 0


FORMATS: dict[str, Format] = {
    "jsonl": Format(
        label=_("JSON Lines"),
        meant_for=_("For programs: the entries as they were hashed. They are in every package."),
    ),
    "csv": Format(
        label=_("CSV"),
        meant_for=_("For a spreadsheet: one row an event."),
        file="entries.csv",
        make=spreadsheet.make_csv,
        weight=1,
    ),
    "pdf": Format(
        label=_("PDF"),
        meant_for=_("To read and hand over: a report with a summary, for up to 2,000 events."),
        file="report.pdf",
        make=report.make_report,
        most_events=report.MOST_ORDERED,
        weight=9,
    ),
    "nen7513": Format(
        label=_("NEN 7513"),
        meant_for=_(
            "For health care: the fields of the Dutch standard for logging access to patients' records."
        ),
        file="nen7513.jsonl",
        make=nen7513.make_nen7513,
        weight=1,
    ),
    "ocsf": Format(
        label=_("OCSF"),
        meant_for=_("For a SIEM: the Open Cybersecurity Schema Framework, version 1.5."),
        file="ocsf.jsonl",
        make=ocsf.make_ocsf,
        weight=1,
    ),
}
