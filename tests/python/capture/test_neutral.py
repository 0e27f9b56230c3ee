# SPDX-License-Identifier: MIT
"""A snapshot leaves the program as it was: refcounts, gc objects, __dict__s; and runs none of its code."""

from __future__ import annotations

import asyncio
import collections
import gc
import sys
import threading

import heapsight
from heapsight import _core

CALLS: list[str] = []


def _trap(name: str):
    def method(*args: object, **keywords: object) -> object:
        CALLS.append(name)
        raise AssertionError(f"the walk called {name}")

    return method


DUNDERS = """__repr__ __str__ __bytes__ __format__ __hash__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__ __bool__
__len__ __length_hint__ __iter__ __next__ __reversed__ __contains__ __getitem__ __setitem__ __delitem__ __missing__
__getattr__ __getattribute__ __setattr__ __delattr__ __dir__ __get__ __set__ __delete__ __call__ __sizeof__
__reduce__ __reduce_ex__ __getstate__ __copy__ __deepcopy__ __int__ __float__ __index__ __add__ __radd__
__enter__ __exit__ __await__ __aiter__ __anext__ __instancecheck__ __subclasscheck__ __fspath__ __buffer__""".split()


class HostileMeta(type):
    """Refuses everything that can be asked of a class."""


for _name in DUNDERS:
    setattr(HostileMeta, _name, _trap("meta " + _name))
HostileMeta.mro_calls = property(_trap("meta property"))

_body = {name: _trap(name) for name in DUNDERS}
_body["trap"] = property(_trap("property"))
_body["__slots__"] = ("slot", "__dict__", "__weakref__")
Hostile = type.__new__(HostileMeta, "Hostile", (), _body)


class HostileDict(dict):
    pass


class HostileList(list):
    pass


class HostileInt(int):
    pass


for _class in (HostileDict, HostileList, HostileInt):
    for _name in DUNDERS:
        setattr(_class, _name, _trap(_class.__name__ + _name))


class CountingGetattr:
    calls = 0

    def __getattr__(self, name: str) -> object:
        CountingGetattr.calls += 1
        raise AttributeError(name)


class Plain:
    def __init__(self) -> None:
        self.first = object()
        self.second = [object()]


class ColdDict:
    """Its instances must keep their attributes without a __dict__."""

    def __init__(self, value: object) -> None:
        self.value = value


def _hostile_objects() -> list[object]:
    instance = object.__new__(Hostile)
    object.__setattr__(instance, "slot", object())
    object.__setattr__(instance, "loose", object())
    mapping = HostileDict()
    dict.__setitem__(mapping, "key", object())
    sequence = HostileList()
    list.append(sequence, object())
    return [instance, mapping, sequence, int.__new__(HostileInt, 7), CountingGetattr()]


def _kinds_of_objects() -> list[object]:
    def generator():
        local = object()
        yield local

    def closure():
        cell = object()
        return lambda: cell

    suspended = generator()
    next(suspended)
    plain, touched = Plain(), Plain()
    touched.__dict__
    try:
        raise ValueError(plain)
    except ValueError as error:
        caught = error
    return [
        plain,
        touched,
        suspended,
        closure(),
        caught,
        caught.__traceback__,
        {"a": 1, 2: []},
        {1, "b"},
        frozenset({3}),
        collections.deque([1, object()]),
        collections.OrderedDict(x=object()),
        collections.defaultdict(list, y=[1]),
        (1, "t", object()),
        bytearray(b"xyz"),
        memoryview(b"abc"),
        "text",
        b"bytes",
        12345678901234567890,
        1.5,
        1j,
        range(10**30),
        slice(1, [2]),
        sys.modules[__name__],
        Plain,
        plain.__init__,
        print,
        property(),
        staticmethod(print),
        classmethod(print),
    ]


