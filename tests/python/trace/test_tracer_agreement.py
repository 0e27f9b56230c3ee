# SPDX-License-Identifier: MIT
"""Exact live bytes and blocks of each line are those of tracemalloc, in one run each.

One difference is known. CPython keeps the blocks of dead floats, tuples, lists, dicts and some more
on free lists and takes objects out again without asking an allocator. tracemalloc is told of each
(PyObject_Init calls it) and moves the block to the line that took it; heapsight is told on 3.13 and
later, and before counts such a block at the line that had it first. It is alive in both, so sums
differ only by what lay on a free list when the tracers began, which is not quite the same, as
starting them makes a tuple or two.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running import finished

HERE = Path(__file__).parent
PROGRAMS = sorted(path.stem for path in (HERE / "programs").glob("*.py"))
TELLS_REUSE = sys.version_info >= (3, 13)

# Blocks that may be counted at another line: what free lists hand on in these programs.
MOVED_BLOCKS = {} if TELLS_REUSE else {"floats": 200, "json_rows": 40, "tuples": 10}
ALWAYS_MOVED = 3  # by what lay on free lists at the start
FREE_LIST_BYTES = 16 + 24 + 20 * 8  # the largest object on a free list: a tuple of 20

Site = tuple[str, int]
Lines = dict[Site, tuple[int, int]]  # (file, line) -> bytes, blocks


def lines_of(mode: str, program: str, folder: Path) -> Lines:
    done = finished([sys.executable, HERE / "agreement.py", mode, HERE / f"programs/{program}.py"],
                    folder, env=os.environ | {"PYTHONHASHSEED": "0"})
    assert done.returncode == 0, done.stderr
    sums: Lines = {}
    for file, line, size, blocks in json.loads(done.stdout):  # one row a function of a line
        known = sums.get((file, line), (0, 0))
        sums[file, line] = known[0] + size, known[1] + blocks
    return sums


def differences(ours: Lines, theirs: Lines) -> Iterator[tuple[Site, int, int]]:
    for site in sorted(ours.keys() | theirs.keys()):
        size, blocks = ours.get(site, (0, 0))
        other_size, other_blocks = theirs.get(site, (0, 0))
        if (size, blocks) != (other_size, other_blocks):
            yield site, size - other_size, blocks - other_blocks


def check(program: str, ours: Lines, theirs: Lines) -> None:
    """Fails unless every difference is a block that a free list handed on."""
    found = list(differences(ours, theirs))
    table = "\n".join(f"{file or program}:{line} {size:+} bytes {blocks:+} blocks"
                      for (file, line), size, blocks in found)
    moved = sum(abs(blocks) for _, _, blocks in found) / 2
    limit = max(MOVED_BLOCKS.get(program, 0), ALWAYS_MOVED)
    assert moved <= limit, f"{moved} blocks moved, {limit} may\n{table}"
    for _, size, blocks in found:  # a line may have lost one block and got another
        assert abs(size) <= max(abs(blocks), 1) * FREE_LIST_BYTES, table
    # Blocks and bytes in all: only those that were on a free list already.
    assert abs(sum(blocks for _, _, blocks in found)) <= ALWAYS_MOVED, table
    assert abs(sum(size for _, size, _ in found)) <= ALWAYS_MOVED * FREE_LIST_BYTES, table


@pytest.mark.parametrize("program", PROGRAMS)
def test_live_bytes_of_each_line_are_those_of_tracemalloc(program: str, tmp_path: Path) -> None:
    ours, theirs = (lines_of(mode, program, tmp_path) for mode in ("exact", "tracemalloc"))
    assert sum(blocks for _, blocks in theirs.values()) > 300
    check(program, ours, theirs)


def test_estimates_are_told_from_exact_figures(tmp_path: Path) -> None:
    """The comparison can fail: sampled figures of the same program do not pass."""
    ours, theirs = (lines_of(mode, "recursion", tmp_path) for mode in ("sampled", "tracemalloc"))
    with pytest.raises(AssertionError, match="blocks"):
        check("recursion", ours, theirs)


def lose_blocks(lines: Lines, site: Site) -> None:
    size, blocks = lines[site]
    lines[site] = size - size // 10, blocks - max(blocks // 10, 8)


def shift_line(lines: Lines, site: Site) -> None:
    lines[site[0], site[1] + 1] = lines.pop(site)


def wrong_sizes(lines: Lines, site: Site) -> None:
    size, blocks = lines[site]
    lines[site] = size + 16 * blocks, blocks


@pytest.mark.parametrize("break_it", [lose_blocks, shift_line, wrong_sizes])
def test_an_error_does_not_pass(break_it: Callable[[Lines, Site], None], tmp_path: Path) -> None:
    theirs = lines_of("tracemalloc", "containers", tmp_path)
    check("containers", dict(theirs), theirs)
    largest = max(theirs, key=lambda site: theirs[site][1])
    wrong = dict(theirs)
    break_it(wrong, largest)
    with pytest.raises(AssertionError, match="bytes"):
        check("containers", wrong, theirs)
