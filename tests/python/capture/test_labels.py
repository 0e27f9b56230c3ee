# SPDX-License-Identifier: MIT
"""Every reference is called what the program calls it; roots are named."""

from __future__ import annotations

import collections
import ctypes
import datetime
import functools
import gc
import sys
import threading
import types
import weakref

import pytest

import heapsight
from heapsight import _core


class Held:
    """The object that is looked for."""


class Instance:
    def __init__(self, held: Held) -> None:
        self.attribute_name = held


class Slotted:
    __slots__ = ("slot_name",)

    def __init__(self, held: Held) -> None:
        self.slot_name = held


class SlottedChild(Slotted):
    __slots__ = ("other_slot",)

    def __init__(self, held: Held) -> None:
        self.other_slot = held


class ListChild(list):
    def __init__(self, held: Held) -> None:
        super().__init__()
        self.on_a_list = held


class DictChild(dict):
    pass


class ErrorChild(Exception):
    pass


def _with_dict(held: Held) -> object:
    instance = Instance(held)
    instance.__dict__
    return instance


def _cell(held: Held) -> object:
    closure_name = held
    return lambda: closure_name


def _generator(held: Held) -> object:
    def generate(argument: Held):
        generator_local = argument
        del argument
        yield 1
        yield generator_local

    generator = generate(held)
    next(generator)
    return generator


def _coroutine(held: Held) -> object:
    @types.coroutine
    def pause():
        yield

    async def wait(argument: Held) -> Held:
        coroutine_local = argument
        del argument
        await pause()
        return coroutine_local

    coroutine = wait(held)
    coroutine.send(None)
    return coroutine


def _async_generator(held: Held) -> object:
    async def generate(argument: Held):
        async_local = argument
        del argument
        yield async_local

    generator = generate(held)
    try:
        generator.asend(None).send(None)
    except StopIteration:
        pass
    return generator


def _default(held: Held) -> object:
    def function(argument=held):
        return argument

    return function


def _keyword_default(held: Held) -> object:
    def function(*, keyword_name=held):
        return keyword_name

    return function


def _method(held: Held) -> object:
    Held.method = lambda self: self
    return held.method


def _module(held: Held) -> object:
    module = types.ModuleType("made_by_test")
    module.module_name = held
    return module


def _class(held: Held) -> object:
    return type("MadeByTest", (), {"class_name": held})


def _property(held: Held) -> object:
    return property(functools.partial(print, held))


def _exception(held: Held) -> object:
    return ErrorChild(held)


def _traceback(held: Held) -> object:
    def fails(argument: Held) -> None:
        traceback_local = argument
        del argument
        raise ErrorChild(traceback_local is None)

    try:
        fails(held)
    except ErrorChild as error:
        return error
    raise AssertionError


def _dict_child(held: Held) -> object:
    return DictChild(child_key=held)


def _cached_result(held: Held) -> object:
    cached = functools.lru_cache(4)(lambda argument: argument)
    cached(held)
    return cached


def _cached_key(held: Held) -> object:
    cached = functools.lru_cache(4)(lambda argument: None)
    cached(held)
    return cached


CASES = {
    "attribute without a __dict__": (Instance, [".attribute_name"]),
    "attribute with a __dict__": (_with_dict, [".attribute_name"]),
    "slot": (Slotted, [".slot_name"]),
    "slot of a subclass": (SlottedChild, [".other_slot"]),
    "attribute of a list subclass": (ListChild, [".on_a_list"]),
    "list": (lambda held: [None, held], ["[1]"]),
    "tuple": (lambda held: (None, None, held), ["[2]"]),
    "dict, name as key": (lambda held: {"key_name": held}, ["['key_name']"]),
    "dict, number as key": (lambda held: {41: held}, ["[41]"]),
    "dict key": (lambda held: {held: None}, ["{key}"]),
    "dict subclass": (_dict_child, ["['child_key']"]),
    "OrderedDict": (lambda held: collections.OrderedDict(ordered_key=held), ["['ordered_key']"]),
    "defaultdict": (
        lambda held: collections.defaultdict(list, default_key=held),
        ["['default_key']"],
    ),
    "set": (lambda held: {held}, ["{member}"]),
    "frozenset": (lambda held: frozenset([held]), ["{member}"]),
    "deque": (lambda held: collections.deque([None, held]), ["[1]"]),
    "closure": (_cell, [".__closure__", "[0]", "closure_name"]),
    "generator local": (_generator, ["generator_local"]),
    "coroutine local": (_coroutine, ["coroutine_local"]),
    "async generator local": (_async_generator, ["async_local"]),
    "default": (_default, [".__defaults__", "[0]"]),
    "keyword default": (_keyword_default, [".__kwdefaults__", "['keyword_name']"]),
    "bound method": (_method, [".__self__"]),
    "partial": (lambda held: functools.partial(print, held), [".args", "[0]"]),
    "partial keyword": (lambda held: functools.partial(print, end=held), [".keywords", "['end']"]),
    "cached function": (
        lambda held: functools.lru_cache(functools.partial(print, held)),
        ["__wrapped__", ".args", "[0]"],
    ),
    "cached result": (_cached_result, ["cached result"]),
    "cached key": (_cached_key, ["cached key", "[0]"]),
    "module": (_module, ["['module_name']"]),
    "class": (_class, ["['class_name']"]),
    "property": (_property, [".fget", ".args", "[0]"]),
    "exception": (_exception, [".args", "[0]"]),
    "local in a traceback": (
        _traceback,
        [".__traceback__", "tb_next", "tb_frame", "traceback_local"],
    ),
    "mappingproxy": (
        lambda held: types.MappingProxyType({"proxy_key": held}),
        ["mapping", "['proxy_key']"],
    ),
}


