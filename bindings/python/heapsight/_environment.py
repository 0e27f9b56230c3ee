# SPDX-License-Identifier: MIT
"""Tracing that begins with `import heapsight`, as the environment variable HEAPSIGHT says.

HEAPSIGHT=MODE[,frames=N][,sample=BYTES][,dump=FOLDER]: a mode of Tracer, its options, and a folder
for a snapshot at the end of the process. HEAPSIGHT=off is as without.
"""

import os

from heapsight._core import HeapsightError, HeapsightValueError
from heapsight._say import say, sentence
from heapsight._tracer import Tracer

__all__ = ["settings_text", "start_from_environment"]

NAME = "HEAPSIGHT"


def settings_text(mode: str, frames: int, sample_bytes: int, dump: str) -> str:
    """The value that makes another process start like this one."""
    return f"{mode},frames={frames},sample={sample_bytes},dump={dump}"


def start_from_environment() -> Tracer | None:
    """Start the tracer that HEAPSIGHT asks for. A wrong value is one sentence on stderr."""
    text = os.environ.get(NAME, "off")
    if text in ("", "off"):
        return None
    try:
        return _start(text)
    except HeapsightError as problem:
        say(f"{NAME}={text}: {sentence(problem)}")
        return None


def _start(text: str) -> Tracer:
    head, _, dump = text.partition(",dump=")  # a folder may have commas
    mode, *options = head.split(",")
    numbers = {"frames": 32, "sample": 524288}
    for option in options:
        name, _, value = option.partition("=")
        if name not in numbers or not (value.isascii() and value.isdigit()):
            raise HeapsightValueError(
                f'"{option}" is no option; write MODE[,frames=N][,sample=BYTES][,dump=FOLDER]'
            )
        numbers[name] = int(value)
    tracer = Tracer(mode, numbers["frames"], numbers["sample"], follow_children=bool(dump))
    tracer.start()
    if dump:
        from heapsight._children import write_at_exit

        write_at_exit(dump)
    return tracer
