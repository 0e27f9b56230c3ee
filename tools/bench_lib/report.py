# SPDX-License-Identifier: MIT
"""From single measurements to medians, ratios, targets and a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bench_lib.heaps import HEAPS
from bench_lib.operations import BASELINE, FORK, OPERATIONS, OURS, WALK

Measurement = Mapping[str, Any]
Results = Mapping[str, Sequence[Measurement]]  # operation -> one measurement a round

EVERY, TWO_REFERENCES = ("W1", "W2", "W3"), ("W1", "W3")  # about two references an object

# (workloads, name, sense, limit): what a snapshot promises, as stated in the project's issue. All but
# the pause is of the snapshot itself: one that collects first takes that on top, and so do guppy3 and
# Pympler. guppy3's heap() alone knows neither sizes nor types yet; with its table it has what a snapshot
# has. The pause of a fork is the CPU time of the call, which never waits: beside other work on all
# processors it takes longer on the wall.
TARGETS = (
    (EVERY, "times the CPU time of gc.collect(), without a collection", "at most", 1.0),
    (EVERY, "times faster than guppy3's heap(), without a collection", "at least", 10.0),
    (EVERY, "times faster than guppy3's heap() and its table of sizes, without a collection",
     "at least", 10.0),
    (EVERY, "times faster than Pympler, without a collection", "at least", 15.0),
    (TWO_REFERENCES, "bytes kept per object", "at most", 44.0),
    (TWO_REFERENCES, "bytes at peak per object", "at most", 76.0),
    (EVERY, "ms of pause per million objects, forked", "at most", 5.0),
)


def middle(measurements: Sequence[Measurement], key: str) -> float | None:
    """The median, or None where a measurement has no value."""
    values = [one[key] for one in measurements]
    return None if not values or None in values else float(median(values))


def quotient(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None


def per_million(seconds: float | None, objects: float | None) -> float | None:
    """Milliseconds for a million objects."""
    found = quotient(seconds, objects)
    return None if found is None else found * 1e9


def summarise(results: Results) -> dict[str, dict[str, float | None]]:
    """One dict an operation: medians, spread, and ratios to gc.collect() and to heapsight."""
    rows = {}
    for name, measurements in results.items():
        cpu = middle(measurements, "cpu_s")
        objects = middle(measurements, "objects")
        rows[name] = {
            "cpu_s": cpu,
            "cpu_min_s": min((one["cpu_s"] for one in measurements), default=None),
            "pause_ms_per_million": per_million(cpu, objects),
            "wall_ms_per_million": per_million(middle(measurements, "pause_s"), objects),
            "cpu_max_s": max((one["cpu_s"] for one in measurements), default=None),
            "objects": objects,
            "heap_bytes": middle(measurements, "heap_bytes"),
            "kept_bytes": middle(measurements, "kept_bytes"),
            "peak_bytes": middle(measurements, "peak_bytes"),
            "kept_bytes_per_object": quotient(middle(measurements, "kept_bytes"), objects),
            "peak_bytes_per_object": quotient(middle(measurements, "peak_bytes"), objects),
        }
    for name, row in rows.items():
        for key, other in (("ratio_to_collect", BASELINE), ("ratio_to_heapsight", OURS),
                           ("ratio_to_walk", WALK)):
            row[key] = paired_ratio(results[name], results.get(other, ()))
    return rows


def paired_ratio(measurements: Sequence[Measurement],
                 others: Sequence[Measurement]) -> float | None:
    """The median of what each run took by the other's run of its round: a slow phase of the machine
    slows down both, so it does not count."""
    ratios = [one["cpu_s"] / base["cpu_s"]
              for one, base in zip(measurements, others, strict=False)]
    return median(ratios) if ratios else None


def judge(workload: str, rows: Mapping[str, Mapping[str, float | None]]) -> list[dict[str, Any]]:
    """The targets of this workload with what was measured; met is None when nothing was."""
    ours = rows.get(OURS, {})
    measured = {
        "times the CPU time of gc.collect(), without a collection":
            rows.get(WALK, {}).get("ratio_to_collect"),
        "times faster than guppy3's heap(), without a collection":
            rows.get("guppy3", {}).get("ratio_to_walk"),
        "times faster than guppy3's heap() and its table of sizes, without a collection":
            rows.get("guppy3-table", {}).get("ratio_to_walk"),
        "times faster than Pympler, without a collection":
            rows.get("pympler", {}).get("ratio_to_walk"),
        "bytes kept per object": ours.get("kept_bytes_per_object"),
        "bytes at peak per object": ours.get("peak_bytes_per_object"),
        "ms of pause per million objects, forked": rows.get(FORK, {}).get("pause_ms_per_million"),
    }
    verdicts = []
    for workloads, name, sense, limit in TARGETS:
        if workload not in workloads:
            continue
        value = measured[name]
        met = None if value is None else value <= limit if sense == "at most" else value >= limit
        verdicts.append({"target": f"{sense} {limit:g} {name}", "measured": value, "met": met})
    return verdicts


def cell(value: float | None, form: str, width: int) -> str:
    return f"{'-' if value is None else format(value, form):>{width}}"


def print_workload(workload: str, size: int, rounds: int,
                   rows: Mapping[str, Mapping[str, float | None]],
                   missing: Mapping[str, str]) -> None:
    heap = HEAPS[workload]
    bytes_ = rows[BASELINE]["heap_bytes"] if BASELINE in rows else None
    mib = "" if bytes_ is None else f", {bytes_ / 2**20:.0f} MiB"
    print(f"\n{workload}  {heap.title}, {size:,} {heap.unit}{mib};"
          f" CPU time, median of {rounds} (least-most); ratios within rounds")
    print(f"{'':34}{'CPU s':>8}  {'least-most':>13}{'x collect':>11}{'x heapsight':>13}{'x walk':>11}"
          f"{'objects':>12}{'B/obj kept':>12}{'at peak':>9}{'ms/M':>9}{'on the wall':>13}")
    for name, row in rows.items():
        spread = f"{row['cpu_min_s']:.2f}-{row['cpu_max_s']:.2f}"
        print(f"{OPERATIONS[name].title:34}{cell(row['cpu_s'], '.3f', 8)}  {spread:>13}"
              f"{cell(row['ratio_to_collect'], '.2f', 11)}"
              f"{cell(row['ratio_to_heapsight'], '.2f', 13)}"
              f"{cell(row['ratio_to_walk'], '.2f', 11)}"
              f"{cell(row['objects'], ',.0f', 12)}"
              f"{cell(row['kept_bytes_per_object'], '.1f', 12)}"
              f"{cell(row['peak_bytes_per_object'], '.1f', 9)}"
              f"{cell(row['pause_ms_per_million'], '.2f', 9)}"
              f"{cell(row['wall_ms_per_million'], '.2f', 13)}")
    for name, reason in missing.items():
        print(f"{OPERATIONS[name].title:34}missing: {reason}")


def print_verdicts(verdicts: Sequence[Mapping[str, Any]]) -> None:
    words = {True: "met", False: "NOT MET", None: "not measured"}
    for verdict in verdicts:
        value = "" if verdict["measured"] is None else f" ({verdict['measured']:.2f})"
        print(f"  target: {verdict['target']}: {words[verdict['met']]}{value}")
