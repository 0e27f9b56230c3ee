# SPDX-License-Identifier: MIT
"""Shallow sizes: what the allocator holds. sys.getsizeof is the witness where it tells the truth; where it
does not (attribute values inside instances), tracemalloc is; see also test_sizes_blocks.py."""

from __future__ import annotations

import abc
import array
import collections
import ctypes
import decimal
import functools
import io
import itertools
import os
import pickle
import sys
import time
import tracemalloc
import types
import xml.etree.ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapsight import _core


def _sizes(objects: list[object]) -> list[int]:
    """Shallow sizes by the heap graph."""
    snapshot = _core.capture("sizes", False)
    described = [snapshot.describe(id(item)) for item in objects]
    assert all(row is not None for row in described), "every object is in the graph"
    return [row[1] for row in described if row is not None]


class ListChild(list):
    __slots__ = ()


def _grown_list() -> list[int]:
    grown: list[int] = []
    for number in range(1000):
        grown.append(number)
    return grown


def _shrunk_dict() -> dict[object, int]:
    shrunk: dict[object, int] = {(n, n): n for n in range(1000)}
    for number in range(990):
        del shrunk[(number, number)]
    return shrunk


def _fields() -> dict[str, object]:
    return {
        "empty list": [],
        "list": [1, 2, 3],
        "grown list": _grown_list(),
        "empty tuple": (),
        "tuple": (1, 2, 3),
        "dict of names": {"a": 1, "b": 2},
        "dict of numbers": {n: n for n in range(1000)},
        "emptied dict": _shrunk_dict(),
        "large dict": {str(n): n for n in range(100_000)},
        "empty set": set(),
        "small set": {1, 2},
        "set": set(range(1000)),
        "frozenset": frozenset(range(100)),
        "ascii": "a" * 100,
        "latin": "\xe9" * 100,
        "two bytes": "\u20ac" * 100,
        "four bytes": "\U0001f600" * 10,
        "bytes": b"x" * 100,
        "bytearray": bytearray(b"x" * 100),
        "small int": 5,
        "int": 2**31,
        "large int": 2**1000,
        "negative": -(2**64),
        "float": 1.5,
        "complex": 1j,
        "deque": collections.deque(range(1000)),
        "array": array.array("d", range(1000)),
        "OrderedDict": collections.OrderedDict((n, n) for n in range(100)),
        "defaultdict": collections.defaultdict(list, {n: [] for n in range(50)}),
        "partial": functools.partial(print, 1),
        "count": itertools.count(),
        "range": range(10),
        "slice": slice(1, 2, 3),
        "memoryview": memoryview(b"abc"),
        "function": _grown_list,
        "code": _grown_list.__code__,
        "class": ListChild,
        "static class": dict,
        "module": sys,
        "property": property(_grown_list),
        "method": collections.deque().append,
    }


WITNESSED = _fields()
NEAR = {"module", "class", "static class", "code"}


@pytest.mark.parametrize("name", sorted(set(WITNESSED) - NEAR))
def test_agrees_with_getsizeof(name: str) -> None:
    item = WITNESSED[name]
    assert _sizes([item]) == [sys.getsizeof(item)], name


@pytest.mark.parametrize("name", sorted(NEAR))
def test_near_getsizeof(name: str) -> None:
    """Here getsizeof adds what is not there (the gc head of a static class) or is counted apart (state of
    a module, inline caches of a class)."""
    item = WITNESSED[name]
    (size,) = _sizes([item])
    assert abs(size - sys.getsizeof(item)) <= 0.25 * sys.getsizeof(item)


@settings(max_examples=20)  # each is a snapshot; each list holds twenty values and more
@given(
    st.lists(
        st.one_of(
            st.text(max_size=200),
            st.binary(max_size=200),
            st.integers(),
            st.floats(),
            st.lists(st.integers(), max_size=50),
            st.sets(st.text(max_size=5), max_size=50),
            st.dictionaries(st.one_of(st.text(max_size=5), st.integers()), st.none(), max_size=50),
            st.tuples(st.text(max_size=9), st.integers()),
        ),
        min_size=20,
        max_size=40,
    )
)
def test_agrees_with_getsizeof_on_any_value(values: list[object]) -> None:
    assert _sizes(list(values)) == [sys.getsizeof(item) for item in values]


class Three:
    def __init__(self) -> None:
        self.first = self.second = self.third = None


class Slotted:
    __slots__ = ("first", "second")


class IntChild(int):
    pass


class StrChild(str):
    pass


class TupleChild(tuple):
    __slots__ = ()


class ListWithAttributes(list):
    pass


