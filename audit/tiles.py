"""The tree's tiles as the database holds them: full ones stored, partial ones put together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from django.db import DEFAULT_DB_ALIAS

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


def stored_edge(size: int, *, using: str) -> Edge:
    """Return the right edge of the tree of one size, ready to be extended."""
    tiles = StoredTiles(using)
    partial = []
    for level, width in enumerate(partial_widths(size)):
        number = (size >> 8 * level) // TILE_WIDTH
        partial.append(tiles(level, number, width) if width else b"")
    return Edge(size, partial)
