"""Health for load balancers and for ``bin/run``: alive, and ready (database, cache, store, keys answer)."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

import structlog
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from vault import kms, storage
from vault.access.gate import requires
from vault.permissions import Permission

KNOWN_FOR_S = 2.0

log = structlog.get_logger("vault.health")


@requires(Permission.PUBLIC)
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """Say that this process answers."""
    return JsonResponse({"status": "alive"})


@requires(Permission.PUBLIC)
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Say which of the real parts answer; 503 unless all do. Anybody may ask, so the parts are asked seldom."""
    parts = _known.parts()
    is_ready = all(parts.values())
    return JsonResponse(
        {"status": "ready" if is_ready else "not ready", "parts": parts}, status=200 if is_ready else 503
    )


class _Known:
    """What was found a moment ago. One request at a time asks, and no other waits for a part that hangs."""

    def __init__(self) -> None:
        self._asking = Lock()
        self._found = (float("-inf"), dict.fromkeys(_PARTS, False))

    def parts(self) -> dict[str, bool]:
        asked_at, found = self._found
        if time.monotonic() - asked_at < KNOWN_FOR_S or not self._asking.acquire(blocking=False):
            return found
        try:
            found = {part: _answers(part, ask) for part, ask in _PARTS.items()}
            self._found = (time.monotonic(), found)
        finally:
            self._asking.release()
        return found


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


_PARTS: dict[str, Callable[[], object]] = {
    "database": _ask_database,
    "cache": lambda: cache.get("health"),
    "store": lambda: storage.store().check(),
    "keys": kms.check,
}
_known = _Known()
