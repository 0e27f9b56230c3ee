# SPDX-License-Identifier: MIT
"""ClassTracker: what is followed, under which name, and what is refused."""

import _random  # its class can be changed, but its instances are known to nobody
import gc
import sys
import weakref

import heapsight
import pytest
from tracked_classes import Derived, Plain, Slots, active


def test_instances_are_counted_from_now_on(tracker):
    early = Plain()
    tracker.track_class(Plain, name="Plain")
    kept = [Plain() for _ in range(5)]
    assert active(tracker, "Plain") == 5
    del kept[:2]
    assert active(tracker, "Plain") == 3
    assert early


def test_the_name_is_module_and_class(tracker):
    tracker.track_class(Plain)
    kept = Plain()
    assert list(tracker.index) == [f"{Plain.__module__}.Plain"]
    tracker.track_object(other := Slots.__new__(Derived))
    assert list(tracker.index) == [f"{Plain.__module__}.Plain", "Derived"]
    assert kept and other


def test_subclasses_are_followed_by_the_most_specific_name(tracker):
    tracker.track_class(Plain, name="plain")
    kept = [Derived()]
    tracker.track_class(Derived, name="derived")
    kept.append(Derived())
    assert {name: len(records) for name, records in tracker.index.items()} == {
        "plain": 1,
        "derived": 1,
    }


def test_an_object_is_followed_once(tracker):
    tracker.track_class(Plain, name="class")
    kept = Plain()
    tracker.track_object(kept, name="object")
    tracker.track_object(kept, name="object")
    assert list(tracker.index) == ["class"]
    assert active(tracker, "class") == 1


def test_a_second_call_changes_the_options(tracker):
    tracker.track_class(Plain, name="first")
    one = Plain()
    tracker.track_class(Plain, name="second", trace=True)
    two = Plain()
    assert set(tracker.index) == {"first", "second"}
    assert tracker.index["second"][0].trace
    tracker.detach_class(Plain)
    assert "__wrapped__" not in vars(Plain.__init__)
    assert one and two


def test_track_change(tracker):
    tracker.track_object(kept := Plain(list(range(1000))))
    tracker.create_snapshot()
    assert tracker.index["Plain"][0].samples[-1].refs == ()
    tracker.track_change(kept, resolution_level=1)
    tracker.create_snapshot()
    assert tracker.index["Plain"][0].samples[-1].refs
    with pytest.raises(KeyError, match="is not tracked"):
        tracker.track_change(Plain())


def test_tracked_objects_may_die(tracker):
    tracker.track_class(Plain, name="plain")
    tracker.track_class(Slots, name="slots")
    plain, slots = Plain(), Slots()
    gone = weakref.ref(plain)
    held = [sys.getrefcount(plain), sys.getrefcount(slots)]
    tracker.create_snapshot()
    assert [sys.getrefcount(plain), sys.getrefcount(slots)] == held
    del plain, slots
    assert gone() is None
    tracker.create_snapshot()
    assert tracker.snapshots[-1].classes == {}
    records = [tracker.index["plain"][0], tracker.index["slots"][0]]
    assert all(record.death is not None for record in records)


def test_keep_keeps_alive(tracker):
    tracker.track_class(Plain, name="plain", keep=True)
    tracker.track_object([1, 2, 3], name="list", keep=True)
    Plain()
    gc.collect()
    assert active(tracker, "plain") == 1
    assert active(tracker, "list") == 1
    tracker.detach_all()
    assert active(tracker, "plain") == 0


def test_what_cannot_be_followed_is_refused(tracker):
    for what, message in [
        (3, "only classes"),
        (Plain(), "only classes"),
        (dict, "built into"),
        (_random.Random, "neither take a weak reference"),
    ]:
        with pytest.raises(heapsight.HeapsightTypeError, match=message):
            tracker.track_class(what)
    for what in ([], 3, "text", Slots()):
        with pytest.raises(heapsight.HeapsightTypeError, match="takes no weak reference"):
            tracker.track_object(what)
    assert tracker.index == {}


def test_detach_of_an_unknown_class(tracker):
    with pytest.raises(KeyError, match="Plain is not tracked"):
        tracker.detach_class(Plain)


def test_detach_all_and_clear(tracker):
    tracker.track_class(Plain)
    kept = Plain()
    tracker.create_snapshot()
    tracker.detach_all()
    assert tracker.index == {}
    assert len(tracker.snapshots) == 1
    tracker.clear()
    assert tracker.snapshots == []
    assert vars(Plain)["__init__"].__module__ == Plain.__module__
    assert kept
