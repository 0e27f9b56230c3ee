# SPDX-License-Identifier: MIT
"""Pictures of a small part of a heap."""

import os
from html import escape
from os import PathLike

from heapsight import _core
from heapsight._core import HeapsightValueError
from heapsight._errors import HeapsightTypeError
from heapsight._handle import Handle
from heapsight._rows import check_limit

__all__ = ["Graph", "check_graph_options"]

DIRECTIONS = ("referrers", "referents")
NOT_DRAWN = "Graphviz's dot program could not draw this; with Graphviz installed it is a picture."


class Graph(Handle[_core.Subgraph]):
    """Some objects, the references between them and the roots that hold them.

    A notebook shows it as a picture; render() writes it to a file.
    """

    __slots__ = ()

    _kind = "graph"

    @property
    def node_count(self) -> int:
        """Objects in the picture."""
        return self._open.node_count

    @property
    def edge_count(self) -> int:
        """References in the picture."""
        return self._open.edge_count

    def render(self, path: str | PathLike[str], timeout: float = 60.0) -> str:
        """Draw into a file and return its path. The ending chooses: .png, .svg, .pdf or .dot.

        Graphviz's dot program does the drawing and is stopped after `timeout` seconds.
        Raises HeapsightValueError for another ending, and HeapsightOSError when the file cannot be
        written or dot is missing, fails or takes too long: the .dot source is then written beside,
        and the message says how to draw it.
        """
        if not timeout > 0:
            raise HeapsightValueError(f"timeout must be above 0 seconds, not {timeout!r}")
        self._open.draw(path, max(1, round(timeout * 1000)))
        return os.fspath(path)

    def to_dot(self) -> str:
        """The picture as Graphviz source text."""
        return self._open.dot()

    def __str__(self) -> str:
        return self.to_dot()

    def _repr_html_(self) -> str:
        """The drawing as SVG; where dot cannot draw it, the source text."""
        from tempfile import TemporaryDirectory  # imports much

        with TemporaryDirectory(prefix="heapsight-") as folder:
            try:
                with open(self.render(os.path.join(folder, "graph.svg")), encoding="utf-8") as file:
                    drawing = file.read()
            except OSError:
                return f"<p>{NOT_DRAWN}</p><pre>{escape(self.to_dot())}</pre>"
        return drawing[max(0, drawing.find("<svg")) :]

    def _summary(self) -> str:
        return f"{self.node_count:,} objects, {self.edge_count:,} references"


def check_graph_options(direction: str, depth: int, too_many: int | None) -> int:
    """`too_many` as the extension takes it, after a look at all three."""
    if direction not in DIRECTIONS:
        raise HeapsightValueError(
            f'direction must be "referrers" or "referents", not {direction!r}'
        )
    if not isinstance(depth, int) or isinstance(depth, bool):
        raise HeapsightTypeError(f"depth must be a whole number, not {type(depth).__name__}")
    if depth < 0:
        raise HeapsightValueError(f"depth must be 0 or more, not {depth}")
    return check_limit(too_many, "too_many")
