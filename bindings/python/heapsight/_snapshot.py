# SPDX-License-Identifier: MIT
"""The heap of one process at one moment."""

from os import PathLike
from typing import Any, Literal, overload

from heapsight import _core
from heapsight._core import HeapsightValueError
from heapsight._errors import HeapsightTypeError
from heapsight._graph import Graph, check_graph_options
from heapsight._handle import Handle
from heapsight._rows import SiteRow, TypeRow, check_limit, check_sort, first, type_filter
from heapsight._sites import not_sampled_last, sites_table, snapshot_sites
from heapsight._text import html_table, printable, remainder, size_text, text_table
from heapsight._trace import Trace
from heapsight._why import Why

__all__ = ["SHOWN_ROWS", "Snapshot", "load"]

SHOWN_ROWS = 20  # of a table that is printed or shown in a notebook
EXAMPLES = 3  # objects of a type that a picture shows one by one


class Snapshot(Handle[_core.Snapshot]):
    """All objects of a heap and the references between them; it never changes.

    Made by heapsight.snapshot() and heapsight.load(). It holds no reference to the objects: they
    live and die as without it. print() shows the types that use most memory.
    """

    __slots__ = ("_trace",)

    _kind = "snapshot"

    def __init__(self, held: _core.Snapshot) -> None:
        super().__init__(held)
        self._trace: Trace | None = None

    def close(self) -> None:
        """Give the memory back now. Every later question raises HeapsightValueError."""
        super().close()
        self._trace = None

    @property
    def label(self) -> str:
        """The name given when it was taken."""
        return str(self.info["label"])

    @property
    def info(self) -> dict[str, Any]:
        """Where, when and how it was taken; times in nanoseconds, sizes in bytes.

        Remarks of the walk are 0 and "" in a healthy heap: overcounted_count (objects with more
        references than their refcount says), doubted_count (objects whose size cannot be, counted
        with the fixed part of their type), invalid_count (references a C type told of that lead to
        no object, left out), and *_types, which types these were, the most frequent first.
        """
        return self._open.info

    def info_text(self) -> str:
        """The info as text for people."""
        return self._open.info_text()

    @property
    def object_count(self) -> int:
        """Number of objects."""
        return self._open.object_count

    @property
    def reference_count(self) -> int:
        """Number of references between the objects."""
        return self._open.reference_count

    @property
    def total_bytes(self) -> int:
        """Sum of the shallow sizes of all objects."""
        return self._open.total_bytes

    @overload
    def types(
        self,
        limit: int | None = ...,
        sort: str = ...,
        *,
        only: str | None = ...,
        by: Literal["type"] = ...,
    ) -> list[TypeRow]: ...
    @overload
    def types(
        self,
        limit: int | None = ...,
        sort: str = ...,
        *,
        only: str | None = ...,
        by: Literal["site"],
    ) -> list[SiteRow]: ...
    def types(
        self,
        limit: int | None = 10,
        sort: str = "size",
        *,
        only: str | None = None,
        by: str = "type",
    ) -> list[TypeRow] | list[SiteRow]:
        """The types in the heap, largest first; with by="site" for each place that allocated them.

        limit: rows at most, None for all. sort: "size" (bytes), "count" or "type".
        only: a package, module or type name; other types are left out. Objects that a sampling
        tracer did not draw are at "(not sampled)", after the places; what no tracer saw at
        "(not known)"; what heapsight made for the program at "(heapsight)". Where an exact tracer
        was running, rows of the type "(no object)" count blocks that are alive and that no object
        leads to, as in Trace.native().
        Raises HeapsightValueError for another sort, by or a limit below 1, and HeapsightLookupError
        for by="site" where no tracer was running. Cost: one pass over the objects.
        """
        wanted = type_filter(only)
        if by == "site":
            sites = snapshot_sites(self._open, check_sort(sort))
            rows = [row for row in sites if wanted(row.type)]
            return first(not_sampled_last(rows) if self._is_sampled else rows, limit)
        _check_by(by)
        types = (TypeRow(*row) for row in self._open.types(check_sort(sort)))
        return first((row for row in types if wanted(row.type)), limit)

    @property
    def trace(self) -> Trace | None:
        """The allocations up to the moment of the snapshot; None where no tracer was running."""
        held = self._open.trace
        if self._trace is None and held is not None:
            self._trace = Trace(held)
        return self._trace

    @property
    def _is_sampled(self) -> bool:
        trace = self.trace
        return trace is not None and trace.info["mode"] == "sampled"

    def text(
        self,
        limit: int | None = 10,
        sort: str = "size",
        *,
        only: str | None = None,
        by: str = "type",
    ) -> str:
        """The rows of types() as a table."""
        shown = check_limit(limit)
        if by == "site":
            return sites_table(self.types(None, sort, only=only, by="site"), shown)
        _check_by(by)
        if only is None:
            return self._open.types_text(check_sort(sort), shown)
        return types_table(self.types(None, sort, only=only), shown)

    def addresses(self, type_name: str, limit: int | None = None) -> list[int]:
        """Where the objects of a type lie, in the order they were found.

        Raises HeapsightLookupError when no object has a type of this name.
        """
        return self._open.addresses(_type_name(type_name), check_limit(limit))

    def why(self, target: str | int, limit: int | None = 10) -> Why:
        """The shortest paths that keep alive all objects of a type, or the object at an address.

        target: a type name ("app.Session") or an address. limit: kinds of paths, None for all.
        Raises HeapsightLookupError for a type or address that is not in the snapshot.
        Cost: a search over all references.
        """
        wanted = _target(target)
        return Why(self._open.paths(wanted, check_limit(limit)))

    def graph(
        self,
        target: str | int,
        direction: str = "referrers",
        depth: int = 4,
        too_many: int | None = 10,
    ) -> Graph:
        """A picture of what refers to an object ("referrers") or what it refers to ("referents").

        target: an address or a type name. For a type with more than three objects the picture shows
        the paths of why() instead of every object, or three of the objects if direction is
        "referents". depth: references away from the target. too_many: neighbours drawn for one
        object, None for all. Neither has a say in a picture of paths.
        Raises HeapsightLookupError for a type or address that is not in the snapshot.
        """
        drawn = check_graph_options(direction, depth, too_many)
        wanted = _target(target)
        if isinstance(wanted, str):
            found = self._open.addresses(wanted, EXAMPLES + 1)
            if len(found) > EXAMPLES and direction == "referrers":
                return self.why(wanted).graph()
            wanted = found[:EXAMPLES]
        return Graph(self._open.around(wanted, direction, depth, drawn))

    def save(self, path: str | bytes | PathLike[str]) -> None:
        """Write the snapshot to a file, readable by its owner only.

        The file appears when it is complete, never half written.
        Raises HeapsightOSError when it cannot be written.
        """
        self._open.save(path)

    def __str__(self) -> str:
        return self._open.types_text("size", SHOWN_ROWS)

    def _repr_html_(self) -> str:
        rows = self.types(limit=None)
        shown = rows[:SHOWN_ROWS]
        table = html_table(self._summary(), TypeRow._fields, shown)
        return table + remainder(len(rows), len(shown), "types")

    def _summary(self) -> str:
        held = self._open
        return f"{self.label!r}: {held.object_count:,} objects, {size_text(held.total_bytes)}"