class DictWithAttributes(dict):
    pass


def _traced_bytes(make, count: int) -> float:
    """Bytes one object takes from the allocators, by tracemalloc, over many."""
    keep = [None] * count
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for index in range(count):
            keep[index] = make()
        return (tracemalloc.get_traced_memory()[0] - before) / count
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "make",
    [
        Three,
        Slotted,
        lambda: IntChild(7),
        lambda: ListWithAttributes(),
        lambda: DictWithAttributes(),
    ],
    ids=["three attributes", "slots", "int subclass", "list subclass", "dict subclass"],
)
def test_instances_agree_with_the_allocator(make) -> None:
    for _ in range(100):
        make()  # the class settles on its room for attributes
    traced = _traced_bytes(make, 2000)
    instances = [make() for _ in range(50)]
    sizes = _sizes(list(instances))
    # At most 8 bytes off (a class that still shrinks its attribute room); variable-sized classes one item.
    assert abs(sum(sizes) / len(sizes) - traced) <= 8.5, (sizes[0], traced)


@pytest.mark.parametrize("make", [lambda: os.stat("/"), time.gmtime], ids=["stat_result", "struct_time"])
def test_struct_sequences_count_the_items_they_do_not_show(make) -> None:
    keep = []
    make()
    tracemalloc.start()
    try:
        keep.extend(make() for _ in range(50))
        traced = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    (size,) = set(_sizes(list(keep)))
    assert sum(1 for trace in traced.traces if trace.size == size) >= 50, size


def _many_slots(base: type) -> type:
    return type("ManySlots", (base,), {"__slots__": tuple("abcdefghijklmnopqrstuvwxyz")})


SIZED = {
    "deque": (collections.deque, ([1, 2, 3],)),
    "OrderedDict": (collections.OrderedDict, ({1: 2},)),
    "array": (array.array, ("d", [1.0])),
    "bytearray": (bytearray, (b"abc",)),
    "BytesIO": (io.BytesIO, (b"abc",)),
    "BufferedReader": (io.BufferedReader, (io.BytesIO(b"abc"),)),
    "FileIO": (io.FileIO, (__file__,)),
    "Pickler": (pickle.Pickler, (io.BytesIO(),)),
    "Unpickler": (pickle.Unpickler, (io.BytesIO(),)),
    "product": (itertools.product, ([1], [2])),
    "permutations": (itertools.permutations, ([1, 2],)),
    "Decimal": (decimal.Decimal, ("1." + "7" * 1000,)),
    "Element": (xml.etree.ElementTree.Element, ("tag",)),
}


@pytest.mark.parametrize("name", list(SIZED))
def test_subclasses_of_types_with_a_size_of_their_own(name: str) -> None:
    """What the subclass adds counts once: its 26 slots; a __dict__ lies elsewhere."""
    base, arguments = SIZED[name]
    slotted = _many_slots(base)(*arguments)
    assert _sizes([slotted]) == [sys.getsizeof(slotted)]
    attributed = type("Attributed", (base,), {})(*arguments)
    (size,) = _sizes([attributed])
    attributes = size - sys.getsizeof(attributed)
    assert 0 <= attributes < 300 and attributes % 8 == 0, attributes


def test_attribute_values_are_counted() -> None:
    three = Three()
    assert _sizes([three])[0] >= sys.getsizeof(three) + 3 * 8


def test_early_instances_have_more_room_for_attributes() -> None:
    """A class gives each of its first instances less room than the one before; they keep what they got."""

    class Fresh:
        def __init__(self) -> None:
            self.one, self.two = 1, 2

    made = [Fresh() for _ in range(40)]
    first, last = _sizes([made[0], made[-1]])
    assert first >= last + 20 * 8


def test_str_subclass_counts_its_text() -> None:
    short, long = StrChild("a"), StrChild("a" * 10_000)
    small, large = _sizes([short, long])
    assert abs(large - small - 9_999) <= 16  # the class may still shrink its room for attributes


def test_generators_count_their_frame() -> None:
    def small():
        yield 1

    def large():
        a = b = c = d = e = f = g = h = None
        yield a, b, c, d, e, f, g, h

    first, second = small(), large()
    assert _sizes([first, second]) == [sys.getsizeof(first), sys.getsizeof(second)]


def test_ended_generators_and_running_frames_keep_their_room() -> None:
    def generate():
        yield 1

    ended = generate()
    list(ended)
    frame = sys._getframe()
    assert _sizes([ended, frame]) == [sys.getsizeof(ended), sys.getsizeof(frame)]


