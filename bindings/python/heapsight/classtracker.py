# SPDX-License-Identifier: MIT
"""Follows the instances of chosen classes: how many, how large, how long they live.

    >>> from heapsight import ClassTracker
    >>> class Session:
    ...     def __init__(self): self.data = bytearray(1_000_000)
    >>> tracker = ClassTracker()
    >>> tracker.track_class(Session, name="Session")
    >>> kept = [Session() for _ in range(3)]
    >>> tracker.create_snapshot("three sessions")
    >>> tracker.snapshots[-1].classes["Session"]["active"]
    3
    >>> tracker.snapshots[-1].tracked_total // 1_000_000
    3
    >>> tracker.close()

The interface is that of Pympler's class of the same name, which it can replace, and so are the
tables that `stats` prints. What differs: no weak reference is needed, so that classes with
__slots__ can be followed; a class is as before when it is detached; the records of dead objects are
bounded; `pct` is the share of the resident memory of the process, not of its address space; a dead
object counts nothing.
"""

import gc
import sys
from _thread import TIMEOUT_MAX, RLock
from collections import deque
from collections.abc import Callable
from itertools import accumulate
from typing import TextIO

from heapsight import _core
from heapsight._breakdown import measure, shallow_bytes
from heapsight._core import HeapsightValueError
from heapsight._errors import HeapsightKeyError, HeapsightTypeError
from heapsight._hooks import Hook, Report
from heapsight._periodic import Periodic
from heapsight._tracked import (
    ObjectRef,
    TrackedObject,
    call_stack,
    now,
    qualified_name,
)
from heapsight._tracker_snapshot import ProcessMemory, TrackerSnapshot, process_memory
from heapsight.classtracker_stats import ConsoleStats

__all__ = ["ClassTracker", "ProcessMemory", "TrackerSnapshot"]

KEPT_DEAD = 1000  # records of dead objects that are kept for each name
RECORD_BYTES = 400  # of one object: its record, weak reference, table entry and first sample
HAVE_GC = 1 << 14  # Py_TPFLAGS_HAVE_GC


