#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run the interpreter's own regression tests without and with exact tracing, and compare.

Usage: interpreter_suite.py [--json] [--ignore PATTERN] [TEST...], by an interpreter that has heapsight and the package
`test`, for another one than your own:
    tools/pythons exec 3.14 -- bash -c '"$0" tests/python/trace/interpreter_suite.py' VENV/bin/python

Each test module runs in a process of its own, which is traced from sitecustomize on, and so are the
interpreters that it starts itself, where they look at PYTHONPATH. A test whose outcomes with and
without tracing have nothing in common, in three runs each, is a difference, and so is each crash
that occurs only with it. Exit codes: 0 none, 1 some, 2 the
comparison was not possible.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import test

SITE = Path(__file__).resolve().parent / "traced_site"
TESTS = ("test_capi test_gc test_threading test_asyncio test_multiprocessing_fork test_tracemalloc"
         " test_weakref test_descr test_generators test_sys_settrace").split()
# `make install` of some 3.11 and 3.12 forgets a folder that has nothing but this in it.
STAND_IN = "test_multiprocessing_fork_stand_in"
STAND_IN_TEXT = """
from test._test_multiprocessing import install_tests_in_module_dict
install_tests_in_module_dict(globals(), "fork")
"""
RUNS = 3  # of a module, while there is a difference
MODULE_SECONDS = 1200

Outcomes = dict[str, str]  # test -> "passed", "skipped", "failed" or "crashed"


def outcomes_of(report: Path) -> Outcomes:
    found: Outcomes = {}
    for case in ElementTree.parse(report).iter("testcase"):
        kinds = {child.tag for child in case}
        outcome = ("failed" if kinds & {"failure", "error"} else
                   "skipped" if "skipped" in kinds else "passed")
        name = case.get("name", "?")
        found[name] = outcome if found.get(name) != "failed" else "failed"
    return found


def finish(command: list[str], folder: str, environment: dict[str, str]) -> tuple[int, str]:
    """Run to the end; at the time limit with all that it started. (exit code, output)."""
    process = subprocess.Popen(command, env=environment, cwd=folder, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True)
    try:
        output, _ = process.communicate(timeout=MODULE_SECONDS)
        return process.returncode, output.decode(errors="replace")
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return -signal.SIGKILL, output.decode(errors="replace") + "\ntimed out"


