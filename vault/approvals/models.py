"""Requests for a second person, and how each ended.

Personal data in clear: none. People are accounts; reasons and words are sealed under a local master.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from vault.approvals.errors import NoSuchApproval


class State(models.TextChoices):
    """How far a request has come."""

    WAITING = "waiting", _("Waits for a second person")
    APPROVED = "approved", _("Approved, not carried out yet")
    DONE = "done", _("Approved and carried out")
    REFUSED = "refused", pgettext_lazy("state of a request", "Refused")
    WITHDRAWN = "withdrawn", pgettext_lazy("state of a request", "Withdrawn")
    EXPIRED = "expired", pgettext_lazy("state of a request", "Expired")
    VOID = "void", _("No longer possible")


OPEN = (State.WAITING, State.APPROVED)


class ApprovalQuerySet(models.QuerySet["Approval"]):
    """Requests."""

    def require(self, approval_id: uuid.UUID) -> Approval:
        """Return the request, or refuse."""
        found = self.filter(pk=approval_id).first()
        if found is None:
            raise NoSuchApproval
        return found

    def waiting(self, now: datetime) -> Self:
        """Return those that somebody may still decide on."""
        return self.filter(state=State.WAITING, expires_at__gt=now)


class Approval(models.Model):
    """One request, and its decision by somebody else. Personal data: the reason and the words, sealed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=40, help_text="What is asked for: a code of vault.approvals.kinds.")
    target_id = models.CharField(max_length=80, help_text="What it is about, as its kind names it.")
    parameters = models.JSONField(default=dict, help_text="What its kind needs to know; nothing personal.")
    reason_sealed = models.BinaryField(help_text="Emptied when what it is about is erased.")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    state = models.CharField(max_length=12, choices=State, default=State.WAITING)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    words_sealed = models.BinaryField(default=b"", help_text="What who decided has said.")
    ended_at = models.DateTimeField(null=True, help_text="Since when nothing more can come of it.")
    void_because = models.CharField(max_length=60, blank=True, help_text="Code of the refusal that ended it.")

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["expires_at"], name="approval_open", condition=Q(state__in=OPEN)),
            models.Index(fields=["kind", "target_id"], name="approval_by_target"),
            models.Index(fields=["-asked_at", "-id"], name="approval_newest_first"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "target_id"],
                condition=Q(state=State.WAITING),
                name="one_request_of_a_kind_waits_for_each_target",
            ),
            models.CheckConstraint(
                name="nobody_decides_on_their_own_request",
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("asked_by")),
            ),
            models.CheckConstraint(
                name="a_decision_has_who_and_when",
                condition=Q(decided_by__isnull=True, decided_at__isnull=True)
                | Q(decided_by__isnull=False, decided_at__isnull=False),
            ),
            models.CheckConstraint(
                name="what_is_approved_done_or_refused_was_decided",
                condition=~Q(state__in=[State.APPROVED, State.DONE, State.REFUSED])
                | Q(decided_by__isnull=False),
            ),
            models.CheckConstraint(
                name="what_waits_is_not_decided",
                condition=~Q(state=State.WAITING) | Q(decided_by__isnull=True),
            ),
            models.CheckConstraint(
                name="ended_at_says_when_a_request_is_over",
                condition=Q(state__in=OPEN, ended_at__isnull=True)
                | (~Q(state__in=OPEN) & Q(ended_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="a_void_request_says_why",
                condition=(Q(state=State.VOID) & ~Q(void_because=""))
                | (~Q(state=State.VOID) & Q(void_because="")),
            ),
            models.CheckConstraint(
                name="a_request_expires_after_it_was_made", condition=Q(expires_at__gt=F("asked_at"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    def is_expired(self, now: datetime) -> bool:
        """Say whether its time has passed, whether or not the job that says so has run."""
        return self.state in OPEN and self.expires_at <= now
