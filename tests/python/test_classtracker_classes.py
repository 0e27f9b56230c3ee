# SPDX-License-Identifier: MIT
"""ClassTracker: classes and their instances stay as they are."""

import gc

import pytest
from heapsight import ClassTracker
from tracked_classes import Derived, Pair, Plain, Slots, active


class OnlyNew:
    def __new__(cls, value):
        made = super().__new__(cls)
        made.value = value
        return made


class Neither:
    pass


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
    assert len(tracker.index[f"{Plain.__module__}.Derived"]) == 1
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
