# SPDX-License-Identifier: MIT
"""heapsight why: what keeps objects alive."""

import argparse
from typing import Any

from heapsight.cli._options import (
    add_json,
    add_limit,
    add_target,
    print_json,
    show,
    target,
    target_text,
)

__all__ = ["HELP", "NAME", "add_arguments", "run"]

NAME = "why"
HELP = "show the paths that keep the objects of a type, or one object, alive"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """FILE --type NAME|--address 0x.. [--limit N] [--json]"""
    add_target(parser)
    add_limit(parser, 10, "paths")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the shortest labelled paths from roots."""
    from heapsight import load
    from heapsight.cli._progress import Progress

    doing = f"searching the paths to {target_text(args)} in {args.file}"
    with (
        Progress(doing),
        load(args.file) as snapshot,
        snapshot.why(target(args), args.limit or None) as answer,
    ):
        document = {
            "file": args.file,
            "paths": [_path(row._asdict()) for row in answer],
            "sites": [row._asdict() for row in answer.sites()],
            "omitted_count": answer.omitted_count,
            "unreached_count": answer.unreached_count,
        }
        text = str(answer)
    if args.json:
        print_json(document)
    else:
        show(text)
    return 0


def _path(fields: dict[str, Any]) -> dict[str, Any]:
    """A path with its steps by name; addresses as --address takes them."""
    steps = [{**step._asdict(), "address": f"{step.address:#x}"} for step in fields["steps"]]
    return {**fields, "steps": steps}
