# SPDX-License-Identifier: MIT
"""In a process with much memory the walk holds address space and takes huge pages; it finds the same."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from textwrap import dedent

import pytest

import heapsight

PROGRAM = """
    import json, resource, sys
    import heapsight

    class Row:
        __slots__ = ("number", "items")

        def __init__(self, number):
            self.number, self.items = number, [float(number)]

    padding = bytearray(b"x") * (int(sys.argv[1]) << 20)
    rows = [Row(number) for number in range(200_000)]

    def data_bytes():
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))

    if sys.argv[2] != "none":
        limit = getattr(resource, "RLIMIT_" + sys.argv[2])
        bytes_ = data_bytes() + (72 << 20) if sys.argv[2] == "DATA" else 8 << 30
        resource.setrlimit(limit, (bytes_, resource.RLIM_INFINITY))
    heap = heapsight.snapshot("large")
    found = {row.type: (row.count, row.bytes) for row in heap.types(limit=None)}
    paths = [str(heap.why(id(rows[at].items))) for at in (0, 100_000, 199_999)]
    print(json.dumps([found["__main__.Row"], found["float"][0] >= 200_000, heap.info["overcounted_count"],
                      ["module __main__" in path and ".items" in path for path in paths]]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only there a process is known to be large")
@pytest.mark.parametrize("padding", [0, 200], ids=["small", "large"])
@pytest.mark.parametrize("limit", ["none", "AS", "DATA"])
def test_the_same_is_found(padding: int, limit: str) -> None:
    """RLIMIT_DATA leaves room for what the walk writes, not for what it would hold."""
    done = subprocess.run([sys.executable, "-c", dedent(PROGRAM), str(padding), limit],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    row, floats, overcounted, paths = json.loads(done.stdout)
    assert row[0] == 200_000 and row[1] == 200_000 * (row[1] // 200_000), row
    assert (floats, overcounted, paths) == (True, 0, [True, True, True])


def test_saving_needs_little_stack(tmp_path: Path) -> None:
    """A thread may have as little as 48 KiB."""
    heap = heapsight.snapshot("small stack", collect=False)
    saved: list[Path] = []

    def save() -> None:
        heap.save(tmp_path / "thread.hsnap")
        saved.append(tmp_path / "thread.hsnap")

    before = threading.stack_size(48 << 10)
    try:
        thread = threading.Thread(target=save)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert heapsight.load(saved[0]).object_count == heap.object_count
