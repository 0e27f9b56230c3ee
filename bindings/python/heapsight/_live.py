# SPDX-License-Identifier: MIT
"""Questions to the running interpreter.

Nothing here keeps an object alive: arguments go to the extension as addresses, and what comes back
holds none of the program's objects.
"""

from heapsight import _core
from heapsight._core import HeapsightValueError
from heapsight._graph import Graph, check_graph_options
from heapsight._rows import check_limit
from heapsight._snapshot import Snapshot
from heapsight._why import Why

__all__ = ["graph", "snapshot", "why"]


def snapshot(label: str = "", collect: bool = True, values: bool = False) -> Snapshot:
    """Record all objects of this interpreter and the references between them.

    label: a name to tell snapshots apart. collect: run gc.collect() first, so that garbage does not
    count as growth. values: keep short previews of strings, bytes and numbers; off because a
    snapshot file may travel.
    Other Python threads wait while the heap is walked. The walk runs no code of the program; the
    collection before it runs the finalisers of the garbage that it finds.
    Raises HeapsightMemoryError when there is no room for it, and HeapsightValueError for a label
    that has no UTF-8.
    """
    try:
        str.encode(label)
    except UnicodeEncodeError as problem:
        raise HeapsightValueError(f"the label {label!a} cannot be stored: {problem}") from None
    return Snapshot(_core.capture(label, collect, values))


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
