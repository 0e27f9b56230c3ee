# SPDX-License-Identifier: MIT
"""The stacks of a trace as those of the program: without threads and without heapsight's frames."""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from heapsight import _core
from heapsight._frames import CALLS_OUT, RUNNER, Frame, file_test, own_folders

__all__ = ["GROUPS", "Stacks"]

GROUPS = ("stack", "line", "function", "file", "thread")
RUNPY = ("<frozen runpy>", "/runpy.py")  # runs `python -m MODULE`


class Stacks:
    """Stacks by two numbers: that of the extension, and a merged one.

    A merged stack is a frame and its caller, 0 for no frame at all. heapsight's own frames are in
    none, and neither is what lies outside of its runner. Lists by stack of the extension: `merged`,
    `thread` (its number), `is_ours` (heapsight allocated there, not the program). `cut`: the stacks
    of which only the innermost frames are known; they begin with the frame `beyond` for the others.
    """

    def __init__(self, held: _core.Trace, allocated: Sequence[int]) -> None:
        """allocated: the stacks that have figures; the others are only callers of these."""
        frames = held.frames()
        self.frames = [Frame(function, file, line) for function, file, line, _ in frames]
        self.threads = {0: ""}
        for name, _, _, number in frames:
            if number:
                self.threads[number] = name or f"thread {number}"
        self.callers = [0]
        self.innermost = [0]
        self.merged: list[int] = []
        self.thread: list[int] = []
        self.is_ours: list[bool] = []
        self._allocated = allocated
        self._files = {frame.file for frame in self.frames}
        self._is_run: list[bool] = []  # by stack: heapsight's runner is on it
        limit = held.info["frame_limit"]
        self.beyond = Frame(f"(callers beyond {limit} frame{'' if limit == 1 else 's'})", "", 0)
        thread_of = [frame[3] for frame in frames]
        stacks = held.stacks()
        self._merge(stacks, thread_of)
        self._look_at_ends(stacks, thread_of, limit)

    def _merge(self, stacks: list[tuple[int, int]], thread_of: list[int]) -> None:
        own = own_folders(self._files)
        runs = tuple(folder + RUNNER for folder in own)
        calls_out = tuple(folder + name for folder in own for name in CALLS_OUT)
        kinds = [
            (frame.file.startswith(own), frame.file in runs, frame.file in calls_out)
            for frame in self.frames
        ]
        known: dict[tuple[int, int], int] = {}
        inside: list[bool] = []  # called by heapsight, and not by what it calls in the program
        for caller, frame in stacks:
            outer = self.merged[caller] if caller else 0
            called = inside[caller] if caller else False
            ours, is_runner, is_out = kinds[frame]
            self.thread.append(thread_of[frame] or (self.thread[caller] if caller else 0))
            self.is_ours.append(called or ours)
            self._is_run.append(is_runner or (self._is_run[caller] if caller else False))
            if is_runner or thread_of[frame] or not frame:
                self.merged.append(0)
                inside.append(False)
            elif ours:
                self.merged.append(outer)
                inside.append(not is_out)
            else:
                self.merged.append(self._merged_number(known, outer, frame))
                inside.append(called)

    def _merged_number(self, known: dict[tuple[int, int], int], outer: int, frame: int) -> int:
        merged = known.get((outer, frame))
        if merged is None:
            merged = known[outer, frame] = len(self.callers)
            self.callers.append(outer)
            self.innermost.append(frame)
        return merged

    def _look_at_ends(
        self, stacks: list[tuple[int, int]], thread_of: list[int], limit: int
    ) -> None:
        """Find the stacks that the limit cut, and those of heapsight's launcher.

        A stack of full length is whole where it begins as stacks do that are not of full length.
        """
        depths = [0] * len(stacks)
        roots = [("", "")] * len(stacks)
        for stack, (caller, frame) in enumerate(stacks):
            if frame and not thread_of[frame]:
                depths[stack] = depths[caller] + 1
                roots[stack] = roots[caller] if depths[caller] else self.frames[frame][:2]
        full = {stack for stack in self._allocated if depths[stack] >= limit}
        whole_roots = {roots[stack] for stack in self._allocated if stack not in full}
        self.cut = {
            stack for stack in full if not self._is_run[stack] and roots[stack] not in whole_roots
        }
        whole = [stack for stack in self._allocated if stack not in full]
        launchers = {roots[stack] for stack in whole if self._is_run[stack]}
        for stack in whole:
            if roots[stack] in launchers and not self._is_run[stack]:
                self.is_ours[stack] = True

    @cached_property
    def main(self) -> str:
        """The file of the main script: where most stacks begin that begin with a module; or ""."""
        tops = [0]
        for caller, frame in zip(self.callers[1:], self.innermost[1:], strict=True):
            is_runpy = self.frames[frame].file.endswith(RUNPY)
            tops.append(tops[caller] or (0 if is_runpy else frame))
        found: Counter[tuple[bool, str]] = Counter()
        for stack in self._allocated:
            top = self.frames[tops[self.merged[stack]]]
            if top.function == "<module>" and not self.is_ours[stack] and stack not in self.cut:
                found[self._is_run[stack], top.file] += 1
        return max(found, key=lambda item: (item[0], found[item]), default=(False, ""))[1]

    def thread_name(self, stack: int) -> str:
        return self.threads[self.thread[stack]]

    def frames_of(self, merged: int) -> tuple[Frame, ...]:
        """Innermost first."""
        frames = []
        while merged:
            frames.append(self.frames[self.innermost[merged]])
            merged = self.callers[merged]
        return tuple(frames)

    def filter(self, module: str | None, file: str | None) -> list[bool] | None:
        """For each merged stack: does it pass through a frame that is wanted? None: all do."""
        if module is None and file is None:
            return None
        wanted = file_test(module, file, self.main if module else "", self._files)
        named = {name: wanted(name) for name in self._files}
        passes = [False]
        for caller, frame in zip(self.callers[1:], self.innermost[1:], strict=True):
            passes.append(passes[caller] or named[self.frames[frame].file])
        return passes

    def key(self, stack: int, group: int) -> Any:
        """What the rows of one group have in common; group: a place in GROUPS."""
        merged = self.merged[stack]
        if group == 0:
            return merged
        if group == 4:
            return self.thread[stack]
        frame = self.frames[self.innermost[merged]]
        return (frame, Frame(frame.function, frame.file, 0), Frame("", frame.file, 0))[group - 1]
