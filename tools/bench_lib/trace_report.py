# SPDX-License-Identifier: MIT
"""From measurements of traced programs to medians, ratios, targets and a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench_lib.report import cell, middle, paired_ratio, quotient
from bench_lib.trace_modes import DEPTHS, MODES, PLAIN

Rows = Mapping[str, Mapping[str, Any]]

# What tracing may cost, as stated in the project's issue.
MOST_TIMES_PLAIN = {"sampled": 1.08, "exact-1": 1.8, "exact-10": 2.3, "exact-25": 3.2}
MOST_OF_TRACEMALLOC = 0.1  # overhead at the same depth
MOST_BYTES_PER_BLOCK = 32.0  # exact, 1 frame
LEAST_DIFF_RATIO = 50.0


def summarise(results: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for name, measurements in results.items():
        memory, blocks = (middle(measurements, key) for key in ("tracer_bytes", "peak_blocks"))
        rows[name] = {
            "cpu_s": middle(measurements, "cpu_s"), "rounds": len(measurements),
            "cpu_min_s": min(one["cpu_s"] for one in measurements),
            "cpu_max_s": max(one["cpu_s"] for one in measurements),
            "tracer_bytes": memory, "peak_blocks": blocks,
            "bytes_per_block": quotient(memory, blocks),
        }
    for name, row in rows.items():
        row["times_plain"] = paired_ratio(results[name], results.get(PLAIN, ()))
    return rows


def overhead(rows: Rows, name: str) -> float | None:
    times = rows.get(name, {}).get("times_plain")
    return None if times is None else times - 1


def verdict(target: str, value: float | None, limit: float, at_most: bool = True) -> dict[str, Any]:
    met = None if value is None else value <= limit if at_most else value >= limit
    return {"target": target, "measured": value, "met": met}


def judge(rows: Rows) -> list[dict[str, Any]]:
    """Each target with what was measured; met is None when nothing was."""
    verdicts = [verdict(f"{name} at most {limit:g} times plain",
                        rows.get(name, {}).get("times_plain"), limit)
                for name, limit in MOST_TIMES_PLAIN.items()]
    for depth in DEPTHS:
        share = quotient(overhead(rows, f"exact-{depth}"), overhead(rows, f"tracemalloc-{depth}"))
        verdicts.append(verdict(f"overhead of exact at most {MOST_OF_TRACEMALLOC:g} of"
                                f" tracemalloc's, {depth} frames", share, MOST_OF_TRACEMALLOC))
    verdicts.append(verdict(
        f"tracer memory at most {MOST_BYTES_PER_BLOCK:g} bytes per live block, 1 frame",
        rows.get("exact-1", {}).get("bytes_per_block"), MOST_BYTES_PER_BLOCK))
    return verdicts


def judge_diff(cpu_s: Mapping[str, float | None]) -> list[dict[str, Any]]:
    ratio = quotient(cpu_s.get("tracemalloc-diff"), cpu_s.get("heapsight-diff"))
    return [verdict(f"trace and diff at least {LEAST_DIFF_RATIO:g} times faster than tracemalloc's",
                    ratio, LEAST_DIFF_RATIO, at_most=False)]


def print_rows(title: str, rows: Rows, missing: Mapping[str, str]) -> None:
    print(f"\n{title}; CPU time, medians; ratios within rounds")
    print(f"{'':32}{'rounds':>7}{'CPU s':>9}  {'least-most':>15}{'x plain':>9}{'tracer MiB':>12}"
          f"{'B/live block':>14}")
    for name, row in rows.items():
        memory = row["tracer_bytes"]
        spread = f"{row['cpu_min_s']:.2f}-{row['cpu_max_s']:.2f}"
        print(f"{MODES[name].title:32}{row['rounds']:>7}{cell(row['cpu_s'], '.3f', 9)}"
              f"  {spread:>15}{cell(row['times_plain'], '.2f', 9)}"
              f"{cell(None if memory is None else memory / 2**20, '.1f', 12)}"
              f"{cell(row['bytes_per_block'], '.1f', 14)}")
    for name, reason in missing.items():
        print(f"{MODES[name].title:32}missing: {reason}")