def run(module: str, traced: bool, ignored: list[str]) -> tuple[Outcomes, int, float, str]:
    """What came of each test, the blocks that were traced, CPU seconds, the end of the output."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with tempfile.TemporaryDirectory(prefix="suite-") as folder:
        report, witness = Path(folder, "report.xml"), Path(folder, "witness")
        if traced:
            environment |= {"PYTHONPATH": str(SITE), "HEAPSIGHT_WITNESS": str(witness)}
        before = os.times()
        command = [sys.executable, "-m", "test", "--junit-xml", str(report), module]
        if module == STAND_IN:
            Path(folder, f"{STAND_IN}.py").write_text(STAND_IN_TEXT, encoding="utf-8")
            command[3:3] = ["--testdir", folder]
        for pattern in ignored:
            command[3:3] = ["-i", pattern]
        code, output = finish(command, folder, environment)
        after = os.times()
        seconds = after.children_user + after.children_system - (
            before.children_user + before.children_system)
        blocks = 0
        if witness.exists():
            blocks = max(map(int, witness.read_text(encoding="utf-8").split()), default=0)
        outcomes: Outcomes = {"(the process)": "ended" if code >= 0 else f"crashed ({code})"}
        if report.exists():
            outcomes |= outcomes_of(report)
        elif "No module named" in output or "test not found" in output:
            outcomes["(the process)"] = "not found"
    return outcomes, blocks, seconds, output[-4000:]


def differs(plain: set[str], traced: set[str]) -> bool:
    """A crash is one even if it comes once; for the rest, no outcome is the same."""
    return not plain & traced or any(outcome.startswith("crashed") for outcome in traced - plain)


def compare(module: str, ignored: list[str]) -> dict[str, object]:
    plain: dict[str, set[str]] = {}
    traced: dict[str, set[str]] = {}
    cost: dict[bool, list[float]] = {False: [], True: []}
    blocks, output = 0, ""
    different: list[str] = []
    for _ in range(RUNS):
        for is_traced, seen in ((False, plain), (True, traced)):
            outcomes, count, seconds, text = run(module, is_traced, ignored)
            cost[is_traced].append(seconds)
            blocks = max(blocks, count)
            for name, outcome in outcomes.items():
                seen.setdefault(name, set()).add(outcome)
            output = text if is_traced else output
        different = sorted(name for name in plain.keys() | traced.keys()
                           if differs(plain.get(name, {"absent"}), traced.get(name, {"absent"})))
        if not different:
            break
    counts = {kind: sum(kind in seen for seen in traced.values())
              for kind in ("passed", "skipped", "failed")}
    return {
        "module": module, **counts, "blocks": blocks,
        "cpu_s_plain": min(cost[False]), "cpu_s_traced": min(cost[True]),
        "found": "not found" not in traced["(the process)"],
        "differences": {name: [sorted(plain.get(name, {"absent"})),
                               sorted(traced.get(name, {"absent"}))] for name in different},
        "output": output if different else "",
    }


def parts_of(module: str) -> list[str]:
    """A package without tests of its own is run part by part, as `python -m test` alone does."""
    folder = Path(os.path.dirname(test.__file__), module)
    if module == "test_multiprocessing_fork" and not folder.exists():
        return [STAND_IN] if folder.with_name("_test_multiprocessing.py").exists() else [module]
    start = folder / "__init__.py"
    parts = sorted(path.stem for path in folder.glob("test_*.py"))
    if not parts or "load_tests" in start.read_text(encoding="utf-8"):
        return [module]
    return [f"{module}.{part}" for part in parts]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tests", nargs="*", metavar="TEST", default=TESTS)
    parser.add_argument("--ignore", metavar="PATTERN", action="append", default=[],
                        help="tests left out, as by -i of the package test; for one that hangs"
                             " without tracing, such as *gh_102056 of test_threading on 3.12.1")
    parser.add_argument("--json", action="store_true", help="print everything as JSON at the end")
    options = parser.parse_args()
    print(f"{platform.python_implementation()} {platform.python_version()}", file=sys.stderr)
    results, possible = [], True
    for module in (part for name in options.tests for part in parts_of(name)):
        start = time.monotonic()
        result = compare(module, options.ignore)
        results.append(result)
        if not result["found"]:
            text, possible = "not part of this interpreter", False
        elif not result["blocks"] or not result["passed"]:
            text, possible = "nothing was run or traced", False
        else:
            text = (f"{result['passed']} passed, {result['skipped']} skipped, {result['failed']}"
                    f" failed; {result['blocks']:,} blocks; CPU {result['cpu_s_plain']:.1f} s,"
                    f" traced {result['cpu_s_traced']:.1f} s; different: "
                    f"{len(result['differences'])}")  # type: ignore[arg-type]
        print(f"{module}: {text} ({time.monotonic() - start:.0f} s)", file=sys.stderr, flush=True)
        for name, (plain, traced) in result["differences"].items():  # type: ignore[attr-defined]
            print(f"  {name}: {', '.join(plain)} without, {', '.join(traced)} with tracing",
                  file=sys.stderr, flush=True)
        if result["output"]:
            print(result["output"], file=sys.stderr, flush=True)
    if options.json:
        print(json.dumps({"python": platform.python_version(), "modules": results}, indent=2))
    return 2 if not possible else 1 if any(one["differences"] for one in results) else 0


if __name__ == "__main__":
    sys.exit(main())
