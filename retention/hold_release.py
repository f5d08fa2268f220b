"""Releasing a legal hold takes two people: a DPO asks, another DPO or an administrator approves."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.actor import Actor, Ref
from audit.subjects import Subject
from recordings import keys
from recordings.models import Recording
from retention import holds
from retention.errors import NoSuchHold
from retention.models import Hold, HoldKind
from vault.approvals import kinds, words
from vault.approvals.errors import ParametersInvalid, SecondPersonNotNeeded
from vault.approvals.kinds import Described, Kind, Line
from vault.approvals.models import Approval
from vault.permissions import Permission
from vault.web.words import day, moment_exact

HOLD_RELEASE = "hold.release"


def register() -> None:
    """Make the kind known."""
    kinds.register(HoldRelease())


def forget_reasons(recording: Recording) -> None:
    """Forget why releasing its holds was asked for, in the transaction that erases the recording."""
    held = Hold.objects.filter(recording=recording, kind=HoldKind.LEGAL_HOLD).values_list("pk", flat=True)
    if targets := [str(hold_id) for hold_id in held]:
        words.forget(HOLD_RELEASE, targets)


class HoldRelease(Kind):
    """Release one legal hold, for the reason for which it was asked."""

    code = HOLD_RELEASE
    title = gettext_lazy("Release a legal hold")
    explanation = gettext_lazy(
        "Approving releases the hold at once. When nothing else holds the recording, its own end counts again:"
        " if that has passed, the next sweep erases it, which cannot be undone."
    )
    ask = Permission.HOLD_RELEASE
    decide = Permission.HOLD_RELEASE_DECIDE

    def check(self, asked: Approval, *, asker: Actor) -> None:
        """Refuse what is out of the asker's reach, has ended, or is no legal hold."""
        if asked.parameters:
            raise ParametersInvalid
        hold = holds.require_hold(_hold_id(asked), actor=asker)
        if hold.kind != HoldKind.LEGAL_HOLD:
            raise SecondPersonNotNeeded
        holds.lock_in_force(hold.pk)

    def ref(self, asked: Approval) -> Ref:
        """Return the recording, as the events of its holds do."""
        return Ref("recording", str(_hold(asked).recording_id))

    def subject(self, asked: Approval) -> Subject:
        """Forget the words with the recording: they may speak of who is on it."""
        return Subject.recording(_hold(asked).recording_id)

    def sealing_key(self, asked: Approval) -> bytes | None:
        """Seal the words with the recording."""
        hold = Hold.objects.filter(pk=_hold_id(asked)).first()
        return keys.find_field_key(hold.recording_id) if hold else None

    def prepare(self, asked: Approval, reason: str) -> bytes:
        """Seal the reason with the recording."""
        return holds.seal_release_reason(_hold(asked), reason)

    def carry_out(self, asked: Approval, prepared: bytes, *, actor: Actor, now: datetime) -> Hold:
        """Release it, in the name of who asked."""
        return holds.end_hold(
            _hold_id(asked),
            reason=words.reason_of(asked),
            sealed=prepared,
            released_by=asked.asked_by_id,
            actor=actor,
            now=now,
            approval=asked.pk,
        )

    def describe(self, asked: Approval, *, reader: Actor, now: datetime) -> Described:
        """Say which hold, without its reason: that stands on the recording's page, for who may read it."""
        hold = _hold(asked)
        ends = hold.recording.expires_at
        of_recording = (
            reverse("retention:recording", args=[hold.recording_id])
            if reader.may(Permission.RETENTION_READ)
            else ""
        )
        lines = [
            Line(_("Case number"), hold.case or "–"),
            Line(_("Placed"), moment_exact(hold.placed_at)),
            Line(_("Recording"), str(hold.recording_id), of_recording),
            Line(_("Its own end"), day(ends) if ends else _("no end")),
        ]
        is_last = not hold.recording.holds.in_force().exclude(pk=hold.pk).exists()
        is_overdue = hold.released_at is None and is_last and ends is not None and ends <= now
        return Described(
            _("Case %(case)s") % {"case": hold.case} if hold.case else str(hold.recording_id),
            tuple(lines),
            _("This recording's own end has passed: once the hold is released, the next sweep erases it.")
            if is_overdue
            else "",
        )


def _hold_id(asked: Approval) -> UUID:
    return kinds.target_uuid(asked, NoSuchHold)


def _hold(asked: Approval) -> Hold:
    return Hold.objects.select_related("recording").get(pk=_hold_id(asked))
