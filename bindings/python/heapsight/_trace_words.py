# SPDX-License-Identifier: MIT
"""What is said about a trace: its figures, how they came about, and why there may be none."""

from typing import Any

from heapsight._text import printable, size_text

__all__ = ["FIGURE_WORDS", "GROUP_WORDS", "dropped", "estimate", "nothing"]

FIGURE_WORDS = {
    "live": "Allocated and not freed",
    "peak": "Alive when most memory was in use",
    "total": "Allocated in all",
    "temporary": "Freed before the next allocation",
    "native": "Alive and part of no object",
}
GROUP_WORDS = {
    "stack": "stacks",
    "line": "lines",
    "function": "functions",
    "file": "files",
    "thread": "threads",
}


def estimate(info: dict[str, Any]) -> str:
    """What the numbers rest on, "" where they are exact."""
    if info["mode"] != "sampled":
        return ""
    return f"estimated from one sample in {size_text(info['sample_bytes'])}"


def dropped(info: dict[str, Any]) -> str:
    """How many blocks a trace lacks, "" where it lacks none."""
    lost = info["dropped_count"]
    return f"{lost:,} blocks could not be kept and are missing" if lost else ""


def nothing(
    info: dict[str, Any],
    figure: str,
    *,
    module: str | None = None,
    file: str | None = None,
    thread: str | None = None,
) -> str:
    """Why there is nothing to show of a figure, in one sentence."""
    if info["mode"] == "counts":
        return (
            'A trace of mode "counts" holds totals and no stacks;'
            ' Tracer("sampled") and Tracer("exact") keep what is to be shown here.'
        )
    parts = {"module": module, "file": file, "thread": thread}
    chosen = [f"{what} {printable(name)}" for what, name in parts.items() if name is not None]
    sampled = info["mode"] == "sampled"
    if chosen:
        kind = "sampled stack" if sampled else "stack"
        what = f"no {kind} passes through {' and '.join(chosen)}"
    else:
        what = "no sample fell into it" if sampled else "nothing was seen"
    if sampled:
        what += (
            f": one in {size_text(info['sample_bytes'])} is drawn;"
            " use --exact or a smaller --sample"
        )
    return f"{FIGURE_WORDS[figure]}: {what}."
