# SPDX-License-Identifier: MIT
"""One measurement in a process of its own: worker.py OPERATION WORKLOAD SIZE prints JSON.

cpu_s         CPU seconds of this process for the operation, after its imports
pause_s       seconds on the wall clock for it: how long the program stood still
objects       objects the operation looked at, or null
heap_bytes    resident set that the workload added
kept_bytes    resident set that stays while the result is held
peak_bytes    highest resident set during the operation, above the one before it; of a forked
              child the most that it had to itself
Memory is read from /proc and null where that is not possible.
"""

from __future__ import annotations

import ctypes
import gc
import json
import mmap
import re
import sys
import time
from pathlib import Path

if __name__ == "__main__":  # a script: its folder is on sys.path, the package's is not
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from bench_lib.heaps import HEAPS
from bench_lib.operations import OPERATIONS

STATUS = Path("/proc/self/status")
CLEAR_REFS = Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # proc(5), /proc/pid/clear_refs


def status_bytes(field: str) -> int | None:
    """A field of /proc/self/status, such as VmRSS, in bytes; None where it cannot be read."""
    try:
        found = re.search(rf"^{field}:\s+(\d+) kB", STATUS.read_text(), re.M)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def reset_peak() -> bool:
    """Have VmHWM begin anew; False where that is not allowed, as in some containers."""
    try:
        CLEAR_REFS.write_text(RESET_PEAK)
    except OSError:
        return False
    return True


def added(after: int | None, before: int | None) -> int | None:
    return None if after is None or before is None else after - before


def settle() -> int | None:
    """Give back what can be given back; the resident set in bytes, or None."""
    gc.collect()
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):  # glibc
        libc.malloc_trim(0)
    return status_bytes("VmRSS")


def warm_memory(length: int) -> None:
    """Touch so much memory and give it back. A virtual machine may have given its free memory back to the
    host, which takes ten times as long to find it anew as it takes to clear it: whoever asks for memory
    first would be charged with that, be it this operation or, in another round, the one before it."""
    if length > 0 and hasattr(mmap, "MADV_HUGEPAGE"):  # Linux
        with mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
            memory.madvise(mmap.MADV_HUGEPAGE)  # given back in large pieces, so that others get such
            for at in range(0, length, mmap.PAGESIZE):
                memory[at] = 1


def measure(operation: str, workload: str, size: int) -> dict[str, object]:
    run = OPERATIONS[operation].prepare()
    empty = settle()
    heap = HEAPS[workload].build(size)
    warm_memory(added(settle(), empty) or 0)
    before = settle()
    peak_is_known = reset_peak()
    begun, start = time.perf_counter(), time.process_time()
    result, objects = run()
    cpu_s, pause_s = time.process_time() - start, time.perf_counter() - begun
    peak = added(status_bytes("VmHWM") if peak_is_known else None, before)
    if callable(objects):
        objects, peak = objects()
    kept = settle()
    del result, heap
    return {"cpu_s": cpu_s, "pause_s": pause_s, "objects": objects,
            "heap_bytes": added(before, empty), "kept_bytes": added(kept, before),
            "peak_bytes": peak}


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
