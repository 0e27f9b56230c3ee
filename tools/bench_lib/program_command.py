# SPDX-License-Identifier: MIT
"""tools/bench programs: what tracing costs programs of pyperformance, and whether its lines agree.

Each measurement is a fresh process that runs a whole program of pyperformance without pyperf's own
repetition; the modes take turns, some tenths of a second each, round after round. A program repeats itself until it takes half a
second untraced. The result is the geometric mean over the programs of the ratio to plain within a
round (median over rounds).

--agree compares instead what is alive at the end, by line and one frame deep, with tracemalloc's
figures of another run. Before 3.13 an interpreter tells only tracemalloc that an object comes from
a free list: to others it keeps the line that allocated its block first. So lines differ there, and
sums do not.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import geometric_mean
from typing import Any

from bench_lib import process
from bench_lib.process import Fail
from bench_lib.report import paired_ratio, print_verdicts
from bench_lib.trace_modes import FRAMES, PLAIN
from bench_lib.trace_report import verdict

WORKER = Path(__file__).resolve().parent / "program_worker.py"
MEASUREMENT_SECONDS = 600
ROUNDS, QUICK_ROUNDS = 5, 1
LEAST_CPU_S, QUICK_LEAST_CPU_S = 0.5, 0.05
MODES = (PLAIN, "sampled", f"exact-{FRAMES}")
MOST_TIMES_PLAIN = {"sampled": 1.03, f"exact-{FRAMES}": 1.6}
MOST_PERCENT_APART = 0.1  # of all bytes alive

# Those of pyperformance that need no arguments and the standard library alone, and compute in one
# process.
PROGRAMS = """
json_loads richards deltablue logging regex_compile sqlite_synth telco xml_etree raytrace pyflate
async_generators barnes_hut chaos comprehensions coroutines decimal_pi deepcopy fannkuch float
generators go hexiom json_dumps meteor_contest nbody nqueens pathlib pidigits pprint regex_dna
regex_effbot regex_v8 scimark spectral_norm typing_runtime_protocols unpack_sequence
""".split()
AGREE = PROGRAMS[:10]

Say = Callable[[str], None]


def parse(argv: Sequence[str], positive: Callable[[str], int], venv: Path,
          names_of: Callable[[Sequence[str]], Any]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/bench programs", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAMES", type=names_of(PROGRAMS),
                        help=f"of {','.join(PROGRAMS)} (default: all; the first ten with --agree)")
    parser.add_argument("--agree", action="store_true", help="compare lines with tracemalloc's")
    parser.add_argument("--list", action="store_true", help="with --agree: each line that differs")
    parser.add_argument("--rounds", type=positive, help=f"default: {ROUNDS}, {QUICK_ROUNDS} quick")
    parser.add_argument("--quick", action="store_true", help="short programs, one round: a trial")
    parser.add_argument("--check", action="store_true",
                        help="exit with 1 unless every target is measured and met")
    parser.add_argument("--json", action="store_true", help="print everything measured as JSON")
    parser.add_argument("--venv", type=Path, default=venv, help="where the tools are installed")
    options = parser.parse_args(argv)
    options.rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    options.only = options.only or (AGREE if options.agree else PROGRAMS)
    return options


def command(python: Path, mode: str, name: str, loops: int) -> list[str | Path]:
    return [python, WORKER, mode, name, str(loops)]


def measure(python: Path, fail: Fail, mode: str, name: str, loops: int) -> dict[str, Any]:
    return process.measure(command(python, mode, name, loops), f"{name}, {mode}",
                           MEASUREMENT_SECONDS, fail)


# ---- cost ----

def loops_for(python: Path, fail: Fail, name: str, least_cpu_s: float) -> int:
    loops = 1
    while measure(python, fail, PLAIN, name, loops)["cpu_s"] < least_cpu_s:
        loops *= 2
    return loops


def summarise(results: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]
              ) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """(program -> mode -> times plain, mode -> geometric mean of these)."""
    table = {name: {mode: paired_ratio(modes[mode], modes[PLAIN]) or 0.0 for mode in MODES[1:]}
             for name, modes in results.items()}
    return table, {mode: geometric_mean([row[mode] for row in table.values()])
                   for mode in MODES[1:]}


def judge(means: Mapping[str, float]) -> list[dict[str, Any]]:
    return [verdict(f"geometric mean of {mode} at most {limit:g} times plain", means.get(mode),
                    limit) for mode, limit in MOST_TIMES_PLAIN.items()]


def run_cost(options: argparse.Namespace, python: Path, say: Say,
             fail: Fail) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    least_cpu_s = QUICK_LEAST_CPU_S if options.quick else LEAST_CPU_S
    results: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for name in options.only:
        loops = loops_for(python, fail, name, least_cpu_s)
        say(f"{name}: {loops} loops")
        results[name] = {mode: [] for mode in MODES}
        for _ in range(options.rounds):
            commands = {mode: command(python, mode, name, loops) for mode in MODES}
            found = process.take_turns(commands, MEASUREMENT_SECONDS, fail)
            for mode in MODES:
                results[name][mode].append(found[mode])
    table, means = summarise(results)
    if not options.json:
        print(f"\ntimes plain, CPU time, median of {options.rounds}"
              f"\n{'':28}{MODES[1]:>10}{MODES[2]:>10}")
        for name, row in [*table.items(), ("geometric mean", means)]:
            print(f"{name:28}{row[MODES[1]]:>10.3f}{row[MODES[2]]:>10.3f}")
    return {"programs": table, "means": means, "measurements": results}, judge(means)


# ---- agreement ----

def compare(ours: Mapping[str, Sequence[int]],
            theirs: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """ours, theirs: place -> (bytes, blocks). bytes_moved: at another line than theirs."""
    places = sorted({*ours, *theirs})
    apart = {place: (list(ours.get(place, (0, 0))), list(theirs.get(place, (0, 0))))
             for place in places if list(ours.get(place, ())) != list(theirs.get(place, ()))}
    return {
        "lines": len(places), "different": apart,
        "bytes": sum(size for size, _ in ours.values()),
        "tracemalloc_bytes": sum(size for size, _ in theirs.values()),
        "bytes_moved": sum(max(0, a[0] - b[0]) for a, b in apart.values()),
    }


def judge_agreement(table: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    percent = max((100 * abs(row["bytes"] - row["tracemalloc_bytes"]) / row["tracemalloc_bytes"]
                   for row in table.values()), default=None)
    return [verdict(f"percent of bytes alive apart from tracemalloc's at most {MOST_PERCENT_APART:g},"
                    " in every program", percent, MOST_PERCENT_APART)]


def run_agree(options: argparse.Namespace, python: Path, say: Say,
              fail: Fail) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    table = {}
    for name in options.only:
        say(name)
        table[name] = compare(measure(python, fail, "lines-heapsight", name, 1),
                              measure(python, fail, "lines-tracemalloc", name, 1))
    if not options.json:
        print(f"\n{'':28}{'lines':>8}{'different':>11}{'bytes':>13}{'tracemalloc':>13}"
              f"{'moved':>10}")
        for name, row in table.items():
            print(f"{name:28}{row['lines']:>8,}{len(row['different']):>11,}{row['bytes']:>13,}"
                  f"{row['tracemalloc_bytes']:>13,}{row['bytes_moved']:>10,}")
            for place, (ours, theirs) in row["different"].items() if options.list else ():
                print(f"    {place}: {ours[0]:,} bytes in {ours[1]:,}, tracemalloc"
                      f" {theirs[0]:,} in {theirs[1]:,}")
    return {"programs": table}, judge_agreement(table)


def run(options: argparse.Namespace, python: Path, missing: Mapping[str, str], say: Say,
        fail: Fail) -> int:
    if missing:
        raise fail(f"pyperformance cannot be installed: {'; '.join(missing.values())}")
    report, verdicts = (run_agree if options.agree else run_cost)(options, python, say, fail)
    if options.json:
        print(json.dumps({"python": platform.python_version(), "machine": platform.machine(),
                          "targets": verdicts, **report}, indent=2))
    else:
        print_verdicts(verdicts)
    return 1 if options.check and not all(one["met"] for one in verdicts) else 0
