# SPDX-License-Identifier: MIT
"""In a process with much memory the walk holds address space and takes huge pages; it finds the same."""

from __future__ import annotations

import json
import subprocess
import sys
from textwrap import dedent

import pytest
from running import LITTLE_STACK, finished

PROGRAM = """
    import json, resource, sys
    import heapsight

    class Row:
        __slots__ = ("number", "items")

        def __init__(self, number):
            self.number, self.items = number, [float(number)]

    padding = bytearray(b"x") * (int(sys.argv[1]) << 20)
    rows = [Row(number) for number in range(200_000)]

    def used_bytes(field):
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field))

    LIMITS = {"AS": (resource.RLIMIT_AS, "VmSize"), "DATA": (resource.RLIMIT_DATA, "VmData")}
    if sys.argv[2] in LIMITS:
        limit, field = LIMITS[sys.argv[2]]
        before = resource.getrlimit(limit)
        resource.setrlimit(limit, (used_bytes(field) + (72 << 20), before[1]))
    heap = heapsight.snapshot("large")
    if sys.argv[2] in LIMITS:
        resource.setrlimit(limit, before)
    found = {row.type: (row.count, row.bytes) for row in heap.types(limit=None)}
    paths = [str(heap.why(id(rows[at].items))) for at in (0, 100_000, 199_999)]
    print(json.dumps([found["__main__.Row"], found["float"][0] >= 200_000, heap.info["overcounted_count"],
                      ["module __main__" in path and ".items" in path for path in paths],
                      sys.getsizeof(rows[0])]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only there a process is known to be large")
@pytest.mark.parametrize("padding", [0, 200], ids=["small", "large"])
@pytest.mark.parametrize("limit", ["none", "AS", "DATA"])
def test_the_same_is_found(padding: int, limit: str) -> None:
    """Limits leave room for what the walk writes, not for what it would hold."""
    done = subprocess.run([sys.executable, "-c", dedent(PROGRAM), str(padding), limit],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    row, floats, overcounted, paths, row_bytes = json.loads(done.stdout)
    assert row == [200_000, 200_000 * row_bytes]
    assert (floats, overcounted, paths) == (True, 0, [True, True, True])


IN_A_THREAD = """
    def save():
        heap = heapsight.snapshot("little stack", collect=False)
        heap.save("thread.hsnap")
        print(heapsight.load("thread.hsnap").object_count == heap.object_count)

    thread = threading.Thread(target=save)
    thread.start()
    thread.join()
"""


def test_walking_and_saving_needs_little_stack(tmp_path) -> None:
    program = "import heapsight, threading\n" + LITTLE_STACK + dedent(IN_A_THREAD)
    done = finished([sys.executable, "-X", "faulthandler", "-c", program], tmp_path)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr[-2000:]
