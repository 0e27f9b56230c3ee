# SPDX-License-Identifier: MIT
"""ClassTracker: how what is followed is measured."""

import heapsight
import pytest
from tracked_classes import Pair, Plain, Slots


def test_sizes_are_deep(tracker):
    tracker.track_class(Plain, name="plain")
    kept = [Plain(bytearray(100_000)) for _ in range(3)]
    tracker.create_snapshot()
    row = tracker.snapshots[-1].classes["plain"]
    assert 300_000 <= row["sum"] <= 303_000
    assert row["avg"] == row["sum"] / 3
    assert tracker.snapshots[-1].tracked_total == row["sum"]
    assert len(kept) == 3


def test_shared_data_is_charged_to_the_oldest(tracker):
    shared = bytearray(100_000)
    tracker.track_class(Plain, name="plain")
    kept = [Plain(shared), Plain(shared)]
    tracker.create_snapshot()
    first, second = tracker.index["plain"]
    assert first.birth < second.birth
    assert first.size > 100_000
    assert second.get_max_size() < 1000
    assert len(kept) == 2


def test_slots_and_plain_objects_share_the_order_of_birth(tracker):
    shared = bytearray(100_000)
    tracker.track_class(Slots, name="slots")
    tracker.track_class(Plain, name="plain")
    kept = [Slots(shared), Plain(shared)]
    tracker.create_snapshot()
    assert tracker.index["slots"][0].size > 100_000 > tracker.index["plain"][0].size
    assert len(kept) == 2


def test_tracked_objects_are_not_part_of_each_other(tracker):
    tracker.track_class(Plain, name="plain")
    inner = Plain(bytearray(100_000))
    outer = Plain(inner)
    tracker.create_snapshot()
    assert [record.size > 100_000 for record in tracker.index["plain"]] == [True, False]
    assert outer


def test_the_size_at_birth_is_that_of_the_bare_object(tracker):
    tracker.track_class(Plain, name="plain")
    tracker.track_class(Pair, name="pair")
    kept = [Plain(bytearray(1000)), Plain(), Pair(), Pair(*range(100))]
    bare = [record.birth_size for name in ("plain", "pair") for record in tracker.index[name]]
    with heapsight.snapshot() as heap:
        (size,) = [step.bytes for step in heap.why(id(kept[1])).paths()[0].steps[-1:]]
    assert bare[0] == bare[1] == size
    assert bare[3] - bare[2] == 100 * 8


def test_sizes_are_followed_over_time(tracker):
    tracker.track_object(kept := Plain())
    record = tracker.index["Plain"][0]
    for size in (1000, 1000, 500_000, 10):
        kept.value = bytearray(size)
        tracker.create_snapshot()
    sizes = [record.get_size_at_time(taken.timestamp) for taken in tracker.snapshots]
    assert sizes[0] == sizes[1] < sizes[3] + 2000 < sizes[2]
    assert record.get_max_size() == sizes[2]
    assert record.get_size_at_time(record.birth - 1) == 0
    assert len(record.snapshots) == 4  # birth and three changes


def test_numpy_arrays_to_one_percent(tracker):
    numpy = pytest.importorskip("numpy", reason="numpy is not installed")
    tracker.track_class(Plain, name="plain")
    kept = [Plain(numpy.random.randint(1, 100, (1000, 1000))) for _ in range(3)]
    tracker.create_snapshot()
    expected = sum(each.value.nbytes for each in kept)
    assert abs(tracker.snapshots[-1].tracked_total - expected) <= 0.01 * expected


def test_resolution_levels(tracker):
    tracker.track_class(Plain, name="plain", resolution_level=2)
    kept = Plain({"key": bytearray(50_000), "other": bytearray(20_000)})
    tracker.create_snapshot()
    sample = tracker.index["plain"][0].samples[-1]
    whole = [ref.name for ref in sample.refs]
    assert whole == ["__dict__"]
    (inside,) = [ref for ref in sample.refs[0].refs if ref.name.startswith("[V] value")]
    assert 70_000 < inside.size < sample.refs[0].size < sample.size
    assert kept


def test_resolution_of_slots_and_sequences(tracker):
    tracker.track_class(Slots, name="slots", resolution_level=3)
    kept = Slots([bytearray(50_000), (bytearray(20_000),)])
    tracker.create_snapshot()
    (value,) = tracker.index["slots"][0].samples[-1].refs
    assert value.name == "value"
    assert [ref.name for ref in value.refs] == ["[0] <bytearray of 50000>", "[1] <tuple of 1>"]
    assert value.refs[1].refs[0].size > 20_000
    assert kept
