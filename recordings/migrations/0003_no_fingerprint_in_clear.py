"""The audio's SHA-256 stood beside its seal, where whoever had the audio could find the call. A keyed one is enough."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("recordings", "0002_purposes_and_history")]

    operations = [migrations.RemoveField(model_name="rendition", name="plain_sha256")]
