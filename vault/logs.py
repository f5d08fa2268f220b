"""Structured logs: one JSON object a line. Nothing personal belongs in a log; ids and codes do."""

import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def formatter() -> structlog.stdlib.ProcessorFormatter:
    """Return the formatter that Django's LOGGING setting names; the vault's own logs go the same way."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _without_texts,
            structlog.processors.JSONRenderer(),
        ],
    )


def _without_texts(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep of an error its class and place: its text, and an address, may hold what no log should."""
    error_info = event.pop("exc_info", None)
    if error_info is True:
        error_info = sys.exc_info()
    if isinstance(error_info, BaseException):
        error_info = (type(error_info), error_info, error_info.__traceback__)
    if error_info and error_info[0] is not None:
        frames = traceback.extract_tb(error_info[2])
        event["error"] = f"{error_info[0].__module__}.{error_info[0].__qualname__}"
        event["frames"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]]
    if str(event.get("logger", "")).startswith("django."):
        event["event"] = str(event["event"]).partition(": /")[0]
    return event
