"""The trail for a spreadsheet: CSV whose cells no program takes for a formula. The verifier makes it again."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from audit import verify
from audit.shapes.lines import About, Line, Tell


def make_csv(about: About, batches: Iterable[list[Line]], tell: Tell) -> Iterator[bytes]:
    """Yield the header, then the rows of each batch."""
    yield _encode([verify.CSV_COLUMNS])
    for batch in batches:
        yield _encode([_row(line) for line in batch])
        tell(len(batch))


def _row(line: Line) -> list[str]:
    names = {"name": line.name, "address": line.address}
    return verify.csv_row(line.index, line.entry, line.leaf, names)


def _encode(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()
