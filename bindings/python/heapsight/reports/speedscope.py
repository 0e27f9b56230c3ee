# SPDX-License-Identifier: MIT
"""speedscope: JSON for the viewer of that name, one profile a figure."""

from typing import Any

from heapsight import __version__
from heapsight._text import printable
from heapsight._figures import TraceFigures
from heapsight._frames import Frame
from heapsight._trace_words import FIGURE_WORDS
from heapsight.reports._words import NO_CODE, how

__all__ = ["HELP", "NAME", "SUFFIXES", "make"]

NAME = "speedscope"
SUFFIXES = (".speedscope.json", ".speedscope", ".json")
HELP = "JSON for speedscope, with what is alive, the peak and the total"

SCHEMA = "https://www.speedscope.app/file-format-schema.json"
FIGURES = ("live", "peak", "total")


def make(trace: TraceFigures, *, title: str = "Memory by call stack") -> str:
    """The file. Weights are bytes; stacks are sorted, so those that begin alike stand together.

    Cost: three passes over the stacks.
    """
    from json import dumps  # imports much

    numbers: dict[Frame, int] = {}
    profiles = [_profile(trace, figure, numbers) for figure in FIGURES]
    return dumps(
        {
            "$schema": SCHEMA,
            "exporter": f"heapsight {__version__}",
            "name": f"{printable(title)} ({how(trace)})",
            "activeProfileIndex": 0,
            "shared": {"frames": [_frame(frame) for frame in numbers]},
            "profiles": profiles,
        }
    )


def _profile(trace: TraceFigures, figure: str, numbers: dict[Frame, int]) -> dict[str, Any]:
    """One figure; frames that are new get the next number."""
    sums: dict[tuple[Frame, ...], int] = {}
    for frames, size, _, _ in trace.stacks(figure):
        if size:
            key = frames or (NO_CODE,)
            sums[key] = sums.get(key, 0) + size
    stacks = sorted(sums)
    return {
        "type": "sampled",
        "name": FIGURE_WORDS[figure],
        "unit": "bytes",
        "startValue": 0,
        "endValue": sum(sums.values()),
        "samples": [[numbers.setdefault(frame, len(numbers)) for frame in key] for key in stacks],
        "weights": [sums[key] for key in stacks],
    }


def _frame(frame: Frame) -> dict[str, Any]:
    described: dict[str, Any] = {"name": printable(frame.function)}
    if frame.file:
        described["file"] = printable(frame.file)
    if frame.line:
        described["line"] = frame.line
    return described
