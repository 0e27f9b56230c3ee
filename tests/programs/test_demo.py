# SPDX-License-Identifier: MIT
"""The demo's story on this interpreter: three leaks, three named holders, three pictures."""

import subprocess
import sys
from pathlib import Path

import pytest
from under_heapsight import ProgramError, Running

CHECKOUT = Path(__file__).resolve().parents[2]
HOLDERS = ("service.CACHE[", "service.EVENTS.listeners[", "outbox[")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the demo prints, and the folder it wrote to."""
    folder = tmp_path_factory.mktemp("demo") / "out"
    done = subprocess.run([sys.executable, str(CHECKOUT / "demo/demo.py"), str(folder)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout, folder


@pytest.mark.parametrize("holder", HOLDERS)
def test_each_leak_is_explained_by_its_holder(story: tuple[str, Path], holder: str) -> None:
    assert holder in story[0]


def test_the_thread_is_named_with_function_and_variable(story: tuple[str, Path]) -> None:
    lines = [line for line in story[0].splitlines() if "'mailer'" in line]
    assert lines, story[0]
    assert any("mail_receipts" in line and "outbox" in line for line in lines), lines


@pytest.mark.parametrize("type_name", ["service.Page", "service.Cart", "service.Receipt"])
def test_what_grew_is_in_the_table(story: tuple[str, Path], type_name: str) -> None:
    table = story[0].partition("2. Why")[0]
    assert any(type_name in line and "+300" in line for line in table.splitlines()), table


@pytest.mark.parametrize(("type_name", "made_by"), [
    ("service.Page", "CACHE[key] = Page(item, visitor)"),
    ("service.Cart", "total = sum(Cart(visitor)"),
    ("service.Receipt", "ORDERS.put(Receipt("),
])
def test_each_leak_is_explained_by_the_line_that_made_it(
    story: tuple[str, Path], type_name: str, made_by: str,
) -> None:
    source = (CHECKOUT / "demo" / "service.py").read_text(encoding="utf-8").splitlines()
    lines = [number for number, text in enumerate(source, 1) if made_by in text]
    assert len(lines) == 1
    answer = story[0].partition(f"--type {type_name}")[2].partition("$ heapsight")[0]
    assert f"service.py:{lines[0]} in " in answer.partition("allocated at")[2], answer


def test_the_pictures_it_names_are_there(story: tuple[str, Path]) -> None:
    output, folder = story
    pictures = sorted(folder.glob("*.png"))
    assert len(pictures) == len(HOLDERS)
    for picture in pictures:
        assert picture.name in output
        assert picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_a_program_that_does_not_start_is_reported(tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text("raise SystemExit('no port today')\n")
    with pytest.raises(ProgramError, match="no port today"):
        Running(script, folder=tmp_path / "run")
