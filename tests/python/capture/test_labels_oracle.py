# SPDX-License-Identifier: MIT
"""Every reference of an object, and no other, is called what Python says: instances, functions,
generators, descriptors, classes, exceptions.

A case is an object, and the label and target of each of its references as Python tells them by
getattr and the like. All cases are looked up in one snapshot."""

from __future__ import annotations

import functools
import gc
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest
from oracle import Cases, Expected, Part, attributes, class_of, referent
from references import Heap, pairs

SINCE_3_12 = sys.version_info >= (3, 12)
SINCE_3_13 = sys.version_info >= (3, 13)
SINCE_3_14 = sys.version_info >= (3, 14)
CASES = Cases()


# ---- instances ----


class Top:
    __slots__ = ("top", "empty")


class Left(Top):
    __slots__ = ("left", "__private")

    def hide(self, held: object) -> None:
        self.__private = held


class Right(Top):
    __slots__ = ()


class Bottom(Left, Right):
    __slots__ = ("bottom", "__dict__", "__weakref__")


def diamond() -> Bottom:
    made = Bottom()
    made.top, made.left, made.bottom = Part(), Part(), Part()
    made.hide(Part())
    made.extra = Part()  # type: ignore[attr-defined]
    return made


@CASES.add("diamond of slots", diamond())
def _(made: Any) -> Expected:
    extra = "__dict__" if sys.version_info[:2] == (3, 13) else "extra"  # no values beside slots there
    names = ("top", "left", "_Left__private", "bottom", extra)
    return {**attributes(made, *names), "class": Bottom}


class Plain:
    def __init__(self) -> None:
        self.first, self.second = Part(), Part()


@CASES.add("attributes", Plain())
def _(made: Any) -> Expected:
    return {**attributes(made, "first", "second"), "class": Plain}


def with_dict() -> Plain:
    made = Plain()
    assert made.__dict__
    return made


WITH_DICT = with_dict()


@CASES.add("attributes and a __dict__", WITH_DICT)
def _(made: Any) -> Expected:
    values = attributes(made, "first", "second") if SINCE_3_13 else {}
    return {**values, "attribute __dict__": [made.__dict__], "class": Plain}


@CASES.add("__dict__ of an instance", WITH_DICT.__dict__)
def _(made: Any) -> Expected:
    return {} if SINCE_3_13 else attributes(WITH_DICT, "first", "second")


# ---- functions, cells, code ----


def decorated() -> Any:
    closure_one, closure_two = Part(), Part()

    def function(given: Any = Part(), *, keyword: Any = Part()) -> None:
        """Has all parts."""
        print(closure_one, closure_two, given, keyword, lambda: "a constant")

    function.extra = Part()  # type: ignore[attr-defined]
    assert function.__annotations__
    return function


FUNCTION = decorated()


@CASES.add("function", FUNCTION)
def _(made: Any) -> Expected:
    names = ["globals", "builtins", "name", "qualname", "code", "defaults", "kwdefaults", "closure"]
    names += ["doc", "dict", "module", "annotations"] + ["annotate"] * SINCE_3_14
    return attributes(made, *(f"__{name}__" for name in names))


if SINCE_3_12:
    _namespace: dict[str, Any] = {}
    exec("def generic[Kind](): 'Has type parameters.'", _namespace)

    @CASES.add("generic function", _namespace["generic"])
    def _(made: Any) -> Expected:
        names = ["globals", "builtins", "name", "qualname", "code", "doc", "type_params"]
        module = {"attribute __module__": [made.__module__]} if made.__module__ else {}
        return {**attributes(made, *(f"__{name}__" for name in names)), **module}


@CASES.add("closure", FUNCTION.__closure__)
def _(made: Any) -> Expected:
    return {"index 0": made[0], "index 1": made[1]}


@CASES.add("cell", FUNCTION.__closure__[1])
def _(made: Any) -> Expected:
    return {"cell closure_two": made.cell_contents}


@CASES.add("empty cell", types.CellType())
def _(made: Any) -> Expected:
    return {}


