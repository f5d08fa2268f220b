"""Statements that are sent so often that the server should parse and plan them once a connection only."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.backends.postgresql.base import ServerBindingCursor


def prepared_cursor() -> Any:
    """Return a cursor, within a transaction or not, whose statements are prepared when they come again.

    Django's own put the values into the text, so that each is a new statement to the server.
    """
    connection.ensure_connection()
    bare: Any = ServerBindingCursor
    return connection._prepare_cursor(bare(connection.connection))  # type: ignore[attr-defined]
