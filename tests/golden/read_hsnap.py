#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A second reader of .hsnap files, written from docs/snapshot-format.md alone.

    read_hsnap.py FILE   print everything that is in the file, one item a line

It shares no code with the library, so where the two agree the specification is complete. Exit
code 1 and one sentence on standard error when the file breaks a rule.
"""

from __future__ import annotations

import struct
import sys
import zlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

__all__ = ["FormatError", "Snapshot", "dump", "read"]

MAGIC = bytes.fromhex("89 48 53 4E 41 50 0D 0A")
HEADER = struct.Struct("<8sHHIQI32sI")
ENTRY = struct.Struct("<4sIQQ")
RECORD = struct.Struct("<HHI")
MAX_COUNT = {"objects": 4_294_967_293, "strings": 268_435_454}
MAX_OTHER_COUNT = 4_294_967_294
NOT_RECORDED = 0x0FFFFFFF
BIG = 0xFFFFFFFF

# Section 3: chunk -> (item as struct letter, which count, extra items).
COLUMNS = {
    "ADDR": ("Q", "objects", 1),
    "TYPE": ("I", "objects", 1),
    "SIZE": ("I", "objects", 1),
    "REFC": ("I", "objects", 1),
    "FLAG": ("B", "objects", 1),
    "EFST": ("I", "objects", 2),
    "EDGE": ("I", "references", 0),
    "LABL": ("I", "references", 0),
    "BIGN": ("I", "big", 0),
    "BIGB": ("Q", "big", 0),
    "PRVN": ("I", "previews", 0),
    "PRVS": ("I", "previews", 0),
    "TNAM": ("I", "types", 1),
    "TNOD": ("I", "types", 1),
    "STRO": ("Q", "strings", 2),
}
COUNTED_BY = {
    "objects": "ADDR",
    "references": "EDGE",
    "types": "TNAM",
    "strings": "STRO",
    "big": "BIGN",
    "previews": "PRVN",
}
ROOT = struct.Struct("<8I")
# Section 3.7: the chunks of a trace, all of them or none.
TRACE_COLUMNS = {
    "NSTK": ("I", "objects", 1),
    "TSTC": ("I", "stacks", 1),
    "TSTF": ("I", "stacks", 1),
    "TFRM": ("4I", "frames", 1),
    "TROW": ("2I8Q", "rows", 0),
    "TSTO": ("Q", "strings", 2),
}
NATIVE_ROW = struct.Struct("<2I2Q")  # section 3.8
TRACE_COUNTED_BY = {"stacks": "TSTC", "frames": "TFRM", "rows": "TROW", "strings": "TSTO"}
TRACE_NUMBERS = (
    "mode",
    "frame_limit",
    "sample_bytes",
    "live_bytes",
    "live_blocks",
    "peak_bytes",
    "total_bytes",
    "total_blocks",
    "dropped_count",
    "memory_bytes",
    "duration_ns",
)
DOMAINS = 3
TEXTS = ("writer", "label", "interpreter", "platform", "arguments", "capture")
NUMBERS = (
    "process_id",
    "taken_at_ns",
    "duration_ns",
    "rss_bytes",
    "dropped_count",
    "overcounted_count",
    "has_values",
)
# Section 3.4: kind of label -> what its payload is.
PAYLOAD = (
    ("string", "string", None, "object", "number", None) + ("string",) * 3 + (None, "number", None)
)


class FormatError(Exception):
    """The file breaks a rule of the specification; the text names the place."""


def require(holds: bool, text: str) -> None:
    """Refuse the file unless a rule holds."""
    if not holds:
        raise FormatError(text)


def aligned(value: int, unit: int) -> int:
    """The next multiple of `unit`."""
    return -(-value // unit) * unit


@dataclass
class Trace:
    """The allocations of a snapshot. Columns keep their unused item 0."""

    numbers: tuple[int, ...]
    columns: dict[str, list[tuple[int, ...]]]
    strings: list[bytes]
    native: list[tuple[int, ...]] | None


@dataclass
class Snapshot:
    """Everything in a file. Columns keep their unused item 0."""

    meta: dict[str, bytes | int]
    counts: dict[str, int]
    columns: dict[str, tuple[int, ...]]
    strings: list[bytes]
    roots: list[tuple[int, ...]]
    sizes: list[int]
    previews: dict[int, int]
    trace: Trace | None


def read_chunks(data: bytes) -> dict[str, bytes]:
    """Sections 2 and 4, steps 1 to 7. Returns the chunks by id."""
    require(len(data) >= 8 and data[:8] == MAGIC, "not a snapshot")
    require(len(data) >= 64, f"file ends at {len(data)}, inside the header")
    _, major, _, count, length, contents, _, own = HEADER.unpack_from(data)
    require(zlib.crc32(data[:60]) == own, "header checksum")
    require(major == 1, f"major version {major}")
    require(length == len(data), f"file ends at {len(data)}, header says {length}")
    end = 64 + count * 24
    require(1 <= count <= 256 and end <= len(data), f"{count} chunks")
    require(zlib.crc32(data[64:end]) == contents, "table of contents checksum")
    chunks: dict[str, bytes] = {}
    for name, checksum, offset, size in ENTRY.iter_unpack(data[64:end]):
        require(all(65 <= c <= 90 or 48 <= c <= 57 for c in name), f"chunk id {name!r}")
        chunk = name.decode("ascii")
        require(chunk not in chunks, f"second {chunk} chunk")
        require(offset == aligned(end, 64), f"{chunk} chunk at {offset}")
        require(offset + size <= len(data), f"{chunk} chunk of {size} bytes")
        require(not any(data[end:offset]), f"padding before {offset}")
        chunks[chunk] = data[offset : offset + size]
        require(zlib.crc32(chunks[chunk]) == checksum, f"{chunk} checksum")
        end = offset + size
    require(end == len(data), f"last chunk ends at {end}")
    return chunks


def read_meta(data: bytes) -> dict[str, bytes | int]:
    """Section 3.1."""
    meta: dict[str, bytes | int] = dict.fromkeys(TEXTS, b"") | dict.fromkeys(NUMBERS, 0)
    seen = set()
    at = 0
    while at < len(data):
        require(at + 8 <= len(data), f"META record at {at} is cut")
        key_bytes, kind, value_bytes = RECORD.unpack_from(data, at)
        end = at + 8 + key_bytes + value_bytes
        require(aligned(end, 8) <= len(data), f"META record at {at} is longer than the chunk")
        require(1 <= key_bytes <= 255, f"META record at {at}: key of {key_bytes} bytes")
        require(kind in (1, 2), f"META record at {at}: kind {kind}")
        require(
            kind == 1 or value_bytes == 8, f"META record at {at}: number of {value_bytes} bytes"
        )
        require(not any(data[end : aligned(end, 8)]), f"META record at {at}: padding")
        key = data[at + 8 : at + 8 + key_bytes].decode("latin-1")
        value = data[at + 8 + key_bytes : end]
        at = aligned(end, 8)
        if key in meta:
            require(key not in seen, f"META: second {key}")
            require((kind == 1) == (key in TEXTS), f"META: kind of {key}")
            seen.add(key)
            meta[key] = value if kind == 1 else int.from_bytes(value, "little")
    return meta


def read_columns(chunks: dict[str, bytes]) -> tuple[dict[str, int], dict[str, tuple[int, ...]]]:
    """Section 3: counts and columns, with the lengths that fit together."""
    counts, columns = {}, {}
    for chunk in (*COLUMNS, "META", "STRB", "ROOT"):
        require(chunk in chunks, f"no {chunk} chunk")
    for what, chunk in COUNTED_BY.items():
        letter, _, extra = COLUMNS[chunk]
        items, rest = divmod(len(chunks[chunk]), struct.calcsize(letter))
        limit = MAX_COUNT.get(what, MAX_OTHER_COUNT)
        require(rest == 0 and 0 <= items - extra <= limit, f"length of {chunk}")
        counts[what] = items - extra
    for chunk, (letter, what, extra) in COLUMNS.items():
        items = counts[what] + extra
        require(len(chunks[chunk]) == items * struct.calcsize(letter), f"length of {chunk}")
        columns[chunk] = struct.unpack(f"<{items}{letter}", chunks[chunk])
    require(len(chunks["ROOT"]) % 32 == 0, "length of ROOT")
    counts["roots"] = len(chunks["ROOT"]) // 32
    return counts, columns


def require_offsets(chunk: str, column: tuple[int, ...], total: int) -> None:
    """Sections 3.2 and 3.5: begins with two zeros, never decreases, ends at the total."""
    require(column[0] == 0 and column[1] == 0, f"{chunk} does not begin with two zeros")
    require(all(a <= b for a, b in pairwise(column)), f"{chunk} decreases")
    require(column[-1] == total, f"{chunk} ends at {column[-1]}, not {total}")


def require_ids(chunk: str, ids: tuple[int, ...], low: int, high: int) -> None:
    """Every number names something that exists."""
    require(
        all(low <= item <= high for item in ids), f"{chunk} names something that does not exist"
    )


def require_sorted(chunk: str, ids: tuple[int, ...], high: int) -> None:
    """Strictly ascending numbers of objects or stacks."""
    require_ids(chunk, ids, 1, high)
    require(all(a < b for a, b in pairwise(ids)), f"{chunk} is not ascending")


def require_labels(labels: tuple[int, ...], counts: dict[str, int]) -> None:
    """Section 3.4."""
    limits = {
        None: 0,
        "string": counts["strings"],
        "object": counts["objects"],
        "number": NOT_RECORDED,
    }
    for label in labels:
        kind, payload = label >> 28, label & NOT_RECORDED
        require(kind < len(PAYLOAD), f"LABL: kind {kind}")
        what = PAYLOAD[kind]
        fits = payload <= limits[what] or (what is not None and payload == NOT_RECORDED)
        require(fits, f"LABL: payload {payload} of kind {kind}")


def require_roots(roots: list[tuple[int, ...]], counts: dict[str, int]) -> None:
    """Section 3.6."""
    for node, kind, *strings, _line, _surplus in roots:
        require_ids("ROOT", (node,), 1, counts["objects"])
        require(1 <= kind <= 6, f"ROOT: kind {kind}")
        require_ids("ROOT", tuple(strings), 0, counts["strings"])


def read_trace_columns(
    chunks: dict[str, bytes], objects: int
) -> tuple[dict[str, int], dict[str, list[tuple[int, ...]]]]:
    """Section 3.7: counts and columns, each item a tuple."""
    counts, columns = {"objects": objects}, {}
    for what, chunk in TRACE_COUNTED_BY.items():
        letter, _, extra = TRACE_COLUMNS[chunk]
        items, rest = divmod(len(chunks[chunk]), struct.calcsize(f"<{letter}"))
        require(rest == 0 and 0 <= items - extra <= MAX_OTHER_COUNT, f"length of {chunk}")
        counts[what] = items - extra
    for chunk, (letter, what, extra) in TRACE_COLUMNS.items():
        item = struct.Struct(f"<{letter}")
        require(len(chunks[chunk]) == (counts[what] + extra) * item.size, f"length of {chunk}")
        columns[chunk] = list(item.iter_unpack(chunks[chunk]))
    return counts, columns


def require_stacks(counts: dict[str, int], columns: dict[str, list[tuple[int, ...]]]) -> None:
    """Section 3.7: stacks, their frames, and what refers to them."""
    for chunk in ("NSTK", "TSTC", "TSTF", "TFRM"):
        require(not any(columns[chunk][0]), f"{chunk}: item 0 is not 0")
    for function, file, _line, _thread in columns["TFRM"]:
        require_ids("TFRM", (function, file), 0, counts["strings"])
    for stack in range(1, counts["stacks"] + 1):
        (caller,), (frame,) = columns["TSTC"][stack], columns["TSTF"][stack]
        require(caller < stack, f"TSTC: stack {stack} has caller {caller}")
        require_ids("TSTF", (frame,), 1, counts["frames"])
        is_thread = columns["TFRM"][frame][3] != 0
        require(is_thread == (caller == 0), f"TSTF: stack {stack} does not begin with a thread")
    require_sorted("TROW", tuple(row[0] for row in columns["TROW"]), counts["stacks"])
    require_ids("NSTK", tuple(stack for (stack,) in columns["NSTK"]), 0, counts["stacks"])


def read_native(chunks: dict[str, bytes], stacks: int) -> list[tuple[int, ...]] | None:
    """Section 3.8. None where nothing is known about native blocks."""
    if "TNAT" not in chunks:
        return None
    items, rest = divmod(len(chunks["TNAT"]), NATIVE_ROW.size)
    require(rest == 0 and items <= MAX_OTHER_COUNT, "length of TNAT")
    rows = list(NATIVE_ROW.iter_unpack(chunks["TNAT"]))
    require_sorted("TNAT", tuple(row[0] for row in rows), stacks)
    return rows


def read_trace(chunks: dict[str, bytes], objects: int) -> Trace | None:
    """Sections 3.7 and 3.8. None where there is no trace."""
    needed = (*TRACE_COLUMNS, "TINF", "TSTB")
    if not any(chunk in chunks for chunk in (*needed, "TNAT")):
        return None
    for chunk in needed:
        require(chunk in chunks, f"no {chunk} chunk")
    known = len(TRACE_NUMBERS) + 3 * DOMAINS
    items, rest = divmod(len(chunks["TINF"]), 8)
    require(rest == 0 and items >= known, "length of TINF")
    numbers = struct.unpack_from(f"<{known}Q", chunks["TINF"])
    require(numbers[0] in (1, 2, 3), f"TINF: mode {numbers[0]}")
    require(numbers[1] <= 1024, f"TINF: {numbers[1]} frames")
    counts, columns = read_trace_columns(chunks, objects)
    offsets = tuple(offset for (offset,) in columns["TSTO"])
    require_offsets("TSTO", offsets, len(chunks["TSTB"]))
    require_stacks(counts, columns)
    strings = [chunks["TSTB"][a:b] for a, b in pairwise(offsets)]
    return Trace(numbers, columns, strings, read_native(chunks, counts["stacks"]))


def read(path: Path) -> Snapshot:
    """Read and check a file. Raises FormatError, or OSError."""
    chunks = read_chunks(path.read_bytes())
    counts, columns = read_columns(chunks)
    roots = list(ROOT.iter_unpack(chunks["ROOT"]))
    objects = counts["objects"]
    for chunk in ("ADDR", "TYPE", "SIZE", "REFC", "FLAG", "TNAM", "TNOD"):
        require(columns[chunk][0] == 0, f"{chunk}: item 0 is not 0")
    require_offsets("EFST", columns["EFST"], counts["references"])
    require_offsets("STRO", columns["STRO"], len(chunks["STRB"]))
    require_ids("TYPE", columns["TYPE"], 0, counts["types"])
    require_ids("EDGE", columns["EDGE"], 1, objects)
    require_ids("PRVS", columns["PRVS"], 0, counts["strings"])
    require_ids("TNAM", columns["TNAM"], 0, counts["strings"])
    require_ids("TNOD", columns["TNOD"], 0, objects)
    require_sorted("BIGN", columns["BIGN"], objects)
    require_sorted("PRVN", columns["PRVN"], objects)
    require_labels(columns["LABL"], counts)
    require_roots(roots, counts)
    big = dict(zip(columns["BIGN"], columns["BIGB"]))
    marked = {node for node, size in enumerate(columns["SIZE"]) if size == BIG}
    require(marked == set(big), "BIGN is not the objects that SIZE marks")
    require(all(size >= BIG for size in columns["BIGB"]), "BIGB holds a size that is not big")
    offsets = columns["STRO"]
    return Snapshot(
        meta=read_meta(chunks["META"]),
        counts=counts,
        columns=columns,
        strings=[chunks["STRB"][a:b] for a, b in pairwise(offsets)],
        roots=roots,
        sizes=[big.get(node, size) for node, size in enumerate(columns["SIZE"])],
        previews=dict(zip(columns["PRVN"], columns["PRVS"])),
        trace=read_trace(chunks, objects),
    )


def quoted(text: bytes) -> str:
    """Bytes as printable ASCII, reversibly."""
    plain = (chr(c) if 32 <= c < 127 and c not in b'"\\' else f"\\x{c:02x}" for c in text)
    return '"' + "".join(plain) + '"'


def dump_trace(trace: Trace) -> list[str]:
    """One line per number and item."""
    columns, strings = trace.columns, trace.strings
    lines = [f"trace {key} {value}" for key, value in zip(TRACE_NUMBERS, trace.numbers)]
    for domain in range(DOMAINS):
        at = len(TRACE_NUMBERS) + 3 * domain
        lines.append(f"domain {domain} " + " ".join(map(str, trace.numbers[at : at + 3])))
    for i, (function, file, line, thread) in enumerate(columns["TFRM"][1:], 1):
        lines.append(
            f"frame {i} {quoted(strings[function])} {quoted(strings[file])} {line} {thread}"
        )
    pairs = zip(columns["TSTC"][1:], columns["TSTF"][1:])
    lines += [f"stack {i} {caller} {frame}" for i, ((caller,), (frame,)) in enumerate(pairs, 1)]
    for i, (stack, _reserved, *figures) in enumerate(columns["TROW"]):
        lines.append(f"row {i} {stack} " + " ".join(map(str, figures)))
    if trace.native is not None:
        lines.append(f"native rows {len(trace.native)}")
        for i, (stack, _reserved, size, blocks) in enumerate(trace.native):
            lines.append(f"native {i} {stack} {size} {blocks}")
    return lines + [f"allocated {i} {n}" for i, (n,) in enumerate(columns["NSTK"][1:], 1)]


def dump(snapshot: Snapshot) -> list[str]:
    """One line per item, in the order of the file."""
    counts, columns, strings = snapshot.counts, snapshot.columns, snapshot.strings
    lines = [
        f"count {counts['objects']} {counts['references']} {counts['types']} "
        f"{counts['strings']} {counts['roots']}"
    ]
    for key, value in snapshot.meta.items():
        if key != "writer":
            lines.append(f"meta {key} {quoted(value) if isinstance(value, bytes) else value}")
    lines += [f"string {i} {quoted(text)}" for i, text in enumerate(strings)]
    for i in range(1, counts["types"] + 1):
        lines.append(f"type {i} {quoted(strings[columns['TNAM'][i]])} {columns['TNOD'][i]}")
    for i in range(1, counts["objects"] + 1):
        lines.append(
            f"object {i} {columns['ADDR'][i]:#x} {columns['TYPE'][i]} {snapshot.sizes[i]} "
            f"{columns['REFC'][i]} {columns['FLAG'][i]} "
            f"{quoted(strings[snapshot.previews.get(i, 0)])}"
        )
        for edge in range(columns["EFST"][i], columns["EFST"][i + 1]):
            label = columns["LABL"][edge]
            lines.append(
                f"reference {edge} {i} {columns['EDGE'][edge]} {label >> 28} {label & NOT_RECORDED}"
            )
    lines += [f"root {i} " + " ".join(map(str, root)) for i, root in enumerate(snapshot.roots)]
    if snapshot.trace is not None:
        lines += dump_trace(snapshot.trace)
    lines.append(f"total {sum(snapshot.sizes)}")
    return lines


def main(arguments: list[str]) -> int:
    """Exit code 0, 1 for a bad file, 2 for wrong usage."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(*dump(read(Path(arguments[0]))), sep="\n")
    except (FormatError, OSError) as error:
        print(f"{arguments[0]}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
