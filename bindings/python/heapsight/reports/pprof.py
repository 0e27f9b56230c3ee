# SPDX-License-Identifier: MIT
"""pprof: the profile.proto format, with the sample types of Go's heap profiles.

Read by `go tool pprof`, Pyroscope, Parca, Speedscope and others.
"""

from collections.abc import Iterable

from heapsight._figures import TraceFigures
from heapsight._frames import Frame
from heapsight.reports._protobuf import Message
from heapsight.reports._words import NO_CODE, how

__all__ = ["HELP", "NAME", "SUFFIXES", "make"]

NAME = "pprof"
SUFFIXES = (".pb.gz", ".pprof")
HELP = "profile for go tool pprof, Pyroscope and Parca"

# Name and unit of the four values of a sample.
VALUES = (
    ("alloc_objects", "count"),
    ("alloc_space", "bytes"),
    ("inuse_objects", "count"),
    ("inuse_space", "bytes"),
)

# Fields of a profile by their number in profile.proto.
SAMPLE_TYPE, SAMPLE, MAPPING, LOCATION, FUNCTION, STRING = 1, 2, 3, 4, 5, 6
DURATION, PERIOD_TYPE, PERIOD, COMMENT, DEFAULT_TYPE = 10, 11, 12, 13, 14


def make(trace: TraceFigures) -> bytes:
    """The profile, compressed: allocated in all and alive, in blocks and bytes, with threads.

    The same trace makes the same bytes. Cost: two passes over the stacks.
    """
    from gzip import compress  # imports much

    return compress(bytes(_profile(trace).data), mtime=0)


def _profile(trace: TraceFigures) -> Message:
    writer = _Writer()
    for name, unit in VALUES:
        writer.profile.message(SAMPLE_TYPE, writer.value_type(name, unit))
    for (frames, thread), values in _samples(trace).items():
        writer.sample(frames, thread, values)
    profile = writer.profile
    profile.message(MAPPING, writer.mapping())
    profile.number(DURATION, trace.info["duration_ns"])
    profile.message(PERIOD_TYPE, writer.value_type("space", "bytes"))
    profile.number(PERIOD, trace.info["sample_bytes"] or 1)  # 1: every block
    profile.packed(COMMENT, [writer.string(f"heapsight: {how(trace)}")])
    profile.number(DEFAULT_TYPE, writer.string("inuse_space"))
    for text in writer.strings:
        profile.text(STRING, text)
    return profile


def _samples(trace: TraceFigures) -> dict[tuple[tuple[Frame, ...], str], list[int]]:
    """The values of every stack of every thread."""
    samples: dict[tuple[tuple[Frame, ...], str], list[int]] = {}
    for figure, first in (("total", 0), ("live", 2)):
        for frames, size, blocks, thread in trace.stacks(figure):
            values = samples.setdefault((frames, thread), [0] * len(VALUES))
            values[first] += blocks
            values[first + 1] += size
    return samples


class _Writer:
    """A profile in the making: texts, functions and places get their numbers as they come up."""

    def __init__(self) -> None:
        self.profile = Message()
        self.strings = {"": 0}
        self._functions: dict[tuple[str, str], int] = {}
        self._locations: dict[Frame, int] = {}

    def string(self, text: str) -> int:
        return self.strings.setdefault(text, len(self.strings))

    def value_type(self, name: str, unit: str) -> Message:
        return Message().number(1, self.string(name)).number(2, self.string(unit))

    def mapping(self) -> Message:
        """One for all: names and lines are here, nothing is left to look up."""
        mapping = Message().number(1, 1).number(5, self.string("python"))
        return mapping.number(7, 1).number(8, 1).number(9, 1)

    def sample(self, frames: Iterable[Frame], thread: str, values: Iterable[int]) -> None:
        innermost_first = tuple(frames)[::-1] or (NO_CODE,)
        sample = Message().packed(1, map(self._location, innermost_first)).packed(2, values)
        if thread:
            label = Message().number(1, self.string("thread")).number(2, self.string(thread))
            sample.message(3, label)
        self.profile.message(SAMPLE, sample)

    def _location(self, frame: Frame) -> int:
        number = self._locations.get(frame)
        if number is None:
            number = self._locations[frame] = len(self._locations) + 1
            line = Message().number(1, self._function(frame)).number(2, frame.line)
            location = Message().number(1, number).number(2, 1).message(4, line)
            self.profile.message(LOCATION, location)
        return number

    def _function(self, frame: Frame) -> int:
        key = frame.function, frame.file
        number = self._functions.get(key)
        if number is None:
            number = self._functions[key] = len(self._functions) + 1
            function = Message().number(1, number).number(2, self.string(frame.function))
            self.profile.message(FUNCTION, function.number(4, self.string(frame.file)))
        return number
