# SPDX-License-Identifier: MIT
"""The fenced blocks of a Markdown file, so that tests can run what a document tells people to do.

Kinds, by the word after the opening fence:
  console   lines that start with "$ " are commands; the others are what they print
  python    a program; with a first line "# NAME.py", a file of that name
  text      something to look at
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
FILE_NAME = re.compile(r"# (\w+\.py)\n")


@dataclass(frozen=True)
class Block:
    """One fenced block and the line it starts on."""

    kind: str
    text: str
    line: int

    @property
    def file_name(self) -> str | None:
        """The file a python block stands for, if it names one."""
        found = FILE_NAME.match(self.text) if self.kind == "python" else None
        return found[1] if found else None

    @property
    def commands(self) -> list[str]:
        """The commands of a console block, without the prompt."""
        if self.kind != "console":
            return []
        return [line[2:] for line in self.text.splitlines() if line.startswith("$ ")]


def blocks(path: Path) -> list[Block]:
    """The blocks of a document, in order."""
    text = path.read_text(encoding="utf-8")
    return [Block(found[1], found[2], text.count("\n", 0, found.start()) + 1)
            for found in FENCE.finditer(text)]
