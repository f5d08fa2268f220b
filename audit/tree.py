"""The Merkle tree of RFC 6962 in the tiles of C2SP tlog-tiles. Pure.

A tile holds 256 hashes: those of leaves at level 0, at each higher level the roots of full tiles below. Full
tiles never change; the partial ones at the right edge are all that the tree needs to grow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

HASH_LENGTH = 32
TILE_WIDTH = 256
TILE_LENGTH = TILE_WIDTH * HASH_LENGTH

_sha256 = hashlib.sha256
EMPTY_ROOT = _sha256(b"").digest()

# Returns the hashes of a tile, given its level, its number and how many of them stand in the tree.
TileSource = Callable[[int, int, int], bytes]


class ProofRefused(Exception):
    """A proof does not show what it is said to show."""


@dataclass(frozen=True, slots=True)
class FullTile:
    """256 hashes side by side, and the hash of them all."""

    level: int
    number: int
    hashes: bytes
    root: bytes


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry as a leaf."""
    return _sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees."""
    return _sha256(b"\x01" + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Return the root over hashes that stand side by side."""
    if not hashes:
        return EMPTY_ROOT
    row = list(hashes)
    while len(row) > 1:
        above = [node_hash(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)]
        if len(row) % 2:
            above.append(row[-1])
        row = above
    return row[0]


def split(hashes: bytes) -> list[bytes]:
    """Return the hashes of a tile one by one."""
    return [hashes[at : at + HASH_LENGTH] for at in range(0, len(hashes), HASH_LENGTH)]


class Edge:
    """The right edge of the tree: the partial tile of each level, and so all that appending needs."""

    def __init__(self, size: int = 0, partial: Sequence[bytes] = ()) -> None:
        self.size = size
        self._partial = [split(hashes) for hashes in partial]

    def append(self, hashes: Iterable[bytes]) -> list[FullTile]:
        """Add leaves; return the tiles that have become full, lowest first."""
        full: list[FullTile] = []
        for leaf in hashes:
            self._push(0, leaf, full)
            self.size += 1
        return full

    def root(self) -> bytes:
        """Return the root of the tree as it is now."""
        root: bytes | None = None
        for row in self._partial:
            end = len(row)
            while end:
                start = end & (end - 1)  # the lowest set bit is the rightmost complete subtree
                block = root_of(row[start:end])
                root = block if root is None else node_hash(block, root)
                end = start
        return EMPTY_ROOT if root is None else root

    def _push(self, level: int, value: bytes, full: list[FullTile]) -> None:
        if level == len(self._partial):
            self._partial.append([])
        row = self._partial[level]
        row.append(value)
        if len(row) == TILE_WIDTH:
            number = self.size >> 8 * (level + 1)
            tile = FullTile(level, number, b"".join(row), root_of(row))
            full.append(tile)
            row.clear()
            self._push(level + 1, tile.root, full)


def tile_path(level: int, number: int, width: int = TILE_WIDTH) -> str:
    """Return where a tile stands under a log's address: ``tile/0/x001/234`` or ``tile/0/001.p/7``."""
    parts = [f"{number % 1000:03}"]
    while number := number // 1000:
        parts.insert(0, f"x{number % 1000:03}")
    suffix = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(parts)}{suffix}"


def partial_widths(size: int) -> list[int]:
    """Return how many hashes stand in the partial tile of each level; 0 where there is none."""
    widths = []
    while size:
        widths.append(size % TILE_WIDTH)
        size //= TILE_WIDTH
    return widths


