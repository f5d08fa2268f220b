"""What a store makes of a network and a server that fail: of each fault, at each step, what must come of it."""

from __future__ import annotations

import os
from uuid import uuid4

import pytest

from tests.storage.conftest import s3_store
from tests.storage.faults import (
    BUSY,
    CONFLICT,
    CUT_ANSWER,
    DAMAGE_REQUEST,
    HANG_AFTER,
    HANG_BEFORE,
    HANG_MIDWAY,
    LOSE_ANSWER,
    LOSE_REQUEST,
    OTHER_OBJECT,
    PASS,
    SHORT_ANSWER,
    TRICKLE,
    WRONG_BYTES,
    WRONG_RANGE,
)
from vault.crypto import container
from vault.crypto.container import CopyKind, Opener, Sealer
from vault.crypto.errors import SegmentAltered
from vault.storage import ObjectExists, StoreUnavailable
from vault.storage.interface import PART_LENGTH


def in_two_parts() -> list[bytes]:
    return [os.urandom(PART_LENGTH), os.urandom(1_000)]


def is_put(method: str, path: str) -> bool:
    return method == "PUT"


def is_completion(method: str, path: str) -> bool:
    return method == "POST" and "uploadId=" in path


def seen(faulty, concerns) -> int:
    return sum(concerns(method, path) for method, path in faulty.seen)


@pytest.mark.parametrize("fault", [LOSE_ANSWER, HANG_AFTER])
def test_a_put_whose_answer_does_not_come_is_asked_after_and_not_sent_again(
    faulty, faulty_store, name, fault
):
    faulty.concerns, faulty.faults = is_put, [fault]

    stored = faulty_store.put(name, [b"sealed bytes"])

    assert seen(faulty, is_put) == 1
    assert faulty_store.read(name, 0, 12, stored.version) == b"sealed bytes"
    assert faulty_store.versions(name) == [stored.version]


@pytest.mark.parametrize("fault", [LOSE_REQUEST, HANG_BEFORE])
def test_a_put_that_got_lost_is_asked_after_and_given_up(faulty, faulty_store, name, fault):
    faulty.concerns, faulty.faults = is_put, [fault]

    with pytest.raises(StoreUnavailable):
        faulty_store.put(name, [b"sealed bytes"])

    assert seen(faulty, is_put) == 1
    assert faulty_store.versions(name) == []


@pytest.mark.parametrize("fault", [BUSY, CONFLICT])
def test_a_put_of_which_the_server_said_that_it_did_nothing_is_sent_again(faulty, faulty_store, name, fault):
    faulty.concerns, faulty.faults = is_put, [fault]

    stored = faulty_store.put(name, [b"sealed bytes"])

    assert faulty_store.versions(name) == [stored.version]


def test_bytes_that_change_on_their_way_are_not_kept(faulty, faulty_store, name):
    faulty.concerns, faulty.faults = is_put, [DAMAGE_REQUEST]

    with pytest.raises(StoreUnavailable):
        faulty_store.put(name, [os.urandom(100_000)])

    assert not faulty.faults
    assert faulty_store.versions(name) == []


@pytest.mark.parametrize("fault", [LOSE_REQUEST, LOSE_ANSWER, BUSY])
@pytest.mark.parametrize("step", ["uploads", "partNumber=1", "partNumber=2", "complete"])
def test_a_put_in_parts_survives_a_fault_at_any_step(faulty, faulty_store, name, step, fault):
    def concerns(method: str, path: str) -> bool:
        if step == "complete":
            return is_completion(method, path)
        return step in path and method in ("POST", "PUT")

    faulty.concerns, faulty.faults = concerns, [fault]
    parts = in_two_parts()

    stored = faulty_store.put(name, parts)

    assert not faulty.faults, "the fault did not happen"
    assert faulty_store.versions(name) == [stored.version]
    assert faulty_store.read(name, PART_LENGTH, PART_LENGTH + 1_000, stored.version) == parts[1]
    # Where the server began an upload and we never heard its name, deleting the object finds it too.
    faulty_store.delete([name])
    assert faulty_store._unfinished(name) == []


def test_a_part_that_stalls_is_sent_again(faulty, faulty_store, name):
    faulty.concerns, faulty.faults = (lambda method, path: "partNumber=2" in path), [HANG_AFTER]
    parts = in_two_parts()

    stored = faulty_store.put(name, parts)

    assert not faulty.faults
    assert stored.length == PART_LENGTH + 1_000
    assert faulty_store.read(name, PART_LENGTH, PART_LENGTH + 1_000, stored.version) == parts[1]


@pytest.mark.parametrize("fault", [HANG_BEFORE, HANG_AFTER])
def test_completing_is_asked_after_too(faulty, faulty_store, name, fault):
    faulty.concerns, faulty.faults = is_completion, [fault]

    stored = faulty_store.put(name, in_two_parts())

    # One upload becomes one object, however often it is completed; it is not done in vain all the same.
    assert seen(faulty, is_completion) == (1 if fault == HANG_AFTER else 2)
    assert faulty_store.versions(name) == [stored.version]


