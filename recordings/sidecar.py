"""The side-car that describes a call: ``vault-sidecar/1``, specified by ``docs/spec/sidecar.schema.json``.

Pure: a document in, the call's metadata out. What the schema does not know is dropped and counted, so that
nothing is kept that nobody asked for. Errors name the field and never its value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from vault.errors import Invalid, gettext_noop

SCHEMA = "vault-sidecar/1"
MAX_PARTIES = 20
MAX_BASES = 100
MAX_EXTRA_KEYS = 40

DIRECTIONS = ("in", "out", "internal")
ROLES = ("agent", "customer", "mixed", "ivr", "other")
BASES = ("consent", "contract", "legal_obligation", "vital_interests", "public_task", "legitimate_interests")
STATUSES = ("granted", "refused", "withdrawn")

# What else may come along; sealed with the recording's other personal fields.
EXTRA = ("title", "turns", "marks")


class SidecarInvalid(Invalid):
    """The description of the call breaks a rule of ``vault-sidecar/1``."""

    code: ClassVar[str] = "sidecar-invalid"
    title: ClassVar[str] = gettext_noop("The description of the call is not valid")


@dataclass(frozen=True, slots=True)
class Source:
    """Which call at which system; the first three together are its identity."""

    system: str
    account: str
    recording_id: str
    call_id: str = ""
    linked_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PartySaid:
    """Someone on the call, as the source describes them. Personal data."""

    role: str
    number: str = ""
    name: str = ""
    agent_ref: str = ""
    queue: str = ""
    team_ref: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class BasisSaid:
    """One entry of the history of lawful bases, as the source knows it."""

    party: int
    purpose: str
    basis: str
    status: str
    at: datetime
    method: str = ""
    audio_offset_ms: int | None = None
    evidence_ref: str = ""
    notice_version: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class CallMetadata:
    """What is known of a call before its audio comes. ``document`` is what of the side-car is kept."""

    source: Source
    started_at: datetime
    ended_at: datetime | None
    duration_ms: int | None
    direction: str
    language: str
    parties: tuple[PartySaid, ...]
    bases: tuple[BasisSaid, ...]
    channel_map: tuple[str, ...]
    category: str
    extra: dict[str, Any] = field(repr=False)
    document: dict[str, Any] = field(repr=False)
    sha256: str = ""
    file: str = ""
    dropped: int = 0

    def first(self, name: str) -> str:
        """Return the first party's value of this name that is not empty."""
        return next((value for party in self.parties if (value := str(getattr(party, name)))), "")

    @property
    def reference(self) -> str:
        """The customer's reference."""
        return self.first("reference")


def parse(document: Any) -> CallMetadata:
    """Return what a side-car says.

    :raises SidecarInvalid: naming the field that breaks a rule.
    """
    kept, dropped = _keep_known(document)
    top = _Reader(kept, "")
    if top.text("schema", 20, required=True) != SCHEMA:
        raise SidecarInvalid(f"schema: this vault reads {SCHEMA}.")
    source, media, call = top.inside("source"), top.inside("media"), top.inside("call")
    parties = tuple(_read_party(entry) for entry in top.each("parties", MAX_PARTIES))
    if not any(party.role == "agent" or party.agent_ref or party.queue for party in parties):
        raise SidecarInvalid("parties: name an agent or a queue.")
    started_at = call.moment("started_at")
    ended_at = call.find_moment("ended_at")
    if ended_at is not None and ended_at < started_at:
        raise SidecarInvalid("call.ended_at: the call ends before it starts.")
    retention = top.inside("retention")
    if retention.flag("legal_hold"):
        raise SidecarInvalid("retention.legal_hold: a hold is placed in the vault, not by a side-car.")
    classification = top.texts("classification", 10, 80)
    return CallMetadata(
        source=Source(
            system=source.text("system", 80, required=True),
            account=source.text("account", 120, required=True),
            recording_id=source.text("recording_id", 400, required=True),
            call_id=source.text("call_id", 400),
            linked_ids=source.texts("linked_ids", 50, 400),
        ),
        started_at=started_at,
        ended_at=ended_at,
        duration_ms=call.find_whole("duration_ms"),
        direction=call.choice("direction", DIRECTIONS, default="in"),
        language=call.text("language", 8),
        parties=parties,
        bases=tuple(
            _read_basis(entry, len(parties), started_at) for entry in top.each("lawful_bases", MAX_BASES)
        ),
        channel_map=media.choices("channel_map", 8, ROLES),
        category=classification[0] if classification else "",
        extra=_read_extra(kept, top),
        document=kept,
        sha256=_read_sha256(media),
        file=_read_file(media),
        dropped=dropped,
    )


