#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How the files of tests/golden/bad were made: a file of v1/, broken in one place each.

    make_bad.py --check        every file in bad/ is what this script makes, and none is missing
    make_bad.py NAME...        write these files into bad/ (the expected errors are written by hand)
    make_bad.py --settle FILE  set to 0 what of a trace depends on time, as in v1/traced.hsnap

Checksums are made right again behind the damage, so that each file reaches the rule it breaks.
Files are added, never changed: what one heapsight refuses, every later one must refuse. Only the
words change where a minor version comes to be known: what was newer is damaged from then on. The
files of v1/ that are not plain (PERMITTED) must be read, now and later.
"""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["BAD", "PERMITTED", "main"]

HERE = Path(__file__).resolve().parent
HEADER = struct.Struct("<8sHHIQI32s")
ENTRY = struct.Struct("<4sIQQ")


@dataclass
class File:
    """A snapshot file in parts. None in a field of the container: what is right."""

    chunks: list[tuple[bytes, bytes]]
    major: int = 1
    minor: int = 0
    count: int | None = None
    file_bytes: int | None = None
    entries: dict[int, dict[str, int]] = field(default_factory=dict)  # what to write instead

    def chunk(self, name: bytes) -> bytearray:
        """A copy of a chunk's bytes."""
        return bytearray(dict(self.chunks)[name])

    def put(self, name: bytes, data: bytes | bytearray) -> None:
        """Replace a chunk's bytes."""
        self.chunks = [(n, bytes(data) if n == name else d) for n, d in self.chunks]

    def poke(self, name: bytes, letter: str, item: int, value: int) -> None:
        """Replace one item of a column."""
        data = self.chunk(name)
        struct.pack_into("<" + letter, data, item * struct.calcsize(letter), value)
        self.put(name, data)

    def index(self, name: bytes) -> int:
        """The place of a chunk in the table of contents."""
        return [n for n, _ in self.chunks].index(name)

    def entry(self, name: bytes, **fields: int) -> None:
        """Write other values than the right ones into a table of contents entry."""
        self.entries[self.index(name)] = fields

    def pack(self) -> bytearray:
        """The file's bytes, with checksums that match."""
        front = 64 + 24 * len(self.chunks)
        body, table = bytearray(), bytearray()
        for number, (name, data) in enumerate(self.chunks):
            body += bytes(-(front + len(body)) % 64)
            right = {"checksum": zlib.crc32(data), "offset": front + len(body), "length": len(data)}
            entry = right | self.entries.get(number, {})
            table += ENTRY.pack(name, entry["checksum"], entry["offset"], entry["length"])
            body += data
        count = len(self.chunks) if self.count is None else self.count
        length = front + len(body) if self.file_bytes is None else self.file_bytes
        covered = table if count <= len(self.chunks) else table + body
        header = HEADER.pack(
            bytes.fromhex("89 48 53 4E 41 50 0D 0A"),
            self.major,
            self.minor,
            count,
            length,
            zlib.crc32(covered[: 24 * count]),
            bytes(32),
        )
        return bytearray(header + struct.pack("<I", zlib.crc32(header)) + table + body)


def tiny() -> bytes:
    """The file without a trace that others come from."""
    return (HERE / "v1" / "tiny.hsnap").read_bytes()


def traced() -> bytes:
    """The same snapshot with a trace."""
    return (HERE / "v1" / "traced.hsnap").read_bytes()


def native() -> bytes:
    """The same snapshot with a trace that knows native blocks."""
    return (HERE / "v1" / "native.hsnap").read_bytes()


def parts(data: bytes) -> File:
    """A file in parts."""
    minor, count = struct.unpack_from("<HI", data, 10)
    entries = ENTRY.iter_unpack(data[64 : 64 + 24 * count])
    return File([(name, data[at : at + size]) for name, _, at, size in entries], minor=minor)


Change = Callable[[File], object]


