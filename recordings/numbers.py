"""Telephone numbers: one normal form to search by, one mask to show. Pure, but for the numbering plans.

Kinds: a number of the world plan in E.164 (``+31…``), a short or internal number that only means something in
one country or house (``short:NL:112``), a SIP address (``sip:…``). A withheld number is nothing at all: it
would find everybody who withholds theirs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers

_WITHHELD = frozenset(
    [
        "anonymous",
        "withheld",
        "unknown",
        "private",
        "restricted",
        "unavailable",
        "hidden",
        "none",
        "null",
        "blocked",
        "anoniem",
        "onbekend",
        "afgeschermd",
        "anonym",
        "unbekannt",
    ]
)
_SHORT_DIGITS = 6
_DOT = "•"


class NumberKind(StrEnum):
    """What kind of number it is."""

    WORLD = "world"
    SHORT = "short"
    SIP = "sip"


@dataclass(frozen=True, slots=True)
class Number:
    """A number in its normal form; ``tagged`` is what is sealed, indexed and compared."""

    kind: NumberKind
    tagged: str

    def __repr__(self) -> str:
        """Show the kind alone: the number itself must not reach a log or an error."""
        return f"Number({self.kind})"


def normalise(raw: str, country: str) -> Number | None:
    """Return the normal form of a number as somebody wrote it, or None where it is withheld or unreadable.

    :param country: ISO code of the country whose numbering plan national numbers follow.
    """
    text = raw.strip()
    lowered = text.lower()
    if lowered.startswith(("sip:", "sips:")) or ("@" in text and not lowered.startswith("tel:")):
        return _normalise_sip(lowered, country)
    text = text.removeprefix("tel:").split(";", 1)[0]
    digits = re.sub(r"\D", "", text)
    if not digits or lowered in _WITHHELD or re.search(r"[^\W\d]", text):
        return None
    if text.startswith(("+", "00")) or len(digits) > _SHORT_DIGITS:
        return _normalise_world(text, country)
    return Number(NumberKind.SHORT, f"short:{country}:{digits}")


def from_tagged(tagged: str) -> Number:
    """Return the number that ``tagged`` wrote."""
    if tagged.startswith("+"):
        return Number(NumberKind.WORLD, tagged)
    return Number(NumberKind.SIP if tagged.startswith("sip:") else NumberKind.SHORT, tagged)


def shown(number: Number) -> str:
    """Return the whole number as people write it."""
    if number.kind is NumberKind.WORLD:
        return _spaced(number)
    return number.tagged if number.kind is NumberKind.SIP else number.tagged.rsplit(":", 1)[1]


def masked(number: Number) -> str:
    """Return enough of a number to recognise a call, too little to call back: ``+31 970 ••• ••12``."""
    if number.kind is NumberKind.SIP:
        user, _, host = number.tagged.removeprefix("sip:").partition("@")
        return f"{user[:1]}{_DOT * 3}@{host}"
    if number.kind is NumberKind.SHORT:
        digits = shown(number)
        return digits if len(digits) <= 4 else _DOT * (len(digits) - 2) + digits[-2:]
    return _mask_world(_spaced(number))


def _normalise_sip(address: str, country: str) -> Number | None:
    user, _, host = re.sub(r"^sips?:", "", address).split(";", 1)[0].partition("@")
    if not user or user in _WITHHELD or host.startswith("anonymous."):
        return None
    if re.fullmatch(r"\+?\d{7,}", user):
        return _normalise_world(user, country)  # a telephone number in the dress of an address
    return Number(NumberKind.SIP, f"sip:{user}@{host}" if host else f"sip:{user}")


def _normalise_world(text: str, country: str) -> Number | None:
    try:
        parsed = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    return Number(NumberKind.WORLD, phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def _spaced(number: Number) -> str:
    parsed = phonenumbers.parse(number.tagged)
    text = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return text.replace("-", " ")


def _mask_world(text: str) -> str:
    country, _, rest = text.partition(" ")
    area, _, subscriber = rest.partition(" ")
    if not subscriber or len(area) > 4:
        area, subscriber = "", rest
    digits = re.sub(r"\D", "", subscriber)
    dots = _DOT * max(len(digits) - 2, 0)
    grouped = _grouped(dots + digits[-2:] if dots else _DOT * len(digits))
    return " ".join(part for part in (country, area, grouped) if part)


def _grouped(text: str) -> str:
    """Group from the right by four, so that the mask reads like a number: ``••• ••12``."""
    first = len(text) % 4 or 4
    return " ".join([text[:first]] + [text[at : at + 4] for at in range(first, len(text), 4)])
