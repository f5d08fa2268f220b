"""Before the first signature: does this database continue what is anchored outside?

A database that was put back from a backup is behind the newest anchored checkpoint, or has since grown another
way. Signing on top of it would make two histories of one log, which every witness and every kept checkpoint
exposes. So the sequencer asks first, and does not sign until every place has answered.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from audit import log_key
from audit.anchors import AnchorSilent, locked_copy, witnesses
from audit.models import Checkpoint
from audit.tiles import stored_tree
from audit.tree_head import CheckpointRefused, TreeHead, open_checkpoint
from vault.crypto.errors import NoteRefused


class RestoredBehind(Exception):
    """The database does not hold what is anchored under this origin; nothing may be signed on top of it."""


def require_continuation() -> None:
    """Return if the stored tree continues the newest checkpoint at every configured place.

    :raises RestoredBehind: if it is behind one, or differs from it.
    :raises AnchorSilent: if a place does not answer: what it would say is not known.
    """
    newest = Checkpoint.objects.order_by("-size").first()
    size = newest.size if newest else 0
    for place, head in anchored_heads(settings.AUDIT_ORIGIN):
        if head.size > size:
            raise RestoredBehind(
                f"The database holds {size} entries of {head.origin}, but {place} holds a checkpoint over"
                f" {head.size}: it was put back from a backup. {WAYS_OUT}"
            )
        if stored_tree(head.size).root() != head.root:
            raise RestoredBehind(
                f"The first {head.size} entries of {head.origin} are not those whose checkpoint {place} holds."
                f" {WAYS_OUT}"
            )


WAYS_OUT = (
    "Nothing is signed on top of it. Run bin/manage restore_trail --from-copy, or set AUDIT_ORIGIN to a new name"
    " and run bin/manage restore_trail --new-origin --why TEXT (docs/guides/anchors.md)."
)


def anchored_heads(origin: str) -> Iterator[tuple[str, TreeHead]]:
    """Yield the newest checkpoint of each place that has one of this origin, with the place's name.

    :raises AnchorSilent: if a place does not answer, or with something that the log did not sign.
    """
    if locked_copy.is_configured() and (note := locked_copy.newest(origin)):
        yield "the locked copy", _open("the locked copy", note, origin)
    for witness in witnesses.configured():
        place = f"the witness {witness.name}"
        try:
            note = witnesses.newest_of(witness, origin)
        except AnchorSilent as silence:
            raise AnchorSilent(f"{place}: {silence}") from silence
        if note:
            yield place, _open(place, note, origin)


def _open(place: str, note: str, origin: str) -> TreeHead:
    try:
        return open_checkpoint(note, [log_key.verifier_of(origin)], origin=origin)
    except (NoteRefused, CheckpointRefused):
        raise AnchorSilent(f"{place}: its checkpoint is not signed by the log's key") from None
