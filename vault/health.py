"""Health for load balancers and for ``bin/run``: alive, and ready (database, cache, store, keys answer)."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from vault import kms, storage
from vault.access.gate import requires
from vault.permissions import Permission

log = structlog.get_logger("vault.health")


@requires(Permission.PUBLIC)
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """Say that this process answers."""
    return JsonResponse({"status": "alive"})


@requires(Permission.PUBLIC)
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Say which of the real parts answer; 503 unless all do."""
    parts = {
        "database": _answers("database", _ask_database),
        "cache": _answers("cache", lambda: cache.get("health")),
        "store": _answers("store", lambda: storage.store().check()),
        "keys": _answers("keys", kms.check),
    }
    is_ready = all(parts.values())
    return JsonResponse(
        {"status": "ready" if is_ready else "not ready", "parts": parts}, status=200 if is_ready else 503
    )


def _answers(part: str, ask: Callable[[], object]) -> bool:
    try:
        ask()
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a part, it does not answer
        log.error("part does not answer", part=part, error=type(error).__name__)
        return False
    return True


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
