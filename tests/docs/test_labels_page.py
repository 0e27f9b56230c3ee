# SPDX-License-Identifier: MIT
"""What docs/labels.md shows compiles, runs, and prints what the page says."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from fences import blocks
from test_readme import environment, missing_lines, promised

import heapsight

PAGE = Path(__file__).resolve().parents[2] / "docs" / "labels.md"
FIRST_LINE = re.compile(r"(?:# |/\* )(\w+\.\w+)")
BLOCKS = blocks(PAGE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that the page shows."""
    for block in BLOCKS:
        name = FIRST_LINE.match(block.text)
        if name:
            (tmp_path / name[1]).write_text(block.text)
    return tmp_path


def run(command: str, folder: Path) -> str:
    done = subprocess.run(
        ["sh", "-ec", command], cwd=folder, env=environment(), text=True, capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_module_is_built_and_its_references_have_names(folder: Path) -> None:
    if shutil.which("cc") is None or not Path(sysconfig.get_path("include"), "Python.h").is_file():
        pytest.skip("no C compiler, or no headers of this Python")
    (block,) = [block for block in BLOCKS if block.kind == "console"]
    outputs = [(command, run(command, folder)) for command in block.commands]
    assert len(outputs) == 2 and (folder / "tree.so").is_file()
    for command, output in outputs:
        assert missing_lines(promised(block, command), output) == [], output


def test_the_python_of_the_page_runs(folder: Path) -> None:
    (block,) = [block for block in BLOCKS if block.kind == "python" and not block.file_name]
    subprocess.run([sys.executable, "-c", block.text], cwd=folder, check=True, timeout=120)


def test_the_page_knows_every_name_of_the_header() -> None:
    header = Path(heapsight.get_include(), "heapsight", "labels.h").read_text()
    names = set(re.findall(r"\b(hsight_label\w+|HSIGHT_LABELS_\w+)\b", header))
    assert {"hsight_labels_import", "hsight_label_field", "HSIGHT_LABELS_CAPSULE"} <= names
    assert [name for name in names if name not in PAGE.read_text()] == []
    assert os.listdir(Path(heapsight.get_include(), "heapsight")) == ["labels.h"]