def apply(data: bytes, changes: Iterable[Change]) -> bytes:
    """A file with something done to its parts."""
    file = parts(data)
    for change in changes:
        change(file)
    return bytes(file.pack())


def changed(*changes: Change) -> bytes:
    """tiny.hsnap with something done to its parts."""
    return apply(tiny(), changes)


def trace_changed(*changes: Change) -> bytes:
    """traced.hsnap with something done to its parts."""
    return apply(traced(), changes)


def native_changed(*changes: Change) -> bytes:
    """native.hsnap with something done to its parts."""
    return apply(native(), changes)


def raw(offset: int, value: bytes) -> bytes:
    """tiny.hsnap with bytes overwritten and no checksum repaired."""
    data = bytearray(tiny())
    data[offset : offset + len(value)] = value
    return bytes(data)


def resize(name: bytes, length: int) -> Change:
    """Cut a chunk, or lengthen it by zeros."""
    return lambda f: f.put(name, bytes(f.chunk(name)[:length].ljust(length, b"\0")))


def poke(name: bytes, letter: str, item: int, value: int) -> Change:
    """Replace one item of a column."""
    return lambda f: f.poke(name, letter, item, value)


def entry(name: bytes, **fields: int) -> Change:
    """Replace fields of an entry in the table of contents."""
    return lambda f: f.entry(name, **fields)


def attributes(**values: object) -> Change:
    """Set fields of the header."""
    return lambda f: f.__dict__.update(values)


def record(
    key: bytes, kind: int, value: bytes, key_bytes: int = -1, value_bytes: int = -1
) -> bytes:
    """A META record, with other lengths in it than the right ones where they are given."""
    head = struct.pack(
        "<HHI",
        len(key) if key_bytes < 0 else key_bytes,
        kind,
        len(value) if value_bytes < 0 else value_bytes,
    )
    data = head + key + value
    return data + bytes(-len(data) % 8)


def meta(data: bytes) -> Change:
    """Append to META."""
    return lambda f: f.put(b"META", bytes(f.chunk(b"META") + data))


def swap_previews(file: File) -> None:
    """PRVN in descending order."""
    file.put(b"PRVN", b"".join(reversed([bytes(file.chunk(b"PRVN")[i : i + 4]) for i in (0, 4)])))


def label(kind: int, payload: int) -> Change:
    """Replace the first label."""
    return poke(b"LABL", "I", 0, kind << 28 | payload)


def root(number: int, value: int) -> Change:
    """Replace one field of root 0."""
    return poke(b"ROOT", "I", number, value)


def drop(name: bytes) -> Change:
    """Leave a chunk out."""
    return lambda f: f.chunks.pop(f.index(name))


def append(name: bytes, data: bytes) -> Change:
    """Lengthen a chunk."""
    return lambda f: f.put(name, f.chunk(name) + data)


def stack(number: int, caller: int, innermost: int) -> Change:
    """Replace a stack."""

    def replace(file: File) -> None:
        file.poke(b"TSTC", "I", number, caller)
        file.poke(b"TSTF", "I", number, innermost)

    return replace


def frame(number: int, place: int, value: int) -> Change:
    """Replace one field of a frame."""
    return poke(b"TFRM", "I", 4 * number + place, value)


def row_stack(number: int, value: int) -> Change:
    """Replace the stack of a row."""
    return poke(b"TROW", "I", 18 * number, value)


def native_stack(number: int, value: int) -> Change:
    """Replace the stack of a row of native blocks."""
    return poke(b"TNAT", "I", 6 * number, value)


def settle(file: File) -> None:
    """memory_bytes and duration_ns of TINF are 0."""
    file.poke(b"TINF", "Q", 9, 0)
    file.poke(b"TINF", "Q", 10, 0)


TRACE_CHUNKS = (b"TINF", b"NSTK", b"TSTC", b"TSTF", b"TFRM", b"TROW", b"TSTO", b"TSTB")


