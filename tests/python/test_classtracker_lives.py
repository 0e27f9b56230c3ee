# SPDX-License-Identifier: MIT
"""ClassTracker: the births and deaths that it records, and what they cost."""

import pytest
from heapsight import ClassTracker
from tracked_classes import Plain, Slots, active


def test_birth_death_and_history(tracker):
    tracker.track_class(Plain, name="plain")
    first = Plain()
    second = Plain()
    del first
    third = Plain()
    del second, third
    assert [count for _, count in tracker.history["plain"]] == [1, 2, 1, 2, 1, 0]
    moments = [moment for moment, _ in tracker.history["plain"]]
    assert moments == sorted(moments)
    for record in tracker.index["plain"]:
        assert record.birth < record.death
        assert not record.alive


def test_an_address_that_is_used_again(tracker):
    tracker.track_class(Slots, name="slots")
    for value in range(100):
        Slots(value)
    assert active(tracker, "slots") == 0
    assert len(tracker.index["slots"]) == 100


def test_records_of_the_dead_are_bounded():
    tracker = ClassTracker(kept_dead=10)
    tracker.track_class(Plain, name="plain")
    kept = [Plain() for _ in range(5)]
    for _ in range(100):
        Plain()
    assert len(tracker.index["plain"]) == 15
    assert tracker.purged_count == 90
    assert tracker.history["plain"][-1][1] == 5
    assert active(tracker, "plain") == 5
    tracker.clear()
    assert len(kept) == 5


def test_trace_names_the_place_of_birth(tracker):
    tracker.track_class(Plain, name="plain", trace=True)

    def make():
        return Plain()

    kept = make()
    trace = tracker.index["plain"][0].trace
    assert [call.function for call in trace][-2:] == ["test_trace_names_the_place_of_birth", "make"]
    assert trace[-1].filename == __file__
    assert trace[-1].source == "return Plain()"
    assert kept


def test_objects_that_die_with_the_interpreter(python):
    source = """
from heapsight import ClassTracker
class Late: pass
tracker = ClassTracker()
tracker.track_class(Late)
kept = [Late() for _ in range(1000)]
kept[0].tracker = tracker
"""
    done = python("-c", source)
    assert (done.returncode, done.stderr) == (0, "")


def test_many_threads_create_and_drop(tracker):
    import threading

    tracker.track_class(Plain, name="plain")
    tracker.track_class(Slots, name="slots")

    def work():
        for number in range(2000):
            Plain(number)
            Slots(number)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        tracker.create_snapshot()
    for thread in threads:
        thread.join()
    assert active(tracker, "plain") == 0
    assert active(tracker, "slots") == 0
    assert tracker.objects == {}


def test_tracking_costs_less_than_pympler():
    """Measured side by side: the machine may be slow, but it is so for both."""
    pympler = pytest.importorskip("pympler.classtracker", reason="Pympler is not installed")
    import time

    def cost(tracker):
        tracker.track_class(Plain, name="plain")
        try:
            best = 1e9
            for _ in range(5):
                started = time.process_time()
                kept = [Plain(number) for number in range(2000)]
                best = min(best, time.process_time() - started)
                del kept
        finally:
            tracker.detach_class(Plain)
        return best

    assert cost(ClassTracker()) < 0.5 * cost(pympler.ClassTracker())
