# SPDX-License-Identifier: MIT
"""heapsight graph: the picture of what holds an object."""

import argparse

from heapsight.cli._options import (
    add_json,
    add_target,
    count,
    print_json,
    show,
    target,
    target_text,
)

__all__ = ["HELP", "NAME", "add_arguments", "run"]

NAME = "graph"
HELP = "draw what keeps the objects of a type, or one object, alive"
NOT_FOR_MANY = "; not for the referrers of a type with more than three objects: those are paths"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """FILE --type NAME|--address 0x.. -o OUTPUT [options]"""
    add_target(parser)
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUTPUT",
        help="file to write: .png, .svg, .pdf or .dot",
    )
    parser.add_argument(
        "--direction",
        choices=("referrers", "referents"),
        default="referrers",
        help="what refers to the object, or what it refers to (default: referrers)",
    )
    parser.add_argument(
        "--depth",
        type=count,
        default=4,
        metavar="N",
        help=f"references away from it (default: 4){NOT_FOR_MANY}",
    )
    parser.add_argument(
        "--too-many",
        type=count,
        default=10,
        metavar="N",
        help=f"neighbours drawn for one object, 0 for all (default: 10){NOT_FOR_MANY}",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Write the picture."""
    from heapsight import load
    from heapsight.cli._progress import Progress

    doing = f"drawing {target_text(args)} from {args.file}"
    options = (args.direction, args.depth, args.too_many or None)
    with (
        Progress(doing),
        load(args.file) as snapshot,
        snapshot.graph(target(args), *options) as picture,
    ):
        picture.render(args.output)
        counts = {"node_count": picture.node_count, "edge_count": picture.edge_count}
    if args.json:
        print_json({"file": args.file, "output": args.output, **counts})
    else:
        objects, references = counts.values()
        show(f"wrote {args.output}: {objects:,} objects, {references:,} references\n")
    return 0
