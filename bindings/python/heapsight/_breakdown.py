# SPDX-License-Identifier: MIT
"""Sizes of live objects with what they keep, broken down to their referents where asked for.

Everything is measured in one call in order of age, so that data which two objects share is charged
to the older one.
"""

import gc
from collections.abc import Iterator, Sequence
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any

from heapsight._core import deep_sizes
from heapsight._tracked import Sized

__all__ = ["measure", "shallow_bytes"]

_MRO = type.__dict__["__mro__"].__get__
_NAMESPACE = type.__dict__["__dict__"].__get__
PREVIEW_LENGTH = 40
LARGEST_SHOWN = 10**30  # of whole numbers: larger ones are slow to write
SMALLEST_SHARE = 0.001  # of the whole: referents below are not kept


class _Node:
    """An object that gets a line of its own, and which one it belongs to."""

    __slots__ = ("level", "name", "parent", "refs", "size", "value")

    def __init__(self, name: str, value: object, parent: "_Node | None", level: int) -> None:
        self.name = name
        self.value = value
        self.parent = parent
        self.level = level  # levels below that are still broken down
        self.size = 0
        self.refs: list[Sized] = []


def measure(objects: Sequence[object], levels: Sequence[int]) -> list[Sized]:
    """The size of each object, with as many levels of referents as `levels` says for it."""
    if not any(levels):
        return [Sized("", size) for size in deep_sizes(list(objects))]
    nodes = _expand(objects, levels)
    for node, size in zip(nodes, deep_sizes([node.value for node in nodes]), strict=True):
        node.size = size
    return _add_up(nodes)[: len(objects)]


def shallow_bytes(value: object) -> int:
    """The bytes of one object alone."""
    return deep_sizes([value, *gc.get_referents(value)])[0]


def _expand(objects: Sequence[object], levels: Sequence[int]) -> list[_Node]:
    """The objects and then, level by level, their referents; nothing twice."""
    nodes = [_Node("", *item) for item in zip(objects, [None] * len(objects), levels, strict=True)]
    seen = {id(value) for value in objects}
    for node in nodes:  # grows while it is walked
        if node.level <= 0:
            continue
        for name, value in _referents(node.value):
            if id(value) not in seen:
                seen.add(id(value))
                nodes.append(_Node(name, value, node, node.level - 1))
    return nodes


def _add_up(nodes: list[_Node]) -> list[Sized]:
    """Give every size to the parent as well; children come after their parents."""
    done: list[Sized] = []
    for node in reversed(nodes):
        kept = [ref for ref in node.refs if ref.size > SMALLEST_SHARE * node.size]
        kept.sort(key=lambda ref: -ref.size)
        sized = Sized(node.name, node.size, tuple(kept))
        done.append(sized)
        if node.parent is not None:
            node.parent.size += node.size
            node.parent.refs.append(sized)
    return done[::-1]


def _referents(value: Any) -> Iterator[tuple[str, object]]:
    """What an object refers to, with a name. Runs no code of the object's class."""
    kind = type(value)
    if kind is dict:
        for key, item in list(value.items()):
            name = _clip(key) if type(key) is str else _preview(key)
            yield f"[K] {name}", key
            yield f"[V] {name}: {_preview(item)}", item
    elif kind in (list, tuple):
        for index, item in enumerate(list(value)):
            yield f"[{index}] {_preview(item)}", item
    elif kind in (set, frozenset):
        for item in list(value):
            yield _preview(item), item
    else:
        yield from _attributes(value)


def _attributes(value: object) -> Iterator[tuple[str, object]]:
    """The __dict__ and the slots of an instance, by the descriptors that the interpreter made."""
    for cls in _MRO(type(value)):
        for name, part in list(_NAMESPACE(cls).items()):
            is_slot = isinstance(part, MemberDescriptorType)
            is_dict = name == "__dict__" and isinstance(part, GetSetDescriptorType)
            if is_slot or is_dict:
                try:
                    yield name, part.__get__(value)
                except AttributeError:  # a slot that is empty
                    continue


def _preview(value: Any) -> str:
    """A few characters that tell a value from its neighbours."""
    kind = type(value)
    if kind is str:
        return repr(_clip(value))
    if kind in (bool, float, type(None)) or (kind is int and abs(value) < LARGEST_SHOWN):
        return repr(value)
    if kind in (bytes, bytearray, dict, frozenset, list, set, tuple):
        return f"<{kind.__name__} of {len(value)}>"
    return f"<{kind.__name__}>"


def _clip(text: str) -> str:
    return text if len(text) <= PREVIEW_LENGTH else text[: PREVIEW_LENGTH - 2] + ".."
