"""Places that checkpoints are brought to, and which of them holds an anchor."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the table and the column."""

    dependencies = [("audit", "0003_months_lookups_checks")]

    operations = [
        migrations.AddField(
            model_name="anchor",
            name="place",
            field=models.TextField(default="", help_text="Which of its kind: a witness's name, a bucket."),
        ),
        migrations.AlterField(
            model_name="anchor",
            name="kind",
            field=models.TextField(help_text="witness, mail or locked-copy."),
        ),
        migrations.AlterField(
            model_name="anchor",
            name="evidence",
            field=models.BinaryField(help_text="A cosignature, the id of a message, the name of an object."),
        ),
        migrations.CreateModel(
            name="AnchorPlace",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=16)),
                ("name", models.CharField(blank=True, max_length=200)),
                ("origin", models.CharField(max_length=200)),
                (
                    "size",
                    models.BigIntegerField(default=0, help_text="Of the newest checkpoint that it holds."),
                ),
                ("tried_at", models.DateTimeField(null=True)),
                ("worked_at", models.DateTimeField(null=True)),
                ("failing_since", models.DateTimeField(null=True)),
                ("why", models.CharField(blank=True, help_text="Code of what is wrong.", max_length=64)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=["kind", "name", "origin"], name="audit_anchor_place_stands_once_an_origin"
                    )
                ],
            },
        ),
    ]