def test_a_list_that_is_being_sorted() -> None:
    items: list[object] = []
    sizes: list[int] = []

    class Item:
        def __lt__(self, other: object) -> bool:
            sizes.extend(_sizes([items]) if not sizes else [])
            return False

    items.extend(Item() for _ in range(3))
    items.sort()
    assert sizes == [sys.getsizeof([])]


def test_objects_under_construction() -> None:
    """Made by __new__ alone: a __sizeof__ that trusts __init__ is not called."""
    import _struct

    made = [_struct.Struct.__new__(_struct.Struct), io.BytesIO.__new__(io.BytesIO),
            io.StringIO.__new__(io.StringIO), io.BufferedReader.__new__(io.BufferedReader),
            collections.deque.__new__(collections.deque),
            collections.OrderedDict.__new__(collections.OrderedDict), array.array.__new__(array.array, "d")]
    assert all(size > 0 for size in _sizes(list(made)))
    assert all(size > 0 for size in _core.deep_sizes(made))
    slotted = type("Slotted", (_struct.Struct,), {"__slots__": tuple("abcdefgh")})
    plain, with_slots = _sizes([made[0], slotted.__new__(slotted)])
    assert with_slots >= plain + 8 * 8


def test_deep_size_of_the_same_object_twice() -> None:
    item = [_text("x", 1000)]
    assert _core.deep_sizes([item, item])[1] == 0


@pytest.mark.parametrize("base", [abc.ABC, ctypes.Structure], ids=["in Python", "in C"])
def test_a_metaclass_changes_the_size_by_its_own_fields(base: type) -> None:
    plain, made = type("Made", (), {}), type(base)("Made", (base,), {})
    plain_bytes, made_bytes = _sizes([plain, made])
    assert made_bytes - plain_bytes == type(base).__basicsize__ - type.__basicsize__


def test_numpy_buffers_count_where_they_are_owned() -> None:
    numpy = pytest.importorskip("numpy", reason="numpy is not installed for this interpreter")
    owner = numpy.zeros((1000, 1000))
    view = owner[10:20]
    objects = numpy.empty(100, dtype=object)
    held = objects[7] = Three()
    owner_bytes, view_bytes = _sizes([owner, view])
    assert owner_bytes == sys.getsizeof(owner) >= 8_000_000
    assert view_bytes < 1000
    assert _core.deep_sizes([view])[0] >= 8_000_000, "a view keeps its base"
    labels = _core.capture("numpy").paths([id(held)]).rows()
    assert any([step[0] for step in row["steps"]][-1] == "[7]" for row in labels), labels


def test_a_type_of_c_without_a_row_counts_as_its_base_does() -> None:
    numpy = pytest.importorskip("numpy", reason="numpy is not installed for this interpreter")
    short, long = _sizes([numpy.str_("a"), numpy.str_("a" * 10_001)])
    assert long - short == 10_000


def _text(letter: str, length: int) -> str:
    """Not a constant of the program: those are immortal in 3.12, and belong to nobody."""
    return "".join([letter] * length)


def test_deep_sizes_charge_shared_data_once() -> None:
    shared = [_text("x", 10_000)]
    first, second = [shared, _text("a", 1000)], [shared, _text("b", 1000)]
    sizes = _core.deep_sizes([first, second])
    assert sizes[0] == sum(map(sys.getsizeof, (first, shared, shared[0], first[1])))
    assert sizes[1] == sum(map(sys.getsizeof, (second, second[1])))


def test_deep_sizes_do_not_enter_classes_modules_functions_or_each_other() -> None:
    inner = [_text("i", 1000)]
    outer = [inner, sys, Three, test_attribute_values_are_counted, Three()]
    sizes = _core.deep_sizes([outer, inner])
    assert sizes[1] == sys.getsizeof(inner) + sys.getsizeof(inner[0])
    assert sizes[0] < 2000


def test_deep_size_of_a_function_leaves_out_its_module() -> None:
    kept = [_text("k", 5000)]

    def function(argument=kept):
        return argument

    (size,) = _core.deep_sizes([function])
    assert 5000 < size < 10_000
    namespace = {"function": function, "other": _text("o", 5000)}
    held = types.FunctionType(function.__code__, namespace)
    assert _core.deep_sizes([held])[0] < 5000
    assert _core.deep_sizes([[namespace]])[0] > 5000


def test_deep_sizes_of_a_long_chain() -> None:
    """No recursion over data: a million links."""
    chain: object = None
    for _ in range(1_000_000):
        chain = (chain,)
    assert _core.deep_sizes([chain])[0] == 1_000_000 * sys.getsizeof((None,))
    while chain:
        chain = chain[0]  # type: ignore[index]
