# SPDX-License-Identifier: MIT
"""Tables over what a class tracker recorded, in the layout of Pympler's."""

import sys
from collections.abc import Callable, Iterable
from os import PathLike
from typing import IO, Any, Protocol, Self, TextIO

from heapsight._core import HeapsightValueError
from heapsight._tracked import Sized, TrackedObject
from heapsight._tracker_file import read_records, write_records
from heapsight._tracker_snapshot import TrackerSnapshot, empty_row

__all__ = ["ConsoleStats", "Stats"]

SMALLEST_PERCENT = 0.1  # referents below are not printed


class Records(Protocol):
    """What tables need of a class tracker."""

    @property
    def index(self) -> dict[str, list[TrackedObject]]: ...
    @property
    def snapshots(self) -> list[TrackerSnapshot]: ...
    @property
    def history(self) -> dict[str, list[tuple[float, int]]]: ...
    def stop_periodic_snapshots(self) -> None: ...


class Stats:
    """The records of a tracker, or of a file that dump_stats() wrote, in an order.

    index: records by class name. snapshots: the tracker's snapshots. sorted: all records in order.
    history: object counts over time by class name.
    """

    def __init__(
        self,
        tracker: Records | None = None,
        filename: str | PathLike[str] | None = None,
        stream: TextIO | None = None,
    ) -> None:
        self._stream = stream
        self.tracker = tracker
        self.index: dict[str, list[TrackedObject]] = {}
        self.snapshots: list[TrackerSnapshot] = []
        self.history: dict[str, list[tuple[float, int]]] = {}
        self.sorted: list[TrackedObject] = []
        if tracker is not None:
            self.index = tracker.index
            self.snapshots = tracker.snapshots
            self.history = tracker.history
        if filename is not None:
            self.load_stats(filename)

    @property
    def stream(self) -> TextIO:
        """Where the tables go: sys.stdout unless another stream was given."""
        return sys.stdout if self._stream is None else self._stream

    def load_stats(self, fdump: str | PathLike[str] | IO[bytes]) -> None:
        """Read what dump_stats() wrote, from a path or an open binary file.

        Raises HeapsightOSError when it cannot be read, HeapsightValueError when it is something
        else.
        """
        self.index, self.snapshots = read_records(fdump)
        self.sorted = []

    def dump_stats(self, fdump: str | PathLike[str] | IO[bytes], close: bool = True) -> None:
        """Write the records to a path or an open binary file, which is closed if `close`.

        The file is JSON: reading it runs no code. Periodic snapshots end. Raises HeapsightOSError
        when it cannot be written.
        """
        self._stop_periodic_snapshots()
        write_records(fdump, self.index, self.snapshots, close)

    def sort_stats(self, *keys: str) -> Self:
        """Put the records in order; the later keys decide between equals.

        keys: classname, tsize, birth, death, name, repr, size; all of them in this order if none is
        given. Sizes go down, the others up; the living come after the dead.
        Raises HeapsightValueError for another key.
        """
        ranks: dict[str, Callable[[TrackedObject], Any]] = {
            "classname": lambda record: record.name,
            "tsize": lambda record: -self.tsize(record),
            "birth": lambda record: record.birth,
            "death": lambda record: (record.death is None, record.death or 0.0),
            "name": lambda record: record.name,
            "repr": lambda record: record.repr,
            "size": lambda record: -record.size,
        }
        for key in keys:
            if key not in ranks:
                known = ", ".join(ranks)
                raise HeapsightValueError(f"cannot sort by {key!r}; the keys are {known}")
        order = [ranks[key] for key in keys or ranks]
        records = [record for records in self.index.values() for record in records]
        self.sorted = sorted(records, key=lambda record: [rank(record) for rank in order])
        return self

    def reverse_order(self) -> Self:
        """Turn the order round."""
        self.sorted = (self.sorted or self.sort_stats().sorted)[::-1]
        return self

    def tsize(self, record: TrackedObject) -> int:
        """The size a record had in the snapshot with the largest total."""
        if not self.snapshots:
            return 0
        largest = max(self.snapshots, key=lambda taken: taken.tracked_total)
        return record.get_size_at_time(largest.timestamp)

    def annotate(self) -> None:
        """Give every snapshot a row for every class."""
        for taken in self.snapshots:
            self.annotate_snapshot(taken)

    def annotate_snapshot(self, snapshot: TrackerSnapshot) -> None:
        """Give a snapshot a row for every class, zeros for those that had no objects then."""
        for name in self.tracked_classes:
            snapshot.classes.setdefault(name, empty_row())

    def _stop_periodic_snapshots(self) -> None:
        if self.tracker is not None:
            self.tracker.stop_periodic_snapshots()

    @property
    def tracked_classes(self) -> list[str]:
        """The names under which objects were tracked, in alphabetic order."""
        names = set(self.index)
        names.update(*(taken.classes for taken in self.snapshots))
        return sorted(names)


