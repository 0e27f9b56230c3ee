# SPDX-License-Identifier: MIT
"""What a tracer saw: who allocated what, and what of it stayed."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from heapsight import _core
from heapsight._core import HeapsightValueError
from heapsight._rows import check_limit
from heapsight._text import html_table, remainder, size_text, text_table

__all__ = ["FIGURES", "AllocationRow", "Frame", "GrowthRow", "Trace", "frame_text"]

# Figure -> where its bytes and its blocks are in a row of the extension.
FIGURES = {"live": (1, 2), "total": (3, 4), "peak": (5, 6), "temporary": (7, 8)}
GROUPS = ("stack", "line", "function", "file", "thread")
SHOWN_ROWS = 20
SHOWN_CALLERS = 4  # of a stack in a table
OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
RUNNER = os.path.join(OURS, "cli", "_program.py")  # what lies outside of it is not the program's


class Frame(NamedTuple):
    """A place in the program. `line` is 0 where it is not known."""

    function: str
    file: str
    line: int


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


class Trace:
    """Allocations up to one moment; it never changes.

    Made by Tracer.trace(), and by Snapshot.trace where a snapshot was taken while tracing. In mode
    "sampled" every number is an estimate without bias, in mode "exact" it is exact. heapsight's own
    allocations are left out. print() shows what is alive, by line.
    """

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
        """Rows of one figure: "live", "peak", "total" or "temporary"; most first.

        limit: rows at most, None for all. sort: "size" (bytes) or "count" (blocks).
        by: what a row adds up: one "stack", "line" (the innermost frame), "function", "file" or
        "thread". module: only stacks that pass through this module or package; file: through this
        file, by its path or the end of it; thread: only of the thread with this name.
        Raises HeapsightValueError for a figure, sort or by that does not exist. Cost: one pass over
        the stacks.
        """
        bytes_at, blocks_at = _choice("figure", figure, FIGURES)
        order = {"size": 0, "count": 1}
        key_at = _choice("sort", sort, order)
        key_of = _choice("by", by, dict(zip(GROUPS, range(len(GROUPS)), strict=True)))
        end = check_limit(limit)
        index = self._index
        passes = index.filter(module, file)
        sums: dict[Any, list[int]] = {}
        for row in self._rows:
            stack = row[0]
            if index.is_ours[stack] or not (row[bytes_at] or row[blocks_at]):
                continue
            if thread is not None and index.thread_name(stack) != thread:
                continue
            if passes is not None and not passes[index.merged[stack]]:
                continue
            total = sums.setdefault(index.key(stack, key_of), [0, 0])
            total[0] += row[bytes_at]
            total[1] += row[blocks_at]
        ordered = sorted(sums.items(), key=lambda item: (-item[1][key_at], -item[1][1 - key_at]))
        shown = ordered[:end] if end else ordered
        return [index.row(key, key_of, size, blocks, thread or "") for key, (size, blocks) in shown]

    def stacks(self, figure: str = "live") -> Iterator[tuple[tuple[Frame, ...], int, int, str]]:
        """Every stack with something in a figure: (frames, outermost first; bytes; blocks; thread).

        What exports are made of; no two items have both the same frames and the same thread.
        """
        bytes_at, blocks_at = _choice("figure", figure, FIGURES)
        index = self._index
        sums: dict[tuple[int, int], list[int]] = {}
        for row in self._rows:
            stack = row[0]
            if not index.is_ours[stack] and (row[bytes_at] or row[blocks_at]):
                key = index.merged[stack], index.thread[stack]
                total = sums.setdefault(key, [0, 0])
                total[0] += row[bytes_at]
                total[1] += row[blocks_at]
        for (merged, thread), (size, blocks) in sums.items():
            yield index.frames_of(merged)[::-1], size, blocks, index.threads[thread]

    def since(self, earlier: "Trace", limit: int | None = 10) -> list[GrowthRow]:
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
        """The rows of rows() as a table."""
        rows = self.rows(figure, None, sort, by=by, **chosen)
        shown = rows[: check_limit(limit) or None]
        cells = [(size_text(row.bytes), f"{row.blocks:,}", row_text(row, by)) for row in shown]
        heading = "thread" if by == "thread" else "allocated at"
        return (
            self._title(figure)
            + text_table(("size", "blocks", heading), cells)
            + remainder(len(rows), len(shown), GROUP_WORDS[by])
        )

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
        from heapsight import reports  # which imports this module

        return reports.report(self, name, path, **options)

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

    def _title(self, figure: str) -> str:
        info = self.info
        how = f"{info['mode']}, {info['frame_limit']} frames"
        if info["mode"] == "sampled":
            how += f", estimated from one sample in {size_text(info['sample_bytes'])}"
        lost = info["dropped_count"]
        dropped = f"{lost:,} blocks could not be kept and are missing here\n" if lost else ""
        return f"{FIGURE_WORDS[figure]} ({how})\n{dropped}"

    @cached_property
    def _rows(self) -> Sequence[tuple[int, ...]]:
        return self._held.rows()

    @cached_property
    def _index(self) -> "_Index":
        return _Index(self._held)


FIGURE_WORDS = {
    "live": "Allocated and not freed",
    "peak": "Alive when most memory was in use",
    "total": "Allocated in all",
    "temporary": "Freed before the next allocation",
}
GROUP_WORDS = {
    "stack": "stacks",
    "line": "lines",
    "function": "functions",
    "file": "files",
    "thread": "threads",
}


class _Index:
    """The stacks of a trace without their threads and without heapsight's own frames.

    A merged stack is a number: its frame and its caller, 0 for no frame at all. Lists by stack of
    the extension: `merged`, `thread` (its number), `is_ours`.
    """

    def __init__(self, held: _core.Trace) -> None:
        frames = held.frames()
        self.frames = [Frame(function, file, line) for function, file, line, _ in frames]
        self.threads = {0: ""}
        for name, _, _, number in frames:
            if number:
                self.threads[number] = name or f"thread {number}"
        self.callers = [0]
        self.innermost = [0]
        self.merged: list[int] = []
        self.thread: list[int] = []
        self.is_ours: list[bool] = []
        self._merge(held.stacks(), [frame[3] for frame in frames])

    def _merge(self, stacks: list[tuple[int, int]], thread_of: list[int]) -> None:
        runner = [frame.file == RUNNER for frame in self.frames]
        ours = [frame.file.startswith(OURS) for frame in self.frames]
        known: dict[tuple[int, int], int] = {}
        inside: list[bool] = []  # called by a function of heapsight's
        for caller, frame in stacks:
            outer = self.merged[caller] if caller else 0
            number = thread_of[frame] or (self.thread[caller] if caller else 0)
            called = inside[caller] if caller else False
            self.thread.append(number)
            self.is_ours.append(called or ours[frame])
            if runner[frame] or thread_of[frame] or not frame:
                self.merged.append(0)
                inside.append(False)
                continue
            inside.append(called or ours[frame])
            merged = known.get((outer, frame))
            if merged is None:
                merged = known[outer, frame] = len(self.callers)
                self.callers.append(outer)
                self.innermost.append(frame)
            self.merged.append(merged)

    def thread_name(self, stack: int) -> str:
        return self.threads[self.thread[stack]]

    def frames_of(self, merged: int) -> tuple[Frame, ...]:
        """Innermost first."""
        frames = []
        while merged:
            frames.append(self.frames[self.innermost[merged]])
            merged = self.callers[merged]
        return tuple(frames)

    def filter(self, module: str | None, file: str | None) -> list[bool] | None:
        """For each merged stack: does it pass through a frame that is wanted? None: all do."""
        if module is None and file is None:
            return None
        wanted = _file_test(module, file)
        frames = [wanted(frame.file) for frame in self.frames]
        passes = [False]
        for caller, frame in zip(self.callers[1:], self.innermost[1:], strict=True):
            passes.append(passes[caller] or frames[frame])
        return passes

    def key(self, stack: int, group: int) -> Any:
        merged = self.merged[stack]
        if group == 0:
            return merged
        if group == 4:
            return self.thread[stack]
        frame = self.frames[self.innermost[merged]]
        return (frame, Frame(frame.function, frame.file, 0), Frame("", frame.file, 0))[group - 1]

    def row(self, key: Any, group: int, size: int, blocks: int, thread: str) -> AllocationRow:
        if group == 0:
            return AllocationRow(self.frames_of(key), size, blocks, thread)
        if group == 4:
            return AllocationRow((), size, blocks, self.threads[key])
        return AllocationRow((key,) if any(key) else (), size, blocks, thread)


def _file_test(module: str | None, file: str | None) -> Callable[[str], bool]:
    """A test for file names. app.models is app/models.py and all in app/models/."""
    tests: list[Callable[[str], bool]] = []
    if module is not None:
        place = module.replace(".", os.sep)
        alone, inside = f"{os.sep}{place}.py", f"{os.sep}{place}{os.sep}"
        tests.append(lambda name: (os.sep + name).endswith(alone) or inside in os.sep + name)
    if file is not None:
        end = os.sep + file.lstrip(os.sep)
        tests.append(lambda name: name == file or (os.sep + name).endswith(end))
    return lambda name: all(test(name) for test in tests)


def _choice(what: str, value: str, choices: dict[str, Any]) -> Any:
    if value not in choices:
        names = ", ".join(f'"{name}"' for name in choices)
        raise HeapsightValueError(f"{what} must be one of {names}, not {value!r}")
    return choices[value]


def frame_text(frame: Frame) -> str:
    """A place as one looks for it.

    >>> frame_text(Frame("load", "/srv/app.py", 41)), frame_text(Frame("", "/srv/app.py", 0))
    ('/srv/app.py:41 in load', '/srv/app.py')
    """
    place = f"{frame.file}:{frame.line}" if frame.line else frame.file
    return f"{place} in {frame.function}" if frame.function else place


def row_text(row: AllocationRow, by: str) -> str:
    """Where a row comes from, in one line."""
    if by == "thread":
        return row.thread
    return stack_text(row.stack)


def stack_text(stack: Iterable[Frame]) -> str:
    """A stack in one line, innermost frame first, with some of its callers."""
    frames = list(stack)
    if not frames:
        return "(no Python code)"
    callers = [f"{os.path.basename(frame.file)}:{frame.line}" for frame in frames[1:]]
    shown = callers[:SHOWN_CALLERS]
    more = " < ..." if len(callers) > len(shown) else ""
    return " < ".join([frame_text(frames[0]), *shown]) + more
