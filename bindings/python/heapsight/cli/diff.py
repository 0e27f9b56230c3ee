# SPDX-License-Identifier: MIT
"""heapsight diff: what grew between two snapshots."""

import argparse

from heapsight.cli._options import add_json, add_limit, add_only, add_sort, print_json, show

__all__ = ["HELP", "NAME", "add_arguments", "run"]

NAME = "diff"
HELP = "show which types grew between two snapshots"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """BEFORE AFTER [--sort ORDER] [--limit N] [--only NAME] [--json]"""
    parser.add_argument("before", metavar="BEFORE", help="the earlier snapshot")
    parser.add_argument("after", metavar="AFTER", help="the later snapshot")
    add_sort(parser)
    add_limit(parser, 20, "types")
    add_only(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the types that changed, most grown first."""
    import heapsight
    from heapsight.cli._progress import Progress

    doing = f"comparing {args.before} with {args.after}"
    with (
        Progress(doing),
        heapsight.load(args.before) as before,
        heapsight.load(args.after) as after,
        heapsight.diff(before, after) as difference,
    ):
        rows = difference.types(None, args.sort, only=args.only)
        text = difference.text(args.limit or None, args.sort, only=args.only)
    shown = rows[: args.limit or None]
    if args.json:
        names = {"before": args.before, "after": args.after}
        listed = [row._asdict() for row in shown]
        print_json({**names, "types": listed, "omitted_count": len(rows) - len(shown)})
    else:
        show(text)
    return 0
