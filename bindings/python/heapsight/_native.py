# SPDX-License-Identifier: MIT
"""What C code holds more of than before: forgotten references, and blocks never freed."""

from collections import Counter

from heapsight import _core
from heapsight._handle import Handle
from heapsight._rows import NativeReferenceRow, SiteDiffRow, check_limit, first, type_filter
from heapsight._sites import NO_OBJECT, NO_SITE, Counted, native_rows, site_rows
from heapsight._snapshot import SHOWN_ROWS, Snapshot
from heapsight._text import html_table, printable, remainder, signed, signed_size, text_table

__all__ = ["NativeReferences", "native_references"]

SHOWN_SITES = 5  # of one type
NOTHING = "Nothing grew: C code holds no more objects and no more references than before.\n"
NO_BLOCKS = (
    "Blocks that C code never freed, and text and numbers that it forgot, are not known: that takes"
    ' an exact tracer in both snapshots (heapsight run --exact, or Tracer("exact")).\n'
)


class NativeReferences(Handle[_core.NativeReferences]):
    """What C code holds more of in the later of two snapshots. print() shows it with places.

    Made by native_references().
    """

    __slots__ = ("_pair",)

    _kind = "comparison"

    def __init__(
        self, held: _core.NativeReferences, before: _core.Snapshot, after: _core.Snapshot
    ) -> None:
        super().__init__(held)
        self._pair = before, after

    def close(self) -> None:
        """Give the memory back now. Every later question raises HeapsightValueError."""
        super().close()
        self._pair = None  # type: ignore[assignment]  # _open refuses first

    def types(
        self, limit: int | None = None, *, only: str | None = None
    ) -> list[NativeReferenceRow]:
        """The types that grew, most references first; what did not grow is left out.

        limit: rows at most, None for all. only: a package, module or type name; other types are
        left out. Immortal objects do not count. Raises HeapsightValueError for a limit below 1.
        Cost: one pass over the objects that C code holds.
        """
        wanted = type_filter(only)
        rows = [_row(row) for row in self._open.rows() if wanted(row[0])]
        return first(rows, limit)

    def blocks(self, limit: int | None = None) -> list[SiteDiffRow] | None:
        """Places whose blocks of the interpreter's allocators grew, most bytes first.

        Such blocks (PyMem_Malloc(), PyObject_Malloc(), ...) belong to no object. The type of each
        row is "(no object)". None where they are not known: both snapshots must have been taken
        while an exact tracer was running. Raises HeapsightValueError for a limit below 1.
        Cost: one pass over the native blocks of both, by stack.
        """
        _ = self._open  # a closed one refuses
        before, after = (snapshot.trace for snapshot in self._pair)
        if before is None or before.native_rows() is None:
            return None
        if after is None or after.native_rows() is None:
            return None
        changes: dict[str, list[int]] = {}
        for trace, sign in ((before, -1), (after, 1)):
            for row in native_rows(trace):
                change = changes.setdefault(row.site, [0, 0])
                change[0] += sign * row.count
                change[1] += sign * row.bytes
        grown = [
            SiteDiffRow(site, NO_OBJECT, count, size)
            for site, (count, size) in changes.items()
            if count > 0 or size > 0
        ]
        grown.sort(key=lambda row: (-row.bytes_delta, -row.count_delta, row.site))
        return first(grown, limit)

    def text(self, limit: int | None = None, *, only: str | None = None) -> str:
        """The rows of types() and blocks() as tables; limit: rows of each, None for all."""
        shown = check_limit(limit)
        types = self.types(only=only)
        blocks = None if only is not None else self.blocks()
        parts = [types_table(types, shown)] if types else []
        if blocks:
            parts.append(blocks_table(blocks, shown))
        text = "\n".join(parts or [NOTHING])
        return text + ("\n" + NO_BLOCKS if blocks is None and only is None else "")

    def print(self, limit: int | None = SHOWN_ROWS) -> None:
        """Print text()."""
        print(self.text(limit), end="")

    def __str__(self) -> str:
        return self.text(SHOWN_ROWS)

    def _repr_html_(self) -> str:
        rows = self.types()
        shown = [
            (row.type, row.count_delta, row.reference_delta, "; ".join(map(_site_text, row.sites)))
            for row in rows[:SHOWN_ROWS]
        ]
        headers = ("type", "objects", "references", "allocated at")
        table = html_table("What C code holds more of", headers, shown)
        return table + remainder(len(rows), len(shown), "types")

    def _summary(self) -> str:
        return f"{len(self._open.rows()):,} grown types"


