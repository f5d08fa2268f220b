"""What opening refuses. None of these says which byte, which key or what the content was."""

from __future__ import annotations

from typing import ClassVar


class NotAuthentic(Exception):
    """The bytes are not what was sealed under this key; nothing of them may be used."""

    code: ClassVar[str] = "not-authentic"
    sentence: ClassVar[str] = "The sealed bytes do not authenticate."

    def __init__(self) -> None:
        super().__init__(self.sentence)


class WrongKey(NotAuthentic):
    """The header commits to another key, or to another recording, data key or kind of copy."""

    code = "wrong-key"
    sentence = "The header was not made with this key for this purpose."


class Truncated(NotAuthentic):
    """There are fewer or more bytes than the container has."""

    code = "truncated"
    sentence = "The sealed bytes do not have the length that was sealed."


class SegmentAltered(NotAuthentic):
    """A segment was changed, or is not the one that belongs in this place."""

    code = "segment-altered"
    sentence = "A segment is not the one that was sealed in its place."


class UnknownFormat(NotAuthentic):
    """The version byte names a format that this code does not know."""

    code = "unknown-format"
    sentence = "The sealed bytes are of a format that is not known here."


class NoteRefused(NotAuthentic):
    """A signed note is malformed, or no trusted key has signed it."""

    code = "note-refused"
    sentence = "The note is not validly signed by a trusted key."
