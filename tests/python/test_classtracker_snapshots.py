# SPDX-License-Identifier: MIT
"""ClassTracker: its snapshots, and those that it takes by the clock."""

import io

import heapsight
import pytest
from tracked_classes import Plain


def test_attributes_of_snapshots(tracker):
    tracker.track_object(kept := Plain())
    tracker.create_snapshot("named")
    taken = tracker.snapshots[0]
    assert taken.desc == "named"
    assert taken.label == f"named ({taken.timestamp:.3f}s)"
    assert taken.tracked_total > 0
    assert taken.overhead > 0
    assert taken.total == taken.system_total.rss > 1_000_000
    assert taken.system_total.vsz > taken.system_total.rss
    assert 0 < taken.classes["Plain"]["pct"] < 1
    assert kept


def test_a_description_may_be_any_object(tracker, capsys):
    tracker.create_snapshot(1)
    tracker.stats.print_summary()
    assert tracker.snapshots[0].desc == "1"
    assert "\n1  " in capsys.readouterr().out


def test_compute_total(tracker):
    tracker.create_snapshot("plain")
    tracker.create_snapshot("total", compute_total=True)
    plain, total = tracker.snapshots
    assert plain.asizeof_total == 0
    assert total.asizeof_total > 1_000_000


def test_snapshots_of_unchanged_objects_store_nothing(tracker):
    tracker.track_class(Plain, name="plain")
    kept = [Plain(bytearray(10)) for _ in range(100)]
    tracker.create_snapshot()
    before = [len(record.samples) for record in tracker.index["plain"]]
    for _ in range(50):
        tracker.create_snapshot()
    assert [len(record.samples) for record in tracker.index["plain"]] == before == [2] * 100
    assert len(kept) == 100


# ---- by the clock -------------------------------------------------------------------------------


def test_periodic_snapshots(tracker):
    import time

    tracker.start_periodic_snapshots(0.01)
    tracker.start_periodic_snapshots(0.02)
    deadline = time.monotonic() + 30
    while len(tracker.snapshots) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    tracker.stop_periodic_snapshots()
    taken = len(tracker.snapshots)
    assert taken >= 3
    time.sleep(0.1)
    assert len(tracker.snapshots) == taken
    tracker.stop_periodic_snapshots()
    for interval in (0, -1, float("nan"), float("inf")):
        with pytest.raises(heapsight.HeapsightValueError, match="interval must be above 0"):
            tracker.start_periodic_snapshots(interval)


def first_periodic_snapshot(tracker):
    """Wait for it; the interval is so long that it is the only one."""
    import time

    tracker.start_periodic_snapshots(3600)
    deadline = time.monotonic() + 30
    while not tracker.snapshots and time.monotonic() < deadline:
        time.sleep(0.01)
    return len(tracker.snapshots)


def test_the_first_periodic_snapshot_is_taken_at_once(tracker):
    assert first_periodic_snapshot(tracker) == 1


@pytest.mark.parametrize("look", ["print_stats", "dump_stats"])
def test_looking_at_the_records_ends_periodic_snapshots(tracker, look):
    for _ in range(2):  # one that goes on would not take another first one
        tracker.snapshots.clear()
        assert first_periodic_snapshot(tracker) == 1
        if look == "print_stats":
            tracker.stats.print_stats()
        else:
            tracker.stats.dump_stats(io.BytesIO())


def test_periodic_snapshots_stop_in_a_forked_child(python):
    source = """
import os
from heapsight import ClassTracker
tracker = ClassTracker()
tracker.start_periodic_snapshots(0.01)
child = os.fork()
if child == 0:
    tracker.stop_periodic_snapshots()
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
tracker.stop_periodic_snapshots()
"""
    done = python("-W", "ignore", "-c", source)
    assert (done.stdout, done.stderr) == ("7\n", "")