# Every key that is read, by where it stands; what is only True here is kept as it is.
_KNOWN: dict[str, Any] = {
    "schema": True,
    "source": {"system": True, "account": True, "recording_id": True, "call_id": True, "linked_ids": True},
    "media": {
        "file": True,
        "bytes": True,
        "sha256": True,
        "container": True,
        "codec": True,
        "channels": True,
        "sample_rate": True,
        "channel_map": True,
    },
    "call": {
        "started_at": True,
        "answered_at": True,
        "ended_at": True,
        "duration_ms": True,
        "direction": True,
        "language": True,
    },
    "parties": [
        {
            "role": True,
            "number": True,
            "name": True,
            "agent_ref": True,
            "queue": True,
            "team_ref": True,
            "reference": True,
        }
    ],
    "lawful_bases": [
        {
            "party": True,
            "purpose": True,
            "basis": True,
            "status": True,
            "method": True,
            "at": True,
            "audio_offset_ms": True,
            "evidence_ref": True,
            "notice_version": True,
            "language": True,
        }
    ],
    "pauses": [{"from_ms": True, "to_ms": True, "reason": True}],
    "retention": {"policy": True, "until": True, "legal_hold": True},
    "classification": True,
    "tags": True,
    "extra": dict.fromkeys(EXTRA, True),
}


def _keep_known(document: Any) -> tuple[dict[str, Any], int]:
    if not isinstance(document, dict):
        raise SidecarInvalid("The description of a call is one JSON object.")
    return _prune_object(document, _KNOWN)


def _prune_object(value: dict[str, Any], known: dict[str, Any]) -> tuple[dict[str, Any], int]:
    kept, dropped = {}, 0
    for name, inner in value.items():
        if name not in known:
            dropped += 1
            continue
        kept[name], lost = _prune(inner, known[name])
        dropped += lost
    return kept, dropped


def _prune(value: Any, known: Any) -> tuple[Any, int]:
    if isinstance(known, dict) and isinstance(value, dict):
        return _prune_object(value, known)
    if isinstance(known, list) and isinstance(value, list):
        pairs = [_prune(inner, known[0]) for inner in value]
        return [kept for kept, _ in pairs], sum(lost for _, lost in pairs)
    return value, 0


def _read_party(entry: _Reader) -> PartySaid:
    return PartySaid(
        role=entry.choice("role", ROLES, default="other"),
        number=entry.text("number", 120),
        name=entry.text("name", 120),
        agent_ref=entry.text("agent_ref", 254),
        queue=entry.text("queue", 80),
        team_ref=entry.text("team_ref", 80),
        reference=entry.text("reference", 120),
    )


def _read_basis(entry: _Reader, parties: int, started_at: datetime) -> BasisSaid:
    party = entry.whole("party")
    if party >= parties:
        raise SidecarInvalid(f"{entry.path('party')}: there is no such party.")
    offset_ms = entry.find_whole("audio_offset_ms")
    return BasisSaid(
        party=party,
        purpose=entry.text("purpose", 40, required=True),
        basis=entry.choice("basis", BASES),
        status=entry.choice("status", STATUSES),
        at=entry.find_moment("at") or started_at + timedelta(milliseconds=offset_ms or 0),
        method=entry.text("method", 40),
        audio_offset_ms=offset_ms,
        evidence_ref=entry.text("evidence_ref", 200),
        notice_version=entry.text("notice_version", 40),
        language=entry.text("language", 8),
    )


