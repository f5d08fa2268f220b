"""Indexes for what is rare: outcomes other than done, and purposes.

Without them a page of few or no hits would read the whole trail. Most events have neither or one of them, so an
event's insert pays for at most one more index.
"""

from django.db import migrations

INDEXES = """
CREATE INDEX audit_event_not_done ON audit_event (id, outcome) WHERE outcome <> 'done';
CREATE INDEX audit_event_by_purpose ON audit_event (purpose, id) WHERE purpose <> '';
"""


class Migration(migrations.Migration):
    """Make them on the table and so on each partition, those to come too."""

    dependencies = [("audit", "0003_months_lookups_checks")]

    operations = [
        migrations.RunSQL(INDEXES, "DROP INDEX audit_event_not_done, audit_event_by_purpose"),
    ]
