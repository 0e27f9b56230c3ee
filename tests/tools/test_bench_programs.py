# SPDX-License-Identifier: MIT
"""tools/bench programs: its arithmetic and its verdicts, and real programs of pyperformance."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "tools"))

from bench_lib import program_command  # noqa: E402

WORKER = CHECKOUT / "tools/bench_lib/program_worker.py"


def worker(*words: object) -> dict[str, Any]:
    pytest.importorskip("pyperformance", exc_type=ImportError)
    done = subprocess.run([sys.executable, str(WORKER), *map(str, words)], capture_output=True,
                          text=True, timeout=120, check=True)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def measurements(**times: float) -> dict[str, list[dict[str, float]]]:
    return {mode.replace("_", "-"): [{"cpu_s": cpu_s}] * 3 for mode, cpu_s in times.items()}


@pytest.mark.parametrize(("sampled", "exact", "met"), [
    (1.0, 1.5, [True, True]), (1.02, 1.7, [True, False]), (1.04, 1.5, [False, True]),
])
def test_the_mean_over_programs_is_judged(sampled: float, exact: float, met: list[bool]) -> None:
    table, means = program_command.summarise({
        "slow": measurements(plain=2.0, sampled=2.0 * sampled ** 2, exact_32=2.0 * exact ** 2),
        "fast": measurements(plain=0.1, sampled=0.1, exact_32=0.1),
    })
    assert table["slow"]["sampled"] == pytest.approx(sampled ** 2)
    assert means == {"sampled": pytest.approx(sampled), "exact-32": pytest.approx(exact)}
    assert [one["met"] for one in program_command.judge(means)] == met


def test_lines_are_compared() -> None:
    found = program_command.compare({"a": [5, 1], "b": [7, 2], "c": [1, 1]},
                                    {"a": [5, 1], "b": [4, 1], "d": [4, 2]})
    assert found["lines"] == 4 and found["bytes"] == found["tracemalloc_bytes"] == 13
    assert found["bytes_moved"] == 4
    assert sorted(found["different"]) == ["b", "c", "d"]
    assert found["different"]["d"] == ([0, 0], [4, 2])


@pytest.mark.parametrize(("bytes_", "met"), [(999_500, True), (998_000, False)])
def test_agreement_can_be_missed(bytes_: int, met: bool) -> None:
    row = {"bytes": bytes_, "tracemalloc_bytes": 1_000_000}
    (verdict,) = program_command.judge_agreement({"good": row | {"bytes": 1_000_000}, "this": row})
    assert verdict["met"] is met


@pytest.mark.parametrize("mode", program_command.MODES)
def test_a_program_repeats_itself(mode: str) -> None:
    once, often = worker(mode, "telco", 1), worker(mode, "telco", 10)
    assert 0 < 3 * once["cpu_s"] < often["cpu_s"]


def test_what_is_alive_agrees_with_tracemalloc() -> None:
    found = program_command.compare(worker("lines-heapsight", "json_loads", 1),
                                    worker("lines-tracemalloc", "json_loads", 1))
    assert found["bytes"] > 500_000
    assert all(one["met"] for one in program_command.judge_agreement({"json_loads": found}))
    # Objects from free lists have moved: 3 % of the bytes where they are not told.
    assert found["bytes_moved"] < (0.05 if sys.version_info < (3, 13) else 0.005) * found["bytes"]
