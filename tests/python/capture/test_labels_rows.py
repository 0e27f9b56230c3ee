# SPDX-License-Identifier: MIT
"""Each row of private_rows in rules.c names what it says: one case a row, on a real object."""

from __future__ import annotations

import abc
import gc
import itertools
import operator
import re
import struct
import sys
import types
import typing
from collections.abc import Callable
from pathlib import Path

import pytest
from references import Heap

RULES = Path(__file__).resolve().parents[3] / "bindings" / "python" / "capture" / "rules.c"
ROW = re.compile(r'\{"([\w.-]+)", (\d+), "([^"]+)", HSIGHT_LABEL_(\w+)\}')
KINDS = {"ATTRIBUTE": "attribute", "INTERNAL": "internal"}

Row = tuple[str, int]  # tp_name and word of the object
Made = tuple[object, object]  # the object and what the word refers to
Parameter = typing.TypeVar("Parameter")


class Registered:
    pass


class Heir(Registered):
    pass


class Stranger:
    pass


class Abstract(abc.ABC):
    pass


class Owner:
    @property
    def property_name(self) -> None:
        pass


def part(holder: object, accept: Callable[[typing.Any], bool]) -> object:
    """The one thing of this content that the holder's tp_traverse tells of."""
    (found,) = [held for held in gc.get_referents(holder) if accept(held)]
    return found


def property_name() -> Made:
    made = vars(Owner)["property_name"]
    return made, part(made, lambda held: held == "property_name")


def builtin_method() -> Made:
    return re.compile("defining").search, re.Pattern


def method_wrapper() -> Made:
    return [].__len__, vars(list)["__len__"]


def abstract(of_interest: type) -> Made:
    """Of an abstract class the set that has a class in it."""
    Abstract.register(Registered)
    assert issubclass(Heir, Abstract) and not issubclass(Stranger, Abstract)
    data = Abstract._abc_impl  # type: ignore[attr-defined]
    return data, part(
        data, lambda held: type(held) is set and of_interest in [entry() for entry in held]
    )


def pattern_groups() -> Made:
    made = re.compile("(?P<group_here>x)")
    return made, part(made, lambda held: type(held) is dict and held == {"group_here": 1})


def pattern_names() -> Made:
    made = re.compile("(?P<group_there>x)")
    return made, part(made, lambda held: held == (None, "group_there"))


def counted(which: int) -> Made:
    numbers = (10**30, 10**20)
    made = itertools.count(*numbers)
    return made, part(made, lambda held: held is numbers[which])


def hashable_arguments() -> Made:
    made = typing.Union[int, str]
    return made, part(made, lambda held: held == frozenset((int, str)))


def unhashable_arguments() -> Made:
    unhashable = typing.Annotated[str, []]
    made = typing.Union[int, unhashable]
    return made, part(made, lambda held: held == (unhashable,))


def parameters(generic: typing.Any) -> Made:
    assert generic.__parameters__ == (Parameter,)  # made when it is asked for
    return generic, generic.__parameters__


def getter_names() -> Made:
    made = operator.attrgetter("first", "second.third")
    return made, part(made, lambda held: held == ("first", ("second", "third")))


def struct_format() -> Made:
    made = struct.Struct("<2iq")
    return made, part(made, lambda held: held in (b"<2iq", "<2iq"))


def lazy(source: str, accept: Callable[[typing.Any], bool]) -> Made:
    """An import that was not done yet. It is only held by name in here: a global would do it."""
    namespace: dict[str, object] = {}
    exec(source, namespace)
    imports = [held for held in gc.get_referents(namespace) if type(held).__name__ == "lazy_import"]
    return imports[0], part(imports[0], accept)


def union() -> Made:
    return parameters(int | list[Parameter])


CASES: dict[Row, tuple[str, Callable[[], Made]]] = {
    ("property", 6): ("attribute __name__", property_name),
    ("builtin_method", 7): ("internal defining class", builtin_method),
    ("method-wrapper", 2): ("internal descriptor", method_wrapper),
    ("_abc._abc_data", 2): ("internal registry", lambda: abstract(Registered)),
    ("_abc._abc_data", 3): ("internal cache", lambda: abstract(Heir)),
    ("_abc._abc_data", 4): ("internal negative cache", lambda: abstract(Stranger)),
    ("re.Pattern", 4): ("attribute groupindex", pattern_groups),
    ("re.Pattern", 5): ("internal names of groups", pattern_names),
    ("itertools.count", 3): ("internal count", lambda: counted(0)),
    ("itertools.count", 4): ("internal step", lambda: counted(1)),
    ("typing.Union", 3): ("internal hashable arguments", hashable_arguments),
    ("typing.Union", 4): ("internal unhashable arguments", unhashable_arguments),
    ("typing.Union", 5): ("attribute __parameters__", union),
    ("types.UnionType", 3): ("attribute __parameters__", union),
    ("types.GenericAlias", 4): ("attribute __parameters__", lambda: parameters(list[Parameter])),
    ("operator.attrgetter", 3): ("internal names", getter_names),
    ("_struct.Struct", 5): ("attribute format", struct_format),
    ("lazy_import", 2): ("internal builtins", lambda: lazy(LAZY, lambda held: type(held) is dict)),
    ("lazy_import", 3): ("internal module to import", lambda: lazy(LAZY, lambda held: held == "late")),
    ("lazy_import", 4): ("internal name to import", lambda: lazy(LAZY_FROM, lambda held: held == "part")),
    ("lazy_import", 5): (
        "internal importing code",
        lambda: lazy(LAZY, lambda held: type(held) is types.CodeType),
    ),
}
LAZY, LAZY_FROM = "lazy import late", "lazy from late import part"
SINCE = {"typing.Union": (3, 14), "lazy_import": (3, 15)}
BEFORE = {"types.UnionType": (3, 14)}  # then it is called typing.Union


def exists(kind: str) -> bool:
    version = sys.version_info[:2]
    return SINCE.get(kind, (3, 11)) <= version < BEFORE.get(kind, (4, 0))


@pytest.fixture(scope="module")
def made() -> dict[Row, Made]:
    return {row: make() for row, (_, make) in CASES.items() if exists(row[0])}


@pytest.fixture(scope="module")
def heap(
    made: dict[Row, Made], tmp_path_factory: pytest.TempPathFactory
) -> Heap:
    return Heap(tmp_path_factory.mktemp("rows") / "rows.hsnap")


@pytest.mark.parametrize("row", CASES, ids=lambda row: f"{row[0]} {row[1]}")
def test_the_row_names_its_reference(
    row: Row, made: dict[Row, Made], heap: Heap
) -> None:
    if not exists(row[0]):
        pytest.skip(f"this Python has no type of the name {row[0]}")
    holder, target = made[row]
    assert type(holder).__name__ == row[0].rpartition(".")[2]
    names = [label for label, address in heap.references(holder) if address == id(target)]
    assert names == [CASES[row][0]]


def test_each_row_has_a_case() -> None:
    """As the file of the rules has them, name and kind too."""
    source = RULES.read_text()
    rows = {
        (kind, int(word)): f"{KINDS[label]} {name}"
        for kind, word, name, label in ROW.findall(source)
    }
    begin = source.index("private_rows[] = {")
    assert len(rows) == source[begin : source.index("};", begin)].count('{"')
    assert rows == {row: label for row, (label, _) in CASES.items()}
