"""What the trail holds, as tests look at it."""

from audit.models import AuditEvent


def events(*actions: str) -> list[AuditEvent]:
    """Return the events in the order of their making, or only those with these actions."""
    found = AuditEvent.objects.order_by("occurred_at", "counter", "pk")
    return list(found.filter(action__in=actions) if actions else found)
