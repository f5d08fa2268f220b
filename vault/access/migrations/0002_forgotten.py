"""People who were forgotten: without a name, and without a way to sign in."""

from django.db import migrations, models

import vault.access.models


class Migration(migrations.Migration):
    dependencies = [("access", "0001_people")]

    operations = [
        migrations.AddField("User", "forgotten_at", models.DateTimeField(null=True)),
        migrations.AlterField(
            "User", "name", vault.access.models.NameField(max_length=120, verbose_name="name")
        ),
        migrations.AddConstraint(
            "User",
            models.CheckConstraint(
                name="only_who_was_forgotten_has_no_name",
                condition=(models.Q(forgotten_at__isnull=True) & ~models.Q(name=""))
                | models.Q(forgotten_at__isnull=False, is_active=False, name=""),
            ),
        ),
    ]
