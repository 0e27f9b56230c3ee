#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sum the results of test runs: counts.py FOLDER.

FOLDER holds, for each run NAME that tools/lib/common.sh recorded:
  NAME.code  its exit code
  NAME.xml   its JUnit report (of meson or pytest)
  NAME.skip  instead of both: why the run could not be made

A run that ended badly counts as a failure even where its report names none, and so does a run
without a report or without a single test: what did not run did not pass. Every failure and every
reason for a skip is listed; the last line is "N passed, N failed, N skipped".

Exit code 0: nothing failed and something passed; 1 otherwise; 2: FOLDER cannot be read.
"""

from __future__ import annotations

import dataclasses
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterable
from pathlib import Path


@dataclasses.dataclass
class Run:
    """What one run gave. failures: one line each; skips: reason -> how often."""

    name: str
    passed: int = 0
    failures: list[str] = dataclasses.field(default_factory=list)
    skips: Counter[str] = dataclasses.field(default_factory=Counter)


def first_line(text: str | None, default: str) -> str:
    lines = (text or "").strip().splitlines()
    return lines[0].strip() if lines else default


def reason_of(case: ElementTree.Element, element: ElementTree.Element, default: str) -> str:
    """What the report says about a case, else the first words the test printed."""
    said = element.get("message") or element.text or case.findtext("system-out")
    return first_line(said, default)


def add_case(run: Run, case: ElementTree.Element) -> None:
    name = "::".join(part for part in (case.get("classname"), case.get("name")) if part)
    for element in case:
        if element.tag in ("failure", "error"):
            run.failures.append(f"{name}: {reason_of(case, element, element.tag)}")
            return
        if element.tag == "skipped":
            run.skips[reason_of(case, element, f"{name} gave no reason")] += 1
            return
    run.passed += 1


def read_report(run: Run, report: Path, code: str) -> None:
    try:
        root = ElementTree.parse(report).getroot()
    except FileNotFoundError:
        run.failures.append(f"ended with exit code {code} before it wrote a report")
        return
    except (OSError, ElementTree.ParseError) as error:
        run.failures.append(f"ended with exit code {code} and a broken report ({error})")
        return
    for case in root.iter("testcase"):
        add_case(run, case)


def read_run(folder: Path, name: str) -> Run:
    run = Run(name)
    skip = folder / f"{name}.skip"
    if skip.exists():
        run.skips[f"not run: {first_line(skip.read_text(), 'no reason given')}"] += 1
        return run
    code = first_line((folder / f"{name}.code").read_text(), "unknown")
    read_report(run, folder / f"{name}.xml", code)
    if code != "0" and not run.failures:
        run.failures.append(f"no test failed, but the run ended with exit code {code}")
    if not run.passed and not run.failures and not run.skips:
        run.failures.append("the run held no test")
    return run


def read_runs(folder: Path) -> list[Run]:
    names = {path.stem for ending in ("*.code", "*.skip") for path in folder.glob(ending)}
    return [read_run(folder, name) for name in sorted(names)]


def totals(runs: Iterable[Run]) -> tuple[int, int, int]:
    """(passed, failed, skipped)"""
    runs = list(runs)
    return (sum(run.passed for run in runs), sum(len(run.failures) for run in runs),
            sum(run.skips.total() for run in runs))


def closing_line(passed: int, failed: int, skipped: int) -> str:
    return f"{passed} passed, {failed} failed, {skipped} skipped"


def print_report(runs: list[Run]) -> None:
    width = max((len(run.name) for run in runs), default=0)
    print()
    for run in runs:
        print(f"{run.name:<{width}}  {closing_line(*totals([run]))}")
    lists = (
        ("Skipped:", [f"{run.name}: {f'{count} x ' if count > 1 else ''}{reason}"
                      for run in runs for reason, count in run.skips.items()]),
        ("Failed:", [f"{run.name}: {failure}" for run in runs for failure in run.failures]),
    )
    for title, lines in lists:
        if lines:
            print("", title, *(f"  {line}" for line in lines), sep="\n")
    print()


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("counts.py: give it the folder of results", file=sys.stderr)
        return 2
    runs = read_runs(Path(arguments[0]))
    print_report(runs)
    passed, failed, skipped = totals(runs)
    print(closing_line(passed, failed, skipped))
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