def make_incomplete_traces() -> dict[str, bytes]:
    """One of the chunks of a trace is missing, or all but one."""
    files = {}
    for name in TRACE_CHUNKS:
        others = [drop(other) for other in TRACE_CHUNKS if other != name]
        text = name.decode().lower()
        files[f"trace-without-{text}"] = trace_changed(drop(name))
        files[f"trace-of-{text}-alone"] = trace_changed(*others)
    return files


def make_bad_traces() -> dict[str, bytes]:
    """Name -> bytes. traced.hsnap: N 8, K 10, F 7, W 6, X 5."""
    return {
        # lengths
        "trace-info-short": trace_changed(resize(b"TINF", 152)),
        "trace-info-not-whole": trace_changed(resize(b"TINF", 164)),
        "trace-info-empty": trace_changed(resize(b"TINF", 0)),
        "trace-object-stacks-short": trace_changed(resize(b"NSTK", 32)),
        "trace-object-stacks-long": trace_changed(resize(b"NSTK", 40)),
        "trace-callers-none": trace_changed(resize(b"TSTC", 0)),
        "trace-callers-not-whole": trace_changed(resize(b"TSTC", 45)),
        "trace-callers-short": trace_changed(resize(b"TSTC", 40)),
        "trace-stack-frames-long": trace_changed(resize(b"TSTF", 48)),
        "trace-frames-none": trace_changed(resize(b"TFRM", 0)),
        "trace-frames-not-whole": trace_changed(resize(b"TFRM", 120)),
        "trace-rows-not-whole": trace_changed(resize(b"TROW", 400)),
        "trace-offsets-too-few": trace_changed(resize(b"TSTO", 8)),
        "trace-offsets-not-whole": trace_changed(resize(b"TSTO", 52)),
        "trace-strings-short": trace_changed(resize(b"TSTB", 20)),
        # numbers
        "trace-mode-0": trace_changed(poke(b"TINF", "Q", 0, 0)),
        "trace-mode-4": trace_changed(poke(b"TINF", "Q", 0, 4)),
        "trace-mode-large": trace_changed(poke(b"TINF", "Q", 0, 1 << 32 | 1)),
        "trace-1025-frames": trace_changed(poke(b"TINF", "Q", 1, 1025)),
        "minor-2-trace-mode-4": trace_changed(attributes(minor=2), poke(b"TINF", "Q", 0, 4)),
        "minor-3-trace-mode-4": trace_changed(attributes(minor=3), poke(b"TINF", "Q", 0, 4)),
        # values
        "trace-strings-begin": trace_changed(poke(b"TSTO", "Q", 1, 1)),
        "trace-strings-descend": trace_changed(poke(b"TSTO", "Q", 4, 1)),
        "trace-strings-end": trace_changed(append(b"TSTB", b"x")),
        "trace-strings-wrap": trace_changed(poke(b"TSTO", "Q", 4, (1 << 64) - 1)),
        "trace-item-0-frame": trace_changed(frame(0, 2, 1)),
        "trace-item-0-caller": trace_changed(poke(b"TSTC", "I", 0, 1)),
        "trace-item-0-stack-frame": trace_changed(poke(b"TSTF", "I", 0, 1)),
        "trace-item-0-object": trace_changed(poke(b"NSTK", "I", 0, 1)),
        "trace-function-6": trace_changed(frame(2, 0, 6)),
        "trace-file-6": trace_changed(frame(7, 1, 6)),
        "trace-caller-itself": trace_changed(stack(3, 3, 3)),
        "trace-caller-later": trace_changed(stack(3, 4, 3)),
        "trace-frame-0": trace_changed(stack(10, 8, 0)),
        "trace-frame-8": trace_changed(stack(10, 8, 8)),
        "trace-thread-inside": trace_changed(stack(10, 8, 1)),
        "trace-no-thread": trace_changed(stack(5, 0, 2)),
        "trace-row-of-0": trace_changed(row_stack(0, 0)),
        "trace-row-of-11": trace_changed(row_stack(5, 11)),
        "trace-rows-descend": trace_changed(row_stack(2, 3)),
        "trace-rows-twice": trace_changed(row_stack(2, 4)),
        "trace-object-of-11": trace_changed(poke(b"NSTK", "I", 8, 11)),
    }


