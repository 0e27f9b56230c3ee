# SPDX-License-Identifier: MIT
"""What reports say about a trace and its frames."""

from heapsight._text import size_text
from heapsight._trace import FIGURE_WORDS, Frame, Trace

__all__ = ["NO_CODE", "heading", "how", "is_estimated", "label", "nothing", "printable"]

NO_CODE = Frame("(no Python code)", "", 0)  # stands for the stack of blocks without frames


def is_estimated(trace: Trace) -> bool:
    """Are the numbers of a trace estimates from samples?"""
    return bool(trace.info["mode"] == "sampled")


def how(trace: Trace) -> str:
    """How the numbers came about, in a few words."""
    info = trace.info
    words = "exact"
    if is_estimated(trace):
        words = f"estimated from one sample in {size_text(info['sample_bytes'])}"
    if info["dropped_count"]:
        words += f"; {info['dropped_count']:,} blocks could not be kept and are missing"
    return words


def heading(trace: Trace, figure: str, size: int, blocks: int) -> str:
    """The first line of a text report: what is shown, how much of it, how it was counted."""
    about = "about " if is_estimated(trace) else ""
    amount = f"{about}{size_text(size)} in {blocks:,} blocks"
    return f"{FIGURE_WORDS[figure]}: {amount} ({how(trace)})\n"


def nothing(trace: Trace, figure: str) -> str:
    """What a report says that has nothing to show."""
    if trace.info["mode"] == "counts":
        return (
            'A trace of mode "counts" holds totals and no stacks;'
            ' Tracer("sampled") and Tracer("exact") keep what this report shows.'
        )
    return f"{FIGURE_WORDS[figure]}: nothing was seen."


def label(frame: Frame) -> str:
    """A frame for those who read one name a frame.

    >>> label(Frame("load", "/srv/app.py", 41))
    'load (/srv/app.py:41)'
    """
    place = f"{frame.file}:{frame.line}" if frame.line else frame.file
    return printable(f"{frame.function} ({place})" if place else frame.function)


def printable(text: str) -> str:
    r"""A text without line ends, terminal commands and lone surrogates; they are escaped.

    >>> printable("caf\xe9\n")
    'café\\n'
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
