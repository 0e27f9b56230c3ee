# SPDX-License-Identifier: MIT
"""Why objects are still alive: the labelled paths from roots to them."""

from collections.abc import Iterator
from os import PathLike

from heapsight import _core
from heapsight._graph import Graph
from heapsight._handle import Handle
from heapsight._rows import PathRow, SiteRow, path_row
from heapsight._sites import site_rows, sites_text
from heapsight._text import html_table, remainder

__all__ = ["Why"]


class Why(Handle[_core.Paths]):
    """The shortest paths from roots to some objects; equal paths are one row with a count.

    Iterating gives the rows, print() shows them as text, render() draws them.
    """

    __slots__ = ()

    _kind = "answer"

    def paths(self) -> list[PathRow]:
        """One row for each way in which the objects are held, the most common first."""
        return [path_row(fields) for fields in self._open.rows()]

    def sites(self) -> list[SiteRow]:
        """Where the objects were allocated, the most common place first.

        Empty where no tracer was running; "(not known)" for objects made before it, or not sampled.
        """
        return site_rows(self._open.sites(), "count")

    @property
    def omitted_count(self) -> int:
        """Ways that were found but lie beyond the limit."""
        return self._open.omitted_count

    @property
    def unreached_count(self) -> int:
        """Objects that no root reaches: garbage that waits for the collector."""
        return self._open.unreached_count

    def graph(self) -> Graph:
        """The paths as one picture."""
        return Graph(self._open.subgraph())

    def render(self, path: str | PathLike[str], timeout: float = 60.0) -> str:
        """Draw the paths into a .png, .svg, .pdf or .dot file; see Graph.render()."""
        return self.graph().render(path, timeout)

    def __iter__(self) -> Iterator[PathRow]:
        return iter(self.paths())

    def __len__(self) -> int:
        return len(self._open.rows())

    def __str__(self) -> str:
        return self._open.text() + sites_text(self.sites())

    def _repr_html_(self) -> str:
        rows = self.paths()
        cells = [(row.expression, row.root, row.object_count, row.bytes) for row in rows]
        table = html_table("Why alive", ("path", "root", "objects", "bytes"), cells)
        return table + remainder(len(rows) + self.omitted_count, len(rows), "paths")

    def _summary(self) -> str:
        return f"{len(self):,} paths"
