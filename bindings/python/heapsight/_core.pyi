# SPDX-License-Identifier: MIT
"""Private C extension: one Python type per C handle. Use the package heapsight instead."""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, final

__version__: str

class HeapsightError(Exception): ...
class HeapsightMemoryError(HeapsightError, MemoryError): ...
class HeapsightValueError(HeapsightError, ValueError): ...
class HeapsightOSError(HeapsightError, OSError): ...
class HeapsightLookupError(HeapsightError, LookupError): ...
class HeapsightRuntimeError(HeapsightError, RuntimeError): ...

@final
class Snapshot:
    """An immutable heap graph. Made by capture() and load(), never by calling the class.

    Every method but capture() releases the GIL while it computes; any number of threads may use
    one.
    """

    object_count: int
    reference_count: int
    total_bytes: int
    trace: Trace | None
    """The allocations up to its moment; None where no tracer was running."""
    @property
    def info(self) -> dict[str, Any]:
        """label, interpreter, platform, arguments, capture: str; process_id, taken_at_ns,
        duration_ns, rss_bytes, dropped_count, overcounted_count, object_count, reference_count,
        type_count, root_count, total_bytes: int; has_values: bool."""
    def info_text(self) -> str: ...
    def types(self, sort: str = "size") -> list[tuple[str, int, int, str]]:
        """(type name, count, bytes, how good they are) of every type, sorted by "size", "count" or "type"."""
    def types_text(self, sort: str = "size", limit: int = 0) -> str:
        """The table; limit 0 = all rows."""
    def sites(self, sort: str = "size") -> list[tuple[tuple[str, str, int, int], str, int, int]]:
        """(frame as in Trace.frames(), type name, count, bytes) by allocation site and type.

        HeapsightLookupError where no tracer was running."""
    def describe(self, address: int, /) -> tuple[str, int, int, str] | None:
        """(type name, bytes, refcount, preview) of the object at an address, or None."""
    def addresses(self, type_name: str, limit: int = 0) -> list[int]:
        """Addresses of the objects of a type, oldest discovery first.

        HeapsightLookupError if no type has the name."""
    def paths(self, targets: str | Sequence[int], limit: int = 0) -> Paths:
        """Paths from roots to all objects of a type (str) or to objects by address.

        HeapsightLookupError for an unknown type name or address."""
    def around(
        self, addresses: Sequence[int], direction: str, depth: int, too_many: int
    ) -> Subgraph:
        """direction: "referrers" or "referents"; too_many 0 = no limit."""
    def save(self, path: str | bytes | PathLike[str], /) -> None: ...

@final
class Child:
    """The forked child that takes a snapshot. Made by fork_capture(). It ends with this object."""

    def wait(self, seconds: float, /) -> bool:
        """Is it gone, its file written? Waits so long for it; raises why there is no file.

        HeapsightValueError in another process than the one that began it."""
    def kill(self) -> None: ...

def fork_capture(
    label: str,
    collect: bool,
    values: bool,
    path: str | bytes,
    temporary: str,
    memory_limit: int,
    time_limit: float,
    /,
) -> Child:
    """Have a forked child walk the heap and write the file. path: absolute. temporary: the name of
    its file until it is complete. memory_limit: bytes, 0 for any. time_limit: seconds."""

def capture(label: str, collect: bool = True, values: bool = False, /) -> Snapshot:
    """Walk the heap of this interpreter. Holds the GIL. heapsight's own objects are left out."""

def load(path: str | bytes | PathLike[str]) -> Snapshot: ...
def diff(before: Snapshot, after: Snapshot, sort: str = "size") -> Diff: ...
def native_references(before: Snapshot, after: Snapshot, /) -> NativeReferences: ...

@final
class Diff:
    def rows(self) -> list[tuple[str, int, int, int, int]]:
        """(type name, count delta, bytes delta, count after, bytes after); unchanged ones are not
        in."""
    def text(self, limit: int = 0) -> str: ...

@final
class NativeReferences:
    def rows(
        self,
    ) -> list[
        tuple[
            *tuple[str, int, int, int, int],
            list[tuple[tuple[str, str, int, int], str, int, int]],
            list[tuple[int, str]],
            list[str],
        ]
    ]:
        """(type name, count delta, reference delta, count after, references after, where the new
        ones were allocated as Snapshot.sites(), (address, preview) of up to three of them, what
        seems to hold each of them or ""), what did not grow left out."""

