"""What every object store must do; each test runs on all of them."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from vault.storage import ObjectExists, ObjectMissing
from vault.storage.interface import PART_LENGTH

LENGTHS = [0, 1, 65_536, PART_LENGTH - 1, PART_LENGTH, PART_LENGTH + 1, 2 * PART_LENGTH + 12_345]


class Hangup(Exception):
    """Whoever sends has gone."""


def pieces_of(content: bytes, size: int = 1_048_576):
    for begin in range(0, len(content), size):
        yield content[begin : begin + size]


@pytest.mark.parametrize("length", LENGTHS)
def test_what_was_put_is_read_back_whole(store, name, length):
    content = os.urandom(length)

    stored = store.put(name, pieces_of(content))

    assert stored.length == length
    if length:
        read = store.read(name, 0, length, stored.version)
        assert hashlib.sha256(read).digest() == hashlib.sha256(content).digest()
    assert store.versions(name) == [stored.version]


def test_pieces_of_any_size_and_kind_are_put_together(store, name):
    content = os.urandom(300_000)

    store.put(name, [b"", memoryview(content)[:1], bytearray(content[1:200_000]), b"", content[200_000:]])

    assert store.read(name, 0, len(content)) == content


@pytest.mark.parametrize(("start", "end"), [(0, 1), (0, 56), (4_999, 5_000), (17, 4_711), (0, 5_000)])
def test_a_range_is_exactly_what_was_asked_for(store, name, start, end):
    content = os.urandom(5_000)
    stored = store.put(name, [content])

    assert store.read(name, start, end) == content[start:end]
    assert store.read(name, start, end, stored.version) == content[start:end]


@pytest.mark.parametrize(("start", "end"), [(4_999, 5_001), (5_000, 5_001), (9_000, 9_100)])
def test_a_range_that_the_object_does_not_have_is_refused(store, name, start, end):
    store.put(name, [os.urandom(5_000)])

    with pytest.raises(ObjectMissing):
        store.read(name, start, end)


@pytest.mark.parametrize(("start", "end"), [(0, 0), (5, 5), (6, 5), (-1, 5)])
def test_a_range_of_nothing_is_a_mistake_of_the_caller(store, name, start, end):
    with pytest.raises(ValueError, match="range"):
        store.read(name, start, end)


def test_an_object_that_is_not_there_is_missing(store, name):
    with pytest.raises(ObjectMissing):
        store.read(name, 0, 1)

    assert store.versions(name) == []


def test_an_object_is_never_replaced(store, name):
    store.put(name, [b"first"])

    with pytest.raises(ObjectExists):
        store.put(name, [b"second"])

    assert store.read(name, 0, 5) == b"first"
    assert len(store.versions(name)) == 1


def test_an_object_of_many_parts_does_not_replace_another_either(store, name):
    store.put(name, [b"first"])

    with pytest.raises(ObjectExists):
        store.put(name, pieces_of(os.urandom(PART_LENGTH + 5)))

    assert store.read(name, 0, 5) == b"first"
    assert len(store.versions(name)) == 1


@pytest.mark.parametrize("sent", [0, 1, PART_LENGTH + 1, 2 * PART_LENGTH + 1])
def test_a_stream_that_breaks_off_leaves_nothing_behind(store, name, sent):
    def breaking_off():
        yield from pieces_of(bytes(sent))
        raise Hangup

    with pytest.raises(Hangup):
        store.put(name, breaking_off())

    assert store.versions(name) == []
    assert store.abort_unfinished(datetime.now(UTC) + timedelta(days=1)) == 0


def test_of_many_who_put_the_same_name_one_wins(store, name):
    together = Barrier(6)

    def put(number: int) -> bool:
        together.wait()
        return store.put_if_absent(name, bytes([number]) * 100)

    with ThreadPoolExecutor(6) as threads:
        won = list(threads.map(put, range(6)))

    assert won.count(True) == 1
    assert store.read(name, 0, 100) == bytes([won.index(True)]) * 100


def test_deleting_leaves_no_version_and_no_marker(store, name):
    names = [f"{name}-{number}" for number in range(3)]
    for each in names:
        store.put(each, [b"x"])

    store.delete(names)

    assert [store.versions(each) for each in names] == [[], [], []]
    with pytest.raises(ObjectMissing):
        store.read(names[0], 0, 1)


def test_deleting_what_is_not_there_is_success(store, name):
    store.delete([name])
    store.delete([name])
    store.delete([])

    assert store.versions(name) == []


def test_deleting_one_leaves_others_whose_names_begin_the_same(store, name):
    store.put(name, [b"gone"])
    store.put(f"{name}-too", [b"stays"])

    store.delete([name])

    assert store.versions(name) == []
    assert store.read(f"{name}-too", 0, 5) == b"stays"


def test_a_deleted_name_may_be_put_again(store, name):
    store.put(name, [b"first"])
    store.delete([name])

    store.put(name, [b"second"])

    assert store.read(name, 0, 6) == b"second"


def test_the_listing_has_every_object_below_a_prefix_once(store, name):
    for number in range(3):
        store.put(f"{name}/{number}", [bytes(number + 1)])
    store.put(f"{name}-elsewhere", [b"x"])

    found = list(store.listing(f"{name}/"))

    assert [each.name for each in found] == [f"{name}/{number}" for number in range(3)]
    assert [each.length for each in found] == [1, 2, 3]
    assert all(abs(each.modified_at - datetime.now(UTC)) < timedelta(minutes=1) for each in found)


def test_a_name_that_could_lead_elsewhere_is_refused(store):
    for unfit in ("", "/a", "a/", "a//b", "../a", "a/../b", ".a", "a/.b", "A", "a b", "a~b", "x" * 201):
        for act in (
            lambda unfit=unfit: store.put(unfit, [b"x"]),
            lambda unfit=unfit: store.put_if_absent(unfit, b"x"),
            lambda unfit=unfit: store.read(unfit, 0, 1),
            lambda unfit=unfit: store.delete([unfit]),
            lambda unfit=unfit: store.versions(unfit),
        ):
            with pytest.raises(ValueError, match="name"):
                act()


def test_a_store_in_order_says_so_and_where_it_is(store):
    store.check()

    assert store.where()


def test_a_store_shows_that_it_can_do_what_is_needed_and_leaves_nothing_of_it(store):
    store.prove()

    assert list(store.listing("probe/")) == []
    assert store.abort_unfinished(datetime.now(UTC) + timedelta(days=1)) == 0


def test_a_store_of_this_machine_is_nowhere_else(store):
    assert store.places() == []
