"""Find erasures newest first, those certified lately and those stuck, however many there are."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("recordings", "0005_dpo_lists"),
        ("retention", "0002_guards"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="erasure",
            index=models.Index(fields=["-noticed_at", "-id"], name="erasure_noticed_newest_first"),
        ),
        migrations.AddIndex(
            model_name="erasure",
            index=models.Index(fields=["certified_at"], name="erasure_certified"),
        ),
        migrations.AddIndex(
            model_name="erasure",
            index=models.Index(
                condition=models.Q(("state", "needs_attention")),
                fields=["-noticed_at", "-id"],
                name="erasure_stuck",
            ),
        ),
    ]
