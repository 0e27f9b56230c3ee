# SPDX-License-Identifier: MIT
"""The benchmark: its heaps, its arithmetic and its verdicts, and one real measurement."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "tools"))

from bench_lib import heaps, operations, report, worker  # noqa: E402


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(CHECKOUT / "tools/bench"), *arguments],
                          capture_output=True, text=True, timeout=120)


def measurement(cpu_s: float, objects: int | None = 1000, kept: int | None = 40_000,
                peak: int | None = 90_000) -> dict[str, Any]:
    return {"cpu_s": cpu_s, "pause_s": 2 * cpu_s, "objects": objects, "heap_bytes": 10**6, "kept_bytes": kept,
            "peak_bytes": peak}


def results(ours: float, guppy: float, walk: float = 0.9) -> dict[str, list[dict[str, Any]]]:
    return {
        "collect": [measurement(t, None) for t in (1.0, 9.0, 1.0)],
        "heapsight": [measurement(t) for t in (ours, ours, 50.0)],
        "heapsight-walk": [measurement(t) for t in (walk, walk, 50.0)],
        "guppy3": [measurement(guppy)],
    }


def test_the_tree_has_the_shape_that_is_documented() -> None:
    roots, index = heaps.build_tree(1000)
    assert len(index) == 1000
    assert len(roots[0].children) == heaps.CHILDREN
    for node in index.values():
        assert all(child.parent is node for child in node.children)
    assert sum(len(node.children) for node in index.values()) == 999


def test_heaps_are_the_same_each_time() -> None:
    assert heaps.build_rows(5) == heaps.build_rows(5)
    assert list(heaps.build_library(3)[1]) == list(heaps.build_library(3)[1])


def test_ratios_are_medians_over_rounds() -> None:
    rows = report.summarise(results(ours=1.5, guppy=12.0))
    assert rows["heapsight"]["ratio_to_collect"] == pytest.approx(1.5)
    assert rows["guppy3"]["ratio_to_heapsight"] == pytest.approx(8.0)
    assert rows["heapsight"]["kept_bytes_per_object"] == pytest.approx(40)
    assert rows["collect"]["objects"] is None


def verdicts(workload: str, **rows: list[dict[str, Any]]) -> list[bool | None]:
    named = {name.replace("_", "-"): measurements for name, measurements in rows.items()}
    return [one["met"] for one in report.judge(workload, report.summarise(named))]


def test_targets_can_be_met_and_missed() -> None:
    """In the order of the targets: collection, guppy3, its table, Pympler, memory kept and at peak, fork."""
    one = [measurement(1.0)]
    assert verdicts("W1", collect=one, heapsight_walk=one, guppy3=[measurement(10.0)],
                    guppy3_table=[measurement(10.1)],
                    pympler=[measurement(15.0)]) == [True] * 4 + [None] * 3
    assert verdicts("W3", collect=[measurement(0.9)], heapsight_walk=one, guppy3=[measurement(9.9)],
                    guppy3_table=[measurement(9.8)],
                    pympler=[measurement(14.9)]) == [False] * 4 + [None] * 3
    lean, fat = measurement(1.0, kept=44_000, peak=76_000), measurement(1.0, kept=45_000, peak=77_000)
    assert verdicts("W1", heapsight=[lean]) == [None] * 4 + [True, True, None]
    assert verdicts("W3", heapsight=[fat]) == [None] * 4 + [False, False, None]
    assert verdicts("W2", heapsight=[fat]) == [None] * 5  # of many more references


def test_the_pause_of_a_fork_is_judged_by_its_objects() -> None:
    for pause_s, met in ((0.0049, True), (0.0051, False)):
        fork = {"heapsight-fork": [measurement(pause_s, objects=1_000_000)]}
        for workload in ("W1", "W2", "W3"):
            verdict = report.judge(workload, report.summarise(fork))[-1]
            assert verdict["target"] == "at most 5 ms of pause per million objects, forked"
            assert (verdict["measured"], verdict["met"]) == (pytest.approx(pause_s * 1000), met)


def test_a_real_fork() -> None:
    script = CHECKOUT / "tools/bench_lib/worker.py"
    done = subprocess.run([sys.executable, str(script), "heapsight-fork", "W1", "20000"],
                          capture_output=True, text=True, timeout=120, check=True)
    answer = json.loads(done.stdout)
    assert answer["objects"] > 100_000
    assert 0 < answer["pause_s"] < 60
    assert answer["peak_bytes"] > 36 * answer["objects"]


def test_one_real_measurement() -> None:
    script = CHECKOUT / "tools/bench_lib/worker.py"
    done = subprocess.run([sys.executable, str(script), "heapsight", "W1", "2000"],
                          capture_output=True, text=True, timeout=120, check=True)
    answer = json.loads(done.stdout)
    assert answer["objects"] > 10_000
    assert 0 < answer["cpu_s"] < 60
    assert answer["peak_bytes"] >= answer["kept_bytes"] > 0


def test_memory_that_cannot_be_read_is_null(tmp_path: Path,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "CLEAR_REFS", tmp_path)  # cannot be written: a folder
    answer = worker.measure("collect", "W3", 10)
    assert answer["peak_bytes"] is None
    assert answer["kept_bytes"] is not None
    monkeypatch.setattr(worker, "STATUS", tmp_path / "none")
    answer = worker.measure("collect", "W3", 10)
    assert [answer[key] for key in ("heap_bytes", "kept_bytes", "peak_bytes")] == [None] * 3
    row = report.summarise({"collect": [answer]})["collect"]
    assert row["peak_bytes_per_object"] is None


def test_the_target_is_measured_against_the_bare_call() -> None:
    assert operations.OPERATIONS["guppy3"].title == "guppy3 hpy().heap()"
    rows = report.summarise({**results(1.0, 4.0, walk=1.0), "guppy3-table": [measurement(20.0)]})
    verdict = next(one for one in report.judge("W1", rows) if "guppy3" in one["target"])
    assert verdict["target"] == "at least 10 times faster than guppy3's heap(), without a collection"
    assert (verdict["measured"], verdict["met"]) == (pytest.approx(4.0), False)
    table = next(one for one in report.judge("W1", rows) if "its table" in one["target"])
    assert (table["measured"], table["met"]) == (pytest.approx(20.0), True)


@pytest.mark.parametrize("arguments", [
    ("--workload", "W9"), ("--rounds", "0"), ("--only", "memray"), ("--nodes", "many"),
])
def test_bad_arguments_are_refused_by_name(arguments: tuple[str, ...]) -> None:
    done = bench(*arguments)
    assert done.returncode == 2
    assert arguments[0] in done.stderr
    assert arguments[1] in done.stderr