class Tree:
    """The tree of one size, read through its tiles."""

    def __init__(self, size: int, tiles: TileSource) -> None:
        self.size = size
        self._tiles = tiles

    def root(self) -> bytes:
        """Return its root."""
        return self._range(0, self.size)

    def inclusion_proof(self, index: int) -> list[bytes]:
        """Return the hashes from the leaf's sibling to the root's child (RFC 6962, 2.1.1)."""
        if not 0 <= index < self.size:
            raise ValueError("there is no such leaf in a tree of this size")
        proof = []
        low, high = 0, self.size
        while high - low > 1:
            middle = low + _largest_power_below(high - low)
            if index < middle:
                proof.append(self._range(middle, high))
                high = middle
            else:
                proof.append(self._range(low, middle))
                low = middle
        return proof[::-1]

    def consistency_proof(self, earlier: int) -> list[bytes]:
        """Return what shows that the tree of the earlier size is this tree's beginning (RFC 6962, 2.1.2)."""
        if not 0 <= earlier <= self.size:
            raise ValueError("the earlier tree is not smaller")
        if earlier in (0, self.size):
            return []
        proof = []
        low, high, is_root_known = 0, self.size, True
        while earlier != high:
            middle = low + _largest_power_below(high - low)
            if earlier <= middle:
                proof.append(self._range(middle, high))
                high = middle
            else:
                proof.append(self._range(low, middle))
                low, is_root_known = middle, False
        if not is_root_known:
            proof.append(self._range(low, high))
        return proof[::-1]

    def _range(self, low: int, high: int) -> bytes:
        """Return the hash of a range of leaves that is a node of this tree or its right edge."""
        if low == high:
            return EMPTY_ROOT
        blocks = []
        while low < high:
            height = (high - low).bit_length() - 1
            blocks.append(self._subtree(height, low >> height))
            low += 1 << height
        root = blocks.pop()
        while blocks:
            root = node_hash(blocks.pop(), root)
        return root

    def _subtree(self, height: int, index: int) -> bytes:
        """Return the hash of the complete subtree of ``2**height`` leaves."""
        level, rest = divmod(height, 8)
        start = index << rest
        number, offset = divmod(start, TILE_WIDTH)
        width = min(TILE_WIDTH, (self.size >> 8 * level) - number * TILE_WIDTH)
        hashes = self._tiles(level, number, width)
        if len(hashes) != width * HASH_LENGTH:
            raise ProofRefused(f"{tile_path(level, number, width)} does not have the length of its width")
        return _root_of_pairs(hashes[offset * HASH_LENGTH : (offset + (1 << rest)) * HASH_LENGTH])


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that a leaf stands at this place in the tree (RFC 9162, 2.1.3.2).

    :raises ProofRefused: if it does not, or the proof is too short or too long.
    """
    if not 0 <= index < size:
        raise ProofRefused("the index lies outside the tree")
    place, last, computed = index, size - 1, leaf
    for part in proof:
        if last == 0:
            raise ProofRefused("the inclusion proof is too long")
        if place % 2 or place == last:
            computed = node_hash(part, computed)
            while not place % 2 and place:
                place, last = place >> 1, last >> 1
        else:
            computed = node_hash(computed, part)
        place, last = place >> 1, last >> 1
    if last:
        raise ProofRefused("the inclusion proof is too short")
    if computed != root:
        raise ProofRefused("the inclusion proof does not lead to the root")


def check_consistency(
    earlier: int, earlier_root: bytes, size: int, root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the earlier tree is the beginning of the later one (RFC 9162, 2.1.4.2).

    :raises ProofRefused: if it is not, or the proof is too short or too long.
    """
    if not 0 <= earlier <= size:
        raise ProofRefused("the earlier tree is larger than the later one")
    if earlier in (0, size):
        if proof:
            raise ProofRefused("the consistency proof is too long")
        if earlier == size and earlier_root != root:
            raise ProofRefused("two trees of one size have different roots")
        if earlier == 0 and earlier_root != EMPTY_ROOT:
            raise ProofRefused("an empty tree has another root")
        return
    parts = list(proof) if earlier & (earlier - 1) else [earlier_root, *proof]
    if not parts:
        raise ProofRefused("the consistency proof is too short")
    place, last = earlier - 1, size - 1
    while place % 2:
        place, last = place >> 1, last >> 1
    before = after = parts[0]
    for part in parts[1:]:
        if last == 0:
            raise ProofRefused("the consistency proof is too long")
        if place % 2 or place == last:
            before, after = node_hash(part, before), node_hash(part, after)
            while not place % 2 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, part)
        place, last = place >> 1, last >> 1
    if last:
        raise ProofRefused("the consistency proof is too short")
    if before != earlier_root or after != root:
        raise ProofRefused("the earlier tree is not the beginning of the later one")


def _root_of_pairs(row: bytes) -> bytes:
    """Return the root over hashes side by side whose count is a power of two; each pair is hashed as it stands."""
    pair = 2 * HASH_LENGTH
    while len(row) > HASH_LENGTH:
        row = b"".join([_sha256(b"\x01" + row[at : at + pair]).digest() for at in range(0, len(row), pair)])
    return row


def _largest_power_below(count: int) -> int:
    return 1 << (count - 1).bit_length() - 1
