"""The tree: its roots and proofs are those of RFC 6962, by the published vectors and by every small tree."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.tree import (
    EMPTY_ROOT,
    TILE_WIDTH,
    Edge,
    ProofRefused,
    Tree,
    check_consistency,
    check_inclusion,
    leaf_hash,
    node_hash,
    partial_widths,
    root_of,
    tile_path,
)

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "audit-tree.json").read_text())


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(b"%d" % at) for at in range(count)]


def naive_root(hashes: list[bytes]) -> bytes:
    """Return the root as RFC 6962, 2.1, defines it."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    cut = 1 << (len(hashes) - 1).bit_length() - 1
    return node_hash(naive_root(hashes[:cut]), naive_root(hashes[cut:]))


def tree_over(hashes: list[bytes]) -> Tree:
    """Return the tree over these leaves, its tiles as an edge makes them."""
    edge = Edge()
    full = {(tile.level, tile.number): tile for tile in edge.append(hashes)}

    def read(level: int, number: int, width: int) -> bytes:
        if (level, number) in full:
            return full[level, number].hashes[: width * 32]
        start = number * TILE_WIDTH
        if level == 0:
            return b"".join(hashes[start : start + width])
        return b"".join(full[level - 1, start + at].root for at in range(width))

    return Tree(len(hashes), read)


@pytest.mark.parametrize("vector", VECTORS["roots"], ids=lambda vector: str(vector["size"]))
def test_roots_are_those_of_the_vectors(vector):
    hashes = [leaf_hash(bytes.fromhex(leaf)) for leaf in VECTORS["leaves"][: vector["size"]]]

    assert root_of(hashes).hex() == vector["root"]


@pytest.mark.parametrize("vector", VECTORS["inclusion"], ids=lambda v: f"{v['index']}-{v['size']}")
def test_inclusion_proofs_are_those_of_the_vectors(vector):
    hashes = [leaf_hash(bytes.fromhex(leaf)) for leaf in VECTORS["leaves"][: vector["size"]]]

    proof = tree_over(hashes).inclusion_proof(vector["index"])

    assert [part.hex() for part in proof] == vector["proof"]


@pytest.mark.parametrize("vector", VECTORS["consistency"], ids=lambda v: f"{v['earlier']}-{v['size']}")
def test_consistency_proofs_are_those_of_the_vectors(vector):
    hashes = [leaf_hash(bytes.fromhex(leaf)) for leaf in VECTORS["leaves"][: vector["size"]]]

    proof = tree_over(hashes).consistency_proof(vector["earlier"])

    assert [part.hex() for part in proof] == vector["proof"]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 513, 65_537])
def test_an_edge_and_the_tiles_lead_to_the_root_of_the_definition(count):
    hashes = leaves(count)
    edge = Edge()
    edge.append(hashes)

    assert edge.root() == naive_root(hashes) == tree_over(hashes).root()


def test_an_edge_goes_on_from_the_partial_tiles_it_is_given():
    hashes = leaves(600)
    tree = tree_over(hashes[:523])
    partial = [
        tree._tiles(level, (523 >> 8 * level) // 256, width) if width else b""
        for level, width in enumerate(partial_widths(523))
    ]

    edge = Edge(523, partial)
    edge.append(hashes[523:])

    assert (edge.size, edge.root()) == (600, naive_root(hashes))


@settings(max_examples=60, deadline=None)
@given(size=st.integers(1, 600), data=st.data())
def test_every_proof_holds_and_no_other_does(size, data):
    hashes = leaves(size)
    tree, root = tree_over(hashes), naive_root(hashes)
    index = data.draw(st.integers(0, size - 1))
    earlier = data.draw(st.integers(0, size))
    inclusion, consistency = tree.inclusion_proof(index), tree.consistency_proof(earlier)
    before = naive_root(hashes[:earlier])

    check_inclusion(hashes[index], index, size, inclusion, root)
    check_consistency(earlier, before, size, root, consistency)

    with pytest.raises(ProofRefused):
        check_inclusion(leaf_hash(b"other"), index, size, inclusion, root)
    with pytest.raises(ProofRefused):
        check_inclusion(hashes[index], index, size, [*inclusion, root], root)
    with pytest.raises(ProofRefused):
        check_inclusion(hashes[index], size, size, inclusion, root)
    if inclusion:
        with pytest.raises(ProofRefused):
            check_inclusion(hashes[index], index, size, inclusion[:-1], root)
    with pytest.raises(ProofRefused):
        check_consistency(earlier, before, size, root, [*consistency, root])
    if consistency:
        with pytest.raises(ProofRefused):
            check_consistency(earlier, before, size, root, consistency[:-1])
        with pytest.raises(ProofRefused):
            check_consistency(earlier, leaf_hash(b"other"), size, root, consistency)


def test_trees_that_cannot_follow_on_one_another_are_refused():
    one, other = leaf_hash(b"1"), leaf_hash(b"2")

    for earlier, before, size, root in [
        (2, one, 1, other),
        (1, one, 1, other),
        (0, one, 1, other),
        (3, one, 5, other),
    ]:
        with pytest.raises(ProofRefused):
            check_consistency(earlier, before, size, root, [])
    check_consistency(0, EMPTY_ROOT, 1, one, [])


def test_no_proof_is_made_of_what_is_not_in_the_tree():
    tree = tree_over(leaves(3))

    with pytest.raises(ValueError, match="no such leaf"):
        tree.inclusion_proof(3)
    with pytest.raises(ValueError, match="not smaller"):
        tree.consistency_proof(4)


def test_a_tile_of_the_wrong_length_is_refused():
    with pytest.raises(ProofRefused):
        Tree(3, lambda *_: b"").root()


@pytest.mark.parametrize(
    ("level", "number", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (0, 1234067, 256, "tile/0/x001/x234/067"),
        (2, 5, 17, "tile/2/005.p/17"),
        (1, 1000, 1, "tile/1/x001/000.p/1"),
    ],
)
def test_tiles_stand_where_tlog_tiles_says(level, number, width, path):
    assert tile_path(level, number, width) == path
