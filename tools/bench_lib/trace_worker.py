# SPDX-License-Identifier: MIT
"""One measurement in a process of its own: trace_worker.py MODE WORKLOAD SCALE, JSON on stdout.

WORKLOAD is "own" or the path of a program with a function run(). MODE "heapsight-diff" or
"tracemalloc-diff" times the comparison of two traces; SCALE is then the number of nodes.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # a script: its folder is on sys.path, the package's is not
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from bench_lib import heaps, trace_workload
from bench_lib.trace_modes import DIFFS, MODES

GROWTH = 50  # one node in so many is new in the second trace


def program(workload: str, scale: float) -> Callable[[], Any]:
    if workload == "own":
        return lambda: trace_workload.run(scale)
    spec = importlib.util.spec_from_file_location("workload", workload)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{workload} is no Python program")
    module = importlib.util.module_from_spec(spec)
    sys.modules["workload"] = module
    spec.loader.exec_module(module)
    run: Callable[[], Any] = module.run
    return run


def measure(mode: str, workload: str, scale: float) -> dict[str, Any]:
    run = program(workload, scale)
    begin = MODES[mode].prepare()
    gc.collect()
    start = time.process_time()
    end = begin()
    answer = run()
    cpu_s = time.process_time() - start
    memory, blocks = end()
    return {"cpu_s": cpu_s, "answer": repr(answer), "tracer_bytes": memory, "peak_blocks": blocks}


def deep(frames: int, build: Callable[[], Any]) -> Any:
    return deep(frames - 1, build) if frames else build()


def measure_diff(mode: str, nodes: int) -> dict[str, Any]:
    timed, kept = DIFFS[mode](
        lambda: deep(20, lambda: heaps.build_tree(nodes)),
        lambda: deep(20, lambda: heaps.build_tree(nodes // GROWTH)))
    gc.collect()
    start = time.process_time()
    rows = timed()
    cpu_s = time.process_time() - start
    blocks = sum(row.blocks_delta if hasattr(row, "blocks_delta") else row.count_diff
                 for row in rows)
    del kept
    return {"cpu_s": cpu_s, "rows": len(rows), "new_blocks": blocks}


def main() -> None:
    mode, workload, scale = sys.argv[1:]
    if mode in DIFFS:
        print(json.dumps(measure_diff(mode, int(float(scale)))))
    else:
        print(json.dumps(measure(mode, workload, float(scale))))


if __name__ == "__main__":
    main()
