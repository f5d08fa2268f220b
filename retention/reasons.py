"""Why a recording is still here, or why it is gone: one sentence, in the reader's language."""

from __future__ import annotations

from django.utils.translation import gettext as _

from recordings.models import BasisStatus, Recording, State
from retention.models import Erasure, ErasureState
from vault.web.words import day


def why_kept(recording: Recording) -> str:
    """Return the sentence for a recording's page; erased ones say why they went."""
    if recording.state == State.ERASED:
        return why_gone(Erasure.objects.get(recording=recording))
    if recording.is_held:
        return _("Kept because a legal hold on it has not been released.")
    if recording.is_frozen:
        return _("Kept because somebody has asked to see what is kept about them, and has no answer yet.")
    if recording.is_restricted:
        return _("Kept, but not used, because somebody asked that it be restricted (Art. 18 GDPR).")
    if recording.in_conflict or recording.expires_at is None:
        return _conflict(recording)
    until = day(recording.expires_at)
    if recording.basis_status == BasisStatus.WITHDRAWN:
        return _withdrawn(recording, until)
    if recording.state == State.QUARANTINED:
        return _("In quarantine without a lawful basis; it goes on %(day)s unless one is recorded.") % {
            "day": until
        }
    return _("Kept until %(day)s under the policy “%(policy)s”, version %(version)s.") % {
        "day": until,
        "policy": recording.policy_name,
        "version": recording.policy_version,
    }


def why_gone(erasure: Erasure) -> str:
    """Return why and since when a recording is gone, or how far it is."""
    ground = erasure.get_ground_display()
    if erasure.key_destroyed_at is None:
        return _("Due since %(day)s: %(ground)s.") % {"day": day(erasure.due_at), "ground": ground}
    words = {"day": day(erasure.key_destroyed_at), "ground": ground}
    if erasure.state == ErasureState.CERTIFIED:
        return _("Erased on %(day)s: %(ground)s. The proof is ready.") % words
    return _("Unreadable since %(day)s: %(ground)s. Its copies are being deleted.") % words


def _conflict(recording: Recording) -> str:
    if recording.keep_until_at_least is None:
        return _("No policy applies to this call. It is kept until the data protection officer decides.")
    return _(
        "Its policies disagree: one demands that it be kept until %(day)s, another that it be gone before."
        " It is kept until the data protection officer decides."
    ) % {"day": day(recording.keep_until_at_least)}


def _withdrawn(recording: Recording, until: str) -> str:
    if recording.policy_id is None:
        return _("Consent was withdrawn and nothing else justifies keeping it: it is being erased.")
    return _("Consent was withdrawn; the policy “%(policy)s” still demands keeping it until %(day)s.") % {
        "policy": recording.policy_name,
        "day": until,
    }
