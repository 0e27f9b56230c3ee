# SPDX-License-Identifier: MIT
"""A trace: its figures, and reports of them."""

import os
from typing import Any

from heapsight import reports
from heapsight._figures import AllocationRow, GrowthRow, TraceFigures
from heapsight._frames import Frame

__all__ = ["AllocationRow", "Frame", "GrowthRow", "Trace"]


class Trace(TraceFigures):
    """Allocations up to one moment; it never changes.

    Made by Tracer.trace(), and by Snapshot.trace where a snapshot was taken while tracing. In mode
    "sampled" every number is an estimate without bias, in mode "exact" it is exact. heapsight's own
    allocations are left out. print() shows what is alive, by line.
    """

    def report(
        self, name: str | None = None, path: str | os.PathLike[str] | None = None, **options: Any
    ) -> str:
        """A report as text, or written to a file at `path`; then the path is returned.

        name: one of heapsight.reports.NAMES; None to let the ending of the path choose. options:
        those of the report, such as figure="peak". Raises HeapsightValueError for a name or an
        ending that no report has and for a binary report without a path, HeapsightTypeError for an
        option that it does not have, HeapsightOSError when the file cannot be written; what was
        there is then untouched. Cost: a few passes over the stacks.
        """
        return reports.report(self, name, path, **options)
