"""The tree's tiles as the database holds them: full ones stored, partial ones put together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from django.db import DEFAULT_DB_ALIAS, connections

from audit.models import Leaf, Tile
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

    def read_ahead(self, size: int, wanted: Iterable[tuple[int, int]]) -> None:
        """Read several tiles of the tree of one size with one query, given as level and number."""
        full: list[tuple[int, int]] = []
        partial: list[tuple[int, int, int]] = []
        for level, number in wanted:
            width = min(TILE_WIDTH, (size >> 8 * level) - number * TILE_WIDTH)
            if width == TILE_WIDTH:
                full.append((level, number))
            else:
                partial.append((level, number, width))
        parts, values = [], list[Any]()
        for level, number in full:
            parts.append("SELECT level, number, 256, hashes FROM audit_tile WHERE level = %s AND number = %s")
            values += [level, number]
        for level, number, width in partial:
            first = number * TILE_WIDTH
            if level == 0:
                parts.append(
                    "SELECT 0, %s::bigint, %s, string_agg(hash, ''::bytea ORDER BY index)"
                    " FROM audit_leaf WHERE index >= %s AND index < %s"
                )
                values += [number, width, first, first + width]
            else:
                parts.append(
                    "SELECT %s, %s::bigint, %s, string_agg(root, ''::bytea ORDER BY number)"
                    " FROM audit_tile WHERE level = %s AND number >= %s AND number < %s"
                )
                values += [level, number, width, level - 1, first, first + width]
        with connections[self._using].cursor() as cursor:
            cursor.execute(" UNION ALL ".join(parts), values)
            for level, number, width, hashes in cursor.fetchall():
                self._read[level, number, width] = bytes(hashes or b"")

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
    tiles = StoredTiles()
    wanted: set[tuple[int, int]] = set()
    for level, width in enumerate(partial_widths(size)):
        full = (size >> 8 * level) // TILE_WIDTH
        own = index >> 8 * (level + 1)
        if own < full:
            wanted.add((level, own))
        if width:
            wanted.add((level, full))
    tiles.read_ahead(size, wanted)
    return Tree(size, tiles)


def stored_edge(size: int, *, using: str) -> Edge:
    """Return the right edge of the tree of one size, ready to be extended."""
    tiles = StoredTiles(using)
    partial = []
    for level, width in enumerate(partial_widths(size)):
        number = (size >> 8 * level) // TILE_WIDTH
        partial.append(tiles(level, number, width) if width else b"")
    return Edge(size, partial)
