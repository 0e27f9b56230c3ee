# SPDX-License-Identifier: MIT
"""ClassTracker: what is followed, how it is measured, when it dies."""

import _random  # its class can be changed, but its instances are known to nobody
import gc
import io
import sys
import weakref

import heapsight
import pytest
from heapsight import ClassTracker


class Plain:
    def __init__(self, value=None):
        self.value = value


class Derived(Plain):
    pass


class Slots:
    __slots__ = ("value",)

    def __init__(self, value=None):
        self.value = value


@pytest.fixture
def tracker():
    made = ClassTracker()
    yield made
    made.stop_periodic_snapshots()
    made.clear()


def active(tracker, name):
    tracker.create_snapshot()
    return tracker.snapshots[-1].classes.get(name, {"active": 0})["active"]


# ---- what is followed ----------------------------------------------------------------------------


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
    assert list(tracker.index) == [f"{__name__}.Plain"]
    tracker.track_object(other := Slots.__new__(Derived))
    assert list(tracker.index) == [f"{__name__}.Plain", "Derived"]
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


# ---- classes are left as they are ----------------------------------------------------------------


class OnlyNew:
    def __new__(cls, value):
        made = super().__new__(cls)
        made.value = value
        return made


class Neither:
    pass


class Pair(tuple):
    def __new__(cls, *items):
        return super().__new__(cls, items)


class Table(dict):
    pass


class Meta(type):
    def __setattr__(cls, name, value):
        raise RuntimeError("a metaclass that forbids changes")

    def __hash__(cls):
        raise RuntimeError("a metaclass that cannot be hashed")


class Strict(metaclass=Meta):
    def __init__(self, value=None):
        self.value = value


class Left:
    pass


class Right:
    def __init__(self, value):
        self.value = value


class Both(Left, Right):
    pass


KINDS = [
    (Plain, (1,)),
    (Derived, (1,)),
    (Slots, (1,)),
    (OnlyNew, (1,)),
    (Neither, ()),
    (Pair, (1, 2)),
    (Table, ([(1, 2)],)),
    (Strict, (1,)),
    (Both, (1,)),
]


@pytest.mark.parametrize(
    ("cls", "arguments"), KINDS, ids=lambda value: getattr(value, "__name__", "")
)
def test_constructors_keep_working(tracker, cls, arguments):
    before = dict(vars(cls))
    tracker.track_class(cls, name="it")
    made = cls(*arguments)
    assert type(made) is cls
    assert active(tracker, "it") == 1
    if hasattr(made, "value"):
        assert made.value == 1
    tracker.detach_class(cls)
    assert dict(vars(cls)) == before
    assert type(cls(*arguments)) is cls
    assert active(tracker, "it") == 1


def test_a_base_without_constructor_passes_on(tracker):
    tracker.track_class(Left, name="left")
    made = Both(5)
    assert made.value == 5
    assert active(tracker, "left") == 1


@pytest.mark.parametrize("cls", [Neither, OnlyNew, Left, Plain, Slots, Both])
@pytest.mark.parametrize("arguments", [(), (1,), (1, 2, 3)])
@pytest.mark.parametrize("keywords", [{}, {"wrong": 1}])
def test_wrong_arguments_raise_the_same_error(tracker, cls, arguments, keywords):
    def outcome():
        try:
            return type(cls(*arguments, **keywords))
        except TypeError as problem:
            return str(problem)

    alone = outcome()
    tracker.track_class(cls)
    assert outcome() == alone


def test_a_constructor_that_calls_object_with_arguments(tracker):
    class Base:
        pass

    class Wrong(Base):
        def __init__(self, value):
            super().__init__(value)

    tracker.track_class(Base)
    with pytest.raises(TypeError, match="takes exactly one argument"):
        Wrong(1)


def test_a_constructor_that_raises(tracker):
    class Failing:
        __slots__ = ("value",)

        def __init__(self, value):
            raise ValueError(value)

    tracker.track_class(Failing, name="failing")
    for _ in range(3):
        with pytest.raises(ValueError, match="7"):
            Failing(7)
    gc.collect()
    assert active(tracker, "failing") == 0
    assert not any(record.under_construction for record in tracker.index["failing"])


