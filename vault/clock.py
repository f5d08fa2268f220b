"""What time it is. Doors ask here and pass the answer on; destructive work asks the database."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import connection


def now() -> datetime:
    """Return this machine's time, in UTC."""
    return datetime.now(UTC)


def database_now() -> datetime:
    """Return the database's time: the one that decides whether something may be destroyed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        at: datetime = cursor.fetchone()[0]
    return at.astimezone(UTC)