@pytest.mark.parametrize("case", list(CASES))
def test_label(case: str) -> None:
    make, expected = CASES[case]
    held = Held()
    address = id(held)
    holder = make(held)
    del held
    snapshot = _core.capture("labels", True, True)
    rows = [row for row in snapshot.paths([address]).rows() if row["root_kind"] == "thread frame"]
    found = [
        [step[0] for step in row["steps"][1:] if step[0] != ".__dict__"]  # there or not, by version
        for row in rows
        if row["root_name"] == "holder"
    ]
    assert found, f"no path from the variable holder: {snapshot.paths([address]).text()}"
    assert any(
        len(labels) == len(expected) and all(want in label for want, label in zip(expected, labels))
        for labels in found
    ), f"{case}: {found}, expected {expected}"
    del holder


class Zone(datetime.tzinfo):
    """Is itself what the cases below look for."""


class Moment(datetime.datetime):
    pass


def _offset() -> datetime.timedelta:
    return datetime.timedelta(minutes=61)


ZONED = {
    "datetime": (Zone, lambda zone: datetime.datetime(2020, 1, 1, tzinfo=zone), ".tzinfo"),
    "datetime subclass": (Zone, lambda zone: Moment(2020, 1, 1, tzinfo=zone), ".tzinfo"),
    "time": (Zone, lambda zone: datetime.time(12, tzinfo=zone), ".tzinfo"),
    "timezone's offset": (_offset, datetime.timezone, ".offset"),
    "timezone's name": (
        lambda: "".join(["na", "med"]),
        lambda name: datetime.timezone(_offset(), name),
        ".name",
    ),
}


@pytest.mark.parametrize("case", list(ZONED))
def test_parts_of_dates_and_times(case: str) -> None:
    make_part, make, expected = ZONED[case]
    part = make_part()
    holder = make(part)
    address = id(part)
    del part
    snapshot = _core.capture("zoned")
    rows = snapshot.paths([address]).rows()
    assert [(row["root_name"], row["steps"][-1][0]) for row in rows] == [("holder", expected)]
    assert snapshot.info["overcounted_count"] == 0
    del holder


def test_dates_and_times_without_a_zone() -> None:
    """Their blocks end before the field."""
    naive = [datetime.time(1), datetime.datetime(2020, 1, 1), Moment(2020, 1, 1), datetime.date(2020, 1, 1)]
    assert _core.capture("naive").info["overcounted_count"] == 0
    del naive


@pytest.mark.skipif(sys.version_info < (3, 15), reason="a subclass of tuple has no __slots__ before 3.15")
@pytest.mark.parametrize("item_count", [0, 1, 3])
def test_slots_of_a_tuple_lie_behind_its_items(item_count: int) -> None:
    class Row(tuple):
        __slots__ = ("empty_slot", "row_slot")

    row = Row(object() for _ in range(item_count))
    row.row_slot = "".join(["held by", " the slot"])
    address = id(row.row_slot)
    snapshot = _core.capture("rows")
    rows = snapshot.paths([address]).rows()
    assert [(row["root_name"], row["steps"][-1][0]) for row in rows] == [("row", ".row_slot")]
    assert snapshot.info["overcounted_count"] == 0


