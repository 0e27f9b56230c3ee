# SPDX-License-Identifier: MIT
"""A pyperformance program in a process of its own: program_worker.py MODE NAME LOOPS.

The program runs as its own script would, but the runner that it asks for calls each of its
functions LOOPS times, here and at once. MODE plain, sampled or exact-32: the CPU time of those
calls, as JSON in the last line. They are made in turns: before each a line is read, after each one is
written, so that several processes can alternate; at the end of stdin none waits. MODE
lines-heapsight or lines-tracemalloc: the program is traced from before its imports, and what is alive
after it is printed by line, one frame deep.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import json
import random
import runpy
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # a script: its folder is on sys.path, the package's is not
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import heapsight
from bench_lib.trace_modes import FRAMES, PLAIN, heapsight_tracer, plain

MODES = {PLAIN: plain, "sampled": lambda: heapsight_tracer("sampled", FRAMES),
         f"exact-{FRAMES}": lambda: heapsight_tracer("exact", FRAMES)}


def script_of(name: str) -> Path:
    spec = importlib.util.find_spec("pyperformance")
    if spec is None or spec.origin is None:
        raise SystemExit("pyperformance is not installed")
    return Path(spec.origin).parent / f"data-files/benchmarks/bm_{name}/run_benchmark.py"


TURNS = 10


def cut(loops: int, turns: int) -> list[int]:
    """loops in so many parts, or fewer where there are not enough, of about the same size.

    >>> cut(23, 10), cut(3, 10)
    ([2, 3, 2, 2, 3, 2, 2, 2, 3, 2], [1, 1, 1])
    """
    ends = [loops * turn // turns for turn in range(turns + 1)]
    return [end - begin for begin, end in zip(ends, ends[1:]) if end > begin]


def calling_runner(parts: list[int], kept: list[Any], spent: list[float],
                   turn: Callable[[], object]) -> type:
    """A pyperf.Runner that calls what it is given, keeps the results and adds up CPU seconds.

    parts: calls in each turn; turn() is called before each.
    """
    import pyperf

    def timed(call: Callable[[int], Any]) -> None:
        for loops in parts:
            turn()
            start = time.process_time()
            kept.append(call(loops))
            spent.append(time.process_time() - start)

    class Runner(pyperf.Runner):
        def bench_func(self, name: str, func: Callable[..., Any], *args: Any, **_: Any) -> None:
            timed(lambda loops: [func(*args) for _ in range(loops)][-1])

        def bench_time_func(self, name: str, func: Callable[..., Any], *args: Any,
                            **_: Any) -> None:
            timed(lambda loops: func(loops, *args) and None)

        def bench_async_func(self, name: str, func: Callable[..., Any], *args: Any,
                             loop_factory: Any = None, **_: Any) -> None:
            async def repeat(loops: int) -> None:
                for _ in range(loops):
                    await func(*args)

            timed(lambda loops: asyncio.run(repeat(loops)))

    return Runner


def run_program(name: str, parts: list[int],
                turn: Callable[[], object] = lambda: None) -> tuple[float, list[Any]]:
    """(CPU seconds of its functions, what they returned)."""
    import pyperf

    kept: list[Any] = []
    spent: list[float] = []
    pyperf.Runner = calling_runner(parts, kept, spent, turn)
    script = script_of(name)
    sys.argv[:] = [str(script)]
    sys.path.insert(0, str(script.parent))
    random.seed(0)
    kept.append(runpy.run_path(str(script), run_name="__main__"))
    return sum(spent), kept


def measure(mode: str, name: str, loops: int, turn: Callable[[], object]) -> dict[str, Any]:
    begin = MODES[mode]()
    gc.collect()
    end = begin()
    cpu_s, _ = run_program(name, cut(loops, TURNS), turn)
    end()
    return {"cpu_s": cpu_s}


Lines = dict[str, tuple[int, int]]


def heapsight_lines(run: Callable[[], Any]) -> Lines:
    tracer = heapsight.Tracer("exact", frames=1)
    gc.collect()
    tracer.start()
    kept = run()
    gc.collect()
    trace = tracer.trace()
    tracer.stop()
    del kept
    lines: Lines = {}
    for row in trace.live(None, by="line"):
        place = f"{row.stack[0].file}:{row.stack[0].line}" if row.stack else "no line"
        size, count = lines.get(place, (0, 0))  # a class body shares its line with its module
        lines[place] = (size + row.bytes, count + row.blocks)
    return lines


def tracemalloc_lines(run: Callable[[], Any]) -> Lines:
    gc.collect()
    tracemalloc.start(1)
    kept = run()
    gc.collect()
    snapshot = tracemalloc.take_snapshot()
    tracemalloc.stop()
    del kept
    return {f"{one.traceback[0].filename}:{one.traceback[0].lineno}": (one.size, one.count)
            for one in snapshot.statistics("lineno")}


LINES = {"lines-heapsight": heapsight_lines, "lines-tracemalloc": tracemalloc_lines}


def main() -> None:
    mode, name, loops = sys.argv[1:]
    if mode in LINES:
        gc.disable()  # when it collects differs; it collects at the end, in both
        print(json.dumps(LINES[mode](lambda: run_program(name, [int(loops)]))))
    else:
        told = sys.stdout
        sys.stdout = sys.stderr  # the program's own words are not ours

        def turn() -> None:
            print("turn", file=told, flush=True)
            sys.stdin.readline()

        print(json.dumps(measure(mode, name, int(loops), turn)), file=told)


if __name__ == "__main__":
    main()