def make_bad_native() -> dict[str, bytes]:
    """Name -> bytes. native.hsnap: K 11, rows of stacks 6, 7 and 11."""
    return {
        "native-not-whole": native_changed(resize(b"TNAT", 56)),
        "native-of-0": native_changed(native_stack(0, 0)),
        "native-of-12": native_changed(native_stack(2, 12)),
        "native-descends": native_changed(native_stack(1, 5)),
        "native-twice": native_changed(native_stack(1, 6)),
        "native-without-rows": native_changed(drop(b"TROW")),
        "native-without-trace": native_changed(*map(drop, TRACE_CHUNKS)),
        "native-empty-without-trace": native_changed(
            *map(drop, TRACE_CHUNKS), resize(b"TNAT", 0), attributes(minor=0)
        ),
    }


def empty_chunk_beyond_file() -> bytes:
    """An empty last chunk, but without the padding that leads to it."""
    file = parts(tiny())
    file.chunks.append(file.chunks.pop(file.index(b"FLAG")))
    file.chunks.append((b"XTRA", b""))
    file.file_bytes = len(file.pack()) - (-len(file.chunk(b"FLAG")) % 64)
    return bytes(file.pack()[: file.file_bytes])


def make_all() -> dict[str, bytes]:
    """Name -> bytes of every file in bad/. tiny.hsnap: N 8, E 15, T 6, S 18, R 6, B 1, P 2."""
    good = tiny()
    adds: Callable[[bytes, bytes], Change] = lambda n, d: lambda f: f.chunks.append((n, d))
    first_padding = 64 + 24 * 18
    return {
        # not a snapshot, cut, or changed
        "empty": b"",
        "one-byte": b"\x89",
        "text": b"objects,bytes\nlist,4096\n" * 8,
        "line-ends-converted": good.replace(b"\r\n", b"\n", 1),
        "cut-in-header": good[:40],
        "cut-in-contents": good[:100],
        "cut-in-chunk": good[:-1],
        "longer": good + b"\0",
        "header-changed": raw(30, b"\1"),
        "contents-changed": raw(64 + 8, b"\1"),
        "padding-changed": raw(first_padding, b"\1"),
        "chunk-changed": raw(0x580, b"\xff"),
        # header
        "major-0": changed(attributes(major=0)),
        "major-2": changed(attributes(major=2)),
        "header-says-longer": changed(attributes(file_bytes=1 << 63)),
        "no-chunks": changed(attributes(count=0)),
        "257-chunks": changed(attributes(count=257)),
        "contents-beyond-file": changed(attributes(count=200)),
        # table of contents
        "id-not-printable": changed(adds(b"AB\n1", b"")),
        "id-lower-case": changed(adds(b"abcd", b"")),
        "second-known-chunk": changed(adds(b"EDGE", b"")),
        "second-unknown-chunk": changed(adds(b"XTRA", b""), adds(b"XTRA", b"")),
        "no-chunk-edge": changed(drop(b"EDGE")),
        "chunks-overlap": changed(entry(b"TYPE", offset=0x3C0)),
        "chunks-gap": changed(entry(b"TYPE", offset=0x480)),
        "chunk-not-aligned": changed(entry(b"TYPE", offset=0x448)),
        "chunk-in-contents": changed(entry(b"META", offset=64)),
        "offset-beyond-file": changed(entry(b"ROOT", offset=1 << 40)),
        "length-beyond-file": changed(entry(b"ROOT", length=200)),
        "length-wraps": changed(entry(b"ROOT", length=(1 << 64) - 64)),
        "last-chunk-short": changed(entry(b"ROOT", length=160)),
        "empty-chunk-beyond-file": empty_chunk_beyond_file(),
        # lengths
        "addresses-not-whole": changed(resize(b"ADDR", 70)),
        "addresses-none": changed(resize(b"ADDR", 0)),
        "offsets-too-few": changed(resize(b"STRO", 8)),
        "types-short": changed(resize(b"TYPE", 32)),
        "first-references-short": changed(resize(b"EFST", 36)),
        "labels-short": changed(resize(b"LABL", 56)),
        "flags-long": changed(resize(b"FLAG", 10)),
        "big-sizes-long": changed(resize(b"BIGB", 16)),
        "previews-short": changed(resize(b"PRVS", 4)),
        "type-objects-short": changed(resize(b"TNOD", 4)),
        "roots-not-whole": changed(resize(b"ROOT", 100)),
        "strings-short": changed(resize(b"STRB", 136)),
        # META
        "meta-head-cut": changed(meta(b"\0" * 4)),
        "meta-beyond-chunk": changed(meta(record(b"label", 1, b"", value_bytes=100))),
        "meta-padding-cut": changed(meta(record(b"label", 1, b"")[:-3])),
        "meta-length-wraps": changed(meta(record(b"label", 1, b"", value_bytes=0xFFFFFFFF))),
        "meta-no-key": changed(meta(record(b"", 1, b"value"))),
        "meta-long-key": changed(meta(record(b"k" * 256, 1, b"value"))),
        "meta-kind-3": changed(meta(record(b"new", 3, b"value"))),
        "meta-number-4": changed(meta(record(b"new", 2, b"1234"))),
        "meta-padding": changed(meta(record(b"new", 1, b"x")[:-1] + b"\1")),
        "meta-second-label": changed(meta(record(b"label", 1, b"again"))),
        "meta-label-number": changed(
            lambda f: f.put(b"META", record(b"label", 2, bytes(8))),
        ),
        "meta-second-writer": changed(meta(record(b"writer", 1, b"again"))),
        "meta-writer-number": changed(
            lambda f: f.put(b"META", record(b"writer", 2, bytes(8))),
        ),
        # values
        "item-0-address": changed(poke(b"ADDR", "Q", 0, 1)),
        "item-0-type-name": changed(poke(b"TNAM", "I", 0, 1)),
        "references-begin": changed(poke(b"EFST", "I", 1, 1)),
        "references-descend": changed(poke(b"EFST", "I", 3, 0)),
        "references-end": changed(poke(b"EFST", "I", 9, 14)),
        "references-beyond": changed(poke(b"EFST", "I", 9, 0xFFFFFFFF)),
        "target-0": changed(poke(b"EDGE", "I", 0, 0)),
        "target-9": changed(poke(b"EDGE", "I", 14, 9)),
        "label-kind-12": changed(label(12, 0)),
        "label-string-19": changed(label(1, 19)),
        "label-object-9": changed(label(3, 9)),
        "label-payload-of-none": changed(label(2, 1)),
        "type-7": changed(poke(b"TYPE", "I", 8, 7)),
        "big-unlisted": changed(poke(b"SIZE", "I", 1, 0xFFFFFFFF)),
        "big-unmarked": changed(poke(b"SIZE", "I", 6, 0)),
        "big-other-object": changed(poke(b"BIGN", "I", 0, 7)),
        "big-beyond": changed(poke(b"BIGN", "I", 0, 9)),
        "big-small": changed(poke(b"BIGB", "Q", 0, 7)),
        "previews-unsorted": changed(swap_previews),
        "preview-of-0": changed(poke(b"PRVN", "I", 0, 0)),
        "preview-string-19": changed(poke(b"PRVS", "I", 1, 19)),
        "type-name-19": changed(poke(b"TNAM", "I", 6, 19)),
        "type-object-9": changed(poke(b"TNOD", "I", 6, 9)),
        "strings-begin": changed(poke(b"STRO", "Q", 1, 1)),
        "strings-descend": changed(poke(b"STRO", "Q", 5, 1)),
        "strings-end": changed(poke(b"STRO", "Q", 19, 138)),
        "strings-wrap": changed(poke(b"STRO", "Q", 5, (1 << 64) - 1)),
        "root-object-0": changed(root(0, 0)),
        "root-object-9": changed(root(0, 9)),
        "root-kind-0": changed(root(1, 0)),
        "root-kind-7": changed(root(1, 7)),
        "root-string-19": changed(root(2, 19)),
        "minor-1-root-kind-7": changed(attributes(minor=1), root(1, 7)),
        "minor-2-root-kind-7": changed(attributes(minor=2), root(1, 7)),
        "minor-3-root-kind-7": changed(attributes(minor=3), root(1, 7)),
    }


