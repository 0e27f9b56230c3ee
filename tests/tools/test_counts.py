# SPDX-License-Identifier: MIT
"""The closing line of tools/test: it is true, and what did not run never counts as passed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
COUNTS = CHECKOUT / "tools/lib/counts.py"

PASS = '<testcase classname="m" name="ok"/>'
FAIL = '<testcase classname="m" name="bad"><failure message="1 != 2">trace</failure></testcase>'
ERROR = '<testcase classname="m" name="worse"><error message="no fixture"/></testcase>'
SKIP = '<testcase classname="m" name="later"><skipped message="no numpy"/></testcase>'


def write_run(folder: Path, name: str, cases: str | None, code: str = "0") -> None:
    (folder / f"{name}.code").write_text(code + "\n")
    if cases is not None:
        (folder / f"{name}.xml").write_text(
            f'<testsuites><testsuite name="s">{cases}</testsuite></testsuites>')


def count(folder: Path) -> tuple[int, str]:
    """(exit code, all that was printed)"""
    done = subprocess.run([sys.executable, str(COUNTS), str(folder)], capture_output=True,
                          text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def last_line(text: str) -> str:
    return text.splitlines()[-1]


def test_runs_are_summed(tmp_path: Path) -> None:
    write_run(tmp_path, "c", PASS * 3)
    write_run(tmp_path, "python", PASS + SKIP)
    code, text = count(tmp_path)
    assert (code, last_line(text)) == (0, "4 passed, 0 failed, 1 skipped")
    assert "python: no numpy" in text


def test_failures_and_errors_are_listed_and_change_the_exit_code(tmp_path: Path) -> None:
    write_run(tmp_path, "c", PASS + FAIL + ERROR, code="1")
    code, text = count(tmp_path)
    assert (code, last_line(text)) == (1, "1 passed, 2 failed, 0 skipped")
    assert "c: m::bad: 1 != 2" in text
    assert "c: m::worse: no fixture" in text


@pytest.mark.parametrize(("cases", "exit_code", "reason"), [
    (PASS, "139", "exit code 139"),
    (None, "1", "exit code 1 before it wrote a report"),
    (None, "0", "exit code 0 before it wrote a report"),
    ("", "0", "held no test"),
    ("<broken", "0", "a broken report"),
])
def test_a_run_that_broke_is_a_failure(tmp_path: Path, cases: str | None, exit_code: str,
                                       reason: str) -> None:
    write_run(tmp_path, "good", PASS)
    write_run(tmp_path, "odd", cases, exit_code)
    code, text = count(tmp_path)
    assert code == 1
    assert ", 1 failed, " in last_line(text)
    assert reason in text


def test_where_the_report_has_no_message_the_test_s_own_words_are_shown(tmp_path: Path) -> None:
    write_run(tmp_path, "c", '<testcase name="lint"><failure/><system-out>x: no symbol\nmore'
                             '</system-out></testcase>', code="1")
    assert "c: lint: x: no symbol\n" in count(tmp_path)[1]


def test_what_could_not_be_run_is_a_skip_with_its_reason(tmp_path: Path) -> None:
    write_run(tmp_path, "python-3.11", PASS)
    (tmp_path / "python-3.15.skip").write_text("not in pyenv or on PATH\n")
    code, text = count(tmp_path)
    assert (code, last_line(text)) == (0, "1 passed, 0 failed, 1 skipped")
    assert "python-3.15: not run: not in pyenv or on PATH" in text


def test_nothing_at_all_is_not_a_success(tmp_path: Path) -> None:
    code, text = count(tmp_path)
    assert (code, last_line(text)) == (1, "0 passed, 0 failed, 0 skipped")


def test_ci_ends_with_the_same_line_where_nothing_can_be_built(tmp_path: Path) -> None:
    shutil.copytree(CHECKOUT / ".ci", tmp_path / ".ci")
    shutil.copytree(CHECKOUT / "tools/lib", tmp_path / "tools/lib")
    (tmp_path / "tools/test").write_text("exit 2\n")
    done = subprocess.run(["bash", ".ci/run"], cwd=tmp_path, capture_output=True, text=True,
                          timeout=300)  # it may install what opens the exports
    assert (done.returncode, last_line(done.stdout)) == (1, "0 passed, 1 failed, 0 skipped")


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    code, text = count(tmp_path / "none")
    assert code == 2
    assert len(text.splitlines()) == 1
