# SPDX-License-Identifier: MIT
"""The rows that answers are made of, and how they are chosen and ordered."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

from heapsight._core import HeapsightValueError
from heapsight._errors import HeapsightTypeError

__all__ = [
    "DiffRow",
    "NativeReferenceRow",
    "PathRow",
    "PathStep",
    "SiteDiffRow",
    "SiteRow",
    "TypeRow",
    "check_limit",
    "check_sort",
    "first",
    "path_row",
    "type_filter",
]

SORTS = ("size", "count", "type")


class TypeRow(NamedTuple):
    """All objects of one type. `bytes` is the sum of their shallow sizes.

    `sizes` tells how good they are: "exact", what Python's allocators hold; "formula", what the
    type's own __sizeof__ says, which is in C, or beside an exact tracer the blocks that the objects
    lead to; "lower bound", the blocks of the objects alone, as nobody knows what C code keeps beside
    them. A row is as good as the worst of its objects.
    """

    type: str
    count: int  # type: ignore[assignment]  # the name is part of the interface
    bytes: int
    sizes: str = "exact"


class DiffRow(NamedTuple):
    """How a type changed between two snapshots; negative numbers mean it shrank."""

    type: str
    count_delta: int
    bytes_delta: int


class SiteRow(NamedTuple):
    """All objects of one type that one place in the program allocated."""

    site: str
    type: str
    count: int  # type: ignore[assignment]  # the name is part of the interface
    bytes: int


class SiteDiffRow(NamedTuple):
    """How the objects that one place allocated changed; negative numbers mean fewer."""

    site: str
    type: str
    count_delta: int
    bytes_delta: int


class NativeReferenceRow(NamedTuple):
    """A type of which C code holds more objects than before, or holds objects more often.

    `count_delta` is the change of the number of objects that C code holds, `reference_delta` that
    of its references to them; `object_count` and `reference_count` are what it holds now. `sites`
    are (place, objects) of those that it did not hold before, or with fewer references, most
    objects first; empty where no tracer saw them. `examples` are (address, name or preview) of up
    to three of these objects; Snapshot.why() takes an address. `holders` are (what seems to hold
    them, objects), most objects first: a static variable of a library, a native block (exact
    tracer), an object whose type does not tell what it keeps, the state of a module, or the C
    stack of a thread in a function of an extension module, where their address was found. That is
    weak evidence: such a word may be left over, or a number.
    """

    type: str
    count_delta: int
    reference_delta: int
    object_count: int
    reference_count: int
    sites: tuple[tuple[str, int], ...]
    examples: tuple[tuple[int, str], ...]
    holders: tuple[tuple[str, int], ...]


class PathStep(NamedTuple):
    """One object on a path. `label` is what the reference to it adds, such as ".cache"."""

    label: str
    type: str
    address: int
    bytes: int
    preview: str


class PathRow(NamedTuple):
    """One way in which objects are held, with one example.

    `expression` reads the path as source text. `root` describes where it starts; `root_kind`,
    `root_name`, `thread`, `function`, `file` and `line` are its parts ("" and 0 where they do not
    apply). `object_count` objects are held this way, `bytes` is the sum of their shallow sizes.
    """

    expression: str
    root: str
    root_kind: str
    root_name: str
    thread: str
    function: str
    file: str
    line: int
    object_count: int
    bytes: int
    steps: tuple[PathStep, ...]


Row = TypeVar("Row")


def path_row(fields: dict[str, Any]) -> PathRow:
    """The named form of a path as the extension reports it."""
    steps = tuple(PathStep(*step) for step in fields["steps"])
    return PathRow(**{**fields, "steps": steps})


def check_limit(limit: int | None, what: str = "limit") -> int:
    """A row limit as the extension takes it, where 0 means all."""
    if limit is None:
        return 0
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise HeapsightTypeError(
            f"{what} must be a whole number or None, not {type(limit).__name__}"
        )
    if limit < 1:
        raise HeapsightValueError(f"{what} must be 1 or more (None means all), not {limit}")
    return limit


def check_sort(sort: str) -> str:
    """`sort` if it names an order."""
    if sort not in SORTS:
        raise HeapsightValueError(f'sort must be "size", "count" or "type", not {sort!r}')
    return sort


def type_filter(only: str | None) -> Callable[[str], bool]:
    """A test for type names that are `only` itself or lie inside it: "app" takes "app.Session"."""
    if only is None:
        return bool
    prefix = only.removesuffix(".") + "."
    return lambda name: name.startswith(prefix) or name == only


def first(rows: Iterable[Row], limit: int | None) -> list[Row]:
    """At most `limit` rows; None means all."""
    end = check_limit(limit)
    return list(rows)[:end] if end else list(rows)