def make_permitted() -> dict[str, bytes]:
    """Files of v1/ that every version must read: what a later minor may add to the three others."""
    adds: Callable[[bytes, bytes], Change] = lambda n, d: lambda f: f.chunks.insert(3, (n, d))
    return {
        "later-minor": changed(
            attributes(minor=7),
            adds(b"XTRA", b"unknown" * 20),
            adds(b"2ND0", b""),
            meta(record(b"colour", 1, b"blue") + record(b"answer", 2, bytes(8))),
        ),
        "other-order": changed(lambda f: f.chunks.reverse()),
        "traced-later-minor": trace_changed(
            attributes(minor=7),
            lambda f: f.put(b"TINF", struct.pack("<22Q", 2, 1024, *range(1002, 1022))),
            poke(b"TROW", "I", 1, 7),
        ),
        "traced-other-order": trace_changed(lambda f: f.chunks.reverse()),
        "native-later-minor": native_changed(attributes(minor=7), poke(b"TNAT", "I", 7, 7)),
        "native-other-order": native_changed(lambda f: f.chunks.reverse()),
        "native-minor-0": native_changed(attributes(minor=0)),
        "native-none": native_changed(resize(b"TNAT", 0)),
    }


BAD = make_all() | make_incomplete_traces() | make_bad_traces() | make_bad_native()
PERMITTED = make_permitted()


