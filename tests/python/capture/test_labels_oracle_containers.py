# SPDX-License-Identifier: MIT
"""Every reference of an object, and no other, is called what Python says: weak references,
containers, arrays of numpy. Cases as in test_labels_oracle.py."""

from __future__ import annotations

import collections
import weakref
from pathlib import Path
from typing import Any

import pytest
from oracle import Cases, Expected, Part, attributes, class_of
from references import Heap, pairs, value_of

CASES = Cases()


# ---- weak containers ----

PARTS = [Part() for _ in range(3)]


def called_back(reference: object) -> None:
    pass


def weak_reference(made: Any) -> dict[str, object]:
    return {"weak": [made()], **attributes(made, "__callback__")}


@CASES.add("weakref with callback", weakref.ref(PARTS[0], called_back))
def _(made: Any) -> Expected:
    return weak_reference(made)


@CASES.add("weakref", weakref.ref(PARTS[0]))
def _(made: Any) -> Expected:
    return {"weak": PARTS[0]}


@CASES.add("proxy", weakref.proxy(PARTS[0], called_back))
def _(made: Any) -> Expected:
    return {"weak": PARTS[0], "attribute __callback__": called_back}


def own_attributes(made: Any) -> Expected:
    values = attributes(made, *vars(made))
    return {**values, "class": type(made)}


WEAK_SET = weakref.WeakSet(PARTS)
WEAK_KEYS = weakref.WeakKeyDictionary({part: Part() for part in PARTS})
WEAK_VALUES = weakref.WeakValueDictionary({f"weak key {at}": part for at, part in enumerate(PARTS)})
CASES.add("WeakSet", WEAK_SET)(own_attributes)
CASES.add("WeakKeyDictionary", WEAK_KEYS)(own_attributes)
CASES.add("WeakValueDictionary", WEAK_VALUES)(own_attributes)


@CASES.add("set of a WeakSet", WEAK_SET.data)
def _(made: Any) -> Expected:
    return {"member": list(made)}


@CASES.add("weakref in a WeakSet", next(iter(WEAK_SET.data)))
def _(made: Any) -> Expected:
    return weak_reference(made)


def dict_items(made: Any) -> dict[str, object]:
    return {"key": list(made), **{value_of(key): [value] for key, value in made.items()}}


CASES.add("dict of a WeakKeyDictionary", WEAK_KEYS.data)(dict_items)
CASES.add("dict of a WeakValueDictionary", WEAK_VALUES.data)(dict_items)


@CASES.add("weakref in a WeakValueDictionary", WEAK_VALUES.data["weak key 1"])
def _(made: Any) -> Expected:
    return {**weak_reference(made), **attributes(made, "key"), "class": type(made)}


# ---- containers ----


def ordered() -> Any:
    made = collections.OrderedDict((f"key {at}", Part()) for at in range(4))
    made.move_to_end("key 1")
    return made


@CASES.add("OrderedDict", ordered())
def _(made: Any) -> Expected:
    return {**dict_items(made), "internal order entry": list(made), **class_of(made)}


@CASES.add("defaultdict", collections.defaultdict(list, key=Part()))
def _(made: Any) -> Expected:
    return {**dict_items(made), **attributes(made, "default_factory"), **class_of(made)}


def rotated() -> Any:
    made = collections.deque((Part() for _ in range(200)), maxlen=150)
    made.rotate(70)
    return made


@CASES.add("deque", rotated())
def _(made: Any) -> Expected:
    return {**{f"index {at}": [item] for at, item in enumerate(made)}, **class_of(made)}


# ---- the tests ----


@pytest.fixture(scope="module")
def heap(tmp_path_factory: pytest.TempPathFactory) -> Heap:
    return Heap(tmp_path_factory.mktemp("oracle") / "oracle.hsnap")


@pytest.mark.parametrize("name", CASES)
def test_all_references_are_what_python_says(name: str, heap: Heap) -> None:
    holder, expected = CASES[name]
    assert heap.references(holder) == pairs(expected(holder))


def test_arrays_of_numpy(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy", reason="numpy is not installed for this Python")
    owner = numpy.array([[Part() for _ in range(3)] for _ in range(2)], dtype=object)
    other = numpy.array([[Part(), Part()], [Part(), Part()]], dtype=object, order="F")
    single = numpy.array(Part(), dtype=object)
    view, numbers, empty = owner[1:], numpy.arange(10), numpy.empty((0, 3), dtype=object)
    heap = Heap(tmp_path / "arrays.hsnap")
    for made in (owner, other, single, view, numbers, empty):
        owns_objects = made.dtype == object and made.base is None
        items = list(made.ravel(order="K")) if owns_objects else []  # as they lie in memory
        expected = {
            "attribute dtype": made.dtype,
            **{f"index {at}": [item] for at, item in enumerate(items)},
            **({} if made.base is None else attributes(made, "base")),
            **class_of(made),
        }
        assert heap.references(made) == pairs(expected)
    assert view.base is owner and len(heap.references(owner)) == 7
