# SPDX-License-Identifier: MIT
"""Table: the rows of Trace.rows() as text."""

from heapsight._figures import TraceFigures

__all__ = ["HELP", "NAME", "SUFFIXES", "make"]

NAME = "table"
SUFFIXES = (".txt",)
HELP = "largest lines of the program, as text"


def make(
    trace: TraceFigures,
    *,
    figure: str = "live",
    limit: int | None = 20,
    sort: str = "size",
    by: str = "line",
    module: str | None = None,
    file: str | None = None,
    thread: str | None = None,
) -> str:
    """Trace.text(). The options are those of Trace.rows()."""
    return trace.text(figure, limit, sort, by=by, module=module, file=file, thread=thread)