def test_no_code_of_the_program_runs() -> None:
    CALLS.clear()
    CountingGetattr.calls = 0
    objects = _hostile_objects()
    snapshot = heapsight.snapshot("hostile", values=True)
    snapshot.types(limit=None)
    assert CALLS == []
    assert CountingGetattr.calls == 0
    kinds = {row.type for row in snapshot.types(limit=None)}
    prefix = __name__ + "."
    for name in ("Hostile", "HostileDict", "HostileList", "HostileInt", "CountingGetattr"):
        assert prefix + name in kinds, f"{name} was not found by the walk"
    del objects


def test_the_trap_works() -> None:
    """The test above can fail: touching the object is noticed."""
    CALLS.clear()
    objects = _hostile_objects()
    try:
        len(objects[0])  # type: ignore[arg-type]
    except AssertionError:
        pass
    assert CALLS == ["__len__"]
    CALLS.clear()


def test_refcounts_are_the_same() -> None:
    objects = _kinds_of_objects()
    _core.capture("warm-up")
    before = [sys.getrefcount(item) for item in objects]
    snapshot = _core.capture("measured", False)
    after = [sys.getrefcount(item) for item in objects]
    assert after == before
    del snapshot
    assert [sys.getrefcount(item) for item in objects] == before


def test_refcounts_of_every_tracked_object_are_the_same() -> None:
    """Every gc object of the interpreter, heapsight's own handle and this test's lists aside."""
    _core.capture("warm-up")
    gc.collect()
    gc.disable()
    try:
        objects = gc.get_objects()
        before = [sys.getrefcount(item) for item in objects]
        snapshot = _core.capture("measured", False)
        after = [sys.getrefcount(item) for item in objects]
    finally:
        gc.enable()
    changed = [
        (type(item).__name__, old, new)
        for item, old, new in zip(objects, before, after)
        if old != new and item is not before and item is not objects and item is not sys._getframe()
    ]
    # The handle refers to its class, which may be among the objects.
    changed = [row for row in changed if row[0] != "type" or row[2] - row[1] != 1]
    assert changed == []
    del snapshot


def test_number_of_gc_objects_is_the_same() -> None:
    objects = _kinds_of_objects()
    _core.capture("warm-up")
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(10):
            _core.capture("measured", False)
        after = len(gc.get_objects())
    finally:
        gc.enable()
    assert after == before
    del objects


def _has_dict(instance: object) -> bool:
    """Whether a __dict__ exists, asked of the heap graph itself, which does not make one."""
    snapshot = _core.capture("look", False)
    (graph,) = [snapshot.around([id(instance)], "referents", 1, 0).dot()]
    return "__dict__" in graph


def test_no_dict_is_materialised() -> None:
    instances = [ColdDict(object()) for _ in range(100)]
    assert not any(_has_dict(instance) for instance in instances[:3])
    heapsight.snapshot("measured", values=True)
    heapsight.why(instances[0])
    heapsight.graph(instances[0])
    _core.deep_sizes(list(instances))
    assert not any(_has_dict(instance) for instance in instances[:3])


def test_a_dict_would_be_noticed() -> None:
    instance = ColdDict(object())
    instance.__dict__
    assert _has_dict(instance)


def test_suspended_generators_and_coroutines_go_on() -> None:
    def numbers():
        for number in range(5):
            yield number

    async def waits() -> int:
        await asyncio.sleep(0)
        return 7

    generator = numbers()
    assert next(generator) == 0
    coroutine = waits()
    coroutine.send(None)
    heapsight.snapshot("between")
    assert list(generator) == [1, 2, 3, 4]
    try:
        coroutine.send(None)
    except StopIteration as stop:
        assert stop.value == 7
    else:
        raise AssertionError("the coroutine did not end")


def test_busy_threads_go_on() -> None:
    stop = threading.Event()
    counts = [0] * 8

    def work(index: int) -> None:
        while not stop.is_set():
            counts[index] += len([{"n": i, "t": (i, str(i))} for i in range(50)])

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            info = _core.capture("busy", False).info
            assert info["overcounted_count"] == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert all(count > 0 for count in counts)
