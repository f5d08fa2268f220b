"""The books of keys: key-encryption keys by name, and the local masters that they wrap."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Master(models.Model):
    """One wrapped 32-byte key for one use and month, such as ``fields/2027-02``. Holds no personal data."""

    name = models.CharField(max_length=80, unique=True)
    kek = models.CharField(max_length=80)
    kek_version = models.PositiveIntegerField(help_text="Version of the key-encryption key that wraps it.")
    wrapped = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name


class KekState(models.TextChoices):
    """Where a key-encryption key stands; it only ever goes forward."""

    ACTIVE = "active", _("In use")
    CLOSING = "closing", _("Being destroyed")
    DESTROYED = "destroyed", _("Destroyed")


class Kek(models.Model):
    """One key-encryption key in the vault's own books; the key is in the service. Holds no personal data.

    Whoever stores something wrapped under it takes this row's lock in share, by a trigger; whoever closes it or
    gives up its older versions takes the lock alone. So each sees what the other has committed.
    """

    name = models.CharField(max_length=80, primary_key=True)
    state = models.CharField(max_length=10, choices=KekState, default=KekState.ACTIVE)
    oldest_version = models.PositiveIntegerField(
        default=1, help_text="Nothing wrapped under an older version is stored any more."
    )
    made_at = models.DateTimeField(db_default=Now())
    made_ahead = models.BooleanField(
        default=False, help_text="Made before it was needed, so that a backup holds it before its first use."
    )
    is_recorded = models.BooleanField(default=False, help_text="That it was made stands in the trail.")
    rotated_at = models.DateTimeField(null=True)
    hardened_at = models.DateTimeField(
        null=True, help_text="What was erased before this is beyond its older versions, which are gone."
    )
    closed_at = models.DateTimeField(null=True)
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="kek_in_use_is_not_closed",
                condition=models.Q(state="active", closed_at__isnull=True)
                | (~models.Q(state="active") & models.Q(closed_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="kek_destroyed_at_says_when",
                condition=models.Q(state="destroyed", destroyed_at__isnull=False)
                | (~models.Q(state="destroyed") & models.Q(destroyed_at__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return self.name
