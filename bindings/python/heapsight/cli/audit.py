# SPDX-License-Identifier: MIT
"""heapsight audit: what C code holds more of in the later of two snapshots."""

import argparse
from typing import TYPE_CHECKING, Any

from heapsight.cli._options import add_json, add_limit, add_only, add_pair, print_json, show

if TYPE_CHECKING:
    from heapsight import NativeReferenceRow, SiteDiffRow

__all__ = ["GROWN", "HELP", "NAME", "add_arguments", "run"]

NAME = "audit"
HELP = "show what C code leaks: objects it holds more of, and blocks it did not free"
GROWN = 3  # exit code of --check


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """BEFORE AFTER [--check] [--limit N] [--only NAME] [--json]"""
    add_pair(parser)
    parser.add_argument(
        "--check", action="store_true", help=f"end with exit code {GROWN} where anything grew"
    )
    add_limit(parser, 20, "rows of each table")
    add_only(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print what grew; with --check the exit code says whether anything did."""
    import heapsight
    from heapsight.cli._progress import Progress

    doing = f"comparing {args.before} with {args.after}"
    with (
        Progress(doing),
        heapsight.load(args.before) as before,
        heapsight.load(args.after) as after,
        heapsight.native_references(before, after) as references,
    ):
        types = references.types(only=args.only)
        blocks = references.blocks() if args.only is None else None
        text = "" if args.json else references.text(args.limit or None, only=args.only)
    if args.json:
        _print_rows(args, types, blocks)
    else:
        show(text)
    return GROWN if args.check and (types or blocks) else 0


def _type_document(row: "NativeReferenceRow") -> dict[str, Any]:
    sites = [{"site": site, "count": count} for site, count in row.sites]
    examples = [{"address": address, "preview": preview} for address, preview in row.examples]
    holders = [{"holder": holder, "count": count} for holder, count in row.holders]
    return {**row._asdict(), "sites": sites, "examples": examples, "holders": holders}


def _print_rows(
    args: argparse.Namespace,
    types: "list[NativeReferenceRow]",
    blocks: "list[SiteDiffRow] | None",
) -> None:
    end = args.limit or None
    document: dict[str, Any] = {
        "before": args.before,
        "after": args.after,
        "types": [_type_document(row) for row in types[:end]],
        "omitted_count": len(types[end:]) if end else 0,
        "blocks": None,
        "omitted_blocks_count": 0,
    }
    if blocks is not None:
        names = ("site", "count_delta", "bytes_delta")
        document["blocks"] = [{key: getattr(row, key) for key in names} for row in blocks[:end]]
        document["omitted_blocks_count"] = len(blocks[end:]) if end else 0
    print_json(document)
