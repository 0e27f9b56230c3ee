# SPDX-License-Identifier: MIT
"""Tracing that begins with `import heapsight`, as the environment variable HEAPSIGHT says.

HEAPSIGHT=MODE[,frames=N][,sample=BYTES]: a mode of Tracer and its options. HEAPSIGHT=off is as
without.
"""

import os

from heapsight._core import HeapsightError, HeapsightValueError
from heapsight._say import say, sentence
from heapsight._tracer import Tracer

__all__ = ["settings_text", "start_from_environment", "start_tracer"]

NAME = "HEAPSIGHT"


def settings_text(mode: str, frames: int, sample_bytes: int) -> str:
    """The text that has start_tracer() start such a tracer."""
    return f"{mode},frames={frames},sample={sample_bytes}"


def start_from_environment() -> Tracer | None:
    """Start the tracer that HEAPSIGHT asks for. A wrong value is one sentence on stderr."""
    text = os.environ.get(NAME) or "off"
    try:
        return start_tracer(text)
    except HeapsightError as problem:
        say(f"{NAME}={text}: {sentence(problem)}")
        return None


def start_tracer(text: str, follow_children: bool = False) -> Tracer | None:
    """Start what a text such as "exact,frames=9" says; None for the mode "off".

    Raises HeapsightValueError for a text that says something else.
    """
    mode, *options = text.split(",")
    numbers = {"frames": 32, "sample": 524288}
    for option in options:
        name, _, value = option.partition("=")
        if name not in numbers or not (value.isascii() and value.isdigit()):
            raise HeapsightValueError(
                f'"{option}" is no option; write MODE[,frames=N][,sample=BYTES]'
            )
        numbers[name] = int(value)
    if mode == "off":
        return None
    tracer = Tracer(mode, numbers["frames"], numbers["sample"], follow_children=follow_children)
    tracer.start()
    return tracer
