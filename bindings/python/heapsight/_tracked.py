# SPDX-License-Identifier: MIT
"""The record of one tracked object: when it lived, how large it was, where it was made.

A record never keeps its object alive, and stores a size only where it changed: a snapshot of
objects that stay as they are costs no memory.
"""

import weakref
from collections.abc import Sequence
from time import monotonic
from types import FrameType
from typing import Any, NamedTuple

__all__ = [
    "Call",
    "ObjectRef",
    "Sample",
    "Sized",
    "TrackedObject",
    "call_stack",
    "now",
    "qualified_name",
]

STARTED = monotonic()
_MODULE = type.__dict__["__module__"].__get__
_QUALNAME = type.__dict__["__qualname__"].__get__
STACK_LIMIT = 64  # innermost calls that are kept of a creation


def now() -> float:
    """Seconds since this module was imported: the time axis of the class tracker."""
    return monotonic() - STARTED


class Sized(NamedTuple):
    """Bytes of an object with what it keeps, and of what it refers to, down to a resolution."""

    name: str
    size: int
    refs: "tuple[Sized, ...]" = ()


class Sample(NamedTuple):
    """A size from `timestamp` (seconds) on, until the next sample."""

    timestamp: float
    size: int
    refs: tuple[Sized, ...] = ()


class Call(NamedTuple):
    """One entry of the stack that made an object."""

    filename: str
    lineno: int
    function: str

    @property
    def source(self) -> str:
        """The line of code, or "" where the file cannot be read."""
        import linecache  # imports much

        return linecache.getline(self.filename, self.lineno).strip()


class ObjectRef(weakref.ref[Any]):
    """A weak reference that knows the address of the object after its death."""

    __slots__ = ("key",)

    key: int


class TrackedObject:
    """What is known of one object. Times are seconds on the tracker's axis, sizes are bytes.

    name: what it was tracked as. birth, death: when it was first seen and when it went; death is
    None while it lives. id: its address. trace: the calls that made it, outermost first, or None.
    """

    __slots__ = (
        "_later",
        "birth",
        "birth_size",
        "death",
        "id",
        "name",
        "ref",
        "resolution_level",
        "trace",
        "type_name",
        "under_construction",
    )

    def __init__(
        self, name: str, type_name: str, address: int, resolution_level: int, birth_size: int
    ) -> None:
        self.name = name
        self.type_name = type_name
        self.id = address
        self.birth = monotonic() - STARTED
        self.birth_size = birth_size
        self.death: float | None = None
        self.ref: ObjectRef | None = None  # None also while it lives, if it takes no weak reference
        self.resolution_level = resolution_level
        self.trace: Sequence[Call] | None = None
        self.under_construction = False
        self._later: list[Sample] | None = None

    def is_about(self, instance: object) -> bool:
        """Whether an object at this address is the one recorded, not a later one."""
        return self.under_construction or (self.ref is not None and self.ref() is instance)

    @property
    def samples(self) -> list[Sample]:
        """Its sizes: at birth, before its constructor ran, and then where they changed."""
        return [Sample(self.birth, self.birth_size), *(self._later or ())]

    @property
    def classname(self) -> str:
        """The name it was tracked as."""
        return self.name

    @property
    def repr(self) -> str:
        """A description that needs no code of the object's class."""
        return f"<{self.type_name} object at {self.id:#x}>"

    @property
    def alive(self) -> bool:
        """Whether its end has not been noticed."""
        return self.death is None

    @property
    def snapshots(self) -> list[tuple[float, Sized]]:
        """Its sizes with the time from which on they held; the first is that of its birth."""
        return [(at, Sized(self.repr, size, refs)) for at, size, refs in self.samples]

    @property
    def size(self) -> int:
        """The largest size it had."""
        return self.get_max_size()

    def get_max_size(self) -> int:
        """The largest size it had."""
        return max(sample.size for sample in self.samples)

    def get_size_at_time(self, timestamp: float) -> int:
        """Its size at a moment; 0 before its birth and after its death."""
        sample = self.sample_at(timestamp)
        return sample.size if sample else 0

    def sample_at(self, timestamp: float) -> Sample | None:
        """The sample that held at a moment, or None if it did not live then."""
        if timestamp < self.birth or (self.death is not None and timestamp > self.death):
            return None
        held = [sample for sample in self.samples if sample.timestamp <= timestamp]
        return held[-1] if held else None

    def set_resolution_level(self, resolution_level: int) -> None:
        """How many levels of referents the next snapshots break its size down to."""
        self.resolution_level = resolution_level

    def add_sample(self, timestamp: float, size: int, refs: tuple[Sized, ...] = ()) -> None:
        """Note a size; nothing is stored while it stays the same."""
        if self._later is None:
            self._later = []
        elif (size, refs) == self._later[-1][1:]:
            return
        self._later.append(Sample(timestamp, size, refs))


def qualified_name(cls: type) -> str:
    """A class as "module.Class", read without code of its metaclass."""
    return f"{_MODULE(cls)}.{_QUALNAME(cls)}"


def call_stack(frame: FrameType | None) -> tuple[Call, ...]:
    """The calls that led to a frame, outermost first, without those of heapsight."""
    calls: list[Call] = []
    while frame is not None and len(calls) < STACK_LIMIT:
        if not str(frame.f_globals.get("__name__")).startswith("heapsight."):
            code = frame.f_code
            calls.append(Call(code.co_filename, frame.f_lineno or 0, code.co_name))
        frame = frame.f_back
    return tuple(reversed(calls))
