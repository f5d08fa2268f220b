"""What lay where it may not, from when to when. Holds no personal data."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q


class Violation(models.Model):
    """Something that was found outside the allowed places; open until it is found within, or gone."""

    id = models.BigAutoField(primary_key=True)
    what = models.CharField(max_length=300)
    region = models.CharField(max_length=100, blank=True)
    endpoint = models.CharField(max_length=300, blank=True)
    because = models.CharField(max_length=20, help_text="region, endpoint, unknown")
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["what", "region", "endpoint", "because"],
                condition=Q(ended_at__isnull=True),
                name="violation_is_open_once",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)