def test_local_of_a_running_frame() -> None:
    frame_local = Held()
    assert "local variable 'frame_local'" in str(heapsight.why(frame_local))
    rows = _core.capture("frame").paths([id(frame_local)]).rows()
    (mine,) = [row for row in rows if row["root_name"] == "frame_local"]
    assert mine["root_kind"] == "thread frame"
    assert mine["function"] == "test_local_of_a_running_frame"
    assert mine["file"] == __file__
    line = test_local_of_a_running_frame.__code__.co_firstlineno
    assert line < mine["line"] < line + 12


def test_local_of_another_thread() -> None:
    ready, stop = threading.Event(), threading.Event()
    addresses: list[int] = []

    def pinning() -> None:
        thread_local_name = Held()
        addresses.append(id(thread_local_name))
        ready.set()
        stop.wait()

    thread = threading.Thread(target=pinning, name="pinning-thread")
    thread.start()
    try:
        ready.wait()
        rows = _core.capture("thread").paths(addresses).rows()
    finally:
        stop.set()
        thread.join()
    assert [(row["thread"], row["root_name"]) for row in rows] == [
        ("pinning-thread", "thread_local_name")
    ]
    assert rows[0]["function"].endswith("pinning")
    assert rows[0]["line"] > 0


def test_argument_of_a_running_generator() -> None:
    def generate(argument_name: Held):
        yield _core.capture("running").paths([id(argument_name)]).rows()

    rows = next(generate(Held()))
    labels = [[step[0] for step in row["steps"]] for row in rows]
    assert any("argument_name" in steps[-1] for steps in labels), labels


def test_module_global() -> None:
    global GLOBAL_HELD
    GLOBAL_HELD = Held()
    try:
        rows = _core.capture("global").paths([id(GLOBAL_HELD)]).rows()
    finally:
        del GLOBAL_HELD
    assert rows[0]["expression"] == f"{__name__}.GLOBAL_HELD"
    assert rows[0]["root_kind"] == "module"


def test_a_finished_generator_keeps_its_code() -> None:
    def function():
        yield 1

    generator = function()
    address = id(function.__code__)
    list(generator)
    del function
    rows = _core.capture("finished").paths([address]).rows()
    assert any(row["steps"][-1][0] == ".gi_code" for row in rows), rows


@pytest.mark.parametrize("base", [object, ctypes.Structure], ids=["type", "metaclass in C"])
def test_parts_of_a_class(base: type) -> None:
    """A metaclass written in C has a tp_traverse that leaves out what no cycle goes through."""
    name, attribute = "".join(["Made", "HereAlone"]), "".join(["attribute", "_made_here_alone"])
    made = type(base)(name, (base,), {attribute: None})
    child = type(base)("Child", (made,), {})
    subclasses = [held for held in gc.get_objects() if type(held) is dict and id(child) in held]
    assert len(subclasses) == 1
    addresses = [id(made.__name__), id(next(key for key in vars(made) if key == attribute)), id(subclasses[0])]
    del name, attribute, subclasses
    snapshot = _core.capture("class")
    for address, expected in zip(addresses, ("__name__", "{key}", "__subclasses__")):
        rows = snapshot.paths([address]).rows()
        assert all(row["root_kind"] != "held by C code" or len(row["steps"]) > 1 for row in rows), rows
        assert any(expected in row["steps"][-1][0] for row in rows), (expected, rows)
    assert snapshot.info["overcounted_count"] == 0


def test_a_payload_that_is_the_class() -> None:
    class Property(property):
        pass

    holder = Property(Property)
    rows = _core.capture("class").paths([id(Property)]).rows()
    assert any([step[0] for step in row["steps"]][-1] == ".fget" for row in rows), rows
    del holder


def test_weak_references_hold_nothing() -> None:
    held = Held()
    address = id(held)
    references = [weakref.ref(held), weakref.proxy(held)]
    table = weakref.WeakValueDictionary({"weak_key": held})
    snapshot = _core.capture("weak")
    names = [row["root_name"] for row in snapshot.paths([address]).rows()]
    assert names == ["held"]
    picture = snapshot.around([id(references[0])], "referents", 1, 0).dot()
    assert "dashed" in picture, "the weak reference is drawn, dashed"
    del table


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (Instance, "attribute_name"),
        (Slotted, "slot_name"),
        (lambda held: [held], "[0]"),
        (_cell, "closure_name"),
        (_generator, "generator_local"),
    ],
)
def test_graph_names_the_reference(make, name: str) -> None:
    held = Held()
    holder = make(held)
    assert name in heapsight.graph(held).to_dot()
    del holder


def test_graph_names_the_frame_local() -> None:
    picture_local = Held()
    assert "picture_local" in heapsight.graph(picture_local).to_dot()
