# SPDX-License-Identifier: MIT
"""What reports say about a trace and its frames."""

from heapsight import _trace_words
from heapsight._text import printable, size_text
from heapsight._figures import TraceFigures
from heapsight._frames import Frame
from heapsight._trace_words import FIGURE_WORDS

__all__ = ["NO_CODE", "heading", "how", "is_code", "is_estimated", "label", "nothing"]

NO_CODE = Frame("(no Python code)", "", 0)  # stands for the stack of blocks without frames


def is_code(frame: Frame) -> bool:
    """Does a frame stand for itself, and not for what is missing?"""
    return bool(frame.file) or not frame.function.startswith("(")


def is_estimated(trace: TraceFigures) -> bool:
    """Are the numbers of a trace estimates from samples?"""
    return bool(trace.info["mode"] == "sampled")


def how(trace: TraceFigures) -> str:
    """How the numbers came about, in a few words."""
    words = [_trace_words.estimate(trace.info) or "exact", _trace_words.dropped(trace.info)]
    return "; ".join(filter(None, words))


def heading(trace: TraceFigures, figure: str, size: int, blocks: int) -> str:
    """The first line of a text report: what is shown, how much of it, how it was counted."""
    about = "about " if is_estimated(trace) else ""
    amount = f"{about}{size_text(size)} in {blocks:,} blocks"
    return f"{FIGURE_WORDS[figure]}: {amount} ({how(trace)})\n"


def nothing(trace: TraceFigures, figure: str) -> str:
    """What a report says that has nothing to show."""
    return _trace_words.nothing(trace.info, figure)


def label(frame: Frame) -> str:
    """A frame for those who read one name a frame.

    >>> label(Frame("load", "/srv/app.py", 41))
    'load (/srv/app.py:41)'
    """
    place = f"{frame.file}:{frame.line}" if frame.line else frame.file
    return printable(f"{frame.function} ({place})" if place else frame.function)
