# SPDX-License-Identifier: MIT
"""Annotate: source files with bytes and blocks beside each line."""

import os
from collections.abc import Iterable, Iterator

from heapsight._rows import check_limit
from heapsight._text import printable, size_text
from heapsight._figures import TraceFigures
from heapsight._frames import Frame
from heapsight.reports._options import check_count, check_percent
from heapsight.reports._words import heading, is_code, nothing

__all__ = ["HELP", "NAME", "SUFFIXES", "make"]

NAME = "annotate"
SUFFIXES = (".annotate.txt", ".annotate")
HELP = "source listing with bytes and blocks beside each line"

LEGEND = """\
size and blocks: what a line allocated itself; with calls: that and what it called allocated.
"""
WHOLE_LINES = 60  # a file of so many lines is shown whole
COLUMNS = "{:>10}  {:>9}  {:>10}  {:>6}  {}"


class _Line:
    """Figures of one line of one file."""

    def __init__(self) -> None:
        self.own_bytes = 0
        self.own_blocks = 0
        self.bytes = 0


Lines = dict[int, _Line]


def make(
    trace: TraceFigures,
    *,
    figure: str = "live",
    files: int | None = 10,
    context: int = 3,
    percent: float = 0.1,
) -> str:
    """The listing, files with most bytes of their own first.

    files: how many at most, None for all. Of a file that is too long to be shown whole: each line
    with at least this percent of all bytes, calls included, and so many lines of context around it.
    A file that cannot be read, or has no lines, is counted at the end. Cost: one pass over the
    stacks; reads the files.
    """
    end = check_limit(files, "files")
    around = check_count("context", context)
    by_file = _by_file(trace, figure)
    if not by_file:
        return nothing(trace, figure) + "\n"
    least = check_percent(percent) / 100
    total = _own(line for lines in by_file.values() for line in lines.values())
    parts = [heading(trace, figure, *total) + LEGEND]
    ordered = sorted(by_file, key=lambda name: (-_own(by_file[name].values())[0], name))
    missing: list[str] = []
    for name in ordered:
        source = _source(name)
        if source is None:
            missing.append(name)
        elif not end or len(parts) <= end:
            parts.append(_listing(name, source, by_file[name], around, total[0] * least))
    return "\n".join([*parts, _rest(ordered, missing, len(parts) - 1, by_file)])


def _by_file(trace: TraceFigures, figure: str) -> dict[str, Lines]:
    """Figures of every line; a line that is on a stack several times counts once."""
    by_file: dict[str, Lines] = {}
    for frames, size, blocks, _ in trace.stacks(figure):
        stack = tuple(filter(is_code, frames)) or (Frame("", "", 0),)
        for file, number in {(frame.file, frame.line) for frame in stack}:
            by_file.setdefault(file, {}).setdefault(number, _Line()).bytes += size
        line = by_file[stack[-1].file][stack[-1].line]
        line.own_bytes += size
        line.own_blocks += blocks
    return by_file


def _own(lines: Iterable[_Line]) -> tuple[int, int]:
    """Bytes and blocks that lines allocated themselves."""
    size = blocks = 0
    for line in lines:
        size += line.own_bytes
        blocks += line.own_blocks
    return size, blocks


def _source(name: str) -> list[str] | None:
    """The lines of a Python file; None if it has none that can be read."""
    from tokenize import open as open_source  # knows the encoding that a file declares

    if not os.path.isfile(name):  # a pipe would be waited for
        return None
    try:
        with open_source(name) as file:
            source = file.read()
    except (OSError, SyntaxError, ValueError):  # no such encoding, or not in it
        return None
    return source.removesuffix("\n").split("\n") if source else None


def _listing(name: str, source: list[str], lines: Lines, around: int, least: float) -> str:
    text = [f"{printable(name)}: {_amount(lines.values())}\n"]
    text.append(_row("size", "blocks", "with calls", "line", "source"))
    large = [number for number in lines if lines[number].bytes >= least]
    shown = list(_shown(len(source), large, around))
    for before, number in zip([0, *shown], [*shown, len(source) + 1], strict=True):
        if number > before + 1:
            text.append(_row("", "", "", "...", ""))
        if number <= len(source):
            text.append(_source_row(number, source[number - 1], lines.get(number)))
    return "".join(text) + _not_shown(len(source), set(shown), lines)


def _shown(length: int, wanted: list[int], around: int) -> Iterator[int]:
    """The numbers of the lines to show, in their order."""
    if length <= WHOLE_LINES:
        yield from range(1, length + 1)
        return
    last = 0
    for number in sorted(number for number in wanted if 1 <= number <= length):
        first = max(last + 1, number - around)
        last = max(last, min(length, number + around))
        yield from range(first, last + 1)


def _source_row(number: int, source: str, line: _Line | None) -> str:
    text = printable(source.expandtabs())
    if line is None:
        return _row("", "", "", str(number), text)
    own = size_text(line.own_bytes) if line.own_blocks or line.own_bytes else ""
    blocks = f"{line.own_blocks:,}" if own else ""
    return _row(own, blocks, size_text(line.bytes), str(number), text)


def _row(*cells: str) -> str:
    return COLUMNS.format(*cells).rstrip() + "\n"


def _not_shown(length: int, shown: set[int], lines: Lines) -> str:
    """What lines allocated that are too small to be shown, or that the file does not have."""
    small = [lines[number] for number in lines if 1 <= number <= length and number not in shown]
    past = [lines[number] for number in lines if not 1 <= number <= length]
    text = ""
    if small:
        text += f"... {len(small):,} more lines with {_amount(small)} of their own\n"
    if past:
        text += f"{_amount(past)} belong to lines that are not in the file: it has changed since\n"
    return text


def _amount(lines: Iterable[_Line]) -> str:
    size, blocks = _own(lines)
    return f"{size_text(size)} in {blocks:,} blocks"


def _rest(ordered: list[str], missing: list[str], shown: int, by_file: dict[str, Lines]) -> str:
    """What the listing leaves out."""
    text = ""
    more = len(ordered) - len(missing) - shown
    if more:
        text += f"... {more:,} more files\n"
    if missing:
        amount = _amount(line for name in missing for line in by_file[name].values())
        text += f"{amount} were allocated where no source can be read: {_some(missing)}\n"
    return text


def _some(names: list[str], most: int = 5) -> str:
    shown = ", ".join(printable(name) or "(no Python code)" for name in names[:most])
    return shown + (f" and {len(names) - most:,} more" if len(names) > most else "")
