# SPDX-License-Identifier: MIT
"""Places in the program that allocated objects."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from heapsight import _core
from heapsight._figures import TraceFigures
from heapsight._frames import Frame, frame_text, own_folders, stack_text
from heapsight._rows import SiteDiffRow, SiteRow
from heapsight._text import printable, remainder, size_text, text_table

__all__ = [
    "HEADING",
    "NO_OBJECT",
    "NOT_SAMPLED",
    "NO_SITE",
    "native_rows",
    "not_sampled_last",
    "not_sampled_text",
    "site_rows",
    "sites_table",
    "sites_text",
    "snapshot_sites",
    "type_at_site",
]

NO_SITE = "(not known)"  # where no tracer saw the allocation
NOT_SAMPLED = "(not sampled)"  # the same where the tracer draws samples
NO_OBJECT = "(no object)"  # in place of a type: blocks that belong to none
OWN_SITE = "(heapsight)"  # what it made for the program, such as the loader of the main module
HEADING = "type and where it was allocated"
SHOWN_SITES = 3

Counted = tuple[tuple[str, str, int, int], str, int, int]


Row = TypeVar("Row", SiteRow, SiteDiffRow)


def snapshot_sites(held: _core.Snapshot, sort: str = "size") -> list[SiteRow]:
    """What each place allocated, native blocks too; sort as in site_rows()."""
    return _sorted(site_rows(held.sites()) + native_rows(held.trace), sort)


def site_rows(counted: Sequence[Counted], sort: str = "size") -> list[SiteRow]:
    """The named form of what the extension counted; sort: "size" (bytes), "count" or "type"."""
    own = own_folders({frame[1] for frame, *_ in counted})
    sums: dict[tuple[str, str], list[int]] = {}
    for frame, name, count, size in counted:
        total = sums.setdefault((_site_text(frame, own), name), [0, 0])
        total[0] += count
        total[1] += size
    return _sorted([SiteRow(*key, *total) for key, total in sums.items()], sort)


def _sorted(rows: list[SiteRow], sort: str) -> list[SiteRow]:
    at = {"count": 2, "size": 3}.get(sort)
    return sorted(rows, key=lambda row: (-int(row[at]) if at else 0, row.type, row.site))


def native_rows(trace: _core.Trace | None) -> list[SiteRow]:
    """Native blocks by the line that allocated them; none where they are not known."""
    if trace is None or trace.native_rows() is None:
        return []
    rows = TraceFigures(trace).native(None, by="line")
    return [SiteRow(stack_text(row.stack), NO_OBJECT, row.blocks, row.bytes) for row in rows]


def _site_text(frame: tuple[str, str, int, int], own: tuple[str, ...]) -> str:
    function, file, line, thread = frame
    if thread:
        return "(no Python code)"
    if file.startswith(own):
        return OWN_SITE
    return frame_text(Frame(function, file, line)) if file else NO_SITE


def not_sampled_last(rows: list[Row]) -> list[Row]:
    """Rows of sampled objects: those without a site say why, and come after the places."""
    known = [row for row in rows if row.site != NO_SITE]
    return known + [row._replace(site=NOT_SAMPLED) for row in rows if row.site == NO_SITE]


def not_sampled_text(rows: Iterable[SiteRow]) -> str:
    """The line under a table of sites that says how few objects it tells of, "" if of all.

    >>> rows = [SiteRow("app.py:3 in f", "list", 1, 72), SiteRow("(not sampled)", "list", 9, 648)]
    >>> not_sampled_text(rows).partition(" (")[0]
    '9 of 10 objects were not sampled'
    """
    counts = [(row.count, row.site == NOT_SAMPLED) for row in rows]
    missed = sum(count for count, is_missed in counts if is_missed)
    if not missed:
        return ""
    total = sum(count for count, _ in counts)
    return (
        f"{missed:,} of {total:,} objects were not sampled (or are older than the tracer);"
        " --exact watches every allocation\n"
    )


def type_at_site(row: SiteRow | SiteDiffRow) -> str:
    """The cell under HEADING."""
    return f"{printable(row.type)} at {row.site}"


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
    cells = [(f"{row.count:,}", size_text(row.bytes), type_at_site(row)) for row in shown]
    table = text_table(("objects", "size", HEADING), cells)
    return table + remainder(len(rows), len(shown), "sites") + not_sampled_text(rows)
