# SPDX-License-Identifier: MIT
"""Reports of a trace, for people and for other tools.

A report is one module with NAME, SUFFIXES (of its files, the longest that fits decides), HELP and
make(trace, *, options), which returns the file: text as str, else bytes. Adding one is adding a
module here and a line in REPORTS.
"""

import os
from collections.abc import Iterable
from os import PathLike
from types import ModuleType
from typing import Any

from heapsight._core import HeapsightValueError
from heapsight._errors import HeapsightTypeError
from heapsight._figures import TraceFigures
from heapsight.reports import (
    annotate,
    collapsed,
    flame,
    pprof,
    pstats,
    speedscope,
    table,
    tree,
)
from heapsight.reports._files import write_whole

__all__ = ["NAMES", "REPORTS", "find", "make", "name_for", "report"]

REPORTS: tuple[ModuleType, ...] = (
    table,
    tree,
    annotate,
    flame,
    speedscope,
    pprof,
    pstats,
    collapsed,
)
NAMES: tuple[str, ...] = tuple(module.NAME for module in REPORTS)


def find(name: str) -> ModuleType:
    """The module of a report. Raises HeapsightValueError for a name that none has."""
    for module in REPORTS:
        if module.NAME == name:
            return module
    raise HeapsightValueError(f"report must be one of {_list(NAMES)}, not {name!r}")


def name_for(path: str | PathLike[str]) -> str:
    """The name of the report that files with this ending hold.

    Raises HeapsightValueError for an ending that none has.

    >>> name_for("memory.html"), name_for("memory.speedscope.json")
    ('flame', 'speedscope')
    """
    base = os.path.basename(os.fspath(path)).lower()
    endings = {suffix: module.NAME for module in REPORTS for suffix in module.SUFFIXES}
    fitting = [suffix for suffix in endings if base.endswith(suffix)]
    if not fitting:
        raise HeapsightValueError(
            f"the ending of {os.fspath(path)} tells no report: name one of {_list(NAMES)},"
            f" or end it in one of {_list(endings)}"
        )
    name: str = endings[max(fitting, key=len)]
    return name


def make(trace: TraceFigures, name: str, **options: Any) -> str | bytes:
    """A report as its file holds it: text, or bytes for a format that is not text.

    Raises HeapsightValueError for an unknown report, HeapsightTypeError for an option that the
    report does not have.
    """
    module = find(name)
    known = module.make.__kwdefaults__ or {}
    for option in options:
        if option not in known:
            raise HeapsightTypeError(
                f'report "{name}" has no option "{option}"; its options: {_list(known) or "none"}'
            )
    made: str | bytes = module.make(trace, **options)
    return made


def report(
    trace: TraceFigures, name: str | None, path: str | PathLike[str] | None, **options: Any
) -> str:
    """What Trace.report() does: the text of a report, or its path after it was written."""
    if path is None:
        return _text(trace, name, options)
    made = make(trace, name or name_for(path), **options)
    if isinstance(made, str):
        made = made.encode("utf-8", "backslashreplace")  # lone surrogates in names of files
    return write_whole(path, made)


def _text(trace: TraceFigures, name: str | None, options: dict[str, Any]) -> str:
    if name is None:
        raise HeapsightValueError(f"give a path, or name a report: one of {_list(NAMES)}")
    made = make(trace, name, **options)
    if isinstance(made, str):
        return made
    ending = find(name).SUFFIXES[0]
    raise HeapsightValueError(
        f'report "{name}" is not text: give a path to write it to, such as "memory{ending}"'
    )


def _list(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
