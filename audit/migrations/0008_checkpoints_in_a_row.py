"""Which checkpoint a checkpoint is, counted from the first, and the log's signature over that."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the columns; what stands already has no number, and no checkpoint with one may stand before it."""

    dependencies = [("audit", "0007_checks_in_codes")]

    operations = [
        migrations.AddField(
            model_name="checkpoint",
            name="number",
            field=models.BigIntegerField(
                default=0, help_text="Which one it is of all there were, counted from 1."
            ),
        ),
        migrations.AddField(
            model_name="checkpoint",
            name="number_signature",
            field=models.TextField(
                default="", help_text="The log's signature line over number, size and root."
            ),
        ),
    ]
