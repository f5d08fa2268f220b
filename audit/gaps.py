"""What is missing from the trail, held against the months that were removed from it.

A removed month explains as many missing records as its event says, within the stretch that it says, and the
beginnings of as many writers. One more, and everything there counts as lost: nobody can say which it was.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from audit.findings import Finding
from audit.months import Removal

_NAMED = 100


class Gaps:
    """Counts what is missing; in memory are the stretches, never the records."""

    def __init__(self, removals: Sequence[Removal]) -> None:
        self.months = frozenset(removal.month for removal in removals)
        # At the edges of months records interleave: stretches that overlap are counted together.
        self._stretches: list[tuple[int, int, int]] = []
        for removal in sorted(removals, key=lambda removal: removal.first):
            first, last, events = removal.first, removal.last, removal.events
            if self._stretches and first <= self._stretches[-1][1]:
                first, before, more = self._stretches.pop()
                last, events = max(last, before), events + more
            self._stretches.append((first, last, events))
        self._missing = [0] * len(self._stretches)
        latest = max(removals, key=lambda removal: removal.month, default=None)
        self._went_on = (latest.writers, latest.numbers) if latest else (0, 0)
        self._begun = (0, 0)
        self._beginnings: list[Finding] = []

    def explain(self, index: int) -> bool:
        """Count a missing record; say whether it lies where something was removed."""
        at = bisect_right(self._stretches, index, key=lambda stretch: stretch[0]) - 1
        if at < 0 or index > self._stretches[at][1]:
            return False
        self._missing[at] += 1
        return True

    def explain_beginning(self, counter: int, finding: Finding) -> None:
        """Count a writer whose first record that is left has this number; the finding stands if too many do."""
        self._begun = (self._begun[0] + 1, self._begun[1] + counter - 1)
        if len(self._beginnings) < _NAMED:
            self._beginnings.append(finding)

    def findings(self) -> Iterator[Finding]:
        """Yield what the removed months do not explain, once everything has been read."""
        for (first, last, events), missing in zip(self._stretches, self._missing, strict=True):
            if missing != events:
                yield Finding.of("removal-differs", first=first, last=last, missing=missing, events=events)
        if self._begun != self._went_on:
            yield from self._beginnings
