# SPDX-License-Identifier: MIT
"""What grew between two snapshots."""

from heapsight import _core
from heapsight._handle import Handle
from heapsight._rows import (
    DiffRow,
    SiteDiffRow,
    SiteRow,
    check_limit,
    check_sort,
    first,
    type_filter,
)
from heapsight._sites import (
    HEADING,
    NO_OBJECT,
    NO_SITE,
    not_sampled_last,
    not_sampled_text,
    snapshot_sites,
    type_at_site,
)
from heapsight._snapshot import SHOWN_ROWS, Snapshot
from heapsight._text import html_table, printable, remainder, signed, signed_size, text_table

__all__ = ["Diff", "diff"]


class Diff(Handle[_core.Diff]):
    """The difference of two snapshots, by type. print() shows the types that grew most."""

    __slots__ = ("_pair",)

    _kind = "diff"

    def __init__(self, held: _core.Diff, before: _core.Snapshot, after: _core.Snapshot) -> None:
        super().__init__(held)
        self._pair = before, after

    def types(
        self, limit: int | None = None, sort: str = "size", *, only: str | None = None
    ) -> list[DiffRow]:
        """The types that changed, most grown first; unchanged ones are left out.

        limit: rows at most, None for all. sort: "size" (bytes), "count" or "type".
        only: a package, module or type name; other types are left out.
        Raises HeapsightValueError for another sort or a limit below 1. Cost: one pass over the
        types.
        """
        check_sort(sort)
        wanted = type_filter(only)
        rows = [DiffRow(*row[:3]) for row in self._open.rows() if wanted(row[0])]
        if sort == "size":
            rows.sort(key=lambda row: (-row.bytes_delta, row.type))
        elif sort == "count":
            rows.sort(key=lambda row: (-row.count_delta, row.type))
        else:
            rows.sort(key=lambda row: row.type)
        return first(rows, limit)

    def sites(
        self, limit: int | None = None, sort: str = "size", *, only: str | None = None
    ) -> list[SiteDiffRow]:
        """What grew by the place that allocated it, most grown first.

        Rows, limit, sort and only as in types(). Objects of a snapshot that was taken without a
        tracer count as "(not known)"; where samples were drawn, objects without a known place as
        "(not sampled)", after the places. Native blocks have the type "(no object)", as in
        Snapshot.types(by="site"). Raises HeapsightLookupError where the later snapshot has
        no allocation sites. Cost: one pass over the objects of both.
        """
        return first(self._sites(sort, only)[0], limit)

    def sites_text(
        self, limit: int | None = 10, sort: str = "size", *, only: str | None = None
    ) -> str:
        """The rows of sites() as a table."""
        rows, note = self._sites(sort, only)
        shown = rows[: check_limit(limit) or None]
        cells = [
            (signed(row.count_delta), signed_size(row.bytes_delta), type_at_site(row))
            for row in shown
        ]
        table = text_table(("objects +/-", "size +/-", HEADING), cells)
        return table + remainder(len(rows), len(shown), "sites") + note

    def _sites(self, sort: str, only: str | None) -> tuple[list[SiteDiffRow], str]:
        """The rows of sites(), and the line under them where samples were drawn."""
        _ = self._open  # a closed diff refuses
        check_sort(sort)
        wanted = type_filter(only)
        before, after = self._pair
        then, now = _comparable(before, after)
        now = [row for row in now if wanted(row.type)]
        then = [row for row in then if wanted(row.type)]
        changes: dict[tuple[str, str], list[int]] = {}
        for rows, sign in ((now, 1), (then, -1)):
            for row in rows:
                change = changes.setdefault((row.site, row.type), [0, 0])
                change[0] += sign * row.count
                change[1] += sign * row.bytes
        grown = [SiteDiffRow(*key, *change) for key, change in changes.items() if any(change)]
        at = {"count": 2, "size": 3}.get(sort)
        grown.sort(key=lambda row: (-int(row[at]) if at else 0, row.type, row.site))
        if not any(map(_is_sampled, self._pair)):
            return grown, ""
        return not_sampled_last(grown), not_sampled_text(not_sampled_last(now))

    def text(self, limit: int | None = None, sort: str = "size", *, only: str | None = None) -> str:
        """The rows of types() as a table."""
        shown = check_limit(limit)
        if only is None and check_sort(sort) == "size":
            return self._open.text(shown)
        return diff_table(self.types(None, sort, only=only), shown)

    def __str__(self) -> str:
        return self._open.text(SHOWN_ROWS)

    def _repr_html_(self) -> str:
        rows = self.types()
        shown = rows[:SHOWN_ROWS]
        table = html_table("What grew", ("type", "count", "bytes"), shown)
        return table + remainder(len(rows), len(shown), "types")

    def _summary(self) -> str:
        return f"{len(self._open.rows()):,} changed types"


def diff_table(rows: list[DiffRow], limit: int) -> str:
    """Some changed types as text, 0 for all."""
    shown = rows[: limit or None]
    cells = [
        (signed(row.count_delta), signed_size(row.bytes_delta), printable(row.type))
        for row in shown
    ]
    table = text_table(("objects +/-", "size +/-", "type"), cells)
    return table + remainder(len(rows), len(shown), "types")


def diff(before: Snapshot, after: Snapshot) -> Diff:
    """Compare two snapshots type by type.

    Both may come from files and from different processes. Cost: one pass over the objects of each.
    """
    return Diff(_core.diff(before._open, after._open), before._open, after._open)


def _comparable(
    before: _core.Snapshot, after: _core.Snapshot
) -> tuple[list[SiteRow], list[SiteRow]]:
    """Rows of sites of both; native blocks only where they are known of every trace."""
    rows = _sites_before(before), snapshot_sites(after)
    if all(trace is None or trace.native_rows() is not None for trace in (before.trace, after.trace)):
        return rows
    then, now = ([row for row in side if row.type != NO_OBJECT] for side in rows)
    return then, now


def _sites_before(before: _core.Snapshot) -> list[SiteRow]:
    if before.trace is not None:
        return snapshot_sites(before)
    return [SiteRow(NO_SITE, *row[:3]) for row in before.types()]


def _is_sampled(snapshot: _core.Snapshot) -> bool:
    return snapshot.trace is not None and snapshot.trace.info["mode"] == "sampled"
