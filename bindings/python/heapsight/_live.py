# SPDX-License-Identifier: MIT
"""Questions to the running interpreter.

Nothing here keeps an object alive: arguments go to the extension as addresses, and what comes back
holds none of the program's objects.
"""

from os import PathLike
from typing import Literal, overload

from heapsight import _core
from heapsight._core import HeapsightValueError
from heapsight._graph import Graph, check_graph_options
from heapsight._pending import TIME_LIMIT_SECONDS, PendingSnapshot, begin
from heapsight._rows import check_limit
from heapsight._snapshot import Snapshot
from heapsight._why import Why

__all__ = ["graph", "snapshot", "why"]


@overload
def snapshot(
    label: str = ...,
    collect: bool | None = ...,
    values: bool = ...,
    *,
    fork: Literal[False] = ...,
) -> Snapshot: ...
@overload
def snapshot(
    label: str = ...,
    collect: bool | None = ...,
    values: bool = ...,
    *,
    fork: Literal[True],
    path: str | bytes | PathLike[str] | PathLike[bytes] | None = ...,
    memory_limit: int | None = ...,
    time_limit: float = ...,
) -> PendingSnapshot: ...
@overload
def snapshot(
    label: str = ...,
    collect: bool | None = ...,
    values: bool = ...,
    *,
    fork: bool,
    path: str | bytes | PathLike[str] | PathLike[bytes] | None = ...,
    memory_limit: int | None = ...,
    time_limit: float = ...,
) -> Snapshot | PendingSnapshot: ...
def snapshot(
    label: str = "",
    collect: bool | None = None,
    values: bool = False,
    *,
    fork: bool = False,
    path: str | bytes | PathLike[str] | PathLike[bytes] | None = None,
    memory_limit: int | None = None,
    time_limit: float = TIME_LIMIT_SECONDS,
) -> Snapshot | PendingSnapshot:
    """Record all objects of this interpreter and the references between them.

    label: a name to tell snapshots apart. collect: run gc.collect() first, so that garbage does not
    count as growth; as a rule unless fork. values: keep short previews of strings, bytes and
    numbers; off because a snapshot file may travel.
    Other Python threads wait while the heap is walked. The walk runs no code of the program; the
    collection before it runs the finalisers of the garbage that it finds.
    Raises HeapsightMemoryError when there is no room for it, and HeapsightValueError for a label
    that has no UTF-8.

    fork: have a forked child do it, and return a PendingSnapshot at once: the program waits for the
    copy of its page tables, some milliseconds for a million objects. The child shares the memory
    of the program; a page that the program writes to while the child lives exists twice. No
    handler of the program runs (os.register_at_fork, pthread_atfork), and its waits for children
    do not see this one. It stays off as a rule because of that memory.
    path: where to write the file, None for a temporary one. memory_limit: bytes that the child may
    take on top, address space, not what it shares; about 200 for an object are enough. time_limit:
    seconds after which the child gives up. Raises HeapsightOSError when the system refuses a
    process, HeapsightRuntimeError on other systems than Linux.
    """
    try:
        str.encode(label)
    except UnicodeEncodeError as problem:
        raise HeapsightValueError(f"the label {label!a} cannot be stored: {problem}") from None
    if fork:
        return begin(label, bool(collect), values, path, memory_limit, time_limit)
    if path is not None or memory_limit is not None:
        raise HeapsightValueError("path= and memory_limit= go with fork=True; save() writes a file")
    return Snapshot(_core.capture(label, collect is None or collect, values))


def why(obj: object, limit: int | None = 10, *, collect: bool = True, values: bool = True) -> Why:
    """The shortest labelled paths from roots to a live object.

    A string is an object like any other here; Snapshot.why() takes type names.
    limit: kinds of paths, None for all. collect, values: as in snapshot(), but values are shown:
    who has the object can look at them anyway.
    Cost: a snapshot, and a search over all references.
    """
    shown = check_limit(limit)
    return Why(_core.capture("why", collect, values).paths([id(obj)], shown))


def graph(
    obj: object,
    direction: str = "referrers",
    depth: int = 4,
    too_many: int | None = 10,
    *,
    collect: bool = True,
    values: bool = True,
) -> Graph:
    """A picture of what refers to a live object, or of what it refers to.

    direction: "referrers" or "referents". depth: references away from the object. too_many:
    neighbours drawn for one object, None for all. collect, values: as in why().
    Cost: a snapshot.
    """
    drawn = check_graph_options(direction, depth, too_many)
    heap = _core.capture("graph", collect, values)
    return Graph(heap.around([id(obj)], direction, depth, drawn))
