"""Keep every stretch of a minute that was sent, and no longer only the first and the last millisecond of them all."""

from django.db import migrations, models

KEEP = """
UPDATE recordings_grantwindow SET sent = jsonb_build_array(jsonb_build_array(sent_from_ms, sent_to_ms))
WHERE sent_from_ms < sent_to_ms;
"""
BACK = """
UPDATE recordings_grantwindow SET sent_from_ms = (sent->0->>0)::bigint, sent_to_ms = (sent->-1->>1)::bigint
WHERE sent <> '[]';
"""


class Migration(migrations.Migration):
    dependencies = [("recordings", "0006_keks")]

    operations = [
        migrations.AddField(
            model_name="grantwindow",
            name="sent",
            field=models.JSONField(
                default=list,
                help_text="Stretches that were really sent, by the answers that have ended: [from_ms, to_ms], in order.",
            ),
        ),
        migrations.RunSQL(KEEP, BACK),
        migrations.RemoveField(model_name="grantwindow", name="sent_from_ms"),
        migrations.RemoveField(model_name="grantwindow", name="sent_to_ms"),
    ]
