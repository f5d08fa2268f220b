"""Telephone numbers: one normal form to search by, one mask to show. Pure, but for the numbering plans.

Kinds: a number of the world plan in E.164 (``+31…``), a short or internal number that only means something in
one country or house (``short:NL:112``), a SIP address without port, password and parameters (``sip:…``). A
withheld number is nothing at all: it would find everybody who withholds theirs.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

import phonenumbers

# What stands for a caller who is not shown: as words, and as the digits that carriers spell them with.
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
        "clir",
        "asterisk",
        "anoniem",
        "onbekend",
        "afgeschermd",
        "geheim",
        "anonym",
        "unbekannt",
        "unterdrückt",
        "anonyme",
        "inconnu",
        "266696687",
        "7378742833",
        "86282452253",
        "8656696",
        "2562533",
    ]
)
_DASHES = re.compile(r"[\u2010-\u2015\u2212]")
_ADDRESS = re.compile(r"(?P<name>[^<]*)<(?P<address>[^<>]*)>")  # "Name" <sip:…>
_SIP = re.compile(r"sips?:", re.IGNORECASE)
_TEL = re.compile(r"(?:tel|callto|phone):", re.IGNORECASE)
_LABELLED = re.compile(
    r"(?:(?:t|m|tel|telefoon|telefon|telephone|phone|mob|mobiel|mobil|mobile|fax|nr|nummer)\b[.:\s]*)?"
    r"(?P<number>[+0(][\d\s().+/-]*\d)"
    r"(?:[\s(,#x]\D.*|x\d+)?",
    re.IGNORECASE | re.DOTALL,
)
_HIDE_OR_SHOW = re.compile(r"[*#]31[#*]")  # dialled in front of a number to show or to hide one's own
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
    text = _plain(raw)
    if named := _ADDRESS.search(text):
        if named["name"].strip(" \"'").lower() in _WITHHELD:
            return None
        text = named["address"].strip()
    if _SIP.match(text) or ("@" in text and not _TEL.match(text)):
        return _normalise_sip(_SIP.sub("", text, count=1).lower(), country)
    text, _, parameters = _TEL.sub("", text, count=1).partition(";")
    text = _HIDE_OR_SHOW.sub("", text, count=1)
    if re.search(r"[^\W\d]", text):  # letters: a label, an extension, a remark, or no number
        written = _LABELLED.fullmatch(text.strip())
        if written is None:
            return None
        text = written["number"]
    area = re.search(r"phone-context=(\+\d+)", parameters)
    return _normalise_digits(text, country, area=area[1] if area else "")


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
        user, _, host = number.tagged.removeprefix("sip:").rpartition("@")
        return f"{user[:1]}{_DOT * 3}@{host}"
    if number.kind is NumberKind.SHORT:
        digits = shown(number)
        return digits if len(digits) <= 4 else _DOT * (len(digits) - 2) + digits[-2:]
    return _mask_world(_spaced(number))


def _plain(raw: str) -> str:
    """Return the text with one kind of digit, dash and space, and nothing invisible."""
    text = "".join(
        str(unicodedata.decimal(character)) if character.isdecimal() else character
        for character in unicodedata.normalize("NFKC", raw)
        if unicodedata.category(character) not in ("Cf", "Cc")
    )
    return _DASHES.sub("-", text).strip()


def _is_withheld(text: str) -> bool:
    """Say whether this stands for somebody who is not shown; nothing but zeros does, too."""
    return text.lstrip("+").lower() in _WITHHELD or not text.strip("+-0 ")


def _normalise_digits(text: str, country: str, *, area: str = "") -> Number | None:
    digits = re.sub(r"\D", "", text)
    if not digits or text.strip() == "-1" or _is_withheld(digits):
        return None
    if len(digits) <= _SHORT_DIGITS and not text.startswith(("+", "00")):
        return Number(NumberKind.SHORT, f"short:{country}:{digits}")
    is_local = not text.startswith(("+", "0"))
    return _normalise_world(area + text if area and is_local else text, country)


def _normalise_sip(address: str, country: str) -> Number | None:
    """Read ``user:password;parameters@host:port;parameters?headers``: who it is, never how to get there."""
    before, _, after = address.rpartition("@") if "@" in address else (address, "", "")
    user = unquote(re.split(r"[:;?]", before, maxsplit=1)[0]).strip()
    host = re.sub(r":\d*$", "", re.split(r"[;?]", after, maxsplit=1)[0]).strip()
    if _is_withheld(user) or host.endswith(".invalid"):
        return None
    is_phone = "user=phone" in after or not host
    digits = re.sub(r"[().\s-]", "", user)
    if re.fullmatch(r"\+?\d+", digits) and (is_phone or len(digits) > _SHORT_DIGITS):
        return _normalise_digits(digits, country)  # a telephone number in the dress of an address
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
