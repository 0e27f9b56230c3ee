# SPDX-License-Identifier: MIT
"""Tree: the calls as text, outermost first."""

from heapsight._frames import frame_text
from heapsight._text import size_text, text_table
from heapsight._figures import TraceFigures
from heapsight.reports._calltree import Call, call_tree
from heapsight.reports._options import check_percent
from heapsight.reports._words import NO_CODE, heading, nothing

__all__ = ["HELP", "NAME", "SUFFIXES", "make"]

NAME = "tree"
SUFFIXES = (".tree.txt", ".tree")
HELP = "call tree with bytes, blocks and percent, as text"

LEGEND = """\
A line counts what was allocated there and in all it called. Where a line leads to several, these
are indented; the only one that is shown stands right under its caller.
"""

Row = tuple[str, str, str, str]
Item = tuple[Call, str, int]  # figures, text, depth


def make(trace: TraceFigures, *, figure: str = "live", percent: float = 1.0) -> str:
    """The tree, largest calls first.

    percent: calls with less than this share of all bytes are left out; they are counted under their
    caller where they come to as much together, else at the end. Cost: one pass over the stacks.
    """
    least = check_percent(percent) / 100
    root = call_tree(trace, figure)
    if not root.blocks and not root.bytes:
        return nothing(trace, figure) + "\n"
    elsewhere: list[Call] = []
    rows = _rows(root, root.bytes * least, elsewhere)
    if elsewhere:
        rows.append(_row(_sum(elsewhere), f"... {_smaller(elsewhere)} in other places", root))
    table = text_table(("size", "blocks", "percent", "call"), rows)
    return heading(trace, figure, root.bytes, root.blocks) + LEGEND + "\n" + table


def _rows(root: Call, least: float, elsewhere: list[Call]) -> list[Row]:
    """A row a call, callers first. Small calls without a row are added to `elsewhere`."""
    rows: list[Row] = []
    waiting = _below(root, -1, least, elsewhere)[::-1]
    while waiting:
        call, text, depth = waiting.pop()
        rows.append(_row(call, "  " * depth + text, root))
        waiting += _below(call, depth, least, elsewhere)[::-1]
    return rows


def _below(call: Call, depth: int, least: float, elsewhere: list[Call]) -> list[Item]:
    """What stands right under a call: its large calls, and its small ones in one."""
    calls = call.sorted_calls()
    shown = [(below, frame_text(below.frame)) for below in calls if below.bytes >= least]
    small = calls[len(shown) :]
    rest = _sum(small)
    if small and rest.bytes >= least:
        shown.append((rest, f"... {_smaller(small)}"))
    else:
        elsewhere += small
    inside = depth if depth >= 0 and len(shown) == 1 else depth + 1
    return [(below, text, inside) for below, text in shown]


def _sum(calls: list[Call]) -> Call:
    total = Call(NO_CODE)
    total.bytes = sum(call.bytes for call in calls)
    total.blocks = sum(call.blocks for call in calls)
    return total


def _smaller(calls: list[Call]) -> str:
    return "1 smaller call" if len(calls) == 1 else f"{len(calls):,} smaller calls"


def _row(call: Call, text: str, root: Call) -> Row:
    share = 100 * call.bytes / root.bytes if root.bytes else 0.0
    return size_text(call.bytes), f"{call.blocks:,}", f"{share:.1f}", text
