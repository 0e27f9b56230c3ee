# SPDX-License-Identifier: MIT
"""heapsight stacks: who allocated what, from a snapshot that was taken while tracing."""

import argparse
from typing import Any

from heapsight.cli._options import add_json, add_limit, check_traced, print_json, show

__all__ = ["HELP", "NAME", "add_arguments", "run"]

NAME = "stacks"
HELP = "show which lines allocated what, from a snapshot taken while tracing"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """FILE [--figure F] [--by GROUP] [--sort ORDER] [filters] [--report NAME] [-o FILE] [--json]"""
    from heapsight import reports
    from heapsight._trace import FIGURES, GROUPS

    parser.add_argument("file", metavar="FILE", help="snapshot")
    parser.add_argument(
        "--figure",
        choices=tuple(FIGURES),
        help="live: not freed yet (default); peak: alive when most memory was in use; total: all"
        " that was allocated; temporary: freed before the next allocation",
    )
    parser.add_argument(
        "--by", choices=GROUPS, default="line", help="what a row adds up (default: line)"
    )
    parser.add_argument(
        "--sort", choices=("size", "count"), default="size", help="order (default: size)"
    )
    add_limit(parser, 20, "rows")
    parser.add_argument("--module", metavar="NAME", help="only stacks through this module")
    parser.add_argument("--source", metavar="NAME", help="only stacks through this source file")
    parser.add_argument("--thread", metavar="NAME", help="only stacks of this thread")
    parser.add_argument(
        "--report",
        choices=reports.NAMES,
        help="another form than the table: to -o, or printed where it is text",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="file for the report")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print or write what a trace tells."""
    from heapsight import load
    from heapsight.cli._progress import Progress

    with Progress(f"reading the allocations of {args.file}"), load(args.file) as snapshot:
        trace = check_traced(snapshot, args.file)
        if args.report or args.output:
            text = _report(trace, args)
        else:
            text = _table(trace, args)
    show(text)
    return 0


def _report(trace: Any, args: argparse.Namespace) -> str:
    options = {"figure": args.figure} if args.figure else {}
    made: str = trace.report(args.report, args.output, **options)
    return f"wrote {made}\n" if args.output else made


def _table(trace: Any, args: argparse.Namespace) -> str:
    chosen = {
        "by": args.by,
        "module": args.module,
        "file": args.source,
        "thread": args.thread,
    }
    figure = args.figure or "live"
    if not args.json:
        text: str = trace.text(figure, args.limit or None, args.sort, **chosen)
        return text
    rows = trace.rows(figure, None, args.sort, **chosen)
    shown = rows[: args.limit or None]
    print_json(
        {
            "file": args.file,
            "figure": figure,
            "info": trace.info,
            "rows": [_row(row) for row in shown],
            "omitted_count": len(rows) - len(shown),
        }
    )
    return ""


def _row(row: Any) -> dict[str, Any]:
    return {**row._asdict(), "stack": [frame._asdict() for frame in row.stack]}