@pytest.mark.parametrize("faults", [[BUSY] * 9, [DAMAGE_REQUEST]])
def test_a_put_in_parts_that_fails_for_good_leaves_nothing(
    faulty, faulty_store, versioned_store, name, faults
):
    faulty.concerns = lambda method, path: "partNumber=2" in path
    faulty.faults = list(faults)

    with pytest.raises(StoreUnavailable):
        faulty_store.put(name, in_two_parts())

    assert seen(faulty, faulty.concerns) <= 3
    assert versioned_store.versions(name) == []
    assert versioned_store._unfinished(name) == []


def test_a_put_whose_answer_was_lost_is_not_taken_for_another_of_the_same_bytes(faulty, faulty_store, name):
    faulty_store.put(name, [b"the same"])
    faulty.concerns, faulty.faults = is_put, [LOSE_ANSWER]

    with pytest.raises(ObjectExists):
        faulty_store.put(name, [b"the same"])


def test_put_if_absent_knows_whether_it_won_though_the_answer_was_lost(faulty, faulty_store, name):
    faulty.concerns, faulty.faults = is_put, [LOSE_ANSWER, LOSE_ANSWER]

    assert faulty_store.put_if_absent(name, b"") is True
    assert faulty_store.put_if_absent(name, b"") is False


@pytest.mark.parametrize("fault", [LOSE_REQUEST, LOSE_ANSWER, BUSY, HANG_AFTER])
def test_deleting_is_done_again_until_it_is_done(faulty, faulty_store, name, fault):
    faulty_store.put(name, [b"x"])
    faulty.concerns = lambda method, path: method == "POST" and "delete" in path
    faulty.faults = [fault]

    faulty_store.delete([name])

    assert not faulty.faults
    assert faulty_store.versions(name) == []


@pytest.mark.parametrize(
    "fault", [LOSE_REQUEST, LOSE_ANSWER, BUSY, HANG_BEFORE, HANG_MIDWAY, CUT_ANSWER, SHORT_ANSWER]
)
def test_a_range_is_right_in_spite_of_a_fault(faulty, faulty_store, name, fault):
    content = os.urandom(200_000)
    faulty_store.put(name, [content])
    faulty.concerns, faulty.faults = (lambda method, path: method == "GET"), [fault]

    assert faulty_store.read(name, 1_000, 100_000) == content[1_000:100_000]


def test_an_answer_that_is_not_the_range_is_refused_unread(faulty, faulty_store, name):
    faulty_store.put(name, [os.urandom(200_000)])
    faulty.concerns, faulty.faults = (lambda method, path: method == "GET"), [WRONG_RANGE]

    with pytest.raises(StoreUnavailable):
        faulty_store.read(name, 1_000, 100_000)


@pytest.mark.parametrize("fault", [BUSY, HANG_BEFORE, CUT_ANSWER, SHORT_ANSWER, TRICKLE])
def test_a_server_that_never_recovers_is_given_up_and_nothing_is_taken_for_missing(
    faulty, versioned_store, name, fault
):
    versioned_store.put(name, [b"x" * 100])
    hurried = s3_store(versioned_store._bucket, faulty.url, read_s=1)
    faulty.faults = [fault] * 50

    with pytest.raises(StoreUnavailable):
        hurried.read(name, 0, 90)

    assert len(faulty.seen) <= 3


@pytest.mark.parametrize("fault", [WRONG_BYTES, OTHER_OBJECT])
def test_bytes_that_are_not_what_was_sealed_are_never_released(faulty, faulty_store, name, fault):
    data_key, context = os.urandom(32), container.context(uuid4(), uuid4(), CopyKind.ORIGINAL)
    sealer = Sealer(data_key, context)
    stored = faulty_store.put(name, sealer.seal([os.urandom(3_000_000)]))
    # Another object of the same recording and even of the same key: what somebody might put in its place.
    faulty.other_object = b"".join(Sealer(data_key, context).seal([os.urandom(3_000_000)]))
    opener = Opener(data_key, context, sealer.header, sealer.sealed_length)
    start, end = 1_500_000, 1_600_000

    faulty.concerns, faulty.faults = (lambda method, path: method == "GET"), [fault]
    sealed = faulty_store.read(name, *opener.segments_for(start, end), stored.version)

    assert not faulty.faults
    with pytest.raises(SegmentAltered):
        opener.open(start, end, sealed)

    faulty.faults = [PASS, fault]
    pieces = opener.open_all(lambda start, end: faulty_store.read(name, start, end, stored.version))
    assert len(next(pieces)) == 1_048_576  # the first mebibyte came as it was sealed
    with pytest.raises(SegmentAltered):
        next(pieces)
