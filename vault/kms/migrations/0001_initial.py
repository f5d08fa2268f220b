"""The table of local masters."""

from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Master",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=80, unique=True)),
                ("kek", models.CharField(max_length=80)),
                ("wrapped", models.BinaryField()),
                ("created_at", models.DateTimeField(db_default=Now())),
            ],
        ),
    ]
