"""Template tags of the product's components: ``{% load vault %}``. See ``vault/web/README.md``."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django import template
from django.contrib import messages
from django.contrib.messages.storage.base import Message
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect, Select
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from vault.web import words

register = template.Library()
register.filter("moment", words.moment)
register.filter("moment_long", words.moment_long)
register.filter("moment_exact", words.moment_exact)
register.filter("time_of_day", words.time_of_day)
register.filter("duration", words.duration)
register.filter("role_name", words.role_name)

# One meaning each: what a state is called in the style sheet, and its icon.
TONES = {
    "given": ("is-given", "circle-check"),
    "refused": ("is-refused", "circle-x"),
    "withdrawn": ("is-withdrawn", "undo-2"),
    "held": ("is-held", "scale"),
    "restricted": ("is-restricted", "hand"),
    "quarantined": ("is-quarantined", "lock"),
    "none-found": ("is-quarantined", "triangle-alert"),
    "basis": ("is-restricted", "file-text"),
    "due": ("is-due", "hourglass"),
    "overdue": ("", "octagon-x"),
    "erased": ("is-erased", "archive-x"),
    "frozen": ("is-held", "snowflake"),
    "intact": ("is-given", "shield-check"),
    "waiting": ("", "clock"),
    "off": ("is-erased", "minus"),
}
_MESSAGES = {
    messages.SUCCESS: ("is-given", "circle-check"),
    messages.WARNING: ("is-due", "triangle-alert"),
    messages.ERROR: ("is-refused", "circle-alert"),
}


@register.filter
def day(at: datetime | date | None) -> str:
    """Return "22 Nov 2026", or a dash where there is no day."""
    return words.day(at) if at else "–"


@register.filter
def day_long(at: datetime | date | None) -> str:
    """Return "Sunday 22 November 2026", or a dash where there is no day."""
    return words.day_long(at) if at else "–"


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw an icon of the sprite. It is hidden from screen readers: a word stands beside it."""
    return format_html(
        '<svg class="i" aria-hidden="true"><use href="{}#{}"/></svg>', static("vault/icons.svg"), name
    )


@register.simple_tag
def status(tone: str, text: str, loud: bool = False, icon_name: str = "") -> SafeString:
    """Show a state by icon and word: quiet, tinted where it needs a thought, solid for overdue alone."""
    css, symbol = TONES[tone]
    loudness = " status--solid" if tone == "overdue" else " status--loud" if loud else ""
    return format_html(
        '<span class="status{} {}">{}{}</span>', loudness, css, icon(icon_name or symbol), text
    )


@register.simple_tag
def field(bound: BoundField, **attributes: Any) -> SafeString:
    """Draw a form's field with label, help and errors, tied together for screen readers.

    Further arguments become attributes of the control: ``{% field form.email autocomplete="username" %}``.
    """
    kind = _kind_of(bound)
    name = bound.auto_id or bound.html_name
    help_id, error_id = f"{name}-help", f"{name}-error"
    described = [help_id] * bool(bound.help_text) + [error_id] * bool(bound.errors)
    extra = {key.replace("_", "-"): value for key, value in attributes.items()}
    if described:
        extra["aria-describedby"] = " ".join(described)
    if bound.errors:
        extra["aria-invalid"] = "true"
    if kind == "control":
        css = "form-select" if isinstance(bound.field.widget, Select) else "form-control"
        extra["class"] = f"{css} {bound.field.widget.attrs.get('class', '')}".strip()
    context = {
        "field": bound,
        "kind": kind,
        "widget": "" if kind == "choices" else bound.as_widget(attrs=extra),
        "help_id": help_id,
        "error_id": error_id,
        "described_by": " ".join(described),
    }
    return render_to_string("components/field.html", context)


@register.simple_tag
def meter(part: float, whole: float, label: str, tone: str = "") -> SafeString:
    """Draw how much of a whole is done, as SVG: a style attribute would break the content policy."""
    percent = 0 if whole <= 0 else max(0, min(100, round(100 * part / whole)))
    css = TONES[tone][0] if tone else ""
    return format_html(
        '<svg class="meter {}" role="img" aria-label="{}"><rect class="meter__base" width="100%" height="100%"/>'
        '<rect class="meter__fill" width="{}%" height="100%"/></svg>',
        css,
        label,
        percent,
    )


@register.simple_tag(takes_context=True)
def address_with(context: template.Context, **changes: Any) -> str:
    """Return this page's address with some query parameters set, or taken out where empty.

    Only for filters that are no personal data: numbers and references are posted.
    """
    request: HttpRequest = context["request"]
    query = request.GET.copy()
    query.pop("page", None)
    for name, value in changes.items():
        if value in (None, ""):
            query.pop(name, None)
        else:
            query[name] = str(value)
    return f"{request.path}?{query.urlencode()}" if query else request.path


@register.simple_tag
def message_tone(message: Message) -> str:
    """Return the class of a message's tone."""
    return _MESSAGES.get(message.level or 0, ("", "info"))[0]


@register.filter
def message_icon(message: Message) -> str:
    """Return the icon of a message's tone."""
    return _MESSAGES.get(message.level or 0, ("", "info"))[1]


@register.filter
def unlocalized(value: object) -> str:
    """Return a number without separators, as a person would type it."""
    return str(value).replace(",", "").replace(".", "").replace("\N{NO-BREAK SPACE}", "")


def _kind_of(bound: BoundField) -> str:
    widget = bound.field.widget
    if isinstance(widget, CheckboxInput):
        return "checkbox"
    if isinstance(widget, RadioSelect | CheckboxSelectMultiple):
        return "choices"
    return "control"