class ClassTracker:
    """Follows objects and the instances of classes, and sums up their sizes in snapshots.

    stream: where `stats` prints, sys.stdout if None. kept_dead: how many dead objects of each name
    are remembered one by one, the newest; older ones are only counted, in `purged_count`.
    A new instance of a followed class costs a few microseconds.
    """

    def __init__(self, stream: TextIO | None = None, *, kept_dead: int = KEPT_DEAD) -> None:
        self.stream = stream
        self.snapshots: list[TrackerSnapshot] = []
        self.objects: dict[int, TrackedObject] = {}  # living ones by address, oldest first
        self.purged_count = 0
        self._kept_dead = kept_dead
        self._dead: dict[str, deque[TrackedObject]] = {}
        self._kept: dict[int, object] = {}  # by address, objects that must not die
        self._hooks: dict[int, Hook] = {}  # by address of the class, which the hook holds
        self._periodic: Periodic | None = None
        self._lock = RLock()
        self._on_death = _death_note(self.objects, self._bury)

    # ---- what is followed -----------------------------------------------------------------------

    def track_object(
        self,
        instance: object,
        name: str | None = None,
        resolution_level: int = 0,
        keep: bool = False,
        trace: bool = False,
    ) -> None:
        """Follow one object. An object that is followed already is left as it is.

        name: what to file it under, its class's name if None. resolution_level: levels of referents
        that its size is broken down to (for these objects a __dict__ is made where the interpreter
        had not made one). keep: hold a reference to it, so that it cannot die. trace: record the
        calls that led here.
        Raises HeapsightTypeError for an object that takes no weak reference, unless keep is set.
        """
        if not keep and not type(instance).__weakrefoffset__:
            raise HeapsightTypeError(
                f"an object of type {type(instance).__name__} takes no weak reference; "
                "track_object(..., keep=True) holds it, track_class() follows its class"
            )
        cls = type(instance)
        name = cls.__name__ if name is None else name
        self._reporter(cls, name, resolution_level, keep, trace)(instance)
        self._constructed(instance)

    def track_class(
        self,
        cls: type,
        name: str | None = None,
        resolution_level: int = 0,
        keep: bool = False,
        trace: bool = False,
    ) -> None:
        """Follow every instance of a class, and of its subclasses, that is made from now on.

        name: what to file them under, "module.Class" if None; the rest is as in track_object().
        A second call changes the options for later instances. Instances without weak reference are
        looked for among all objects at every snapshot, and their death is dated to it.
        Raises HeapsightTypeError for something that is no class, for builtin classes, and for
        classes whose instances neither take a weak reference nor are known to the collector.
        """
        if not isinstance(cls, type):
            raise HeapsightTypeError(f"only classes can be tracked, not a {type(cls).__name__}")
        if not cls.__weakrefoffset__ and not cls.__flags__ & HAVE_GC:
            raise HeapsightTypeError(
                f"instances of {cls.__name__} neither take a weak reference nor are known to the "
                "garbage collector: nobody can tell when they die"
            )
        name = f"{cls.__module__}.{cls.__name__}" if name is None else name
        report = self._reporter(cls, name, resolution_level, keep, trace)
        if id(cls) in self._hooks:
            self._hooks[id(cls)].report = report
            return
        hook = Hook(cls, report, None if cls.__weakrefoffset__ else self._constructed)
        hook.install()
        self._hooks[id(cls)] = hook

    def track_change(self, instance: object, resolution_level: int = 0) -> None:
        """Change the levels of referents that the size of a followed object is broken down to.

        Raises HeapsightKeyError if the object is not followed.
        """
        record = self.objects.get(id(instance))
        if record is None:
            raise HeapsightKeyError(f"this {type(instance).__name__} object is not tracked")
        record.set_resolution_level(resolution_level)

    def detach_class(self, cls: type) -> None:
        """Stop following new instances of a class, which is then as it was before.

        Objects that are followed already stay so. Raises HeapsightKeyError for a class that is not
        followed.
        """
        hook = self._hooks.pop(id(cls), None)
        if hook is None:
            raise HeapsightKeyError(f"{getattr(cls, '__name__', cls)} is not tracked")
        hook.remove()

    def detach_all_classes(self) -> None:
        """Stop following new instances of all classes."""
        while self._hooks:
            self._hooks.popitem()[1].remove()

    def detach_all(self) -> None:
        """Stop following all classes and forget all objects, also those that were kept alive."""
        self.detach_all_classes()
        self.objects.clear()
        self._dead.clear()
        self._kept.clear()
        self.purged_count = 0

    def clear(self) -> None:
        """Forget everything: classes, objects and snapshots."""
        self.detach_all()
        self.snapshots.clear()

    def close(self) -> None:
        """Stop following classes; for contextlib.closing(). What was recorded stays."""
        self.detach_all_classes()

    # ---- snapshots ------------------------------------------------------------------------------

    def create_snapshot(self, description: object = "", compute_total: bool = False) -> None:
        """Measure all followed objects, oldest first: shared data is charged to the oldest.

        description: shown as str() shows it. compute_total: measure the whole heap as well. Cost:
        the objects that they keep.
        """
        desc = str(description)
        with self._lock:
            taken = TrackerSnapshot(now(), desc)
            taken.system_total = process_memory()
            records, instances = self._living(taken.timestamp)
            sizes = measure(instances, [record.resolution_level for record in records])
            for record, sized in zip(records, sizes, strict=True):
                record.add_sample(taken.timestamp, sized.size, sized.refs)
            taken.add(
                (record.name, sized.size) for record, sized in zip(records, sizes, strict=True)
            )
            if compute_total:
                taken.asizeof_total = _core.capture("", False).total_bytes
            taken.overhead = self._overhead_bytes()
            self.snapshots.append(taken)

    def start_periodic_snapshots(self, interval: float = 1.0) -> None:
        """Take a snapshot now and every `interval` seconds, in the background; again, to change it.

        Raises HeapsightValueError for an interval that is not above 0.
        """
        if not 0 < interval <= TIMEOUT_MAX:
            raise HeapsightValueError(f"interval must be above 0 seconds, not {interval!r}")
        if self._periodic is not None:
            self._periodic.interval = interval
            return
        self._periodic = Periodic(interval, self.create_snapshot, at_once=True)
        self._periodic.start()

    def stop_periodic_snapshots(self) -> None:
        """Stop the background snapshots; one under way is waited for, but not for ever."""
        if self._periodic is not None:
            self._periodic.stop()
            self._periodic = None

    # ---- what is known --------------------------------------------------------------------------

    @property
    def stats(self) -> ConsoleStats:
        """The tables over what was recorded so far."""
        return ConsoleStats(tracker=self, stream=self.stream)

    @property
    def index(self) -> dict[str, list[TrackedObject]]:
        """The records of all objects by name, oldest first: the living and the latest dead."""
        found: dict[str, list[TrackedObject]] = {}
        for record in list(self.objects.values()):
            found.setdefault(record.name, []).append(record)
        for name, dead in list(self._dead.items()):
            found.setdefault(name, []).extend(list(dead))
        for records in found.values():
            records.sort(key=lambda record: record.birth)
        return found

    @property
    def history(self) -> dict[str, list[tuple[float, int]]]:
        """For each name how many objects there were, at each birth and death that is remembered."""
        return {name: _counts(records) for name, records in self.index.items()}

    # ---- records --------------------------------------------------------------------------------

    def _reporter(self, cls: type, name: str, level: int, keep: bool, trace: bool) -> Report:
        """What is to be done with a new object; answers whether its constructor's end matters."""
        objects = self.objects
        on_death = self._on_death
        class_name = qualified_name(cls)
        extras: dict[str, int] = {}  # by type name: what object.__sizeof__ leaves out

        def report(instance: object) -> bool:
            address = id(instance)
            known = objects.get(address)
            if known is not None:
                if known.is_about(instance):
                    return False
                self._bury(known, now())
            kind = type(instance)
            type_name = class_name if kind is cls else qualified_name(kind)
            size = object.__sizeof__(instance)
            extra = extras.get(type_name)
            if extra is None:
                extra = extras[type_name] = shallow_bytes(instance) - size
            record = TrackedObject(name, type_name, address, level, size + extra)
            try:
                record.ref = ref = ObjectRef(instance, on_death)
                ref.key = address
            except TypeError:
                record.under_construction = True
            if trace:
                record.trace = call_stack(sys._getframe(1))
            if keep:
                self._kept[address] = instance
            objects[address] = record
            return record.under_construction

        return report

    def _constructed(self, instance: object) -> None:
        """The constructor of an object without weak reference has ended."""
        record = self.objects.get(id(instance))
        if record is not None:
            record.under_construction = False

    def _bury(self, record: TrackedObject, death: float) -> None:
        """Move a record to the dead ones, of which only the latest are kept. Takes no lock: it is
        called from inside a deallocation."""
        self.objects.pop(record.id, None)
        record.death = death
        record.ref = None
        dead = self._dead.get(record.name)
        if dead is None:
            dead = self._dead.setdefault(record.name, deque(maxlen=self._kept_dead))
        if len(dead) == self._kept_dead:
            self.purged_count += 1
        dead.append(record)

    def _living(self, moment: float) -> tuple[list[TrackedObject], list[object]]:
        """The records of the living and their objects, oldest first."""
        records = list(self.objects.values())
        unseen = {record.id: record for record in records if record.ref is None}
        found = {**_find(unseen), **self._kept} if unseen else self._kept
        pairs = []
        for record in records:
            instance = record.ref() if record.ref else found.get(record.id)
            if instance is not None:
                pairs.append((record, instance))
            elif record.id in unseen:
                self._bury(record, moment)
        return [pair[0] for pair in pairs], [pair[1] for pair in pairs]

    def _overhead_bytes(self) -> int:
        """About what the records take."""
        dead = sum(map(len, self._dead.values()))
        return sys.getsizeof(self.objects) + (len(self.objects) + dead) * RECORD_BYTES


def _death_note(
    objects: dict[int, TrackedObject], bury: Callable[[TrackedObject, float], None]
) -> Callable[[ObjectRef], None]:
    """What every weak reference calls. All it needs is bound: it may run as Python shuts down."""

    def note(ref: ObjectRef, now: Callable[[], float] = now) -> None:
        record = objects.get(ref.key)
        if record is not None and record.ref is ref:
            bury(record, now())

    return note


def _find(wanted: dict[int, TrackedObject]) -> dict[int, object]:
    """The living objects that some records without weak reference are about, by address."""
    found: dict[int, object] = {}
    for candidate in gc.get_objects():
        record = wanted.get(id(candidate))
        if record is not None and qualified_name(type(candidate)) == record.type_name:
            found[record.id] = candidate
    return found


def _counts(records: list[TrackedObject]) -> list[tuple[float, int]]:
    """The number of living objects after each birth and death."""
    events = [(record.birth, 1) for record in records]
    events += [(record.death, -1) for record in records if record.death is not None]
    events.sort()
    counts = accumulate(change for _, change in events)
    return [(moment, count) for (moment, _), count in zip(events, counts, strict=True)]
