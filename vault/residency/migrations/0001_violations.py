"""What lay where it may not."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Violation",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("what", models.CharField(max_length=300)),
                ("region", models.CharField(blank=True, max_length=100)),
                ("endpoint", models.CharField(blank=True, max_length=300)),
                ("because", models.CharField(help_text="region, endpoint, unknown", max_length=20)),
                ("began_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=("what", "region", "endpoint", "because"),
                        name="violation_is_open_once",
                    )
                ],
            },
        ),
    ]
