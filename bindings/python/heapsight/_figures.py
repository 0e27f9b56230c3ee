# SPDX-License-Identifier: MIT
"""What a tracer saw, in rows: who allocated what, and what of it stayed."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from heapsight import _core
from heapsight._core import HeapsightLookupError, HeapsightValueError
from heapsight._frames import Frame, stack_text
from heapsight._rows import check_limit
from heapsight._stacks import GROUPS, Stacks
from heapsight._text import html_table, printable, remainder, size_text, text_table
from heapsight._trace_words import FIGURE_WORDS, GROUP_WORDS, dropped, estimate, nothing

__all__ = ["FIGURES", "AllocationRow", "GrowthRow", "TraceFigures"]

# Figure -> where its bytes and its blocks are in a row of the extension; native blocks have rows of
# their own.
FIGURES = {"live": (1, 2), "total": (3, 4), "peak": (5, 6), "temporary": (7, 8), "native": (1, 2)}
SHOWN_ROWS = 20


class AllocationRow(NamedTuple):
    """Blocks that have one origin in common.

    `stack` has the innermost frame first; it is empty for blocks that no Python code asked for.
    `thread` is the name of the thread, or "" where several are added up.
    """

    stack: tuple[Frame, ...]
    bytes: int
    blocks: int
    thread: str = ""


class GrowthRow(NamedTuple):
    """How what one stack keeps alive has changed; negative numbers mean it shrank."""

    stack: tuple[Frame, ...]
    bytes_delta: int
    blocks_delta: int


class TraceFigures:
    """Allocations up to one moment; it never changes. What a Trace and the reports stand on."""

    def __init__(self, held: _core.Trace) -> None:
        self._held = held

    @cached_property
    def info(self) -> dict[str, Any]:
        """mode, frame_limit, sample_bytes (0 unless sampled), live_bytes, live_blocks, peak_bytes,
        total_bytes, total_blocks, dropped_count (blocks that could not be kept), memory_bytes (of
        the tracer's own tables), duration_ns; domains: (allocated blocks, allocated bytes, freed
        blocks) of the domains raw, mem and object, in mode "counts" only. Totals count heapsight's
        own allocations too.
        """
        return self._held.info

    def live(
        self, limit: int | None = 10, sort: str = "size", **chosen: Any
    ) -> list[AllocationRow]:
        """What was allocated and not freed yet; rows as in rows()."""
        return self.rows("live", limit, sort, **chosen)

    def peak(
        self, limit: int | None = 10, sort: str = "size", **chosen: Any
    ) -> list[AllocationRow]:
        """What was alive when most bytes were; rows as in rows()."""
        return self.rows("peak", limit, sort, **chosen)

    def total(
        self, limit: int | None = 10, sort: str = "size", **chosen: Any
    ) -> list[AllocationRow]:
        """All that was allocated, freed or not; a block that is resized counts again."""
        return self.rows("total", limit, sort, **chosen)

    def temporary(
        self, limit: int | None = 10, sort: str = "size", **chosen: Any
    ) -> list[AllocationRow]:
        """What was freed before the next allocation of its thread; rows as in rows()."""
        return self.rows("temporary", limit, sort, **chosen)

    def native(
        self, limit: int | None = 10, sort: str = "size", **chosen: Any
    ) -> list[AllocationRow]:
        """What is alive and belongs to no object of the snapshot; rows as in rows().

        Memory that C code asked the interpreter's allocators for and that neither an object nor the
        interpreter leads to: leaked, in a static variable of an extension, or in use by a C
        function that is running. And objects that no object leads to and the collector does not
        track, such as a str that a missing Py_DECREF left behind. Raises HeapsightLookupError
        unless the trace is exact and that of a snapshot.
        """
        return self.rows("native", limit, sort, **chosen)

    def rows(
        self,
        figure: str = "live",
        limit: int | None = 10,
        sort: str = "size",
        *,
        by: str = "stack",
        module: str | None = None,
        file: str | None = None,
        thread: str | None = None,
    ) -> list[AllocationRow]:
        """Rows of one figure: "live", "peak", "total", "temporary" or "native"; most first.

        limit: rows at most, None for all. sort: "size" (bytes) or "count" (blocks).
        by: what a row adds up: one "stack", "line" (the innermost frame), "function", "file" or
        "thread". module: only stacks that pass through this module or package; file: through this
        file, by its path or the end of it; thread: only of the thread with this name.

        A module is named as it is imported, and looked for in the paths of the files: app.models is
        app/models.py and all in app/models/. Of a library's path counts what follows site-packages,
        dist-packages or lib/pythonX.Y, from there on; of the program's what follows the folder
        around that of the main script, anywhere; of any other the whole. "__main__" is the main
        script.
        Raises HeapsightValueError for a figure, sort or by that does not exist, and for "native"
        HeapsightLookupError as native() does. Cost: one pass over the stacks.
        """
        bytes_at, blocks_at = _choice("figure", figure, FIGURES)
        order = {"size": 0, "count": 1}
        key_at = _choice("sort", sort, order)
        key_of = _choice("by", by, dict(zip(GROUPS, range(len(GROUPS)), strict=True)))
        end = check_limit(limit)
        stacks = self._stacks
        passes = stacks.filter(module, file)
        sums: dict[Any, list[int]] = {}
        for row in self._rows_of(figure):
            stack = row[0]
            if stacks.is_ours[stack] or not (row[bytes_at] or row[blocks_at]):
                continue
            if thread is not None and stacks.thread_name(stack) != thread:
                continue
            if passes is not None and not passes[stacks.merged[stack]]:
                continue
            total = sums.setdefault(stacks.key(stack, key_of), [0, 0])
            total[0] += row[bytes_at]
            total[1] += row[blocks_at]
        ordered = sorted(sums.items(), key=lambda item: (-item[1][key_at], -item[1][1 - key_at]))
        shown = ordered[:end] if end else ordered
        return [self._row(key, key_of, size, blocks, thread or "") for key, (size, blocks) in shown]

    def stacks(self, figure: str = "live") -> Iterator[tuple[tuple[Frame, ...], int, int, str]]:
        """Every stack with something in a figure: (frames, outermost first; bytes; blocks; thread).

        What exports are made of; no two items have both the same frames and the same thread. Stacks
        that the frame limit cut begin with a frame "(callers beyond 32 frames)", without a file.
        """
        bytes_at, blocks_at = _choice("figure", figure, FIGURES)
        stacks = self._stacks
        sums: dict[tuple[int, int, bool], list[int]] = {}
        for row in self._rows_of(figure):
            stack = row[0]
            if not stacks.is_ours[stack] and (row[bytes_at] or row[blocks_at]):
                key = stacks.merged[stack], stacks.thread[stack], stack in stacks.cut
                total = sums.setdefault(key, [0, 0])
                total[0] += row[bytes_at]
                total[1] += row[blocks_at]
        for (merged, thread, is_cut), (size, blocks) in sums.items():
            beyond = (stacks.beyond,) if is_cut else ()
            frames = beyond + stacks.frames_of(merged)[::-1]
            yield frames, size, blocks, stacks.threads[thread]

    def since(self, earlier: "TraceFigures", limit: int | None = 10) -> list[GrowthRow]:
        """What stays alive now and did not at an earlier trace, by stack, most grown first.

        limit: rows at most, None for all. Cost: one pass over the stacks of both.
        """
        end = check_limit(limit)
        sums: dict[tuple[Frame, ...], list[int]] = {}
        for trace, sign in ((self, 1), (earlier, -1)):
            for row in trace.rows("live", None):
                total = sums.setdefault(row.stack, [0, 0])
                total[0] += sign * row.bytes
                total[1] += sign * row.blocks
        rows = [GrowthRow(stack, *total) for stack, total in sums.items() if any(total)]
        rows.sort(key=lambda row: (-row.bytes_delta, -row.blocks_delta))
        return rows[:end] if end else rows

    def text(
        self,
        figure: str = "live",
        limit: int | None = 10,
        sort: str = "size",
        *,
        by: str = "line",
        **chosen: Any,
    ) -> str:
        """The rows of rows() as a table, or a sentence that says why there is none."""
        rows = self.rows(figure, None, sort, by=by, **chosen)
        shown = rows[: check_limit(limit) or None]
        if not rows:
            return nothing(self.info, figure, **chosen) + "\n"
        cells = [(size_text(row.bytes), f"{row.blocks:,}", row_text(row, by)) for row in shown]
        heading = "thread" if by == "thread" else "allocated at"
        return (
            self._title(figure)
            + text_table(("size", "blocks", heading), cells)
            + remainder(len(rows), len(shown), GROUP_WORDS[by])
        )

    def __str__(self) -> str:
        return self.text(limit=SHOWN_ROWS)

    def __repr__(self) -> str:
        return f"<heapsight.Trace {self._summary()}>"

    def _repr_html_(self) -> str:
        rows = self.rows("live", None, by="line")
        cells = [(row.bytes, row.blocks, row_text(row, "line")) for row in rows[:SHOWN_ROWS]]
        table = html_table(self._summary(), ("bytes", "blocks", "allocated at"), cells)
        return table + remainder(len(rows), len(cells), GROUP_WORDS["line"])

    def _summary(self) -> str:
        info = self.info
        about = "about " if info["mode"] == "sampled" else ""
        return f"{info['mode']}: {about}{size_text(info['live_bytes'])} alive"

    def _row(self, key: Any, group: int, size: int, blocks: int, thread: str) -> AllocationRow:
        if group == 0:
            return AllocationRow(self._stacks.frames_of(key), size, blocks, thread)
        if group == 4:
            return AllocationRow((), size, blocks, self._stacks.threads[key])
        return AllocationRow((key,) if any(key) else (), size, blocks, thread)

    def _title(self, figure: str) -> str:
        info = self.info
        how = [info["mode"], f"{info['frame_limit']} frames", estimate(info)]
        lost = dropped(info)
        lines = [
            f"{FIGURE_WORDS[figure]} ({', '.join(filter(None, how))})",
            lost and f"{lost} here",
        ]
        return "".join(f"{line}\n" for line in lines if line)

    def _rows_of(self, figure: str) -> Sequence[tuple[int, ...]]:
        if figure != "native":
            return self._rows
        rows = self._held.native_rows()
        if rows is None:
            raise HeapsightLookupError(
                "which blocks belong to no object is known only of a snapshot that was taken while"
                ' Tracer("exact") was running, in a process that may read its own memory, had some'
                " left, and has no subinterpreters"
            )
        return rows

    @cached_property
    def _rows(self) -> Sequence[tuple[int, ...]]:
        return self._held.rows()

    @cached_property
    def _stacks(self) -> Stacks:
        return Stacks(self._held, [row[0] for row in self._rows])


def _choice(what: str, value: str, choices: dict[str, Any]) -> Any:
    if value not in choices:
        names = ", ".join(f'"{name}"' for name in choices)
        raise HeapsightValueError(f"{what} must be one of {names}, not {value!r}")
    return choices[value]


def row_text(row: AllocationRow, by: str) -> str:
    """Where a row comes from, in one line."""
    return printable(row.thread) if by == "thread" else stack_text(row.stack)
