"""Why calls are kept, what stops the clock, and how far each erasure has come.

Personal data in clear: none. People are account ids; reasons are sealed under the recording's field key, or,
where they belong to no recording, say only what a policy says.
"""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from recordings.models import Basis, Recording


class Unit(models.TextChoices):
    """What a period is counted in. Seconds serve trials; calendar units follow the customer's time zone."""

    SECONDS = "seconds", _("seconds")
    DAYS = "days", _("days")
    WEEKS = "weeks", _("weeks")
    MONTHS = "months", _("months")
    YEARS = "years", _("years")


class CountsFrom(models.TextChoices):
    """The moment from which a period is counted."""

    CALL_ENDED = "call_ended", _("the end of the call")


class HoldKind(models.TextChoices):
    """What stops the clock of a recording."""

    LEGAL_HOLD = "legal_hold", _("Legal hold")
    ACCESS_REQUEST = "access_request", _("Open access request")
    RESTRICTION = "restriction", _("Restriction")


class Ground(models.TextChoices):
    """Why a recording is erased."""

    EXPIRED = "expired", _("Its keeping time ran out")
    CONSENT_WITHDRAWN = "consent-withdrawn", _("Consent was withdrawn and nothing else justifies keeping it")
    QUARANTINE_EXPIRED = "quarantine-expired", _("It stayed in quarantine without a lawful basis")
    REQUEST = "request", _("A person asked for erasure")
    UNLAWFUL = "unlawful", _("It should not have been recorded or kept")
    TRIAL = "trial", _("Its trial policy of seconds ran out")


class ErasureState(models.TextChoices):
    """How far an erasure has come. A recording without a row is not due."""

    DUE = "due", _("Due")
    CLAIMED = "claimed", _("Being erased")
    KEY_DESTROYED = "key_destroyed", _("Unreadable")
    OBJECTS_DELETED = "objects_deleted", _("Copies deleted")
    VERIFIED_ABSENT = "verified_absent", _("Absence verified")
    CERTIFIED = "certified", _("Certified")
    HELD = "held", _("Held")
    BLOCKED = "blocked", _("Blocked by an object lock")
    NEEDS_ATTENTION = "needs_attention", _("Needs attention")


# What may still be undone, and what may not.
BEFORE_DESTRUCTION = (ErasureState.DUE, ErasureState.CLAIMED, ErasureState.HELD)
AFTER_DESTRUCTION = (ErasureState.KEY_DESTROYED, ErasureState.OBJECTS_DELETED, ErasureState.VERIFIED_ABSENT)


class PolicyQuerySet(models.QuerySet["RetentionPolicy"]):
    """Versions of policies."""

    def in_force(self) -> PolicyQuerySet:
        """Keep the versions that decide today: approved, and neither replaced nor retired."""
        return self.filter(approved_at__isnull=False, retired_at__isnull=True)