@final
class Paths:
    omitted_count: int
    unreached_count: int
    def sites(self) -> list[tuple[tuple[str, str, int, int], str, int, int]]:
        """Where the objects were allocated, as Snapshot.sites(); empty without a tracer."""
    def rows(self) -> list[dict[str, Any]]:
        """One dict a path: expression: str, root: str (text), root_kind: str, root_name: str,
        thread: str, function: str, file: str, line: int, object_count: int, bytes: int,
        steps: list[tuple[label text, type name, address, bytes, preview]]."""
    def text(self) -> str: ...
    def subgraph(self) -> Subgraph: ...

@final
class Subgraph:
    node_count: int
    edge_count: int
    def dot(self) -> str: ...
    def draw(self, path: str | bytes | PathLike[str], timeout_ms: int = 60000) -> None:
        """Write .png .svg .pdf or .dot."""

@final
class Trace:
    """What a tracer saw up to one moment. Stacks and frames are numbered from 1."""

    @property
    def info(self) -> dict[str, Any]:
        """mode: str; frame_limit, sample_bytes, live_bytes, live_blocks, peak_bytes, total_bytes,
        total_blocks, dropped_count, memory_bytes, duration_ns: int; domains: three tuples
        (allocated blocks, allocated bytes, freed blocks)."""
    def frames(self) -> list[tuple[str, str, int, int]]:
        """(function, file, line, thread) by frame, item 0 empty; where thread is not 0 the frame
        is that thread and function its name."""
    def stacks(self) -> list[tuple[int, int]]:
        """(caller, frame) by stack, item 0 empty; a caller's number is smaller."""
    def rows(self) -> list[tuple[int, int, int, int, int, int, int, int, int]]:
        """(stack, live bytes, live blocks, total bytes, total blocks, peak bytes, peak blocks,
        temporary bytes, temporary blocks), by stack."""
    def native_rows(self) -> list[tuple[int, int, int]] | None:
        """(stack, bytes, blocks) of live blocks that belong to no object, by stack; None: that is
        known of exact traces of snapshots only."""

def trace_start(
    mode: str,
    frames: int = 32,
    sample_bytes: int = 524288,
    seed: int = 0,
    follow_children: bool = False,
) -> None: ...
def sigterm_watch() -> bool:
    """Watch for a SIGTERM that a handler in Python is set for; False: there is none."""

def sigterm_has_come() -> bool:
    """Has one come since, to a handler that was there then?"""

def trace_stop() -> None: ...
def trace_is_running() -> bool: ...
def trace_births_are_lost() -> bool:
    """Does another tool hear of objects from free lists instead?"""

def trace_is_removed() -> bool:
    """Did another tool take the hook out of the allocators?"""

def trace_take() -> Trace: ...
def trace_on_memory_error(call: Callable[[], object] | None) -> None:
    """Call something soon, in the main thread, after an allocator of the interpreter had no memory.

    Only while the hook is installed."""

def trace_site(obj: object) -> list[tuple[str, str, int, int]] | None:
    """The frames, as in Trace.frames(), of the stack that allocated an object, innermost first."""

labels: object
"""The capsule of heapsight/labels.h."""

def register_fields(
    type: type, fields: list[tuple[str, int]], rest: str | None, /
) -> None: ...
def deep_sizes(objects: list[object]) -> list[int]:
    """Bytes each object keeps together with what it refers to, shared data charged to the earlier
    one.

    Classes, modules, functions, code, frames and the other objects of the list are not entered;
    weak references are not followed. Numpy buffers count where they are owned."""

def compare_sizes() -> list[tuple[str, int, int, int, int, int, int]]:
    """Sizes beside the blocks that a tracer in mode exact saw, by type, for tests and benchmarks.

    (type name, objects whose own block it saw, those of them that got their size from the blocks,
    those whose size is that of their blocks, bytes in blocks of these, bytes in blocks of all,
    bytes of all by size). All 0 without such a tracer."""

def resident_bytes() -> int:
    """Resident set of this process in bytes, 0 when the system does not tell."""
