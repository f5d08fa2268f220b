"""The trail in the shape of NEN 7513: who in health care saw what of whom, and what allowed it.

Pure: an event in, a record out. ``docs/spec/nen7513.md`` maps every field. What the vault does not know is said
so in the field, and no mandatory field is ever empty.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from audit.shapes.lines import About, Line, Tell

NOT_STATED = "not-stated"
NOT_APPLICABLE = "not-applicable"

# Where a path ends in a list, each of its members has the field.
MANDATORY = (
    "event.id.code",
    "event.type.code",
    "event.action",
    "event.at",
    "event.outcome",
    "user.id",
    "user.role",
    "responsible_user.id",
    "responsible_user.role",
    "access_point.type",
    "access_point.id",
    "client.id_type",
    "client.id",
    "objects.type",
    "objects.id_type",
    "objects.id",
    "authorisation_protocol",
    "consent_profile",
    "purpose_of_use",
    "source.enterprise_site",
    "source.id",
    "source.type",
    "proof.index",
    "proof.sha256",
)

# DICOM's audit event ids (PS3.16, CID 400), to which NEN 7513 and IHE ATNA point.
_EVENT_NAMES = {
    "110100": "Application Activity",
    "110101": "Audit Log Used",
    "110106": "Export",
    "110107": "Import",
    "110110": "Patient Record",
    "110112": "Query",
    "110113": "Security Alert",
    "110114": "User Authentication",
}
_EVENTS = {
    "account": "110113",
    "approval": "110113",
    "access": "110113",
    "basis": "110110",
    "breach_report": "110106",
    "data_key": "110106",
    "erasure": "110110",
    "freeze": "110110",
    "hold": "110110",
    "import": "110107",
    "key": "110113",
    "playback": "110110",
    "policy": "110113",
    "recording": "110110",
    "residency": "110113",
    "restriction": "110110",
    "session": "110114",
    "settings": "110113",
    "statement": "110106",
    "team": "110113",
    "token": "110113",
    "trail": "110101",
    "recording.announced": "110107",
    "recording.ingested": "110107",
    "recording.ingest_refused": "110107",
    "recording.listed": "110112",
    "recording.searched": "110112",
    "trail.exported": "110106",
    "trail.export_downloaded": "110106",
}
# Create, read, update, delete; everything else executes.
_DEEDS = {
    "C": "announced ingested created invited requested placed set factor_added recovery_codes_made made"
    " export_finished exported recorded",
    "R": "listed searched viewed number_revealed granted window closed proof_read read event_read"
    " export_downloaded possibly_sent",
    "U": "changed enabled disabled role_changed team_changed language_changed password_changed approved refused"
    " withdrawn expired void retired released lifted moved rewrapped hardened expiry_set quarantined"
    " released_from_quarantine",
    "D": "erased objects_deleted factor_removed revoked destroyed forgotten month_removed export_expired",
}
_ACTIONS = {verb: deed for deed, verbs in _DEEDS.items() for verb in verbs.split()}
_ACTIONS_OF = {"playback.refused": "R", "playback.ended": "E", "approval.carried_out": "E"}
_OUTCOMES = {"done": "0", "refused": "4", "failed": "8"}
_PERSON, _SYSTEM_OBJECT = "1", "2"


def make_nen7513(about: About, batches: Iterable[list[Line]], tell: Tell) -> Iterator[bytes]:
    """Yield one record a line."""
    for batch in batches:
        yield b"".join(_encode(record_of(line, about)) for line in batch)
        tell(len(batch))


def record_of(line: Line, about: About) -> dict[str, Any]:
    """Return the record of one event."""
    action = line.text("action")
    user = {"id": _user_id(line), "role": line.actor.get("role") or line.actor.get("kind", NOT_STATED)}
    on_behalf_of = line.text("on_behalf_of")
    outcome = line.text("outcome")
    record: dict[str, Any] = {
        "event": {
            "id": _event_id(action),
            "type": {"code": action, "system": about.origin},
            "action": _deed(action),
            "at": line.text("at"),
            "outcome": _OUTCOMES.get(outcome, "8"),
            "outcome_text": " ".join(filter(None, [outcome, str(line.facts.get("code", ""))])),
        },
        "user": {**user, "name": line.name, "is_requestor": line.actor.get("kind") != "system"},
        "responsible_user": {"id": on_behalf_of, "role": NOT_STATED} if on_behalf_of else user,
        "access_point": _access_point(line),
        "client": _client(line),
        "objects": [_object(line)],
        "authorisation_protocol": _authorisation(line),
        "consent_profile": str(
            line.facts.get("basis") or line.facts.get("lawful_basis") or _unless_client(line)
        ),
        "purpose_of_use": line.text("purpose") or NOT_STATED,
        "source": {
            "enterprise_site": about.site or about.origin,
            "id": about.origin,
            "type": "4",  # an application server
        },
        "proof": {"index": line.index, "sha256": line.leaf.hex(), "event": line.text("id")},
    }
    if not line.name:
        del record["user"]["name"]
    return record


def _event_id(action: str) -> dict[str, str]:
    code = _EVENTS.get(action) or _EVENTS.get(action.split(".")[0], "110100")
    return {"code": code, "system": "DCM", "name": _EVENT_NAMES[code]}


def _deed(action: str) -> str:
    return _ACTIONS_OF.get(action) or _ACTIONS.get(action.rpartition(".")[2], "E")


def _user_id(line: Line) -> str:
    return line.actor.get("id") or line.actor.get("kind") or NOT_STATED


def _access_point(line: Line) -> dict[str, str]:
    door = line.text("access_point") or NOT_STATED
    if line.address:
        return {"type": "2", "id": line.address, "door": door}  # an IP address
    return {"type": "1", "id": door, "door": door}  # the name of a machine: here of a door of the vault


def _client(line: Line) -> dict[str, str]:
    """Whom it is about: the caller, under the pseudonym of the recording."""
    if recording := _recording(line):
        return {"id_type": "recording", "id": recording}
    return {"id_type": NOT_APPLICABLE, "id": NOT_APPLICABLE}


def _recording(line: Line) -> str:
    if line.target.get("kind") == "recording":
        return line.target["id"]
    subjects = (str(part["subject"]) for part in line.entry.get("addenda", ()))
    found = (subject.partition(":") for subject in subjects)
    return next((id for kind, _, id in found if kind == "recording"), "")


def _unless_client(line: Line) -> str:
    return NOT_STATED if _recording(line) else NOT_APPLICABLE


def _object(line: Line) -> dict[str, str]:
    kind = line.target.get("kind") or NOT_STATED
    names = ("query", "heard", "from_ms", "to_ms")
    details: dict[str, str] = {name: str(line.facts[name]) for name in names if name in line.facts}
    return {
        "type": _PERSON if kind == "account" else _SYSTEM_OBJECT,
        "id_type": kind,
        "id": line.target.get("id") or NOT_STATED,
        **details,
    }


def _authorisation(line: Line) -> str:
    if rule := line.text("rule"):
        return rule
    role = line.actor.get("role")
    return f"role:{role}" if role else NOT_STATED


def _encode(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
