# SPDX-License-Identifier: MIT
"""heapsight types: what uses the memory."""

import argparse
from typing import Any

from heapsight.cli._options import (
    add_json,
    add_limit,
    add_only,
    add_sort,
    check_traced,
    print_json,
    show,
)

__all__ = ["HELP", "NAME", "add_arguments", "run"]

NAME = "types"
HELP = "show which types use the memory of a snapshot"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """FILE [--by GROUP] [--sort ORDER] [--limit N] [--only NAME] [--json]"""
    parser.add_argument("file", metavar="FILE", help="snapshot")
    parser.add_argument(
        "--by",
        choices=("type", "site"),
        default="type",
        help="one row for each type (default), or for each place that allocated objects of it",
    )
    add_sort(parser)
    add_limit(parser, 20, "rows")
    add_only(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the histogram of a snapshot."""
    from heapsight import load
    from heapsight.cli._progress import Progress

    with Progress(f"counting the objects of {args.file}"), load(args.file) as snapshot:
        mode: dict[str, Any] = {}
        if args.by == "site":
            mode["mode"] = check_traced(snapshot, args.file).info["mode"]
        if not args.json:
            text = snapshot.text(args.limit or None, args.sort, only=args.only, by=args.by)
        else:
            rows = snapshot.types(None, args.sort, only=args.only, by=args.by)
    if not args.json:
        show(text)
        return 0
    shown = rows[: args.limit or None]
    listed = [row._asdict() for row in shown]
    left_out = len(rows) - len(shown)
    print_json({"file": args.file, **mode, f"{args.by}s": listed, "omitted_count": left_out})
    return 0
