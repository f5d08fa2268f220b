"""Measure side by side: rounds of both sides take turns in one run, so the machine's moods hit both alike.

A module `bench/NAME.py` has one function, `measure(*, small: bool) -> list[Row]`; `small` asks for a size that
finishes in seconds, so that continuous integration can see that the bench still works.
"""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a result: a ratio, or a value with its unit, against a bar."""

    name: str
    median: float
    low: float
    high: float
    bar: float
    unit: str | None = None  # None: a ratio
    bar_is_ceiling: bool = False  # the value must stay under the bar instead of above it

    @property
    def holds(self) -> bool:
        """Say whether the median is on the right side of the bar."""
        return self.median <= self.bar if self.bar_is_ceiling else self.median >= self.bar

    def as_json(self) -> dict[str, Any]:
        """Return the row as `bin/bench --json` prints it."""
        value = {"ratio": self.median} if self.unit is None else {"value": self.median, "unit": self.unit}
        rest = {key: part for key, part in asdict(self).items() if key in {"low", "high", "bar"}}
        return {"name": self.name} | value | rest | {"holds": self.holds}

    def as_line(self) -> str:
        """Return the row for a person to read."""
        unit = "" if self.unit is None else f" {self.unit}"
        side = "at most" if self.bar_is_ceiling else "at least"
        verdict = "holds" if self.holds else "DOES NOT HOLD"
        spread = f"{self.low:.3g} to {self.high:.3g}"
        return f"{self.name}: {self.median:.3g}{unit} ({spread}), {side} {self.bar:.3g}: {verdict}"


def cpu_seconds(work: Work) -> float:
    """Return the processor time that the work took in this process, all threads together."""
    began = time.process_time()
    work()
    return time.process_time() - began


def wall_seconds(work: Work) -> float:
    """Return the time that passed while the work was done."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def ratio(
    name: str,
    ours: Work,
    reference: Work,
    *,
    bar: float,
    rounds: int = 7,
    seconds: Callable[[Work], float] = cpu_seconds,
) -> Row:
    """Return how fast ours is as a share of the reference: 1 is as fast, 0.5 takes twice as long."""
    pairs = _side_by_side(ours, reference, rounds, seconds)
    return summarise(name, [theirs / mine for mine, theirs in pairs], bar=bar)


def cost(
    name: str,
    ours: Work,
    reference: Work,
    *,
    bar: float,
    rounds: int = 7,
    seconds: Callable[[Work], float] = cpu_seconds,
) -> Row:
    """Return how much ours takes for one of the reference; the bar is a ceiling."""
    pairs = _side_by_side(ours, reference, rounds, seconds)
    return summarise(name, [mine / theirs for mine, theirs in pairs], bar=bar, bar_is_ceiling=True)


def _side_by_side(
    ours: Work, reference: Work, rounds: int, seconds: Callable[[Work], float]
) -> list[tuple[float, float]]:
    seconds(ours), seconds(reference)  # the first round only warms up
    pairs = []
    for turn in range(rounds):
        first, second = (ours, reference) if turn % 2 == 0 else (reference, ours)
        spent = {first: seconds(first)}
        spent[second] = seconds(second)
        pairs.append((spent[ours], spent[reference]))
    return pairs


def summarise(
    name: str, values: Iterable[float], *, bar: float, unit: str | None = None, bar_is_ceiling: bool = False
) -> Row:
    """Return the median of some measurements with their spread."""
    ordered = sorted(values)
    return Row(
        name=name,
        median=statistics.median(ordered),
        low=ordered[0],
        high=ordered[-1],
        bar=bar,
        unit=unit,
        bar_is_ceiling=bar_is_ceiling,
    )
