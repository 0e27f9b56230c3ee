# SPDX-License-Identifier: MIT
"""heapsight info: where and when a snapshot was taken."""

import argparse

from heapsight.cli._options import add_json, print_json, show

__all__ = ["HELP", "NAME", "add_arguments", "run"]

NAME = "info"
HELP = "show where and when a snapshot was taken"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """FILE [--json]"""
    parser.add_argument("file", metavar="FILE", help="snapshot")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the facts about a snapshot."""
    from heapsight import load

    with load(args.file) as snapshot:
        if args.json:
            print_json({"file": args.file, **snapshot.info})
        else:
            show(snapshot.info_text())
    return 0
