"""Where checkpoints are brought so that a rewritten history is noticed: witnesses, a locked copy, mail."""

from __future__ import annotations


class AnchorFailed(Exception):
    """A place took no checkpoint; the text is a code of what is wrong, never what the place answered."""


class AnchorSilent(AnchorFailed):
    """A place does not answer."""
