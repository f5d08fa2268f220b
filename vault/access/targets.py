"""What a request is about, by its address: how the trail names it where no use case was reached."""

from __future__ import annotations

from django.http import HttpRequest

from audit.actor import Ref

# What stands in an address -> what it names. A grant's token is never written down.
_KINDS = {
    "recording_id": "recording",
    "person_id": "account",
    "team_id": "team",
    "token_id": "token",
    "policy_id": "policy",
    "hold_id": "hold",
    "erasure_id": "erasure",
    "approval_id": "approval",
    "export_id": "export",
    "check_id": "check",
    "purpose_id": "purpose",
    "event_id": "trail",
}


def target_of(request: HttpRequest) -> Ref:
    """Return the thing that the address names, or else the page."""
    match = request.resolver_match
    if match is None:
        return Ref("page", "none")
    for name, kind in _KINDS.items():
        if name in match.kwargs:
            return Ref(kind, str(match.kwargs[name]))
    return Ref("page", match.view_name or "unnamed")