def check() -> list[str]:
    """What in bad/ and v1/ is not what this script makes."""
    found = []
    for folder, files in (("bad", BAD), ("v1", PERMITTED)):
        for name, data in files.items():
            path = HERE / folder / f"{name}.hsnap"
            if not path.is_file() or path.read_bytes() != data:
                found.append(f"{folder}/{path.name} is missing or is not what make_bad.py makes")
            if folder == "bad" and not path.with_suffix(".txt").is_file():
                found.append(f"bad/{name}.txt is missing: what must the error say?")
    known = {f"{name}.hsnap" for name in BAD}
    strangers = {path.name for path in (HERE / "bad").glob("*.hsnap")} - known
    return found + [f"bad/{name}: make_bad.py does not make it" for name in sorted(strangers)]


def main(arguments: list[str]) -> int:
    """Exit code 0: as it should be, 1: not, 2: wrong usage."""
    if len(arguments) == 2 and arguments[0] == "--settle":
        path = Path(arguments[1])
        path.write_bytes(apply(path.read_bytes(), [settle]))
        return 0
    if arguments == ["--check"]:
        found = check()
        print(*found, f"{len(BAD)} bad files, {len(PERMITTED)} permitted", sep="\n")
        return 1 if found else 0
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    for name in arguments:
        folder = "bad" if name in BAD else "v1"
        (HERE / folder / f"{name}.hsnap").write_bytes((BAD | PERMITTED)[name])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
