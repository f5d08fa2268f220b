"""Words that several pages share: roles, moments, lengths. Language and zone are those of the reader."""

from __future__ import annotations

from datetime import date, datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import pgettext

from vault.access.models import ROLE_NAMES
from vault.access.roles import Role


def role_name(role: str) -> str:
    """Return the role's name for people; empty for none."""
    return str(ROLE_NAMES[Role(role)]) if role else ""


def moment(at: datetime) -> str:
    """Return "22 Nov, 10:41": a moment of this or a near year, in the reader's zone."""
    return date_format(timezone.localtime(at), pgettext("date format: 22 Nov, 10:41", "j M, H:i"))


def moment_long(at: datetime) -> str:
    """Return "Sunday 22 November 2026, 10:41"."""
    pattern = pgettext("date format: Sunday 22 November 2026, 10:41", "l j F Y, H:i")
    return date_format(timezone.localtime(at), pattern)


def moment_exact(at: datetime) -> str:
    """Return "22 Nov 2026, 10:41:07": for the trail, where seconds matter."""
    pattern = pgettext("date format: 22 Nov 2026, 10:41:07", "j M Y, H:i:s")
    return date_format(timezone.localtime(at), pattern)


def day(at: datetime | date) -> str:
    """Return "22 Nov 2026"."""
    local = timezone.localtime(at).date() if isinstance(at, datetime) else at
    return date_format(local, pgettext("date format: 22 Nov 2026", "j M Y"))


def day_long(at: datetime | date) -> str:
    """Return "Sunday 22 November 2026"."""
    local = timezone.localtime(at).date() if isinstance(at, datetime) else at
    return date_format(local, pgettext("date format: Sunday 22 November 2026", "l j F Y"))


def time_of_day(at: datetime) -> str:
    """Return "10:41:07"."""
    return timezone.localtime(at).strftime("%H:%M:%S")


def duration(milliseconds: int) -> str:
    """Return how long a call or a part of it is: "4:38", "1:02:09"."""
    seconds = round(milliseconds / 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