def test_introspection_still_works(tracker):
    import inspect

    before = str(inspect.signature(Plain)), Plain.__init__.__doc__, Plain.__init__.__name__
    tracker.track_class(Plain)
    assert (
        str(inspect.signature(Plain)),
        Plain.__init__.__doc__,
        Plain.__init__.__name__,
    ) == before


def test_constructors_that_are_not_functions(tracker):
    from functools import partialmethod

    class Odd:
        def set_value(self, value, extra):
            self.value = (value, extra)

        __init__ = partialmethod(set_value, extra=2)

    before = vars(Odd)["__init__"]
    tracker.track_class(Odd, name="odd")
    assert Odd(1).value == (1, 2)
    tracker.detach_class(Odd)
    assert vars(Odd)["__init__"] is before
    assert len(tracker.index["odd"]) == 1


def test_two_trackers_in_any_order():
    for first_out in (0, 1):
        before = vars(Plain)["__init__"]
        trackers = [ClassTracker(), ClassTracker()]
        for tracker in trackers:
            tracker.track_class(Plain, name="plain")
        kept = [Plain(1)]
        trackers[first_out].detach_class(Plain)
        kept.append(Plain(2))
        trackers[1 - first_out].detach_class(Plain)
        kept.append(Plain(3))
        assert [each.value for each in kept] == [1, 2, 3]
        counts = [active(tracker, "plain") for tracker in trackers]
        assert counts[first_out] == 1
        assert counts[1 - first_out] == 2
        assert vars(Plain)["__init__"] is before


def test_closing_leaves_the_classes():
    from contextlib import closing

    before = dict(vars(Plain)), dict(vars(Derived))
    with closing(ClassTracker()) as tracker:
        tracker.track_class(Plain)
        tracker.track_class(Derived)
        kept = Derived()
    assert (dict(vars(Plain)), dict(vars(Derived))) == before
    assert len(tracker.index[f"{__name__}.Derived"]) == 1
    assert kept


def test_no_user_code_is_run(tracker):
    calls = []

    class Loud:
        def __getattribute__(self, name):
            calls.append(name)
            return object.__getattribute__(self, name)

        def __repr__(self):
            raise RuntimeError("repr")

        __str__ = __hash__ = __len__ = __bool__ = __sizeof__ = __repr__

        def __eq__(self, other):
            raise RuntimeError("eq")

    tracker.track_class(Loud, name="loud", resolution_level=2, trace=True)
    kept = Loud()
    kept.self = kept
    calls.clear()
    tracker.create_snapshot()
    tracker.stats.sort_stats()
    assert calls == []
    assert tracker.snapshots[-1].classes["loud"]["active"] == 1
    assert tracker.index["loud"][0].repr.startswith(f"<{__name__}.test_no_user_code")


# ---- sizes ---------------------------------------------------------------------------------------


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


def test_compute_total(tracker):
    tracker.create_snapshot("plain")
    tracker.create_snapshot("total", compute_total=True)
    plain, total = tracker.snapshots
    assert plain.asizeof_total == 0
    assert total.asizeof_total > 1_000_000


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


# ---- lives ---------------------------------------------------------------------------------------


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


def test_snapshots_of_unchanged_objects_store_nothing(tracker):
    tracker.track_class(Plain, name="plain")
    kept = [Plain(bytearray(10)) for _ in range(100)]
    tracker.create_snapshot()
    before = [len(record.samples) for record in tracker.index["plain"]]
    for _ in range(50):
        tracker.create_snapshot()
    assert [len(record.samples) for record in tracker.index["plain"]] == before == [2] * 100
    assert len(kept) == 100


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


def test_detach_all_and_clear(tracker):
    tracker.track_class(Plain)
    kept = Plain()
    tracker.create_snapshot()
    tracker.detach_all()
    assert tracker.index == {}
    assert len(tracker.snapshots) == 1
    tracker.clear()
    assert tracker.snapshots == []
    assert vars(Plain)["__init__"].__module__ == __name__
    assert kept


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


def test_a_description_may_be_any_object(tracker, capsys):
    tracker.create_snapshot(1)
    tracker.stats.print_summary()
    assert tracker.snapshots[0].desc == "1"
    assert "\n1  " in capsys.readouterr().out


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
