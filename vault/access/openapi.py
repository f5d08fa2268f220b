"""How the API describes itself (OpenAPI, by drf-spectacular). Loaded by DRF's views: imports none of them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema


class Schema(AutoSchema):
    """DRF's views as OpenAPI, with the problems (RFC 9457) that any of them may answer."""

    def _get_response_bodies(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        responses: dict[str, Any] = super()._get_response_bodies(*args, **kwargs)
        responses["default"] = {
            "description": "Refused: an RFC 9457 problem.",
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        return responses


def add_problem(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Describe the problem that every operation refers to (a post-processing hook of drf-spectacular)."""
    text = {"type": "string"}
    result["components"].setdefault("schemas", {})["Problem"] = {
        "type": "object",
        "description": "Why the request was refused (RFC 9457).",
        "required": ["type", "title", "status", "detail", "code", "request_id"],
        "properties": {
            "type": {
                "type": "string",
                "format": "uri",
                "description": "urn:callvault:problem: and the code.",
            },
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "code": {"type": "string", "description": "Stable; programs decide by it."},
            "request_id": text,
            "event_id": {"type": "string", "description": "The refusal's event in the trail, if recorded."},
            "errors": {"type": "object", "description": "What is wrong, by field."},
            "facts": {"type": "object", "additionalProperties": text},
            "retry_after": {"type": "integer", "description": "Seconds until it makes sense to try again."},
        },
    }
    return result
