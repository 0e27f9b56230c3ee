# SPDX-License-Identifier: MIT
"""Arguments and output that several subcommands share."""

import argparse
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heapsight import Snapshot, Trace

__all__ = [
    "add_json",
    "add_limit",
    "add_only",
    "add_pair",
    "add_sort",
    "add_target",
    "check_traced",
    "count",
    "print_json",
    "show",
    "target",
    "target_text",
]


def count(text: str) -> int:
    """A whole number of 0 or more."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def address(text: str) -> int:
    """An address as the reports print it."""
    try:
        value = int(text, 0)
    except ValueError:
        value = -1
    if not 0 <= value < 1 << 64:
        raise argparse.ArgumentTypeError(f"{text!r} is not an address such as 0x7f3a12c0")
    return value


def add_json(parser: argparse.ArgumentParser) -> None:
    """--json"""
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_pair(parser: argparse.ArgumentParser) -> None:
    """BEFORE AFTER"""
    parser.add_argument("before", metavar="BEFORE", help="the earlier snapshot")
    parser.add_argument("after", metavar="AFTER", help="the later snapshot")


def add_sort(parser: argparse.ArgumentParser) -> None:
    """--sort"""
    parser.add_argument(
        "--sort", choices=("size", "count", "type"), default="size", help="order (default: size)"
    )


def add_only(parser: argparse.ArgumentParser) -> None:
    """--only"""
    parser.add_argument(
        "--only", metavar="NAME", help="only this package, module or type, such as app"
    )


def add_limit(parser: argparse.ArgumentParser, default: int, what: str) -> None:
    """--limit"""
    parser.add_argument(
        "--limit",
        type=count,
        default=default,
        metavar="N",
        help=f"{what} shown, 0 for all (default: {default})",
    )


def add_target(parser: argparse.ArgumentParser) -> None:
    """FILE and one of --type and --address"""
    parser.add_argument("file", metavar="FILE", help="snapshot")
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--type", metavar="NAME", help="all objects of a type, such as app.Session")
    target.add_argument("--address", type=address, metavar="0x..", help="the object at an address")


def target(args: argparse.Namespace) -> str | int:
    """What was asked for by add_target()'s arguments."""
    wanted: str | int = args.address if args.type is None else args.type
    return wanted


def target_text(args: argparse.Namespace) -> str:
    """The target for a message."""
    wanted = target(args)
    return wanted if isinstance(wanted, str) else f"{wanted:#x}"


def check_traced(snapshot: "Snapshot", file: str) -> "Trace":
    """The allocations that a snapshot knows of. Raises HeapsightLookupError if it knows none."""
    from heapsight import HeapsightLookupError

    trace = snapshot.trace
    if trace is None:
        raise HeapsightLookupError(
            f"{file} has no allocations: no tracer was running when it was taken; "
            "run the program with heapsight run --exact or --sample"
        )
    return trace


def show(text: str) -> None:
    """Print now, so that a reader who went away is noticed while that can be reported.

    What the terminal's encoding does not have is shown as an escape.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    print(text, end="", flush=True)


def print_json(document: dict[str, Any]) -> None:
    """Print a document. Keys keep their meaning from version to version."""
    import json

    show(json.dumps(document, indent=2) + "\n")
