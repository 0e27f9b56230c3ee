# SPDX-License-Identifier: MIT
"""heapsight stacks: who allocated what, from a snapshot that was taken while tracing."""

import argparse
from typing import Any

from heapsight.cli._options import add_json, check_traced, count, print_json, show

__all__ = ["HELP", "NAME", "add_arguments", "run"]

NAME = "stacks"
HELP = "show which lines allocated what, from a snapshot taken while tracing"

SHOWN_ROWS = 20
OPTIONS = {  # and what Trace.rows() and the reports call them
    "--figure": "figure",
    "--by": "by",
    "--sort": "sort",
    "--limit": "limit",
    "--module": "module",
    "--source": "file",
    "--thread": "thread",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """FILE [--figure F] [--by GROUP] [--sort ORDER] [filters] [--report NAME] [-o FILE] [--json]"""
    from heapsight import reports
    from heapsight._stacks import GROUPS
    from heapsight._figures import FIGURES

    parser.add_argument("file", metavar="FILE", help="snapshot")
    parser.add_argument(
        "--figure",
        choices=tuple(FIGURES),
        help="live: not freed yet (default); peak: alive when most memory was in use; total: all"
        " that was allocated; temporary: freed before the next allocation; native: alive and part of"
        " no object, of an exact trace only",
    )
    parser.add_argument("--by", choices=GROUPS, help="what a row adds up (default: line)")
    parser.add_argument("--sort", choices=("size", "count"), help="order (default: size)")
    parser.add_argument(
        "--limit", type=count, metavar="N", help=f"rows shown, 0 for all (default: {SHOWN_ROWS})"
    )
    parser.add_argument("--module", metavar="NAME", help="only stacks through this module")
    parser.add_argument("--source", metavar="NAME", help="only stacks through this source file")
    parser.add_argument("--thread", metavar="NAME", help="only stacks of this thread")
    parser.add_argument(
        "--report",
        choices=reports.NAMES,
        help="another form than the table: to -o, or printed where it is text; options that it does"
        " not have are refused",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="file for the report")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print or write what a trace tells."""
    from heapsight import load
    from heapsight.cli._progress import Progress

    given = _given(args)
    is_report = bool(args.report or args.output)
    if is_report:
        _check_report(args, given)
    with Progress(f"reading the allocations of {args.file}"), load(args.file) as snapshot:
        trace = check_traced(snapshot, args.file)
        if is_report:
            made = trace.report(args.report, args.output, **given)
            text = f"wrote {made}\n" if args.output else made
        elif args.json:
            print_json(_document(args.file, trace, given))
            text = ""
        else:
            text = trace.text(**{"limit": SHOWN_ROWS, **given})
    show(text)
    return 0


def _given(args: argparse.Namespace) -> dict[str, Any]:
    """The options of the command line by the names that Trace.rows() and reports have."""
    values = {name: getattr(args, option[2:]) for option, name in OPTIONS.items()}
    given = {name: value for name, value in values.items() if value is not None}
    return {**given, "limit": given["limit"] or None} if "limit" in given else given


def _check_report(args: argparse.Namespace, given: dict[str, Any]) -> None:
    """Raises HeapsightValueError for an option that would be without effect."""
    from heapsight import HeapsightValueError, reports

    if args.json:
        raise HeapsightValueError(
            "stacks: --json prints rows and goes with neither --report nor -o; leave it out"
        )
    name = args.report or reports.name_for(args.output)
    known = reports.find(name).make.__kwdefaults__ or {}
    for option, keyword in OPTIONS.items():
        if keyword in given and keyword not in known:
            raise HeapsightValueError(
                f'stacks: report "{name}" does not take {option}; leave it out, or take the table'
            )


def _document(file: str, trace: Any, given: dict[str, Any]) -> dict[str, Any]:
    rows = trace.rows(**{"by": "line", **given, "limit": None})
    shown = rows[: given.get("limit", SHOWN_ROWS)]
    return {
        "file": file,
        "figure": given.get("figure", "live"),
        "info": trace.info,
        "rows": [_row(row) for row in shown],
        "omitted_count": len(rows) - len(shown),
    }


def _row(row: Any) -> dict[str, Any]:
    return {**row._asdict(), "stack": [frame._asdict() for frame in row.stack]}