class RetentionPolicy(models.Model):
    """One version of a rule. A change makes a new version; what a version says never changes (trigger)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    policy_id = models.UUIDField(default=uuid.uuid4, editable=False, help_text="The same for every version.")
    version = models.PositiveIntegerField(default=1)
    name = models.CharField(max_length=120)
    lawful_basis = models.CharField(max_length=24, choices=Basis)
    justification = models.TextField(max_length=2000)
    keep_at_least_count = models.PositiveIntegerField(null=True)
    keep_at_least_unit = models.CharField(max_length=8, choices=Unit, blank=True)
    keep_at_most_count = models.PositiveIntegerField()
    keep_at_most_unit = models.CharField(max_length=8, choices=Unit)
    counts_from = models.CharField(max_length=16, choices=CountsFrom, default=CountsFrom.CALL_ENDED)

    # Which calls; empty means any.
    team = models.ForeignKey("access.Team", null=True, on_delete=models.PROTECT, related_name="+")
    queue = models.CharField(max_length=80, blank=True)
    category = models.CharField(max_length=80, blank=True)
    basis = models.CharField(max_length=24, choices=Basis, blank=True)

    author = models.UUIDField()
    created_at = models.DateTimeField()
    approved_by = models.UUIDField(null=True)
    approved_at = models.DateTimeField(null=True)
    retired_by = models.UUIDField(null=True)
    retired_at = models.DateTimeField(null=True)

    objects = PolicyQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["policy_id", "version"], name="policy_version_is_made_once"),
            models.UniqueConstraint(
                fields=["policy_id"],
                condition=Q(approved_at__isnull=False, retired_at__isnull=True),
                name="policy_has_one_version_in_force",
            ),
            models.CheckConstraint(
                name="policy_floor_has_a_count_and_a_unit",
                condition=Q(keep_at_least_count__isnull=True, keep_at_least_unit="")
                | (Q(keep_at_least_count__isnull=False) & ~Q(keep_at_least_unit="")),
            ),
            models.CheckConstraint(
                name="policy_is_approved_by_someone",
                condition=Q(approved_at__isnull=True, approved_by__isnull=True)
                | Q(approved_at__isnull=False, approved_by__isnull=False),
            ),
            models.CheckConstraint(
                name="policy_is_retired_by_someone",
                condition=Q(retired_at__isnull=True, retired_by__isnull=True)
                | Q(retired_at__isnull=False, retired_by__isnull=False),
            ),
            models.CheckConstraint(name="policy_version_counts_from_one", condition=Q(version__gte=1)),
            models.CheckConstraint(name="policy_has_a_justification", condition=~Q(justification="")),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"

    @property
    def is_in_force(self) -> bool:
        """Say whether this version decides today."""
        return self.approved_at is not None and self.retired_at is None


class HoldQuerySet(models.QuerySet["Hold"]):
    """Holds of every kind."""

    def in_force(self) -> HoldQuerySet:
        """Keep those that nobody has released."""
        return self.filter(released_at__isnull=True)


class Hold(models.Model):
    """An order that stops a recording's clock. Placed and released once, never changed or deleted (trigger).

    Personal data: the reasons, sealed under the recording's field key, so erasure blanks them.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recording = models.ForeignKey(Recording, on_delete=models.PROTECT, related_name="holds")
    kind = models.CharField(max_length=16, choices=HoldKind)
    case = models.CharField(max_length=40, blank=True, help_text="Number of the case; no names.")
    reason_sealed = models.BinaryField()
    owner = models.UUIDField(help_text="The account that answers for it.")
    review_on = models.DateField(null=True)
    placed_at = models.DateTimeField()
    placed_by = models.UUIDField()
    released_at = models.DateTimeField(null=True)
    released_by = models.UUIDField(null=True)
    release_reason_sealed = models.BinaryField(null=True)

    objects = HoldQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["recording"], name="hold_in_force", condition=Q(released_at__isnull=True)),
            models.Index(fields=["-placed_at", "-id"], name="hold_newest_first"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="hold_is_released_by_someone_for_a_reason",
                condition=Q(
                    released_at__isnull=True, released_by__isnull=True, release_reason_sealed__isnull=True
                )
                | Q(
                    released_at__isnull=False, released_by__isnull=False, release_reason_sealed__isnull=False
                ),
            ),
            models.UniqueConstraint(
                fields=["recording"],
                condition=Q(kind="restriction", released_at__isnull=True),
                name="hold_restricts_a_recording_once_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class LedgerKind(models.TextChoices):
    """Acts that a restored backup must not undo."""

    ERASED = "erased"
    HOLD_PLACED = "hold_placed"
    HOLD_RELEASED = "hold_released"


class LedgerEntry(models.Model):
    """One act on its way to the ledger outside the database. Its batch gets a number, then an object."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=16, choices=LedgerKind)
    body = models.JSONField(help_text="Ids, kinds and moments; nothing personal.")
    made_at = models.DateTimeField()
    batch = models.PositiveBigIntegerField(null=True, help_text="Number of the object that holds it.")
    written_at = models.DateTimeField(null=True, help_text="Since when it stands outside.")

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["id"], name="ledger_waiting", condition=Q(written_at__isnull=True)),
            models.Index(fields=["batch"], name="ledger_batch"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="ledger_entry_is_written_in_a_batch",
                condition=Q(written_at__isnull=True) | Q(batch__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Erasure(models.Model):
    """The end of one recording: where it stands, why, and what was destroyed. Outlives all it erased."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recording = models.OneToOneField(Recording, on_delete=models.PROTECT, related_name="erasure")
    state = models.CharField(max_length=16, choices=ErasureState, default=ErasureState.DUE)
    ground = models.CharField(max_length=20, choices=Ground)
    due_at = models.DateTimeField()
    policy_id = models.UUIDField(null=True)
    policy_version = models.PositiveIntegerField(null=True)
    policy_name = models.CharField(max_length=120, blank=True)
    ordered_by = models.UUIDField(null=True, help_text="The account that ordered it; empty: the schedule.")
    noticed_at = models.DateTimeField()

    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveBigIntegerField(
        default=0, help_text="Grows with each claim; an old one does nothing."
    )
    tries = models.PositiveSmallIntegerField(
        default=0, help_text="Claims since the last step that succeeded."
    )
    next_try_at = models.DateTimeField()
    last_error = models.CharField(max_length=120, blank=True, help_text="Class of the error, never its text.")
    blocked_until = models.DateTimeField(null=True)

    key_destroyed_at = models.DateTimeField(null=True)
    objects_deleted_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)
    certified_at = models.DateTimeField(null=True)
    beyond_recovery_on = models.DateTimeField(null=True)
    copies = models.JSONField(
        default=list, help_text="Kind, SHA-256 of the ciphertext; object name and version until verified."
    )
    keys_destroyed = models.PositiveSmallIntegerField(null=True)
    erased_event = models.UUIDField(null=True)
    certified_event = models.UUIDField(null=True)
    ledger_entry = models.OneToOneField(LedgerEntry, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["next_try_at", "id"],
                name="erasure_unfinished",
                condition=~Q(state__in=["certified", "needs_attention"]),
            ),
            models.Index(fields=["-key_destroyed_at", "-id"], name="erasure_newest_first"),
            models.Index(fields=["-noticed_at", "-id"], name="erasure_noticed_newest_first"),
            models.Index(fields=["certified_at"], name="erasure_certified"),
            models.Index(
                fields=["-noticed_at", "-id"], name="erasure_stuck", condition=Q(state="needs_attention")
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="erasure_state_agrees_with_its_moments",
                condition=Q(state__in=["due", "claimed", "held"], key_destroyed_at__isnull=True)
                | Q(state="key_destroyed", key_destroyed_at__isnull=False, objects_deleted_at__isnull=True)
                | Q(state="objects_deleted", objects_deleted_at__isnull=False, verified_at__isnull=True)
                | Q(state="verified_absent", verified_at__isnull=False, certified_at__isnull=True)
                | Q(state="certified", certified_at__isnull=False)
                | Q(state="blocked", key_destroyed_at__isnull=False, objects_deleted_at__isnull=True)
                | Q(state="needs_attention", certified_at__isnull=True),
            ),
            models.CheckConstraint(
                name="erasure_steps_follow_each_other",
                condition=(Q(objects_deleted_at__isnull=True) | Q(key_destroyed_at__isnull=False))
                & (Q(verified_at__isnull=True) | Q(objects_deleted_at__isnull=False))
                & (Q(certified_at__isnull=True) | Q(verified_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="erasure_of_a_key_is_in_trail_and_ledger",
                condition=Q(key_destroyed_at__isnull=True)
                | Q(erased_event__isnull=False, ledger_entry__isnull=False),
            ),
            models.CheckConstraint(
                name="erasure_is_certified_with_event_and_date",
                condition=Q(certified_at__isnull=True)
                | Q(certified_event__isnull=False, beyond_recovery_on__isnull=False),
            ),
            models.CheckConstraint(
                name="erasure_is_never_early",
                condition=Q(key_destroyed_at__isnull=True) | Q(key_destroyed_at__gte=F("due_at")),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Rescheduling(models.Model):
    """A changed policy on its way through the recordings that are already here."""

    id = models.BigAutoField(primary_key=True)
    asked_at = models.DateTimeField()
    asked_by = models.UUIDField()
    after = models.UUIDField(null=True, help_text="The last recording looked at; they are taken by id.")
    looked_at = models.PositiveBigIntegerField(default=0)
    changed = models.PositiveBigIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.id)


class ClockMark(models.Model):
    """What one start of one machine has seen of the database's time, beside its own monotonic clock."""

    boot_id = models.CharField(max_length=64, primary_key=True)
    first_at = models.DateTimeField(help_text="Database time when this start was first seen.")
    first_monotonic_s = models.FloatField()
    last_at = models.DateTimeField(help_text="High-water mark: the latest database time believed.")

    def __str__(self) -> str:
        return self.boot_id


class ClockDoubt(models.Model):
    """A time during which nothing destructive ran, because the clock could not be believed."""

    id = models.BigAutoField(primary_key=True)
    because = models.CharField(max_length=20, help_text="forward, back, unknown-gap")
    off_by_s = models.BigIntegerField()
    began_at = models.DateTimeField(help_text="By the clock that was doubted.")
    ended_at = models.DateTimeField(null=True)
    ended_by = models.UUIDField(
        null=True, help_text="Who confirmed the time; empty: the clock came back by itself."
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                models.Value(1), condition=Q(ended_at__isnull=True), name="clock_is_doubted_once_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)
