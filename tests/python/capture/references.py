# SPDX-License-Identifier: MIT
"""All references of single objects, as a saved snapshot has them; read by the independent reader."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Mapping
from pathlib import Path

from heapsight import _core

READER = runpy.run_path(str(Path(__file__).resolve().parents[2] / "golden" / "read_hsnap.py"))
INTERNAL = 0
VALUE = 3
KINDS = ("internal", "attribute", "key", "value", "index", "member", "local", "cell", "type part")
KINDS += ("class", "stack", "weak")

Reference = tuple[str, int]  # label as text, address of the target


def value_of(key: object) -> str:
    """The label of a dict's value."""
    return f"value of {id(key):#x}"


def pairs(expected: Mapping[str, object]) -> list[Reference]:
    """What a holder is expected to refer to. A list stands for several references of one label."""
    return sorted(
        (label, id(target))
        for label, targets in expected.items()
        for target in (targets if type(targets) is list else [targets])
    )


class Heap:
    """The heap at one moment."""

    def __init__(self, path: Path, collect: bool = True) -> None:
        """The heap as it is now, by way of a file."""
        _core.capture("references", collect).save(path)
        self._heap = READER["read"](path)
        path.unlink()
        addresses = self._heap.columns["ADDR"]
        self._nodes = {address: node for node, address in enumerate(addresses) if node}

    def _text(self, label: int) -> str:
        kind, payload = label >> 28, label & READER["NOT_RECORDED"]
        if kind == VALUE:
            return f"value of {self._heap.columns['ADDR'][payload]:#x}"
        what = {"string": lambda: self._heap.strings[payload].decode(), "number": lambda: str(payload)}
        more: Callable[[], str] = what.get(READER["PAYLOAD"][kind], str)
        return f"{KINDS[kind]} {more()}".rstrip()

    def references(self, holder: object) -> list[Reference]:
        """Every reference of an object, sorted. A reference without a name is called "internal"."""
        return sorted(self.references_at(id(holder)))

    def references_at(self, address: int) -> list[Reference]:
        """The same for what lies at an address, in the order of the snapshot."""
        node = self._nodes[address]
        first, targets, labels, addresses = (
            self._heap.columns[chunk] for chunk in ("EFST", "EDGE", "LABL", "ADDR")
        )
        return [
            (self._text(labels[at]), addresses[targets[at]])
            for at in range(first[node], first[node + 1])
        ]

    def type_at(self, address: int) -> str:
        """The type of what lies at an address."""
        columns = self._heap.columns
        return self._heap.strings[columns["TNAM"][columns["TYPE"][self._nodes[address]]]].decode()

    def text_at(self, address: int) -> str:
        """The text of an interned identifier."""
        return self._heap.strings[self._heap.previews[self._nodes[address]]].decode()