@CASES.add("bound method", Left().hide)
def _(made: Any) -> Expected:
    return attributes(made, "__func__", "__self__")


@CASES.add("constants of code", FUNCTION.__code__.co_consts)
def _(made: Any) -> Expected:
    assert any(type(constant) is types.CodeType for constant in made)
    return {f"index {at}": [constant] for at, constant in enumerate(made)}


def test_code(heap: Heap) -> None:
    """Two parts have no attribute: what they consist of is compared."""
    code = FUNCTION.__code__
    told = heap.references(code)
    (names,) = [address for label, address in told if label == "attribute co_localsplusnames"]
    (kinds,) = [address for label, address in told if label == "attribute co_localspluskinds"]
    variables = ["given", "keyword", "closure_one", "closure_two"]
    assert [heap.text_at(address) for _, address in heap.references_at(names)] == variables
    assert heap.type_at(kinds) == "bytes"
    parts = ["consts", "names", "exceptiontable", "filename", "name", "qualname", "linetable", "code"]
    parts += ["varnames", "cellvars", "freevars"] * SINCE_3_12
    expected = pairs(attributes(code, *(f"co_{part}" for part in parts)))
    assert sorted(set(told) - set(expected)) == [
        ("attribute co_localspluskinds", kinds),
        ("attribute co_localsplusnames", names),
    ]
    assert len(told) == len(expected) + 2


for _part in ("co_code", "co_varnames", "co_cellvars", "co_freevars"):
    getattr(FUNCTION.__code__, _part)  # kept by the code object from then on, but for 3.11


# ---- generators ----


def inner(inner_argument: Any) -> Iterator[Any]:
    yield inner_argument


def outer(outer_argument: Any) -> Iterator[Any]:
    outer_local = Part()
    yield from inner([outer_argument, outer_local])


def started() -> Iterator[Any]:
    made = outer(Part())
    next(made)
    return made


GENERATOR = started()


def generator_parts(made: Any, function: Any) -> dict[str, object]:
    return {
        "attribute __name__": made.__name__,
        "attribute __qualname__": made.__qualname__,
        "attribute f_code": made.gi_code,
        "attribute __func__": function,
        **({} if SINCE_3_12 else attributes(made, "gi_code")),  # once more
    }


@CASES.add("generator that waits for another", GENERATOR)
def _(made: Any) -> Expected:
    return {
        **generator_parts(made, outer),
        "local outer_argument": [made.gi_frame.f_locals["outer_argument"]],
        "local outer_local": [made.gi_frame.f_locals["outer_local"]],
        "stack 0": made.gi_yieldfrom,
    }


@CASES.add("generator that is waited for", GENERATOR.gi_yieldfrom)  # type: ignore[attr-defined]
def _(made: Any) -> Expected:
    return {
        **generator_parts(made, inner),
        "local inner_argument": [made.gi_frame.f_locals["inner_argument"]],
    }


# ---- callables and descriptors ----


def partial() -> Any:
    made = functools.partial(print, Part(), end=Part())
    made.extra = Part()  # type: ignore[attr-defined]
    return made


@CASES.add("partial", partial())
def _(made: Any) -> Expected:
    return {**attributes(made, "func", "args", "keywords", "__dict__"), **class_of(made)}


DESCRIPTORS = {
    "method descriptor": list.append,
    "slot wrapper": int.__add__,
    "classmethod descriptor": vars(dict)["fromkeys"],
    "getset descriptor": vars(types.FunctionType)["__code__"],
    "member descriptor of C": vars(types.FunctionType)["__globals__"],
    "member descriptor of a slot": vars(Top)["top"],
}


def descriptor(made: Any) -> Expected:
    return attributes(made, "__objclass__", "__name__", "__qualname__")


for _name, _made in DESCRIPTORS.items():
    assert _made.__qualname__  # made when it is asked for
    CASES.add(_name, _made)(descriptor)


class Described:
    @property
    def prop(self) -> None:
        """Documented."""

    @prop.setter
    def prop(self, value: object) -> None:
        pass

    @prop.deleter
    def prop(self) -> None:
        pass

    @classmethod
    def of_class(cls) -> None:
        pass

    @staticmethod
    def static() -> None:
        pass


