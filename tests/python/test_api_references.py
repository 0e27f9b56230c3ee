# SPDX-License-Identifier: MIT
"""The face keeps nothing alive and leaves nothing behind."""

import gc
import sys
import threading
import weakref

import heapsight
import pytest


class Thing:
    pass


def ask_everything(thing):
    str(heapsight.why(thing))
    heapsight.why(thing).paths()
    heapsight.graph(thing, depth=2).to_dot()
    heapsight.graph(thing, direction="referents")._repr_html_()
    with heapsight.snapshot("all", values=True) as heap:
        heap.why(id(thing))
        heap.graph(id(thing))
        heap._repr_html_()


def test_questions_add_no_reference():
    thing = Thing()
    thing.part = [object()]
    counts = [sys.getrefcount(thing), sys.getrefcount(thing.part), sys.getrefcount(thing.part[0])]
    ask_everything(thing)
    assert counts == [
        sys.getrefcount(thing),
        sys.getrefcount(thing.part),
        sys.getrefcount(thing.part[0]),
    ]


def test_objects_die_as_without_us():
    thing = Thing()
    gone = weakref.ref(thing)
    answers = [heapsight.snapshot(), heapsight.why(thing), heapsight.graph(thing)]
    ask_everything(thing)
    del thing
    assert gone() is None
    assert len(answers) == 3


def test_an_error_leaves_no_reference_either():
    thing = Thing()
    gone = weakref.ref(thing)
    with pytest.raises(heapsight.HeapsightValueError):
        heapsight.graph(thing, direction="sideways")
    with pytest.raises(heapsight.HeapsightTypeError):
        heapsight.why(thing, limit="all")
    sys.last_value = sys.last_exc = None
    del thing
    gc.collect()
    assert gone() is None


def test_questions_leave_no_garbage():
    thing = Thing()
    ask_everything(thing)
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(3):
            str(heapsight.why(thing))
            heapsight.graph(thing).to_dot()
            heapsight.snapshot().types()
        after = len(gc.get_objects())
    finally:
        gc.enable()
    assert after - before <= 2  # the list that get_objects() made and its like


def test_heapsight_is_not_in_its_own_answers():
    tracker = heapsight.ClassTracker()
    kept = heapsight.snapshot("kept")
    tracker.start_periodic_snapshots(60)
    try:
        with heapsight.snapshot() as heap:
            names = [row.type for row in heap.types(limit=None)]
    finally:
        tracker.stop_periodic_snapshots()
    assert not [name for name in names if name.startswith("heapsight")]
    assert kept.label == "kept"


def test_an_object_that_only_heapsight_holds_says_so():
    row = heapsight.why(Thing()).paths()[0]
    assert row.root_kind == "held by heapsight"


def test_no_thread_is_left_behind():
    before = threading.enumerate()
    heapsight.why(Thing())
    assert threading.enumerate() == before


def test_snapshots_work_from_any_thread():
    found = []

    def work():
        in_thread = Thing()
        found.extend(heapsight.why(in_thread).paths())

    thread = threading.Thread(target=work, name="worker-7")
    thread.start()
    thread.join()
    assert found[0].thread == "worker-7"
    assert found[0].root_name == "in_thread"
