"""One row a periodic job: when it last started, finished and failed. Holds no personal data."""

from django.db import models


class Heartbeat(models.Model):
    """The life sign of one periodic job."""

    job = models.CharField(max_length=64, primary_key=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=120, blank=True, help_text="Class of the last error, never its text.")
    done = models.BigIntegerField(default=0, help_text="How much the last run did, in the job's own units.")

    def __str__(self) -> str:
        return self.job
