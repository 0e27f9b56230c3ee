# SPDX-License-Identifier: MIT
"""tools/bench trace: what tracing costs, beside plain, tracemalloc and memray.

In each round every mode has a fresh process, and all run the same allocation-bound program, a
part at a time and in turns, so that a slow phase of the machine hits them alike. Time is the
CPU time of the program, start of the tracer included. tracemalloc with 10 and 25 frames runs fewer
rounds, because one takes a minute and more. Then two traces of 600,000 live blocks and 10 frames are
compared, by heapsight and by tracemalloc.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench_lib import process
from bench_lib.process import Fail
from bench_lib.report import middle, print_verdicts
from bench_lib.trace_modes import DIFFS, MODES, SLOW_DIFF
from bench_lib.trace_report import judge, judge_diff, print_rows, summarise

WORKER = Path(__file__).resolve().parent / "trace_worker.py"
MEASUREMENT_SECONDS = 1200
ROUNDS, QUICK_ROUNDS, QUICK_SCALE = 5, 3, 0.1
DIFF_NODES, QUICK_DIFF_NODES = 100_000, 5_000  # six blocks each
DIFF_ROUNDS = 3

Say = Callable[[str], None]


def parse(argv: Sequence[str], positive: Callable[[str], int], venv: Path,
          names_of: Callable[[Sequence[str]], Any]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/bench trace", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", metavar="FILE", type=Path,
                        help="measure run() of this program instead")
    parser.add_argument("--only", metavar="NAMES", type=names_of([*MODES, *DIFFS]),
                        default=[*MODES, *DIFFS], help=f"of {','.join([*MODES, *DIFFS])}")
    parser.add_argument("--rounds", type=positive, help=f"default: {ROUNDS}, {QUICK_ROUNDS} quick")
    parser.add_argument("--quick", action="store_true", help="a tenth of the program: a trial")
    parser.add_argument("--check", action="store_true",
                        help="exit with 1 unless every target is measured and met")
    parser.add_argument("--json", action="store_true", help="print everything measured as JSON")
    parser.add_argument("--venv", type=Path, default=venv, help="where the tools are installed")
    options = parser.parse_args(argv)
    options.rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    if options.program and not options.program.is_file():
        parser.error(f"argument --program: {options.program} is no file")
    return options


def command(python: Path, mode: str, workload: str, scale: float) -> list[str | Path]:
    return [python, WORKER, mode, workload, str(scale)]


def check_answers(results: Mapping[str, Sequence[Mapping[str, Any]]], fail: Fail) -> None:
    answers = {one["answer"] for measurements in results.values() for one in measurements}
    if len(answers) > 1:
        raise fail("a tracer changed what the program computes")


def run(options: argparse.Namespace, python: Path, missing: Mapping[str, str], say: Say,
        fail: Fail) -> int:
    names = [name for name in options.only if name in MODES and name not in missing]
    workload = str(options.program.resolve()) if options.program else "own"
    scale = QUICK_SCALE if options.quick else 1.0
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for number in range(options.rounds):
        chosen = [name for name in names if number < MODES[name].most_rounds]
        say(f"round {number + 1} of {options.rounds}: {', '.join(chosen)}")
        commands = {name: command(python, name, workload, scale) for name in chosen}
        for name, measurement in process.take_turns(commands, MEASUREMENT_SECONDS, fail).items():
            results[name].append(measurement)
    check_answers(results, fail)
    rows = summarise(results)
    diffs: dict[str, list[dict[str, Any]]] = {}
    for number in range(DIFF_ROUNDS):
        for name in (one for one in options.only if one in DIFFS):
            if number == 0 or name != SLOW_DIFF:
                say(f"round {number + 1} of {DIFF_ROUNDS}: {name}")
                nodes = QUICK_DIFF_NODES if options.quick else DIFF_NODES
                diffs.setdefault(name, []).append(process.measure(
                    command(python, name, workload, nodes), name, MEASUREMENT_SECONDS, fail))
    diff_cpu_s = {name: middle(measurements, "cpu_s") for name, measurements in diffs.items()}
    verdicts = judge(rows) + judge_diff(diff_cpu_s)
    if options.json:
        print(json.dumps({"python": platform.python_version(), "machine": platform.machine(),
                          "workload": workload, "scale": scale, "missing": dict(missing),
                          "modes": rows, "diff_cpu_s": diff_cpu_s, "targets": verdicts,
                          "measurements": results | diffs}, indent=2))
    else:
        print_rows(f"{'the allocation-bound program' if workload == 'own' else workload}", rows,
                   missing)
        for name, cpu_s in diff_cpu_s.items():
            print(f"{name:32}{len(diffs[name]):>7}{cpu_s:9.3f}")
        print_verdicts(verdicts)
    return 1 if options.check and not all(one["met"] for one in verdicts) else 0
