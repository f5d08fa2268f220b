"""The local masters: keys that wrap many small keys in this process, themselves wrapped by the service."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class Master(models.Model):
    """One wrapped 32-byte key for one use and month, such as ``fields/2027-02``. Holds no personal data."""

    name = models.CharField(max_length=80, unique=True)
    kek = models.CharField(max_length=80)
    wrapped = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name
