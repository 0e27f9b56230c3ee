# SPDX-License-Identifier: MIT
"""tools/bench sizes: are shallow sizes what the allocator holds? Nothing is timed.

Each heap is built in a process of its own while an exact tracer runs. Of every object whose block it
saw, the size is compared with the blocks of that object: its own, and those that it is the first to
lead to. Sizes count as equal to within less than a word. Of the types that keep no account of their
own the blocks give the size, so those agree by themselves: they are counted apart. The types that
do not agree are listed, worst first.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench_lib import process
from bench_lib.process import Fail

WORKER = Path(__file__).resolve().parent / "size_worker.py"
PACKAGES = ("numpy", "pandas", "SQLAlchemy", "Django", "pydantic")
HEAPS = ("bare", "standard", "packages")
MEASUREMENT_SECONDS = 300
LEAST_PERCENT = 99.5
SHOWN_TYPES = 10

Say = Callable[[str], None]


class Row(NamedTuple):
    """Objects of a type whose block the tracer saw."""

    type: str
    objects: int
    given: int  # that got their size from the blocks
    equal: int
    equal_bytes: int
    block_bytes: int
    size_bytes: int


def parse(argv: Sequence[str], positive: Callable[[str], int], venv: Path,
          names_of: Callable[[Sequence[str]], Any]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/bench sizes", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAMES", type=names_of(HEAPS), default=list(HEAPS),
                        help=f"of {','.join(HEAPS)} (default: all)")
    parser.add_argument("--types", type=positive, default=SHOWN_TYPES,
                        help=f"types to list for each heap (default: {SHOWN_TYPES})")
    parser.add_argument("--check", action="store_true",
                        help=f"exit with 1 unless {LEAST_PERCENT} %% of objects and bytes are equal")
    parser.add_argument("--json", action="store_true", help="print all types as JSON")
    parser.add_argument("--venv", type=Path, default=venv, help="where the packages are installed")
    return parser.parse_args(argv)


def needed(heaps: Sequence[str]) -> list[str]:
    return ["heapsight", *(PACKAGES if "packages" in heaps else ())]


def percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


def summarise(rows: Sequence[Row]) -> dict[str, Any]:
    objects, blocks = sum(row.objects for row in rows), sum(row.block_bytes for row in rows)
    return {
        "objects": objects,
        "block_bytes": blocks,
        "equal_objects_percent": percent(sum(row.equal for row in rows), objects),
        "equal_bytes_percent": percent(sum(row.equal_bytes for row in rows), blocks),
        "given_objects_percent": percent(sum(row.given for row in rows), objects),
    }


def is_met(summary: Mapping[str, Any]) -> bool:
    return bool(summary["objects"] and min(summary["equal_objects_percent"],
                                           summary["equal_bytes_percent"]) >= LEAST_PERCENT)


def exceptions(rows: Sequence[Row]) -> list[Row]:
    """Types with objects of another size than their blocks, most bytes first."""
    return sorted((row for row in rows if row.equal != row.objects),
                  key=lambda row: row.equal_bytes - row.block_bytes)


def print_heap(heap: str, rows: Sequence[Row], summary: Mapping[str, Any], shown: int) -> None:
    print(f"\n{heap}: {summary['objects']:,} objects in {summary['block_bytes']:,} bytes of blocks;"
          f" equal {summary['equal_objects_percent']:.2f} % of the objects and"
          f" {summary['equal_bytes_percent']:.2f} % of the bytes"
          f" (given by the blocks: {summary['given_objects_percent']:.2f} %)")
    others = exceptions(rows)
    print(f"{'objects':>10} {'not equal':>10} {'bytes':>12}   type")
    for row in others[:shown]:
        print(f"{row.objects:>10,} {row.objects - row.equal:>10,}"
              f" {row.block_bytes - row.equal_bytes:>12,}   {row.type}")
    if len(others) > shown:
        rest = others[shown:]
        print(f"{sum(row.objects for row in rest):>10,}"
              f" {sum(row.objects - row.equal for row in rest):>10,}"
              f" {sum(row.block_bytes - row.equal_bytes for row in rest):>12,}"
              f"   {len(rest)} more types")


def run(options: argparse.Namespace, python: Path, missing: Mapping[str, str], say: Say,
        fail: Fail) -> int:
    if missing:
        raise fail("; ".join(f"no {name}: {reason}" for name, reason in missing.items()))
    report: dict[str, Any] = {"python": platform.python_version(), "heaps": {}}
    if not options.json:
        print(f"Sizes beside blocks, CPython {report['python']} on {platform.machine()}")
    for heap in options.only:
        say(f"building the heap {heap}")
        measured = process.measure([python, "-W", "ignore", WORKER, heap], f"the heap {heap}",
                                   MEASUREMENT_SECONDS, fail)
        rows = [Row(*row) for row in measured["rows"]]
        summary = summarise(rows)
        report["heaps"][heap] = summary | {"types": [row._asdict() for row in rows]}
        if not options.json:
            print_heap(heap, rows, summary, options.types)
    if options.json:
        print(json.dumps(report, indent=2))
    return 1 if options.check and not all(map(is_met, report["heaps"].values())) else 0
