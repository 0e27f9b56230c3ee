# SPDX-License-Identifier: MIT
"""tools/bench trace: its program, its arithmetic and its verdicts, and real measurements."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "tools"))

from bench_lib import process, trace_modes, trace_report, trace_workload  # noqa: E402

WORKER = CHECKOUT / "tools/bench_lib/trace_worker.py"


def worker(*words: object) -> dict[str, Any]:
    done = subprocess.run([sys.executable, str(WORKER), *map(str, words)], capture_output=True,
                          text=True, timeout=120, check=True)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def results(**times: float) -> dict[str, list[dict[str, Any]]]:
    return {name.replace("_", "-"): [{"cpu_s": cpu_s, "tracer_bytes": 3_000, "peak_blocks": 100}
                                     for cpu_s in (seconds, seconds, 99.0)]
            for name, seconds in times.items()}


GOOD = {"plain": 1.0, "sampled": 1.05, "exact_1": 1.5, "exact_10": 2.0, "exact_25": 3.0,
        "tracemalloc_1": 9.5, "tracemalloc_10": 24.0, "tracemalloc_25": 80.0}


def test_the_program_gives_the_same_answer_each_time() -> None:
    assert trace_workload.run(0.01) == trace_workload.run(0.01)
    assert trace_workload.arrangements(4) == 2  # 1302 and 2031: no two neighbours in a row
    assert trace_workload.size(trace_workload.grow(5)) == 63


def test_the_program_is_cut_into_turns_of_equal_work() -> None:
    turns = trace_workload.turns(0.01)
    answers = [turn() for turn in turns]
    assert answers[1:-1] == [answers[1]] * trace_workload.TURNS
    assert answers[-1] == [2**16 - 1]  # the tree that stays
    assert len(trace_workload.turns(1)) == len(turns) + 1  # the recursion


TAKES_TURNS = """
import json, sys
for turn in range(3):
    sys.stdin.readline()
    with open("order", "a") as order:
        order.write(sys.argv[1])
    print("turn", flush=True)
sys.stdin.readline()
print(json.dumps({"name": sys.argv[1]}))
"""


def test_processes_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    commands = {name: [sys.executable, "-c", TAKES_TURNS, name] for name in "abc"}
    found = process.take_turns(commands, 60, RuntimeError)
    assert found == {name: {"name": name} for name in "abc"}
    assert (tmp_path / "order").read_text() == "abcabcabc"


@pytest.mark.parametrize(("source", "seconds", "words"), [
    ("raise SystemExit('no such mode')", 60, "bad failed: no such mode"),
    ("import time; time.sleep(600)", 0.5, "bad took over 0.5 s"),
    ("import sys; sys.stdin.readline(); print('turn', flush=True); sys.exit('late')", 60,
     "bad failed: late"),
])
def test_a_process_that_fails_ends_all(source: str, seconds: float, words: str, tmp_path: Path,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    commands = {"good": [sys.executable, "-c", TAKES_TURNS, "good"],
                "bad": [sys.executable, "-c", source]}
    with pytest.raises(RuntimeError, match=words):
        process.take_turns(commands, seconds, RuntimeError)


def test_ratios_are_medians_over_rounds() -> None:
    slow = results(plain=1.0, sampled=1.2)
    slow["plain"][0]["cpu_s"] = slow["sampled"][0]["cpu_s"] = 7.0  # a phase that hits both
    slow["sampled"][2]["cpu_s"] = 99.0 * 1.2
    assert trace_report.summarise(slow)["sampled"]["times_plain"] == pytest.approx(1.2)
    rows = trace_report.summarise(results(**GOOD))
    assert rows["exact-10"]["times_plain"] == pytest.approx(2.0)
    assert rows["exact-1"]["bytes_per_block"] == pytest.approx(30)
    assert all(one["met"] for one in trace_report.judge(rows))


@pytest.mark.parametrize(("change", "words"), [
    ({"sampled": 1.09}, "sampled"), ({"exact_1": 1.81}, "exact-1"), ({"exact_25": 3.3}, "exact-25"),
    ({"tracemalloc_10": 10.9}, "10 frames"),
])
def test_targets_can_be_missed(change: dict[str, float], words: str) -> None:
    verdicts = trace_report.judge(trace_report.summarise(results(**(GOOD | change))))
    missed = [one["target"] for one in verdicts if not one["met"]]
    assert len(missed) == 1
    assert words in missed[0]


def test_what_was_not_measured_is_not_met() -> None:
    verdicts = trace_report.judge(trace_report.summarise(results(plain=1.0)))
    assert {one["met"] for one in verdicts} == {None}
    (diff,) = trace_report.judge_diff({"heapsight-diff": 0.1})
    assert diff["met"] is None


def test_the_diff_must_be_fifty_times_faster() -> None:
    for theirs, met in ((5.1, True), (4.9, False)):
        (diff,) = trace_report.judge_diff({"heapsight-diff": 0.1, "tracemalloc-diff": theirs})
        assert diff["met"] is met


def test_real_measurements() -> None:
    plain, exact = worker("plain", "own", 0.01), worker("exact-10", "own", 0.01)
    assert plain["answer"] == exact["answer"]
    assert plain["tracer_bytes"] is None
    assert exact["tracer_bytes"] > 100_000
    assert exact["peak_blocks"] > 60_000


@pytest.mark.parametrize("mode", list(trace_modes.DIFFS))
def test_both_diffs_find_what_grew(mode: str) -> None:
    found = worker(mode, "own", 2_000)
    assert 40 * 4 <= found["new_blocks"] <= 40 * 8  # 40 new nodes of four (3.15) to seven blocks