class ConsoleStats(Stats):
    """Prints the tables as text."""

    def print_summary(self) -> None:
        """One block a snapshot: for each class the objects alive, their size and its share."""
        self.annotate()
        self._print("---- SUMMARY " + "-" * 66)
        for taken in self.snapshots:
            total = pretty_size(taken.asizeof_total)
            heading = clipped(taken.desc, 35)
            self._print(f"{heading:35} {'active':>11} {total:>12} {'average':>12} {'pct':>5}")
            for name in self.tracked_classes:
                self._print_class(name, taken.classes[name])
        self._print("-" * 79)

    def _print_class(self, name: str, row: dict[str, float]) -> None:
        total, average = pretty_size(row["sum"]), pretty_size(row["avg"])
        active, percent = int(row["active"]), int(row["pct"])
        self._print(
            f"  {clipped(name, 33):33} {active:11d} {total:>12} {average:>12} {percent:4d}%"
        )

    def print_stats(self, clsname: str | None = None, limit: float = 1.0) -> None:
        """Print the records in order.

        clsname: only classes whose name contains this. limit: a number up to 1.0 is a share of the
        records, so that the default prints all; an int or a larger number is a count.
        Periodic snapshots end.
        Raises HeapsightValueError for a limit that is not above 0.
        """
        if not limit > 0:
            raise HeapsightValueError(f"limit must be above 0, not {limit!r}")
        self._stop_periodic_snapshots()
        records = self.sorted or self.sort_stats().sorted
        if clsname:
            records = [record for record in records if clsname in record.name]
        is_share = isinstance(limit, float) and limit <= 1.0
        count = max(1, int(limit * len(records))) if is_share else int(limit)
        for record in records[:count]:
            self.print_object(record)

    def print_object(self, tobj: TrackedObject) -> None:
        """Print one record: what it is, where it was made, its size at each snapshot, its end."""
        place = f"0x{tobj.id:08x}" if tobj.alive else "( free )  "
        name = clipped(tobj.name, 32, left=True)
        self._print(f"{name:32} {place} {clipped(tobj.repr, 35):35}")
        for call in tobj.trace or ():
            self._print("    " + call.source)
            self._print(f"  {call.filename}:{call.lineno:4d} in {call.function}")
        self._print_size(tobj.birth, tobj.birth_size, ())
        for taken in self.snapshots:
            sample = tobj.sample_at(taken.timestamp)
            if sample is not None:
                self._print_size(taken.timestamp, sample.size, sample.refs)
        if tobj.death is not None:
            self._print(f"  {pretty_time(tobj.death):30} finalize")

    def _print_size(self, moment: float, size: int, refs: Iterable[Sized]) -> None:
        self._print(f"  {pretty_time(moment):30} {pretty_size(size)}")
        waiting = [(ref, 1) for ref in refs][::-1]
        while waiting:
            ref, level = waiting.pop()
            percent = 100.0 * ref.size / size
            if percent > SMALLEST_PERCENT:
                name = clipped("  " * (level + 1) + ref.name, 50)
                share = f"{pretty_size(ref.size):14} {int(percent):3d}% [{level}]"
                self._print(f"{name:50} {share}")
                waiting += [(part, level + 1) for part in ref.refs][::-1]

    def _print(self, line: str) -> None:
        self.stream.write(line + "\n")


def pretty_size(size: float) -> str:
    """Bytes in the ten columns of the tables.

    >>> pretty_size(0), pretty_size(40_865_264)
    ('   0     B', '  38.97 MB')
    """
    if abs(size) < 1024:
        return f"{int(size):4d}     B"
    for unit in ("KB", "MB", "GB", "TB", "PB"):
        size /= 1024
        if abs(size) < 1024:
            return f"{size:7.2f} {unit}"
    return f"{size / 1024:7.2f} EB"


def pretty_time(moment: float) -> str:
    """Seconds as hours, minutes and seconds.

    >>> pretty_time(3725.5)
    '01:02:05.50'
    """
    minutes, hundredths = divmod(round(moment * 100), 6000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{hundredths / 100:05.2f}"


def clipped(text: str, width: int, left: bool = False) -> str:
    """Text cut to a width, at its start if `left`; a newline becomes a bar.

    >>> clipped("abcdefgh", 6), clipped("abcdefgh", 6, left=True)
    ('abc...', '...fgh')
    """
    text = text.replace("\n", "|")
    if len(text) <= width:
        return text
    return "..." + text[3 - width :] if left else text[: width - 3] + "..."
