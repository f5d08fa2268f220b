"""Drop results of checks that were kept as sentences: they are kept as codes now. The daily check makes new ones."""

from django.db import migrations


class Migration(migrations.Migration):
    """Delete what can no longer be shown."""

    dependencies = [("audit", "0006_outcomes_and_purposes")]

    operations = [migrations.RunSQL("DELETE FROM audit_check", migrations.RunSQL.noop)]
