"""The erasure proof: what a stranger checks without us. ``docs/spec/erasure-proof.md`` specifies it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from audit import log_key, proofs, trail
from audit.actions import Action
from audit.actor import Actor, Ref
from recordings.models import Recording
from retention.errors import NoSuchErasure, NotYetCertified
from retention.models import Erasure

FORMAT = "callvault-erasure/1"


def read_proof(recording_id: UUID, *, actor: Actor, now: datetime) -> str:
    """Return the proof of a recording's erasure, and record that it was handed out.

    :raises NotYetCertified: while copies are still being deleted.
    :raises NotYetSequenced: for the seconds until the log has signed a checkpoint over it.
    """
    recording = Recording.objects.visible_to(actor).require(recording_id)
    erasure = Erasure.objects.filter(recording=recording).first()
    if erasure is None:
        raise NoSuchErasure
    text = write_proof(erasure)
    trail.record_disclosure(
        Action.ERASURE_PROOF_READ,
        actor=actor,
        target=Ref("recording", str(recording_id)),
        at=now,
        erasure=str(erasure.pk),
    )
    return text


def write_proof(erasure: Erasure) -> str:
    """Return the four sections: the statement, the log's key, the proofs of both events."""
    if erasure.certified_at is None or erasure.erased_event is None or erasure.certified_event is None:
        raise NotYetCertified
    statement = write_statement(erasure)
    erased = proofs.event_proof(erasure.erased_event)
    certified = proofs.event_proof(erasure.certified_event, extra=statement.encode())
    key = log_key.verifier().vkey
    return f"{statement}\n-- log key\n{key}\n-- erased\n{erased}-- certified\n{certified}"


def write_statement(erasure: Erasure) -> str:
    """Return what the certificate states; the same bytes whenever it is asked for."""
    if erasure.key_destroyed_at is None or erasure.verified_at is None or erasure.beyond_recovery_on is None:
        raise NotYetCertified
    policy = f"{erasure.policy_id} {erasure.policy_version}" if erasure.policy_id else "none"
    ordered_by = f"account {erasure.ordered_by}" if erasure.ordered_by else "schedule"
    lines = [
        FORMAT,
        f"recording: {erasure.recording_id}",
        f"erasure: {erasure.pk}",
        f"ground: {erasure.ground}",
        f"policy: {policy}",
        f"ordered-by: {ordered_by}",
        f"due: {moment(erasure.due_at)}",
        *copy_lines(erasure.copies),
        f"keys-destroyed: {erasure.keys_destroyed}",
        f"unreadable-since: {moment(erasure.key_destroyed_at)}",
        f"copies-absent-since: {moment(erasure.verified_at)}",
        f"beyond-recovery-on: {moment(erasure.beyond_recovery_on)}",
        f"erased-event: {erasure.erased_event}",
    ]
    return "\n".join(lines) + "\n"


def copy_lines(copies: Sequence[dict[str, str]]) -> list[str]:
    """Return one line for each stored copy that was complete, sorted."""
    return sorted(f"copy: {copy['kind']} sha256:{copy['sha256']}" for copy in copies if copy["sha256"])


def digest_of_copies(copies: Sequence[dict[str, str]]) -> str:
    """Return the hash by which the event of the destruction names the copies."""
    text = "".join(f"{line}\n" for line in copy_lines(copies))
    return hashlib.sha256(text.encode()).hexdigest()


def moment(at: datetime) -> str:
    """Return a moment as every text of ours writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
