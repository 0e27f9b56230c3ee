# SPDX-License-Identifier: MIT
"""Frames of stacks: as text, whose they are, and which module they belong to."""

import os
import re
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from heapsight._text import printable

__all__ = [
    "CALLS_OUT",
    "RUNNER",
    "Frame",
    "file_test",
    "frame_text",
    "own_folders",
    "stack_text",
]

SHOWN_CALLERS = 4  # of a stack in a table

# Modules that run while a tracer does. Where a file of a frame ends in one of them, below a folder
# "heapsight", that folder is the package: a snapshot may come from another installation.
OWN_MODULES = tuple(
    f"/heapsight/{name}.py"
    for name in (
        *("_breakdown", "_children", "_dumps", "_environment", "_figures", "_hooks", "_live"),
        *("_periodic", "_recorder", "_say", "_snapshot", "_startup/sitecustomize", "_trace"),
        *("_tracer", "classtracker", "cli/_program", "cli/run"),
    )
)
RUNNER = "cli/_program.py"  # runs the program: what lies outside of it is not the program's
CALLS_OUT = (  # these call the program: constructors, finalisers, hooks for exceptions
    *(RUNNER, "_hooks.py", "_live.py", "_dumps.py", "_startup/sitecustomize.py"),
)

LIBRARY = re.compile(r".*/(?:site-packages|dist-packages|lib(?:64)?/python3(?:\.\d+)?)/")
FROZEN = re.compile(r"<frozen ([\w.]+)>")


class Frame(NamedTuple):
    """A place in the program. `line` is 0 where it is not known."""

    function: str
    file: str
    line: int


def frame_text(frame: Frame) -> str:
    r"""A place as one looks for it, in printable characters.

    >>> frame_text(Frame("load", "/srv/app.py", 41)), frame_text(Frame("", "/srv/a\n.py", 0))
    ('/srv/app.py:41 in load', '/srv/a\\n.py')
    """
    place = f"{frame.file}:{frame.line}" if frame.line else frame.file
    return printable(" in ".join(filter(None, (place, frame.function))))


def stack_text(stack: Iterable[Frame]) -> str:
    """A stack in one line, innermost frame first, with some of its callers."""
    frames = list(stack)
    if not frames:
        return "(no Python code)"
    callers = [f"{os.path.basename(frame.file)}:{frame.line}" for frame in frames[1:]]
    shown = map(printable, callers[:SHOWN_CALLERS])
    more = " < ..." if len(callers) > SHOWN_CALLERS else ""
    return " < ".join([frame_text(frames[0]), *shown]) + more


def own_folders(files: Iterable[str]) -> tuple[str, ...]:
    """Where heapsight's package lay when frames with these files ran; each ends in "/".

    >>> own_folders(["/a/heapsight/_hooks.py", "/a/heapsight/cli/__init__.py", "/b/_hooks.py"])
    ('/a/heapsight/',)
    """
    own = [file for file in files if file.endswith(OWN_MODULES)]
    ends = [max(file.rfind(module) for module in OWN_MODULES) for file in own]
    return tuple({file[: at + len("/heapsight/")] for file, at in zip(own, ends, strict=True)})


def file_test(
    module: str | None, file: str | None, main: str, files: Collection[str]
) -> Callable[[str], bool]:
    """A test for names of files: of a module or package, and of one file by the end of its path.

    main: the file of the main script, "" if not known. files: of all frames.
    """
    tests: list[Callable[[str], bool]] = []
    if module is not None:
        tests.append(_module_test(module, main, files))
    if file is not None:
        whole, end = file, os.sep + os.path.normpath(file).lstrip(os.sep)
        tests.append(lambda name: name == whole or (os.sep + name).endswith(end))
    return lambda name: all(test(name) for test in tests)


def _module_test(module: str, main: str, files: Collection[str]) -> Callable[[str], bool]:
    """The rule that Trace.rows() describes."""
    if module == "__main__":
        return lambda name: name == main != ""
    place = module.replace(".", os.sep)
    alone, inside = f"{os.sep}{place}.py", f"{os.sep}{place}{os.sep}"
    root = _project(main, files)

    def is_in(name: str) -> bool:
        library = LIBRARY.match(name)
        if library:
            path = name[library.end() - 1 :]
            return path == alone or path.startswith(inside)
        frozen = FROZEN.fullmatch(name)
        if frozen:
            return f"{frozen[1]}.".startswith(f"{module}.")
        path = os.sep + name.removeprefix(root)
        return path.endswith(alone) or inside in path

    return is_in


def _project(main: str, files: Collection[str]) -> str:
    """The folder around the package that the main script is in, else around the script's folder.

    With the latter `python -m app.server` is in app, whether or not a frame tells of a package.
    """
    inner = folder = os.path.dirname(main)
    while folder and os.path.join(folder, "__init__.py") in files:
        folder = os.path.dirname(folder)
    return os.path.join(folder if folder != inner else os.path.dirname(inner), "")
