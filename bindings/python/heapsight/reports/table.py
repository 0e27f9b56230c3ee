# SPDX-License-Identifier: MIT
"""Table: the rows of Trace.rows() as text."""

from typing import Any

from heapsight._trace import Trace
from heapsight.reports._words import nothing, printable

__all__ = ["HELP", "NAME", "SUFFIXES", "make"]

NAME = "table"
SUFFIXES = (".txt",)
HELP = "largest lines of the program, as text"


def make(
    trace: Trace,
    *,
    figure: str = "live",
    limit: int | None = 20,
    sort: str = "size",
    by: str = "line",
    module: str | None = None,
    file: str | None = None,
    thread: str | None = None,
) -> str:
    """Trace.text(), or a sentence where it has no rows. The options are those of Trace.rows()."""
    chosen: dict[str, Any] = {"by": by, "module": module, "file": file, "thread": thread}
    if not trace.rows(figure, 1, sort, **chosen):
        return nothing(trace, figure) + "\n"
    lines = trace.text(figure, limit, sort, **chosen).split("\n")
    return "\n".join(map(printable, lines))
