"""Find refused events, and those with a purpose, without reading the others. Both indexes are partial."""

from django.db import migrations

MAKE = """
CREATE INDEX audit_event_by_outcome ON audit_event (id) WHERE outcome IN ('refused', 'failed');
CREATE INDEX audit_event_by_purpose ON audit_event (purpose, id) WHERE purpose <> '';
"""
DROP = """
DROP INDEX audit_event_by_outcome;
DROP INDEX audit_event_by_purpose;
"""


class Migration(migrations.Migration):
    """Add the indexes; each partition gets its own."""

    dependencies = [("audit", "0005_months_go")]

    operations = [migrations.RunSQL(MAKE, DROP)]
