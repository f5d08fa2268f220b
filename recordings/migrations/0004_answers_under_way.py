"""How many answers may still be sending of a minute: what they send is not in what has been noted as sent."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("recordings", "0003_no_fingerprint_in_clear")]

    operations = [
        migrations.AddField(
            model_name="grantwindow",
            name="under_way",
            field=models.IntegerField(
                default=0,
                help_text="Answers that have not ended, or whose process died: possibly all of it was sent.",
            ),
        ),
        migrations.AlterField(
            model_name="grantwindow",
            name="sent_from_ms",
            field=models.BigIntegerField(
                help_text="What was really sent, by the answers that have ended.", null=True
            ),
        ),
    ]
