"""The sealed container against its vectors, against a decryptor that we did not write, and against tampering."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.vectors import make_container
from vault.crypto.container import (
    HEADER_LENGTH,
    SEALED_SEGMENT_LENGTH,
    SEGMENT_LENGTH,
    CopyKind,
    NotAuthentic,
    Opener,
    Sealer,
    SegmentAltered,
    Truncated,
    UnknownFormat,
    WrongKey,
    context,
    regroup,
    sealed_length_of,
)

VECTORS = json.loads((Path(make_container.__file__).parent / "container.json").read_text())
BOUNDARIES = [0, 1, 100, 16_383, 16_384, 16_385, 32_767, 32_768, 32_769, 81_919, 81_920, 81_921, 1_100_000]
KEY = os.urandom(32)
CONTEXT = context(uuid4(), uuid4(), CopyKind.ORIGINAL)
Bytes = bytes | bytearray | memoryview


def seal(plain: bytes, *, key: bytes = KEY, bound_to: bytes = CONTEXT) -> bytes:
    return b"".join(Sealer(key, bound_to).seal([plain]))


def opener_of(sealed: Bytes, *, key: bytes = KEY, bound_to: bytes = CONTEXT) -> Opener:
    return Opener(key, bound_to, bytes(sealed[:HEADER_LENGTH]), len(sealed))


def open_all(sealed: Bytes, opener: Opener | None = None) -> bytes:
    opener = opener or opener_of(sealed)
    return b"".join(opener.open_all(lambda start, end: sealed[start:end]))


def open_range(sealed: bytes, start: int, end: int) -> bytes:
    opener = opener_of(sealed)
    first, after = opener.segments_for(start, end)
    return bytes(opener.open(start, end, memoryview(sealed)[first:after]))


@pytest.mark.parametrize("vector", VECTORS["opens"], ids=lambda vector: str(vector["plain_length"]))
def test_every_vector_opens_and_is_what_the_specification_makes(vector):
    key, bound_to = bytes.fromhex(VECTORS["data_key"]), bytes.fromhex(vector["context"])
    header = bytes.fromhex(vector["header"])
    plain = make_container.plaintext(vector["plain_length"])
    sealed = make_container.seal(key, bound_to, header[:24], plain)
    if "sealed" in vector:
        assert base64.b64decode(vector["sealed"]) == sealed

    opener = Opener(key, bound_to, header, vector["sealed_length"])

    assert hashlib.sha256(sealed).hexdigest() == vector["sealed_sha256"]
    assert opener.plain_length == vector["plain_length"]
    assert open_all(sealed, opener) == plain
    foreign = Cobblestone256Decryptor(key, bound_to)
    assert foreign.update(sealed) + foreign.finalize() == plain
    assert sealed_length_of(vector["plain_length"]) == len(sealed) == vector["sealed_length"]
    ids = UUID(VECTORS["recording_id"]), UUID(VECTORS["key_id"])
    assert context(*ids, CopyKind(vector["kind"])) == bound_to


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector["what"])
def test_every_vector_that_must_be_refused_is_refused_with_its_code(vector):
    sealed = base64.b64decode(vector["sealed"])

    with pytest.raises(NotAuthentic) as refusal:
        open_all(
            sealed, opener_of(sealed, key=make_container.DATA_KEY, bound_to=bytes.fromhex(vector["context"]))
        )

    assert refusal.value.code == vector["code"]


def test_the_vectors_are_those_that_their_program_makes():
    made = [make_container.accepted(each["plain_length"], each["kind"]) for each in VECTORS["opens"]]

    assert made == VECTORS["opens"]
    assert make_container.refused() == VECTORS["refused"]


@pytest.mark.parametrize("length", BOUNDARIES)
def test_what_we_seal_a_foreign_decryptor_opens(length):
    plain = os.urandom(length)

    foreign = Cobblestone256Decryptor(KEY, CONTEXT)

    assert foreign.update(seal(plain)) + foreign.finalize() == plain


@pytest.mark.parametrize("length", BOUNDARIES)
def test_what_a_foreign_encryptor_seals_we_open(length):
    plain = os.urandom(length)
    foreign = Cobblestone256Encryptor(KEY, CONTEXT)

    sealed = foreign.update(plain) + foreign.finalize()

    assert open_all(sealed) == plain


@settings(max_examples=60, deadline=None)
@given(data=st.data(), length=st.integers(0, 90_000))
def test_any_stream_in_any_pieces_is_opened_by_the_other_side_whole_and_in_ranges(data, length):
    plain = make_container.plaintext(length)
    cuts = sorted(data.draw(st.lists(st.integers(0, length), max_size=6)))
    pieces = [plain[a:b] for a, b in zip([0, *cuts], [*cuts, length], strict=True)]
    start = data.draw(st.integers(0, length))
    end = data.draw(st.integers(start, length))

    ours = b"".join(Sealer(KEY, CONTEXT).seal(pieces))
    decryptor = Cobblestone256Decryptor(KEY, CONTEXT)
    encryptor = Cobblestone256Encryptor(KEY, CONTEXT)
    foreign = b"".join([*(encryptor.update(piece) for piece in pieces), encryptor.finalize()])

    assert (decryptor.update(ours) + decryptor.finalize())[start:end] == plain[start:end]
    assert open_all(foreign) == plain
    assert open_range(foreign, start, end) == plain[start:end]


@pytest.mark.parametrize("length", BOUNDARIES)
def test_a_sealer_knows_its_lengths_and_digests_at_the_end(length):
    plain = os.urandom(length)
    sealer = Sealer(KEY, CONTEXT)

    sealed = b"".join(sealer.seal([plain[:7], memoryview(plain)[7:]]))

    assert sealed[:HEADER_LENGTH] == sealer.header
    assert (sealer.plain_length, sealer.sealed_length) == (length, len(sealed))
    assert sealer.sealed_length == sealed_length_of(length)
    assert sealer.plain_sha256 == hashlib.sha256(plain).digest()
    assert sealer.sealed_sha256 == hashlib.sha256(sealed).digest()


def test_a_sealer_that_has_not_ended_tells_no_digest():
    sealer = Sealer(KEY, CONTEXT)
    stream = sealer.seal([b"x" * 3_000_000])
    next(stream)

    with pytest.raises(ValueError, match="end"):
        _ = sealer.plain_sha256
    with pytest.raises(ValueError, match="end"):
        _ = sealer.sealed_sha256


def test_a_sealer_seals_one_stream_only():
    sealer = Sealer(KEY, CONTEXT)
    b"".join(sealer.seal([b"first"]))

    with pytest.raises(ValueError, match="one stream"):
        next(sealer.seal([b"second"]))


def test_of_two_streams_begun_at_once_only_one_is_sealed():
    sealer = Sealer(KEY, CONTEXT)
    first, second = sealer.seal([b"first"]), sealer.seal([b"second"])
    next(first)

    with pytest.raises(ValueError, match="one stream"):
        next(second)
    assert open_all(sealer.header + b"".join(first)) == b"first"


def test_the_same_words_sealed_twice_have_nothing_in_common():
    first, second = seal(bytes(20_000)), seal(bytes(20_000))

    assert not any(a == b for a, b in zip(*(_blocks(each) for each in (first, second)), strict=True))


def _blocks(sealed: bytes) -> list[bytes]:
    return [sealed[at : at + 16] for at in range(0, len(sealed) - 15, 16)]


@settings(max_examples=60, deadline=None)
@given(data=st.data(), length=st.integers(0, 90_000))
def test_any_range_is_the_same_slice_of_what_was_sealed(data, length):
    plain = make_container.plaintext(length)
    sealed = seal(plain)
    start = data.draw(st.integers(0, length))
    end = data.draw(st.integers(start, length))

    first, after = opener_of(sealed).segments_for(start, end)

    assert open_range(sealed, start, end) == plain[start:end]
    assert after - first <= end - start + 2 * SEALED_SEGMENT_LENGTH


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 0), (0, 1), (16_383, 16_385), (16_384, 32_768), (5, 40_000), (39_999, 40_000), (40_000, 40_000)],
)
def test_ranges_at_the_edges_of_segments_are_right(start, end):
    plain = make_container.plaintext(40_000)

    assert open_range(seal(plain), start, end) == plain[start:end]


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (5, 4), (0, 40_001), (40_001, 40_001)])
def test_a_range_outside_of_what_was_sealed_is_a_mistake_of_the_caller(start, end):
    with pytest.raises(ValueError, match="range"):
        opener_of(seal(bytes(40_000))).segments_for(start, end)


@pytest.mark.parametrize("length", [0, 1, 100])
def test_every_single_bit_counts(length):
    sealed = seal(make_container.plaintext(length))

    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(NotAuthentic):
            open_all(bytes(changed))


def test_every_byte_of_two_segments_counts():
    sealed = bytearray(seal(make_container.plaintext(SEGMENT_LENGTH + 1)))

    for at in range(len(sealed)):
        sealed[at] ^= 1 << at % 8
        with pytest.raises(NotAuthentic):
            open_all(sealed)
        sealed[at] ^= 1 << at % 8


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 4 * SEALED_SEGMENT_LENGTH - 1), bit=st.integers(0, 7))
def test_a_bit_in_any_segment_counts_for_a_range_that_touches_it_and_for_no_other(at, bit):
    plain = make_container.plaintext(4 * SEGMENT_LENGTH)
    changed = bytearray(seal(plain))
    changed[HEADER_LENGTH + at] ^= 1 << bit
    touched = at // SEALED_SEGMENT_LENGTH

    for segment in range(4):
        start, end = segment * SEGMENT_LENGTH, (segment + 1) * SEGMENT_LENGTH
        if segment == touched:
            with pytest.raises(SegmentAltered):
                open_range(bytes(changed), start, end)
        else:
            assert open_range(bytes(changed), start, end) == plain[start:end]
    with pytest.raises(SegmentAltered):
        open_range(bytes(changed), 0, len(plain))


@pytest.mark.parametrize("plain_length", [0, 100, SEGMENT_LENGTH, SEGMENT_LENGTH + 1])
def test_a_cut_at_any_byte_is_refused(plain_length):
    sealed = memoryview(seal(make_container.plaintext(plain_length)))
    kept = opener_of(sealed)  # the length as it was sealed: the store has lost the rest

    for length in range(len(sealed)):
        with pytest.raises(NotAuthentic):
            open_all(sealed[:length])
        with pytest.raises(Truncated):
            open_all(sealed[:length], kept)


@pytest.mark.parametrize("length", BOUNDARIES)
def test_bytes_after_the_end_are_refused(length):
    sealed = seal(make_container.plaintext(length))

    for more in (1, 16, SEALED_SEGMENT_LENGTH, 3 * SEALED_SEGMENT_LENGTH + 1):
        with pytest.raises(NotAuthentic):
            open_all(sealed + bytes(more))


@pytest.mark.parametrize(
    "length", [-1, 0, 55, 56, 71, 56 + SEALED_SEGMENT_LENGTH, 56 + SEALED_SEGMENT_LENGTH + 15]
)
def test_a_length_that_no_container_has_is_refused(length):
    sealed = seal(b"x")

    with pytest.raises(Truncated):
        Opener(KEY, CONTEXT, sealed[:HEADER_LENGTH], length)


def test_a_last_segment_that_is_full_is_refused_although_its_tag_holds():
    sealed = seal(make_container.plaintext(2 * SEGMENT_LENGTH))
    full = sealed[: HEADER_LENGTH + 2 * SEALED_SEGMENT_LENGTH]  # without the empty segment that ends it

    with pytest.raises(Truncated):
        open_all(full)


@settings(max_examples=60, deadline=None)
@given(claimed=st.integers(HEADER_LENGTH + 16, 2**63 - 1), length=st.integers(0, 50_000))
def test_no_length_but_the_right_one_is_proved_or_opens_to_its_end(claimed, length):
    sealed = seal(make_container.plaintext(length))
    assume(claimed != len(sealed) and (claimed - HEADER_LENGTH) % SEALED_SEGMENT_LENGTH >= 16)
    opener = Opener(KEY, CONTEXT, sealed[:HEADER_LENGTH], claimed)
    start, end = opener.last_segment

    with pytest.raises(NotAuthentic):
        opener.check_length(sealed[start:end])
    with pytest.raises(NotAuthentic):
        opener.check_length((sealed + bytes(SEALED_SEGMENT_LENGTH))[-(end - start) :])
    with pytest.raises(NotAuthentic):
        open_all(sealed, opener)


@pytest.mark.parametrize("more", [-1, 0, 1, 15, 16, 17])
@pytest.mark.parametrize("segments", [0, 1, 2, 3])
def test_a_cut_at_the_edge_of_a_segment_is_refused(segments, more):
    sealed = seal(make_container.plaintext(3 * SEGMENT_LENGTH))
    length = HEADER_LENGTH + segments * SEALED_SEGMENT_LENGTH + more
    if length >= len(sealed):
        sealed += bytes(length - len(sealed) + 1)
        length = len(sealed)

    with pytest.raises(NotAuthentic):
        open_all(sealed[:length])


@pytest.mark.parametrize(
    "order", [(1, 0, 2, 3), (0, 0, 2, 3), (0, 2, 1, 3), (0, 1, 1, 3), (3, 1, 2, 0), (0, 3, 2, 1)]
)
def test_segments_swapped_or_repeated_are_refused(order):
    sealed = seal(make_container.plaintext(3 * SEGMENT_LENGTH + 50))
    parts = [sealed[HEADER_LENGTH + n * SEALED_SEGMENT_LENGTH :][:SEALED_SEGMENT_LENGTH] for n in range(4)]

    with pytest.raises(SegmentAltered):
        open_all(sealed[:HEADER_LENGTH] + b"".join(parts[n] for n in order))


@pytest.mark.parametrize("order", [(1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2), (0, 1, 2, 3, 3)])
def test_segments_missing_or_one_too_many_are_refused(order):
    sealed = seal(make_container.plaintext(3 * SEGMENT_LENGTH + 50))
    parts = [sealed[HEADER_LENGTH + n * SEALED_SEGMENT_LENGTH :][:SEALED_SEGMENT_LENGTH] for n in range(4)]

    with pytest.raises(NotAuthentic):
        open_all(sealed[:HEADER_LENGTH] + b"".join(parts[n] for n in order))


def test_the_segments_of_another_object_under_the_same_key_are_refused():
    mine, other = (seal(make_container.plaintext(30_000)) for _ in range(2))

    with pytest.raises(SegmentAltered):
        open_all(mine[:HEADER_LENGTH] + other[HEADER_LENGTH:])


def test_the_header_of_another_recording_another_context_and_another_key_are_refused():
    sealed, other = seal(b"mine"), seal(b"other", key=os.urandom(32))
    ids = uuid4(), uuid4()

    with pytest.raises(WrongKey):
        Opener(KEY, CONTEXT, other[:HEADER_LENGTH], len(sealed))
    with pytest.raises(WrongKey):
        opener_of(sealed, key=os.urandom(32))
    for kind in CopyKind:
        with pytest.raises(WrongKey):
            opener_of(sealed, bound_to=context(*ids, kind))


@pytest.mark.parametrize("length", [0, 55, 57])
def test_a_header_of_another_length_is_refused(length):
    with pytest.raises(Truncated):
        Opener(KEY, CONTEXT, bytes(length), 100)


def test_a_version_that_is_not_known_is_refused():
    sealed = seal(b"x")

    with pytest.raises(UnknownFormat):
        Opener(KEY, CONTEXT, sealed[:HEADER_LENGTH], len(sealed), version=2)


def test_a_data_key_of_another_length_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="key"):
        Sealer(KEY[:16], CONTEXT)
    with pytest.raises(ValueError, match="32 bytes"):
        Opener(KEY[:16], CONTEXT, bytes(56), 100)


@pytest.mark.parametrize("extra", [-1, 1, -SEALED_SEGMENT_LENGTH])
def test_more_or_fewer_bytes_than_the_range_needs_are_refused(extra):
    sealed = seal(make_container.plaintext(50_000))
    opener = opener_of(sealed)
    first, after = opener.segments_for(100, 40_000)

    with pytest.raises(Truncated):
        opener.open(100, 40_000, sealed[first : after + extra])


@pytest.mark.parametrize("length", BOUNDARIES)
def test_a_length_that_was_not_kept_is_proved_by_the_last_segment(length):
    sealed = seal(make_container.plaintext(length))
    opener = opener_of(sealed)
    start, end = opener.last_segment

    opener.check_length(sealed[start:end])

    assert end == len(sealed)


@pytest.mark.parametrize("lost", [1, 500, SEALED_SEGMENT_LENGTH - 20, SEALED_SEGMENT_LENGTH + 5])
def test_a_false_length_is_not_proved(lost):
    sealed = seal(make_container.plaintext(3 * SEGMENT_LENGTH + 9_000))
    shorter = sealed[:-lost]
    opener = opener_of(shorter)
    start, end = opener.last_segment

    with pytest.raises(SegmentAltered):
        opener.check_length(shorter[start:end])


def test_nothing_of_a_call_is_released_when_its_last_segment_fails():
    sealed = bytearray(seal(make_container.plaintext(1_200_000)))
    sealed[-1] ^= 1
    opener = opener_of(bytes(sealed))
    released = opener.open_all(lambda start, end: sealed[start:end])

    first = next(released)
    with pytest.raises(SegmentAltered):
        next(released)

    assert len(first) == 64 * SEGMENT_LENGTH
    assert bytes(first) == make_container.plaintext(len(first))


@pytest.mark.parametrize("changed", [0, 1, 2, 3])
def test_nothing_of_a_range_is_released_when_one_of_its_segments_fails(changed):
    sealed = bytearray(seal(make_container.plaintext(4 * SEGMENT_LENGTH)))
    sealed[HEADER_LENGTH + changed * SEALED_SEGMENT_LENGTH] ^= 1
    opener = opener_of(sealed)
    released = None

    with pytest.raises(SegmentAltered) as refusal:
        released = opener.open(0, 4 * SEGMENT_LENGTH, sealed[HEADER_LENGTH:-16])

    assert released is None
    assert (refusal.value.__cause__, refusal.value.args) == (None, (SegmentAltered.sentence,))


def test_sealing_takes_the_same_memory_however_long_the_call():
    piece = bytes(1_048_576)

    def peak(mebibytes: int) -> int:
        sealer = Sealer(KEY, CONTEXT)
        tracemalloc.start()
        for _ in sealer.seal(piece for _ in range(mebibytes)):
            pass
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return taken

    assert peak(8) < 4 * len(piece)
    assert peak(32) - peak(8) < 100_000


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(0, 40), max_size=12), size=st.integers(1, 30))
def test_regrouped_pieces_hold_the_same_bytes_in_equal_pieces(sizes, size):
    whole = make_container.plaintext(sum(sizes))

    def cut() -> Iterator[bytes]:
        at = 0
        for each in sizes:
            yield whole[at : at + each]
            at += each

    pieces = [bytes(piece) for piece in regroup(cut(), size)]

    assert b"".join(pieces) == whole
    assert all(len(piece) == size for piece in pieces[:-1])
    assert all(0 < len(piece) <= size for piece in pieces[-1:])


def test_one_opener_serves_many_threads_at_once():
    content = os.urandom(40 * SEGMENT_LENGTH + 5)
    sealed = seal(content)
    opener = opener_of(sealed)

    def read(start: int) -> bool:
        first, after = opener.segments_for(start, start + SEGMENT_LENGTH)
        opened = opener.open(start, start + SEGMENT_LENGTH, sealed[first:after])
        return bytes(opened) == content[start : start + SEGMENT_LENGTH]

    with ThreadPoolExecutor(8) as threads:
        starts = [(number * 7_919) % (39 * SEGMENT_LENGTH) for number in range(2_000)]
        assert all(threads.map(read, starts))
