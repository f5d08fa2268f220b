"""Find the few recordings that the overview of keeping counts, however many there are."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0001_people"),
        ("recordings", "0004_answers_under_way"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="recording",
            index=models.Index(
                condition=models.Q(("is_held", True)), fields=["expires_at", "id"], name="recording_held"
            ),
        ),
        migrations.AddIndex(
            model_name="recording",
            index=models.Index(
                condition=models.Q(("is_frozen", True)), fields=["expires_at", "id"], name="recording_frozen"
            ),
        ),
        migrations.AddIndex(
            model_name="recording",
            index=models.Index(
                condition=models.Q(("is_restricted", True)),
                fields=["expires_at", "id"],
                name="recording_restricted",
            ),
        ),
        migrations.AddIndex(
            model_name="recording",
            index=models.Index(
                condition=models.Q(("in_conflict", True)),
                fields=["expires_at", "id"],
                name="recording_in_conflict",
            ),
        ),
        migrations.AddIndex(
            model_name="recording",
            index=models.Index(
                condition=models.Q(("state", "quarantined")),
                fields=["expires_at", "id"],
                name="recording_quarantined",
            ),
        ),
    ]