def native_references(before: Snapshot, after: Snapshot) -> NativeReferences:
    """Which objects C code holds more of than before: the leak finder for authors of extensions.

    C code holds an object when more references to it are counted than the heap has: somebody called
    Py_INCREF() and kept the pointer, or forgot Py_DECREF(). Call it around some rounds of the work,
    after the first few, which fill caches. Where a tracer was running each row has the lines that
    allocated the new objects, and with an exact one growth of native blocks is known too.
    An object counts as new when none of its type was held at its address before. Both snapshots may
    come from files. Cost: one pass over the objects that C code holds.

    >>> import heapsight
    >>> before = heapsight.snapshot()
    >>> references = native_references(before, heapsight.snapshot())
    >>> references.types(only="heapsight")
    []
    """
    pair = before._open, after._open
    return NativeReferences(_core.native_references(*pair), *pair)


def _row(
    row: tuple[str, int, int, int, int, list[Counted], list[tuple[int, str]], list[str]],
) -> NativeReferenceRow:
    rows = site_rows(row[5], "count")
    known = [(site.site, site.count) for site in rows if site.site != NO_SITE]
    holders = Counter(holder for holder in row[7] if holder)
    held_by = sorted(holders.items(), key=lambda holder: (-holder[1], holder[0]))
    return NativeReferenceRow(*row[:5], tuple(known), tuple(row[6]), tuple(held_by))


def types_table(rows: list[NativeReferenceRow], limit: int) -> str:
    """Some types and where their new objects were allocated as text, 0 for all.

    >>> row = NativeReferenceRow("list", 12, 13, 20, 21, (("app.py:3 in f", 12),), ((64, ""),), (("static x of y.so", 3),))
    >>> print(types_table([row], 0), end="")
    objects +/-  references +/-  held by C code
            +12             +13  list
                                   such as 0x40
                                   12 allocated at app.py:3 in f
                                   3 seem to be held by static x of y.so
    """
    shown = rows[: limit or None]
    cells = []
    for row in shown:
        cells.append((signed(row.count_delta), signed(row.reference_delta), printable(row.type)))
        cells.append(("", "", f"  such as {_examples_text(row)}"))
        cells += [("", "", f"  {_site_text(site)}") for site in row.sites[:SHOWN_SITES]]
        cells += _cut(row.sites, "places")
        cells += [("", "", f"  {_holder_text(holder)}") for holder in row.holders[:SHOWN_SITES]]
        cells += _cut(row.holders, "holders")
    table = text_table(("objects +/-", "references +/-", "held by C code"), cells)
    return table + remainder(len(rows), len(shown), "types")


def blocks_table(rows: list[SiteDiffRow], limit: int) -> str:
    """Some places with native blocks as text, 0 for all.

    >>> print(blocks_table([SiteDiffRow("app.py:3 in f", "(no object)", 12, 672)], 0), end="")
    blocks +/-  size +/-  native blocks, which belong to no object, by the place that allocated them
           +12    +672 B  app.py:3 in f
    """
    shown = rows[: limit or None]
    cells = [(signed(row.count_delta), signed_size(row.bytes_delta), row.site) for row in shown]
    heading = "native blocks, which belong to no object, by the place that allocated them"
    table = text_table(("blocks +/-", "size +/-", heading), cells)
    return table + remainder(len(rows), len(shown), "places")


def _examples_text(row: NativeReferenceRow) -> str:
    texts = [f"{address:#x} {printable(preview)}".rstrip() for address, preview in row.examples]
    return ", ".join(texts)


def _cut(items: tuple[tuple[str, int], ...], what: str) -> list[tuple[str, str, str]]:
    text = remainder(len(items), min(len(items), SHOWN_SITES), what).rstrip("\n")
    return [("", "", f"  {text}")] if text else []


def _holder_text(holder: tuple[str, int]) -> str:
    verb = "seems" if holder[1] == 1 else "seem"
    return f"{holder[1]:,} {verb} to be held by {printable(holder[0])}"


def _site_text(site: tuple[str, int]) -> str:
    return f"{site[1]:,} allocated at {site[0]}"
