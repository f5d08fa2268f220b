"""The tree's tiles as the database holds them: full ones stored, partial ones put together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from django.db import DEFAULT_DB_ALIAS

from audit.models import Leaf, Tile
from audit.prepared import prepared_cursor
from audit.tree import TILE_WIDTH, Edge, Tree, partial_widths


class StoredTiles:
    """Read tiles from one database, each at most once."""

    def __init__(self, using: str = DEFAULT_DB_ALIAS) -> None:
        self._using = using
        self._read: dict[tuple[int, int, int], bytes] = {}

    def __call__(self, level: int, number: int, width: int) -> bytes:
        """Return the hashes of a tile, as many as the width says and the database has."""
        key = (level, number, width)
        if key not in self._read:
            self._read[key] = self._full(level, number) if width == TILE_WIDTH else self._partial(*key)
        return self._read[key]

    def _full(self, level: int, number: int) -> bytes:
        tiles = Tile.objects.using(self._using).filter(level=level, number=number)
        return b"".join(bytes(hashes) for hashes in tiles.values_list("hashes", flat=True))

    def _partial(self, level: int, number: int, width: int) -> bytes:
        first = number * TILE_WIDTH
        span = (first, first + width - 1)
        found: Iterable[object]
        if level == 0:
            leaves = Leaf.objects.using(self._using).filter(index__range=span).order_by("index")
            found = leaves.values_list("hash", flat=True)
        else:
            below = Tile.objects.using(self._using).filter(level=level - 1, number__range=span)
            found = below.order_by("number").values_list("root", flat=True)
        return b"".join(bytes(cast(bytes, value)) for value in found)


def stored_tree(size: int) -> Tree:
    """Return the tree of one size, for proofs."""
    return Tree(size, StoredTiles())


def proving_tree(size: int, index: int) -> Tree:
    """Return the tree of one size for the proof of one leaf, with all tiles that it needs read at once."""
    full: list[tuple[int, int]] = []
    partial: list[tuple[int, int, int]] = []
    for level, width in enumerate(partial_widths(size)):
        last = (size >> 8 * level) // TILE_WIDTH
        own = index >> 8 * (level + 1)
        if own < last:
            full.append((level, own))
        if width:
            partial.append((level, last, width))
    above = [tile for tile in partial if tile[0] > 0]
    leaves = partial[0] if partial and partial[0][0] == 0 else (0, 0, 0)
    with prepared_cursor() as cursor:
        cursor.execute(
            _TILES,
            [
                [level for level, _ in full],
                [number for _, number in full],
                [level for level, _, _ in above],
                [number for _, number, _ in above],
                [width for _, _, width in above],
                [leaves[1]],
                [leaves[2]],
            ],
        )
        read = {
            (level, number, width): bytes(hashes or b"") for level, number, width, hashes in cursor.fetchall()
        }
    return Tree(size, lambda level, number, width: read.get((level, number, width), b""))


# Full tiles; partial ones of the roots below; the partial one of the leaves.
_TILES = """
    SELECT tile.level, tile.number, 256, tile.hashes
    FROM unnest(%s::smallint[], %s::bigint[]) AS full_one (level, number)
    JOIN audit_tile AS tile USING (level, number)
    UNION ALL
    SELECT level, number, width, (
        SELECT string_agg(root, ''::bytea ORDER BY below.number) FROM audit_tile AS below
        WHERE below.level = partial.level - 1
          AND below.number >= partial.number * 256 AND below.number < partial.number * 256 + width)
    FROM unnest(%s::smallint[], %s::bigint[], %s::integer[]) AS partial (level, number, width)
    UNION ALL
    SELECT 0, number, width, (
        SELECT string_agg(hash, ''::bytea ORDER BY index) FROM audit_leaf
        WHERE index >= number * 256 AND index < number * 256 + width)
    FROM unnest(%s::bigint[], %s::integer[]) AS edge (number, width)
"""


def stored_edge(size: int, *, using: str) -> Edge:
    """Return the right edge of the tree of one size, ready to be extended."""
    tiles = StoredTiles(using)
    partial = []
    for level, width in enumerate(partial_widths(size)):
        number = (size >> 8 * level) // TILE_WIDTH
        partial.append(tiles(level, number, width) if width else b"")
    return Edge(size, partial)
