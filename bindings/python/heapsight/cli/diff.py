# SPDX-License-Identifier: MIT
"""heapsight diff: what grew between two snapshots."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from heapsight.cli._options import (
    add_json,
    add_limit,
    add_only,
    add_pair,
    add_sort,
    check_traced,
    print_json,
    show,
)

if TYPE_CHECKING:
    from heapsight import DiffRow, SiteDiffRow

__all__ = ["HELP", "NAME", "add_arguments", "run"]

NAME = "diff"
HELP = "show which types grew between two snapshots"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """BEFORE AFTER [--sites] [--sort ORDER] [--limit N] [--only NAME] [--json]"""
    add_pair(parser)
    parser.add_argument(
        "--sites", action="store_true", help="tell the places that allocated them apart"
    )
    add_sort(parser)
    add_limit(parser, 20, "rows")
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
        mode: dict[str, Any] = {}
        if args.sites:
            mode["mode"] = check_traced(after, args.after).info["mode"]
        chosen: dict[str, Any] = {"sort": args.sort, "only": args.only}
        rows: Sequence[DiffRow | SiteDiffRow]
        if args.json:
            rows = (difference.sites if args.sites else difference.types)(None, **chosen)
        else:
            table = difference.sites_text if args.sites else difference.text
            text = table(args.limit or None, **chosen)
    if not args.json:
        show(text)
        return 0
    shown = rows[: args.limit or None]
    listed = [row._asdict() for row in shown]
    names = {"before": args.before, "after": args.after, **mode}
    key = "sites" if args.sites else "types"
    print_json({**names, key: listed, "omitted_count": len(rows) - len(shown)})
    return 0
