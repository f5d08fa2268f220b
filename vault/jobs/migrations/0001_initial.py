"""The heartbeats of periodic jobs."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Create the heartbeat's table."""

    initial = True
    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                ("job", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
                ("failed_at", models.DateTimeField(null=True)),
                (
                    "error",
                    models.CharField(
                        blank=True, help_text="Class of the last error, never its text.", max_length=120
                    ),
                ),
                (
                    "done",
                    models.BigIntegerField(
                        default=0, help_text="How much the last run did, in the job's own units."
                    ),
                ),
            ],
        ),
    ]