def load(path: str | bytes | PathLike[str]) -> Snapshot:
    """Open a snapshot file. The file is mapped, not read: this is quick for any size.

    Raises HeapsightOSError when it cannot be opened and HeapsightValueError, with the place in the
    file, when it is damaged or not a snapshot.
    """
    return Snapshot(_core.load(path))


def types_table(rows: list[TypeRow], limit: int) -> str:
    """Some types as text, 0 for all."""
    shown = rows[: limit or None]
    cells = [(f"{row.count:,}", size_text(row.bytes), _marked(row)) for row in shown]
    table = text_table(("objects", "size", "type"), cells)
    return table + remainder(len(rows), len(shown), "types")


def _marked(row: TypeRow) -> str:
    return printable(row.type) + ("  (at least)" if row.sizes == "lower bound" else "")


def _check_by(by: str) -> None:
    if by != "type":
        raise HeapsightValueError(f'by must be "type" or "site", not {by!r}')


def _target(target: str | int) -> str | list[int]:
    """A target as the extension takes it: a type name or a list of addresses."""
    if isinstance(target, str):
        return _type_name(target)
    if isinstance(target, int) and not isinstance(target, bool):
        if not 0 < target < 1 << 64:
            raise HeapsightValueError(f"an address is a number of 64 bits, not {target:#x}")
        return [target]
    raise HeapsightTypeError(
        "a snapshot is asked by type name or address, not by "
        f"{type(target).__name__}; heapsight.why() and heapsight.graph() take a live object"
    )


def _type_name(name: str) -> str:
    """A type name as snapshots spell it: a lone surrogate, which UTF-8 has not, is an escape."""
    return name.encode("utf-8", "backslashreplace").decode() if isinstance(name, str) else name
