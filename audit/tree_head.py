"""The text of a checkpoint (C2SP tlog-checkpoint): which log, how many entries, which root. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from audit.tree import HASH_LENGTH
from vault.crypto.notes import NoteSigner, NoteVerifier, open_note

_NUMBERED = "callvault/checkpoint-number/v1"


class CheckpointRefused(Exception):
    """The text is not that of a checkpoint."""


@dataclass(frozen=True, slots=True)
class TreeHead:
    """What a checkpoint states."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def numbered_text(self, number: int) -> str:
        """Return the text by which the log says which of its checkpoints this one is."""
        return f"{_NUMBERED}\n{number}\n{self.text()}"

    def sign(self, signer: NoteSigner) -> str:
        """Return the checkpoint: the text as a signed note."""
        return signer.sign(self.text())

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of a checkpoint; further lines are extensions and stay unread.

        :raises CheckpointRefused: if it is malformed.
        """
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] or not lines[0]:
            raise CheckpointRefused("A checkpoint has at least three lines.")
        origin, size, encoded = lines[:3]
        if not size.isascii() or not size.isdigit() or str(int(size)) != size:
            raise CheckpointRefused("The second line of a checkpoint is a whole number.")
        try:
            root = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise CheckpointRefused("The third line of a checkpoint is a hash in base64.") from None
        if len(root) != HASH_LENGTH or base64.b64encode(root).decode() != encoded:
            raise CheckpointRefused("The third line of a checkpoint is a hash in base64.")
        return cls(origin, int(size), root)


def open_checkpoint(note: str, verifiers: Iterable[NoteVerifier], *, origin: str) -> TreeHead:
    """Return what a checkpoint of this log states, if one of these keys has signed it.

    :raises vault.crypto.errors.NoteRefused: if none has.
    :raises CheckpointRefused: if it is malformed or of another log.
    """
    head = TreeHead.parse(open_note(note, verifiers).text)
    if head.origin != origin:
        raise CheckpointRefused("The checkpoint is of another log.")
    return head
