# SPDX-License-Identifier: MIT
"""Every command and every program of the README runs, and prints what the README says it prints.

What needs the checkout (tools/demo and the like) is run by tests/commands.
"""

import os
import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from fences import Block, blocks

CHECKOUT = Path(__file__).resolve().parents[2]
README = CHECKOUT / "README.md"
OF_THE_CHECKOUT = ("tools/", "pip install ", "bash .ci/run")
FOLDER = "/srv/app"  # as which the README shows the folder of its programs
NUMBER = re.compile(r"[+-]?\d[\d,.]*")


def shape(line: str) -> str:
    """A line without its numbers and its column widths: those differ from run to run."""
    return " ".join(NUMBER.sub("N", line).split())


def promised(block: Block, command: str) -> list[str]:
    """The lines that a console block shows below a command; "..." stands for others."""
    lines = block.text.splitlines()
    rest = lines[lines.index(f"$ {command}") + 1:]
    end = next((at for at, line in enumerate(rest) if line.startswith("$ ")), len(rest))
    return [line for line in rest[:end] if line.strip() not in ("", "...")]


def missing_lines(wanted: list[str], output: str) -> list[str]:
    shapes = {shape(line) for line in output.splitlines()}
    return [line for line in wanted if shape(line) not in shapes]


def environment() -> dict[str, str]:
    scripts = sysconfig.get_path("scripts")
    return dict(os.environ) | {"PATH": f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}"}


def run(words: list[str], folder: Path) -> str:
    """What a command prints, stdout and stderr. Fails the test unless it succeeds."""
    done = subprocess.run(words, cwd=folder, env=environment(), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the README shows."""
    made = tmp_path_factory.mktemp("readme")
    for block in blocks(README):
        if block.file_name:
            (made / block.file_name).write_text(block.text)
    return made


def place(block: Block) -> str:
    return f"line-{block.line}"


BLOCKS = blocks(README)


@pytest.mark.parametrize(
    "block", [b for b in BLOCKS if b.kind == "python" and not b.file_name], ids=place)
def test_python_runs(block: Block, folder: Path) -> None:
    run([sys.executable, "-c", block.text], folder)


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.kind == "console"], ids=place)
def test_commands_run_and_print_what_is_shown(block: Block, folder: Path) -> None:
    for command in block.commands:
        if not command.startswith(OF_THE_CHECKOUT):
            output = run(shlex.split(command), folder).replace(str(folder), FOLDER)
            assert missing_lines(promised(block, command), output) == [], output


def test_every_block_has_a_kind_and_every_link_a_target() -> None:
    assert {block.kind for block in BLOCKS} <= {"console", "python", "text"}
    assert any(block.commands for block in BLOCKS)
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", README.read_text())
    assert targets
    assert [target for target in targets if not (CHECKOUT / target).exists()] == []


def test_a_wrong_promise_is_noticed() -> None:
    block = Block("console", "$ heapsight types x\n  12 list\n...\n  3 dict\n$ next\n9 set\n", 1)
    wanted = promised(block, "heapsight types x")
    assert wanted == ["  12 list", "  3 dict"]
    assert missing_lines(wanted, "1,300   list\n") == ["  3 dict"]
