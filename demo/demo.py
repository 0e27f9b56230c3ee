# SPDX-License-Identifier: MIT
"""The demo: run the leaking shop, then ask heapsight what grew and what keeps it alive.

demo.py FOLDER writes the snapshots and the pictures there and prints the story.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from under_heapsight import ProgramError, Running, heapsight, snapshot_pair

HERE = Path(__file__).resolve().parent
VISITORS = 300
WARM_UP_VISITORS = 10
ROWS = 8

# (type that leaks, name of its picture)
LEAKS = (
    ("service.Page", "page-cache.png"),
    ("service.Cart", "cart-listeners.png"),
    ("service.Receipt", "receipt-thread.png"),
)


def requests(first: int, count: int) -> list[tuple[str, str]]:
    """(method, path) of what `count` visitors do: look at a page, fill a cart, order."""
    return [
        request
        for number in range(first, first + count)
        for request in (
            ("GET", f"/page?item={number % 10}&visitor=visitor-{number}"),
            ("GET", f"/cart?visitor=visitor-{number}"),
            ("POST", f"/order?visitor=visitor-{number}"),
        )
    ]


def heading(text: str) -> None:
    print(f"\n\n{text}\n{'=' * len(text)}")


def show(*arguments: str | Path) -> None:
    """Print a heapsight command as one would type it, and what it answers."""
    print(f"\n$ heapsight {' '.join(map(str, arguments))}")
    print(heapsight(*arguments).rstrip())


def holder(snapshot: Path, type_name: str) -> str:
    """The most common path to the objects of a type, on one line."""
    paths = json.loads(heapsight("why", "--json", snapshot, "--type", type_name))["paths"]
    return str(paths[0]["expression"])


def record(folder: Path) -> tuple[Path, Path]:
    """Run the shop, serve the visitors; the snapshots before and after, under plain names."""
    with Running(HERE / "serve.py", folder=folder / "run", options=["--exact"]) as shop:
        pair = snapshot_pair(shop, requests(0, WARM_UP_VISITORS),
                             requests(WARM_UP_VISITORS, VISITORS))
    before, after = folder / "before.hsnap", folder / "after.hsnap"
    shutil.copy(pair[0], before)
    shutil.copy(pair[1], after)
    return before, after


def tell(before: Path, after: Path) -> None:
    folder = after.parent
    heading("1. What grew while the visitors were served")
    show("diff", before, after, "--limit", str(ROWS))
    heading("2. Why it is still alive, and where it was made")
    for type_name, _ in LEAKS:
        show("why", after, "--type", type_name)
    heading("3. The same three paths as pictures")
    print()
    width = max(len(str(folder / picture)) for _, picture in LEAKS)
    for type_name, picture in LEAKS:
        heapsight("graph", after, "--type", type_name, "-o", folder / picture)
        print(f"  {folder / picture!s:<{width}}   {holder(after, type_name)}")
    print()


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("demo.py: give it the folder to write to", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    shutil.rmtree(folder, ignore_errors=True)
    print(f"A small web shop runs under `heapsight run --exact` and serves {VISITORS} visitors."
          " It leaks in three ways.")
    try:
        tell(*record(folder))
    except ProgramError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
