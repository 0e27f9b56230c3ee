# SPDX-License-Identifier: MIT
"""One measurement in a process of its own: trace_worker.py MODE WORKLOAD SCALE, JSON on stdout.

WORKLOAD is "own" or the path of a program with a function run(). It is run in turns: before each a
line is read, after each one is written, so that several processes can alternate; at the end of stdin
none waits. MODE "heapsight-diff" or "tracemalloc-diff" times the comparison of two traces; SCALE is
then the number of nodes.
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


def turns_of(workload: str, scale: float) -> list[Callable[[], Any]]:
    if workload == "own":
        return list(trace_workload.turns(scale))
    spec = importlib.util.spec_from_file_location("workload", workload)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{workload} is no Python program")
    module = importlib.util.module_from_spec(spec)
    sys.modules["workload"] = module
    spec.loader.exec_module(module)
    return [module.run]


def measure(mode: str, turns: list[Callable[[], Any]], say: Callable[[str], object],
            wait: Callable[[], object]) -> dict[str, Any]:
    begin = MODES[mode].prepare()
    gc.collect()
    wait()
    start = time.process_time()
    end = begin()
    cpu_s = time.process_time() - start
    answers = []
    for turn in turns:
        start = time.process_time()
        answers.append(turn())
        cpu_s += time.process_time() - start
        say("turn")
        wait()
    memory, blocks = end()
    return {"cpu_s": cpu_s, "answer": repr(answers), "tracer_bytes": memory, "peak_blocks": blocks}


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
        told = sys.stdout
        sys.stdout = sys.stderr  # the program's own words are not ours
        turns = turns_of(workload, float(scale))
        result = measure(mode, turns, lambda text: print(text, file=told, flush=True),
                         sys.stdin.readline)
        print(json.dumps(result), file=told)


if __name__ == "__main__":
    main()