def _read_extra(kept: dict[str, Any], top: _Reader) -> dict[str, Any]:
    extra = dict(top.inside("extra").values)
    tags = top.inside("tags").values
    if len(tags) > MAX_EXTRA_KEYS:
        raise SidecarInvalid(f"tags: at most {MAX_EXTRA_KEYS}.")
    pauses = [
        {"from_ms": entry.whole("from_ms"), "to_ms": entry.whole("to_ms")}
        | ({"reason": reason} if (reason := entry.text("reason", 40)) else {})
        for entry in top.each("pauses", 200)
    ]
    classification = list(top.texts("classification", 10, 80))[1:]
    found = {"tags": tags, "pauses": pauses, "classification": classification}
    return extra | {name: value for name, value in found.items() if value}


def _read_sha256(media: _Reader) -> str:
    sha256 = media.text("sha256", 64).lower()
    if sha256 and (len(sha256) != 64 or set(sha256) - set("0123456789abcdef")):
        raise SidecarInvalid("media.sha256: 64 hexadecimal digits.")
    return sha256


def _read_file(media: _Reader) -> str:
    """Read a bare name: it is compared with what is there, and never becomes a path."""
    file = media.text("file", 255)
    if "/" in file or "\\" in file or "\0" in file or file in {".", ".."}:
        raise SidecarInvalid("media.file: the name of a file beside this one, without a folder.")
    return file


class _Reader:
    """Reads one object of the document; says which field is wrong."""

    def __init__(self, values: dict[str, Any], at: str) -> None:
        self.values = values
        self._at = at

    def path(self, name: str) -> str:
        return f"{self._at}{name}"

    def refuse(self, name: str, rule: str) -> SidecarInvalid:
        return SidecarInvalid(f"{self.path(name)}: {rule}")

    def get(self, name: str, required: bool) -> Any:
        value = self.values.get(name)
        if required and value in (None, ""):
            raise self.refuse(name, "is missing.")
        return value

    def text(self, name: str, longest: int, *, required: bool = False) -> str:
        value = self.get(name, required)
        if value is None:
            return ""
        if not isinstance(value, str) or len(value) > longest or "\0" in value:
            raise self.refuse(name, f"a text of at most {longest} characters.")
        return value.strip()

    def find_whole(self, name: str) -> int | None:
        return None if self.values.get(name) is None else self.whole(name)

    def whole(self, name: str) -> int:
        value = self.get(name, required=True)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
            raise self.refuse(name, "a whole number, not below zero.")
        return value

    def flag(self, name: str) -> bool:
        value = self.values.get(name, False)
        if not isinstance(value, bool):
            raise self.refuse(name, "true or false.")
        return value

    def choice(self, name: str, choices: Iterable[str], *, default: str | None = None) -> str:
        value = self.get(name, default is None)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or value not in choices:
            raise self.refuse(name, f"one of {', '.join(choices)}.")
        return value

    def find_moment(self, name: str) -> datetime | None:
        return None if self.values.get(name) is None else self.moment(name)

    def moment(self, name: str) -> datetime:
        value = self.get(name, required=True)
        try:
            at = datetime.fromisoformat(value) if isinstance(value, str) and "T" in value.upper() else None
        except ValueError:
            at = None
        if at is None or at.tzinfo is None or not 1970 <= at.year < 9000:
            raise self.refuse(name, "a time as in RFC 3339, with its offset from UTC.")
        return at

    def texts(self, name: str, most: int, longest: int) -> tuple[str, ...]:
        return tuple(
            _Reader({name: value}, self._at).text(name, longest, required=True)
            for value in self._list(name, most)
        )

    def choices(self, name: str, most: int, choices: Iterable[str]) -> tuple[str, ...]:
        return tuple(
            _Reader({name: value}, self._at).choice(name, choices) for value in self._list(name, most)
        )

    def inside(self, name: str) -> _Reader:
        value = self.values.get(name)
        if value is not None and not isinstance(value, dict):
            raise self.refuse(name, "an object.")
        return _Reader(value or {}, f"{self.path(name)}.")

    def each(self, name: str, most: int) -> list[_Reader]:
        entries = self._list(name, most)
        if not all(isinstance(entry, dict) for entry in entries):
            raise self.refuse(name, "a list of objects.")
        return [_Reader(entry, f"{self.path(name)}[{place}].") for place, entry in enumerate(entries)]

    def _list(self, name: str, most: int) -> list[Any]:
        value = self.values.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > most:
            raise self.refuse(name, f"a list of at most {most}.")
        return value
