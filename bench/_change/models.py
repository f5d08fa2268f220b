"""The same row twice: one that django-auditlog watches, one that django-pghistory does."""

import pghistory
from auditlog.registry import auditlog
from django.db import models


class Call(models.Model):
    """What is changed."""

    id = models.UUIDField(primary_key=True)
    state = models.TextField()
    purpose = models.TextField()

    class Meta:
        abstract = True


class LoggedCall(Call):
    """Watched by django-auditlog, through Django's signals."""

    def __str__(self) -> str:
        return f"logged {self.id}"


@pghistory.track(pghistory.UpdateEvent())
class TrackedCall(Call):
    """Watched by django-pghistory, through triggers in the database."""

    def __str__(self) -> str:
        return f"tracked {self.id}"


auditlog.register(LoggedCall)