@CASES.add("property", vars(Described)["prop"])
def _(made: Any) -> Expected:
    name = referent(made, lambda held: held == "prop")
    return {**attributes(made, "fget", "fset", "fdel", "__doc__"), "attribute __name__": name}


@CASES.add("classmethod", vars(Described)["of_class"])
def _(made: Any) -> Expected:
    return attributes(made, "__func__", "__dict__")


@CASES.add("staticmethod", vars(Described)["static"])
def _(made: Any) -> Expected:
    return attributes(made, "__func__", "__dict__")


PROXIED = {"key": Part()}


@CASES.add("mappingproxy", types.MappingProxyType(PROXIED))
def _(made: Any) -> Expected:
    return {"attribute mapping": PROXIED}


# ---- classes ----


class Parent:
    __slots__ = ("slot",)


class Kind(Parent):
    def __init__(self) -> None:
        self.shared_one = self.shared_two = None


class Child(Kind):
    pass


Kind()


def subclasses(kind: type) -> dict[Any, Any]:
    """The table that Python shows as a list."""
    children = {id(child) for child in kind.__subclasses__()}
    (found,) = [held for held in gc.get_objects() if type(held) is dict and set(held) == children]
    return found


def class_parts(kind: type) -> dict[str, object]:
    parts = ["mro", "bases", "base", "name", "qualname"]
    told = {f"type part __{part}__": [getattr(kind, f"__{part}__")] for part in parts}
    return {**told, "attribute __dict__": referent(vars(kind), lambda held: type(held) is dict)}


@CASES.add("class", Kind)
def _(made: Any) -> Expected:
    keys = [key for key in ("shared_one", "shared_two")]
    return {
        **class_parts(made),
        "type part __subclasses__": subclasses(made),
        "type part shared key": keys,
    }


@CASES.add("class in C", functools.partial)
def _(made: Any) -> Expected:
    return {**class_parts(made), "type part __module__": sys.modules["_functools"]}


@CASES.add("class in C that is static", range)
def _(made: Any) -> Expected:
    names = ("type part __mro__", "type part __bases__", "attribute __dict__")
    return {name: class_parts(made)[name] for name in names}


# ---- exceptions ----


def fails(failing_argument: Any) -> None:
    failing_local = [failing_argument]
    raise ValueError(failing_local, Part()) from KeyError(Part())


def failed() -> BaseException:
    try:
        fails(Part())
    except ValueError as error:
        error.add_note("a note")
        error.extra = Part()  # type: ignore[attr-defined]
        return error
    raise AssertionError


ERROR = failed()
TRACEBACK = ERROR.__traceback__
assert TRACEBACK is not None and TRACEBACK.tb_next is not None


@CASES.add("exception", ERROR)
def _(made: Any) -> Expected:
    return {**attributes(made, "args", "__traceback__", "__cause__", "__dict__")}


@CASES.add("traceback", TRACEBACK)
def _(made: Any) -> Expected:
    return attributes(made, "tb_next", "tb_frame")


@CASES.add("last traceback", TRACEBACK.tb_next)
def _(made: Any) -> Expected:
    return attributes(made, "tb_frame")


@CASES.add("frame of a traceback", TRACEBACK.tb_next.tb_frame)
def _(made: Any) -> Expected:
    variables = {f"local {name}": [value] for name, value in made.f_locals.items()}
    return {**variables, **attributes(made, "f_code", "f_back"), "attribute __func__": fails}


# ---- the tests ----


@pytest.fixture(scope="module")
def heap(tmp_path_factory: pytest.TempPathFactory) -> Heap:
    return Heap(tmp_path_factory.mktemp("oracle") / "oracle.hsnap")


@pytest.mark.parametrize("name", CASES)
def test_all_references_are_what_python_says(name: str, heap: Heap) -> None:
    holder, expected = CASES[name]
    assert heap.references(holder) == pairs(expected(holder))
