# SPDX-License-Identifier: MIT
"""Places in the program that allocated objects."""

from collections.abc import Iterable

from heapsight._rows import SiteRow
from heapsight._text import remainder, size_text, text_table
from heapsight._trace import Frame, frame_text

__all__ = ["HEADING", "NO_SITE", "site_rows", "sites_table", "sites_text"]

NO_SITE = "(not known)"  # where no tracer saw the allocation
HEADING = "type and where it was allocated"
SHOWN_SITES = 3

Counted = tuple[tuple[str, str, int, int], str, int, int]


def site_rows(rows: Iterable[Counted]) -> list[SiteRow]:
    """The named form of what the extension counted."""
    return [SiteRow(_site_text(frame), name, count, size) for frame, name, count, size in rows]


def _site_text(frame: tuple[str, str, int, int]) -> str:
    function, file, line, thread = frame
    if thread:
        return "(no Python code)"
    return frame_text(Frame(function, file, line)) if file else NO_SITE


def sites_text(rows: list[SiteRow]) -> str:
    """A paragraph for people; "" where nothing is known.

    >>> print(sites_text([SiteRow("app.py:3 in f", "list", 12, 672)]), end="")
    <BLANKLINE>
    allocated at app.py:3 in f
    >>> print(sites_text([SiteRow(f"app.py:{n} in f", "list", 9, 1) for n in range(4)]), end="")
    <BLANKLINE>
    allocated at
         9 of 36  app.py:0 in f
         9 of 36  app.py:1 in f
         9 of 36  app.py:2 in f
        ... 1 more places
    """
    known = [row for row in rows if row.site != NO_SITE]
    if not known:
        return ""
    if len(rows) == 1:
        return f"\nallocated at {known[0].site}\n"
    total = f"{sum(row.count for row in rows):,}"
    shown = [(f"{row.count:,}".rjust(len(total)), row.site) for row in known[:SHOWN_SITES]]
    lines = [f"    {count} of {total}  {site}\n" for count, site in shown]
    unknown = sum(row.count for row in rows) - sum(row.count for row in known)
    note = f"    {unknown:,} more before the tracer ran, or not sampled\n" if unknown else ""
    cut = remainder(len(known), len(shown), "places")
    return "\nallocated at\n" + "".join(lines) + (cut and f"    {cut}") + note


def sites_table(rows: list[SiteRow], limit: int) -> str:
    """Some types and places as text, 0 for all.

    >>> print(sites_table([SiteRow("app.py:3 in f", "list", 12, 672)], 0), end="")
    objects   size  type and where it was allocated
         12  672 B  list at app.py:3 in f
    """
    shown = rows[: limit or None]
    cells = [
        (f"{row.count:,}", size_text(row.bytes), f"{row.type} at {row.site}") for row in shown
    ]
    table = text_table(("objects", "size", HEADING), cells)
    return table + remainder(len(rows), len(shown), "sites")
