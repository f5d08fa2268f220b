"""The trail as events of the Open Cybersecurity Schema Framework, for a SIEM.

Pure: an event in, an event out. ``docs/spec/ocsf.md`` maps every action and attribute. An action that the table
does not know is an *API Activity*, so that nothing is left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from audit.shapes.lines import About, Line, Tell

VERSION = "1.5.0"
PRODUCT = "Call-recording vault"
OTHER = 99

# What every event has; the class's own are in CLASSES.
MANDATORY = (
    "activity_id",
    "category_uid",
    "class_uid",
    "metadata.product.name",
    "metadata.product.vendor_name",
    "metadata.version",
    "severity_id",
    "time",
    "type_uid",
)
CLASSES: dict[int, tuple[str, tuple[str, ...]]] = {
    3001: ("Account Change", ("user.uid", "actor.user.uid")),
    3002: ("Authentication", ("user.uid", "service.name")),
    3004: ("Entity Management", ("entity.uid", "entity.type")),
    3006: ("Group Management", ("group.uid",)),
    6003: ("API Activity", ("actor.user.uid", "api.operation", "src_endpoint.name")),
    6005: (
        "Datastore Activity",
        ("actor.user.uid", "databucket.name", "databucket.type_id", "src_endpoint.name"),
    ),
    6006: ("File Hosting Activity", ("actor.user.uid", "file.name", "file.type_id", "src_endpoint.name")),
    6007: ("Scan Activity", ("scan.uid", "scan.type_id")),
    6008: ("Application Error", ("message",)),
}
# Class and activity of an action, or of all actions that begin so. The longer name counts.
ACTIVITIES: dict[str, tuple[int, int]] = {
    "session.signed_in": (3002, 1),
    "session.sign_in_failed": (3002, 1),
    "session.second_factor_failed": (3002, 1),
    "session.signed_out": (3002, 2),
    "session": (3002, OTHER),
    "account.invited": (3001, 1),
    "account.enabled": (3001, 2),
    "account.password_changed": (3001, 3),
    "account.password_reset_requested": (3001, 4),
    "account.disabled": (3001, 5),
    "account.factor_added": (3001, 10),
    "account.factor_removed": (3001, 11),
    "account": (3001, OTHER),
    "team.created": (3006, 6),
    "team": (3006, OTHER),
    "token.created": (3004, 1),
    "token.revoked": (3004, 4),
    "approval.requested": (3004, 1),
    "approval.read": (3004, 2),
    "approval": (3004, 3),
    "basis.recorded": (3004, 1),
    "purpose": (3004, 3),
    "policy.created": (3004, 1),
    "policy.retired": (3004, 9),
    "policy": (3004, 3),
    "hold.placed": (3004, 1),
    "hold.released": (3004, 4),
    "freeze.placed": (3004, 1),
    "freeze.lifted": (3004, 4),
    "restriction.set": (3004, 1),
    "restriction.lifted": (3004, 4),
    "settings": (3004, 3),
    "key.created": (3004, 1),
    "key.destroyed": (3004, 4),
    "key": (3004, 3),
    "key.verified": (6007, 2),
    "key.work_stuck": (6008, 1),
    "data_key.exported": (6005, 10),
    "recording.announced": (6005, 6),
    "recording.ingested": (6005, 6),
    "recording.ingest_refused": (6005, 6),
    "recording.listed": (6005, 8),
    "recording.searched": (6005, 4),
    "recording.viewed": (6005, 1),
    "recording.number_revealed": (6005, 1),
    "recording.erased": (6005, 7),
    "recording": (6005, 2),
    "playback": (6005, 1),
    "playback.ended": (6005, OTHER),
    "playback.closed": (6005, OTHER),
    "erasure.requested": (6005, 7),
    "erasure.objects_deleted": (6005, 7),
    "erasure.proof_read": (6005, 1),
    "erasure.stuck": (6008, 1),
    "erasure": (6005, OTHER),
    "import": (6005, 6),
    "trail.searched": (6005, 4),
    "trail.event_read": (6005, 1),
    "trail.exported": (6005, 1),
    "trail.export_downloaded": (6006, 2),
    "trail.export_expired": (6006, 4),
    "trail.check_requested": (6007, 1),
    "trail.verified": (6007, 2),
    "trail.forgotten": (6005, 7),
    "trail.month_removed": (6005, 7),
    "trail.anchor_failed": (6008, 1),
    "trail.fell_behind": (6008, 1),
    "trail": (6005, OTHER),
    "statement": (6005, 1),
    "breach_report": (6005, 1),
    "clock.doubted": (6008, 1),
    "residency.violated": (6008, 1),
    "job.failed": (6008, 1),
}
ACTIVITY_NAMES: dict[int, dict[int, str]] = {
    3001: {
        1: "Create",
        2: "Enable",
        3: "Password Change",
        4: "Password Reset",
        5: "Disable",
        10: "MFA Factor Enable",
        11: "MFA Factor Disable",
    },
    3002: {1: "Logon", 2: "Logoff"},
    3004: {1: "Create", 2: "Read", 3: "Update", 4: "Delete", 9: "Disable"},
    3006: {6: "Create"},
    6003: {1: "Create", 2: "Read", 3: "Update", 4: "Delete"},
    6005: {1: "Read", 2: "Update", 4: "Query", 6: "Create", 7: "Delete", 8: "List", 10: "Decrypt"},
    6006: {2: "Download", 4: "Delete"},
    6007: {1: "Started", 2: "Completed"},
    6008: {1: "General Error"},
}
_CATEGORIES = {3: "Identity & Access Management", 6: "Application Activity"}
_ACTORLESS = {6007, 6008}  # classes that have no actor and no source
_FAILURES = {"session.sign_in_failed", "session.second_factor_failed"}
_ALARMS = {
    "clock.doubted",
    "erasure.stuck",
    "job.failed",
    "key.work_stuck",
    "residency.violated",
    "trail.anchor_failed",
    "trail.fell_behind",
}
_SEVERITIES = {1: "Informational", 3: "Medium", 4: "High"}
_USER_TYPES = {"person": (1, "User"), "system": (3, "System"), "service": (OTHER, "Service")}


def make_ocsf(about: About, batches: Iterable[list[Line]], tell: Tell) -> Iterator[bytes]:
    """Yield one event a line."""
    for batch in batches:
        yield b"".join(_encode(event_of(line, about)) for line in batch)
        tell(len(batch))


def event_of(line: Line, about: About) -> dict[str, Any]:
    """Return one event of the trail as OCSF has it."""
    action = line.text("action")
    class_uid, activity_id = activity_of(action)
    failed = line.text("outcome") != "done" or action in _FAILURES
    severity_id = 4 if action in _ALARMS else 3 if failed else 1
    category_uid = class_uid // 1000
    return {
        "activity_id": activity_id,
        "activity_name": ACTIVITY_NAMES[class_uid].get(activity_id, action),
        "category_uid": category_uid,
        "category_name": _CATEGORIES[category_uid],
        "class_uid": class_uid,
        "class_name": CLASSES[class_uid][0],
        "type_uid": class_uid * 100 + activity_id,
        "time": _milliseconds(line.text("at")),
        "severity_id": severity_id,
        "severity": _SEVERITIES[severity_id],
        "status_id": 2 if failed else 1,
        "status": "Failure" if failed else "Success",
        **({"status_code": str(line.facts["code"])} if "code" in line.facts else {}),
        "status_detail": line.text("outcome"),
        "message": f"{action} {line.text('outcome')}",
        "metadata": {
            "version": VERSION,
            "product": {"name": PRODUCT, "vendor_name": about.site or about.origin, "uid": about.origin},
            "uid": line.text("id"),
            "event_code": action,
            "original_time": line.text("at"),
            "log_name": about.origin,
            "sequence": line.index,
            **({"correlation_uid": line.text("request")} if line.text("request") else {}),
        },
        **({} if class_uid in _ACTORLESS else _who_and_where(line)),
        **_OF_CLASS[class_uid](line, about),
        "unmapped": {**(_who_and_where(line) if class_uid in _ACTORLESS else {}), **_unmapped(line)},
    }


def activity_of(action: str) -> tuple[int, int]:
    """Return class and activity; what no table knows is an API Activity of another kind."""
    return ACTIVITIES.get(action) or ACTIVITIES.get(action.split(".")[0]) or (6003, OTHER)


def _who_and_where(line: Line) -> dict[str, Any]:
    return {"actor": _actor(line), "src_endpoint": _endpoint(line)}


def _actor(line: Line) -> dict[str, Any]:
    session = line.text("session")
    return {
        "user": _user(line),
        **({"session": {"uid": session}} if session else {}),
        **({"authorizations": [{"policy": {"name": line.text("rule")}}]} if line.text("rule") else {}),
    }


def _user(line: Line) -> dict[str, Any]:
    kind = line.actor.get("kind", "unknown")
    type_id, type_name = _USER_TYPES.get(kind, (0, "Unknown"))
    if line.actor.get("role") == "administrator":
        type_id, type_name = 2, "Admin"
    user = {"uid": line.actor.get("id") or kind, "type_id": type_id, "type": type_name}
    return {**user, **({"name": line.name} if line.name else {})}


def _endpoint(line: Line) -> dict[str, str]:
    return {
        "name": line.text("access_point") or "not-stated",
        **({"ip": line.address} if line.address else {}),
    }


def _target_user(line: Line, about: About) -> dict[str, Any]:
    if line.target.get("kind") == "account" and line.target.get("id") != line.actor.get("id"):
        return {"user": {"uid": line.target["id"], "type_id": 0, "type": "Unknown"}}
    return {"user": _user(line)}


def _signing_in(line: Line, about: About) -> dict[str, Any]:
    return {**_target_user(line, about), "service": {"name": PRODUCT, "uid": about.origin}}


def _entity(line: Line, about: About) -> dict[str, Any]:
    return {"entity": {"uid": _target_id(line), "type": line.target.get("kind") or "not-stated"}}


def _group(line: Line, about: About) -> dict[str, Any]:
    return {"group": {"uid": _target_id(line), "type": line.target.get("kind") or "not-stated"}}


def _api(line: Line, about: About) -> dict[str, Any]:
    asked = line.facts.get("route") or line.facts.get("asked") or line.text("action")
    return {"api": {"operation": str(asked), "service": {"name": PRODUCT}}}


def _bucket(line: Line, about: About) -> dict[str, Any]:
    kind = line.target.get("kind") or "not-stated"
    return {"databucket": {"name": kind, "uid": _target_id(line), "type_id": OTHER, "type": "Vault"}}


def _file(line: Line, about: About) -> dict[str, Any]:
    return {
        "file": {
            "name": f"{_target_id(line)}.zip",
            "uid": _target_id(line),
            "type_id": 1,
            "type": "Regular File",
        }
    }


def _scan(line: Line, about: About) -> dict[str, Any]:
    return {
        "scan": {"uid": _target_id(line), "type_id": OTHER, "type": "Integrity", "name": line.text("action")}
    }


def _nothing(line: Line, about: About) -> dict[str, Any]:
    return {}


_OF_CLASS: dict[int, Callable[[Line, About], dict[str, Any]]] = {
    3001: _target_user,
    3002: _signing_in,
    3004: _entity,
    3006: _group,
    6003: _api,
    6005: _bucket,
    6006: _file,
    6007: _scan,
    6008: _nothing,
}


def _target_id(line: Line) -> str:
    return line.target.get("id") or "not-stated"


def _unmapped(line: Line) -> dict[str, Any]:
    """What OCSF has no place for, and what leads back to the proof."""
    values: dict[str, Any] = {
        "role": line.actor.get("role", ""),
        "on_behalf_of": line.text("on_behalf_of"),
        "target": line.target,
        "purpose": line.text("purpose"),
        "facts": line.facts,
        "withheld": line.withheld,
    }
    kept = {name: value for name, value in values.items() if value}
    return {**kept, "index": line.index, "sha256": line.leaf.hex()}


def _milliseconds(at: str) -> int:
    moment = datetime.fromisoformat(at)
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000


def _encode(event: dict[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
