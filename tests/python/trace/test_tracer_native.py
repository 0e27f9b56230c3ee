# SPDX-License-Identifier: MIT
"""Native blocks: what is alive in an exact trace and belongs to no object of the snapshot."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

# The allocators of the interpreter as C code calls them; an address is an int, which keeps nothing.
C_CODE = """
    import ctypes, gc, sys
    import heapsight

    c = ctypes.pythonapi
    DOMAINS = ("PyMem_Raw", "PyMem_", "PyObject_")
    for domain in DOMAINS:
        for call, result, takes in (("Malloc", ctypes.c_void_p, [ctypes.c_size_t]),
                                    ("Free", None, [ctypes.c_void_p])):
            function = getattr(c, domain + call)
            function.restype, function.argtypes = result, takes

    def malloc(domain, size):
        return getattr(c, domain + "Malloc")(size)

    def free(domain, address):
        getattr(c, domain + "Free")(address)

    def native(snapshot, function):
        rows = [row for row in snapshot.trace.native(None, by="function")
                if row.stack and row.stack[0].function == function]
        return sum(row.bytes for row in rows), sum(row.blocks for row in rows)
"""


def passes(python: Run, *sources: str) -> str:
    done = python("-X", "faulthandler", "-c", "".join(map(dedent, (C_CODE, *sources))))
    assert (done.returncode, done.stderr) == (0, ""), (done.returncode, done.stderr[-3000:])
    return done.stdout


def test_blocks_of_c_code_are_shown_until_they_are_freed(python: Run) -> None:
    passes(python, """
        def leak(domain):
            return [malloc(domain, size) for size in (24, 1000, 200_000)]

        with heapsight.Tracer("exact", frames=3):
            for domain in DOMAINS:
                addresses = leak(domain)
                assert native(heapsight.snapshot(), "malloc") == (201_024, 3), domain
                free(domain, addresses.pop(1))
                assert native(heapsight.snapshot(), "malloc") == (200_024, 2), domain
                for address in addresses:
                    free(domain, address)
                assert native(heapsight.snapshot(), "malloc") == (0, 0), domain
        """)


def test_a_block_that_an_object_knows_is_its_own(python: Run) -> None:
    """Object -> block -> block; what the object no longer knows is nobody's."""
    passes(python, """
        with heapsight.Tracer("exact", frames=3):
            first, second = malloc("PyMem_", 4096), malloc("PyMem_Raw", 512)
            ctypes.memset(first, 0, 4096)
            ctypes.c_void_p.from_address(first + 4000).value = second + 100  # into it
            holder = ctypes.c_void_p(first)
            assert native(heapsight.snapshot(), "malloc") == (0, 0)
            ctypes.c_void_p.from_address(first + 4000).value = None
            assert native(heapsight.snapshot(), "malloc") == (512, 1)
            holder.value = None
            assert native(heapsight.snapshot(), "malloc") == (4608, 2)
        """)


def test_an_object_that_only_a_forgotten_reference_keeps(python: Run) -> None:
    passes(python, """
        def make(number):
            text = "leaked text, number %d" % number
            c.Py_IncRef(ctypes.py_object(text))
            return sys.getsizeof(text)

        with heapsight.Tracer("exact", frames=3):
            size = sum(make(number) for number in range(10, 60))
            heap = heapsight.snapshot()
            assert native(heap, "make") == (0, 0)  # it is an object after all: held by C code
            rows = [row for row in heap.types(None, by="site") if row.site.endswith("in make")]
            assert [row[1:] for row in rows] == [("str", 50, size)], rows
        """)


def test_a_container_that_was_forgotten_is_an_object(python: Run) -> None:
    """The collector knows it, so the snapshot has it: held by C code, and not native."""
    passes(python, """
        def make():
            items = [None] * 50
            c.Py_IncRef(ctypes.py_object(items))
            return id(items)

        with heapsight.Tracer("exact", frames=3):
            address = make()
            found = heapsight.snapshot()
            assert native(found, "make") == (0, 0)
            assert "held by C code" in str(found.why(address)), found.why(address)
        """)


def test_text_bytes_and_numbers_lead_nowhere(python: Run) -> None:
    """What they hold may look like an address."""
    passes(python, """
        with heapsight.Tracer("exact", frames=3):
            address = malloc("PyMem_", 1000)
            word = address.to_bytes(8, "little")
            kept = [word * 9, bytearray(word * 9), address, complex(1), float(address)]
            kept.append((word * 9).decode("latin-1") + "\u1234")
            kept.append(memoryview(kept[1]))
            assert native(heapsight.snapshot(), "malloc") == (1000, 1)
        """)


def test_utf8_that_a_str_keeps_is_its_own(python: Run) -> None:
    passes(python, """
        c.PyUnicode_AsUTF8.argtypes = [ctypes.py_object]
        c.PyUnicode_AsUTF8.restype = ctypes.c_void_p

        def spell(texts):
            for text in texts:
                c.PyUnicode_AsUTF8(text)

        texts = ["\xe9" * number for number in range(100, 200)]
        with heapsight.Tracer("exact", frames=3):
            spell(texts)
            found = heapsight.snapshot()
            assert sum(row.bytes for row in found.trace.live(None)) > 29_000
            assert native(found, "spell") == (0, 0), native(found, "spell")
            if sys.version_info < (3, 12):
                c.PyUnicode_AsUnicode.argtypes = [ctypes.py_object]
                for text in map(str, range(10**6, 10**6 + 100)):
                    texts.append(text)
                    c.PyUnicode_AsUnicode(text)
                assert native(heapsight.snapshot(), "<module>") == (0, 0)
        """)


def test_old_objects_end_where_they_end(python: Run) -> None:
    """What lies behind an object that is older than the tracer does not belong to it."""
    passes(python, """
        class Listed(list):
            pass

        class Sized(bytes):
            __slots__ = ()

        old = [Listed([None] * 50_000) for _ in range(20)], Sized(b"x" * 100)
        old[0][0].name = "old"
        with heapsight.Tracer("exact", frames=3):
            addresses = [malloc("PyObject_", 64) for _ in range(2000)]
            for address, other in zip(addresses, addresses[1000:]):
                ctypes.c_void_p.from_address(address).value = other
            found = native(heapsight.snapshot(), "malloc")[1]
            assert found > 1900, found  # a number that looks like an address hides a few
            length = ctypes.c_ssize_t.from_address(id(old[1]) + 16)
            length.value = 1 << 40  # and it lies about its size
            heap = heapsight.snapshot(collect=False)
            length.value = 100
            assert heap.trace.native(1)
        """)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="no module for subinterpreters")
def test_beside_subinterpreters_they_are_not_known(python: Run) -> None:
    passes(python, """
        import _interpreters

        other = _interpreters.create()
        with heapsight.Tracer("exact", frames=3):
            heap = heapsight.snapshot()
            try:
                heap.trace.native()
            except heapsight.HeapsightLookupError as refused:
                assert "subinterpreters" in str(refused)
            else:
                raise AssertionError("objects of the other interpreter are in no snapshot")
        _interpreters.destroy(other)
        """)


WORK = """
    import array, asyncio, collections, csv, dataclasses, decimal, functools, io, pickle, random
    import re, sqlite3, threading, weakref, xml.etree.ElementTree as tree, zlib

    class Plain:
        def __init__(self, number):
            self.number, self.items = number, [number]

    class Slotted:
        __slots__ = "x", "__weakref__"

    @functools.lru_cache
    def cached(number):
        return str(number)

    def generate():
        values = list(range(50))
        yield values

    async def wait():
        await asyncio.gather(*[asyncio.sleep(0.001) for _ in range(50)])

    def work():
        kept = [
            collections.OrderedDict((number, str(number)) for number in range(500)),
            collections.deque(range(3000)), collections.Counter("abcabc" * 99),
            [re.compile("a%d(b|c)*" % number) for number in range(50)],
            {number: [number] for number in range(5000)}, {str(number) for number in range(5000)},
            tree.fromstring("<a>" + "<b x='1'>t</b>" * 500 + "</a>"),
            [Plain(number) for number in range(1000)], [Slotted() for _ in range(1000)],
            io.BytesIO(b"x" * 99999), io.StringIO("x" * 99999), bytearray(b"y" * 99999),
            array.array("d", range(5000)), memoryview(bytearray(9999)), random.Random(3),
            [decimal.Decimal(number) / 7 for number in range(500)],
            [10**number for number in range(300)], ["\\xe9" * number for number in range(300)],
            (ctypes.c_int * 1000)(), [generate() for _ in range(50)],
            [pickle.Pickler(io.BytesIO()) for _ in range(10)], zlib.compressobj(),
            weakref.WeakValueDictionary(), dataclasses.make_dataclass("Point", "xy")(1, 2),
            type("Made", (), {"a": 1}), csv.reader([]), [cached(number) for number in range(100)],
        ]
        for generator in kept[19]:
            next(generator)
        asyncio.run(wait())
        data = sqlite3.connect(":memory:")
        data.execute("create table t(a, b)")
        data.executemany("insert into t values(?, ?)", [(n, str(n)) for n in range(500)])
        kept += [data, data.execute("select * from t").fetchall()]
        return kept
"""


def test_what_objects_own_is_not_native(python: Run) -> None:
    """Every kind of table, buffer and block that objects of the library have, 3 MB of them."""
    passes(python, WORK, """
        with heapsight.Tracer("exact", frames=3):
            kept = work()
            trace = heapsight.snapshot().trace
        lost = trace.native(None, by="line")
        alive = sum(row.bytes for row in trace.live(None))
        assert alive > 3_000_000, alive
        assert sum(row.bytes for row in lost) < alive / 1000, trace.text("native", None)
        """)


def test_what_is_older_than_the_tracer_owns_what_is_younger(python: Run) -> None:
    passes(python, """
        class Plain:
            pass

        old = [], {}, set(), Plain(), bytearray()
        with heapsight.Tracer("exact", frames=3):
            for number in range(20_000):
                old[0].append(None)
                old[1][number] = None
                old[2].add(number)
                setattr(old[3], f"name{number}", None)
            old[4].extend(bytes(1_000_000))
            trace = heapsight.snapshot().trace
        assert sum(row.bytes for row in trace.live(None)) > 3_000_000
        assert sum(row.bytes for row in trace.native(None)) < 10_000, trace.text("native", None)
        """)


def test_the_walk_itself_takes_nothing_from_free_lists(python: Run) -> None:
    """Can fail up to 3.12 only: later ones build calls with a tuple elsewhere."""
    passes(python, """
        def fill():
            kept = []
            for size in range(1, 8):
                for number in range(300):
                    kept.append(tuple([number] * size))
            return kept

        older = fill()  # not from the lists any more
        with heapsight.Tracer("exact", frames=3):
            fill()
            assert native(heapsight.snapshot(), "fill") == (0, 0)
        """)


def test_memory_may_go_while_it_is_looked_at(python: Run) -> None:
    """Threads without the GIL unmap blocks that objects lead to, and map them anew."""
    passes(python, """
        import threading

        free_running = ctypes.CDLL(None)  # calls without the GIL
        free_running.PyMem_RawMalloc.restype = ctypes.c_void_p
        free_running.PyMem_RawMalloc.argtypes = [ctypes.c_size_t]
        free_running.PyMem_RawFree.argtypes = [ctypes.c_void_p]
        free_running.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
        places = (ctypes.c_void_p * 64)()
        stop = threading.Event()

        def churn(first):
            while not stop.is_set():
                for place in range(first, 64, 4):
                    free_running.PyMem_RawFree(places[place])
                    places[place] = free_running.PyMem_RawMalloc(1 << 20)
                    free_running.memset(places[place], 255, 1 << 20)

        with heapsight.Tracer("exact", frames=3):
            threads = [threading.Thread(target=churn, args=(first,)) for first in range(4)]
            for thread in threads:
                thread.start()
            for _ in range(15):
                heapsight.snapshot(collect=False).close()
            stop.set()
            for thread in threads:
                thread.join()
            assert native(heapsight.snapshot(), "churn") == (0, 0)
        """)


LEAK = """
    def leak(count):
        for _ in range(count):
            malloc("PyMem_", 1000)

    heapsight.Tracer({mode!r}, frames=5, sample_bytes=512).start()
    leak(10)
    heapsight.snapshot("first").save("first.hsnap")
    leak(30)
    heapsight.snapshot("last").save("last.hsnap")
"""


def test_tables_of_sites_have_them(python: Run, heapsight: Run) -> None:
    passes(python, LEAK.format(mode="exact"), """
        first, last = heapsight.load("first.hsnap"), heapsight.load("last.hsnap")
        rows = [row for row in last.types(None, by="site") if row.type == "(no object)"]
        assert [row[1:] for row in rows if "malloc" in row.site] == [("(no object)", 40, 40_000)]
        assert rows[0] in last.types(20, by="site")  # among the others, by size
        assert last.types(None, by="site", only="(no object)") == rows
        grown = heapsight.diff(first, last).sites(1, only="(no object)")
        assert [row[1:] for row in grown] == [("(no object)", 30, 30_000)], grown
        assert sum(row.blocks for row in last.trace.native(None)) == sum(row.count for row in rows)
        assert "(no object)" not in {row.type for row in last.types(None)}
        """)
    table = heapsight("types", "--by", "site", "last.hsnap").stdout
    line = next(line for line in table.splitlines() if "(no object)" in line)
    assert line.split()[:3] == ["40", "39.1", "KiB"] and line.endswith("in malloc"), table
    grown = heapsight("diff", "--sites", "first.hsnap", "last.hsnap").stdout
    assert any(line.split()[0] == "+30" for line in grown.splitlines() if "(no object)" in line)


def test_the_command_shows_their_stacks(python: Run, heapsight: Run) -> None:
    passes(python, LEAK.format(mode="exact"))
    table = heapsight("stacks", "--figure", "native", "last.hsnap").stdout
    assert table.startswith("Alive and part of no object (exact, 5 frames)\n"), table
    shown = json.loads(
        heapsight("stacks", "--figure", "native", "--by", "stack", "--json", "last.hsnap").stdout
    )
    row = shown["rows"][0]
    assert (row["bytes"], row["blocks"]) == (30_000, 30)
    assert [frame["function"] for frame in row["stack"]] == ["malloc", "leak", "<module>"]
    done = heapsight(
        "stacks", "--figure", "native", "--report", "collapsed", "-o", "native.txt", "last.hsnap"
    )
    assert done.returncode == 0, done.stderr


def without_native_blocks(path: Path) -> None:
    """The file as format 1.1 had it: no chunk TNAT, which is the last one."""
    data = path.read_bytes()
    count = struct.unpack_from("<I", data, 12)[0] - 1
    entries = [list(struct.unpack_from("<4sIQQ", data, 64 + 24 * number)) for number in range(count)]
    body = b""
    for entry in entries:
        chunk = data[entry[2] : entry[2] + entry[3]]
        front = 64 + 24 * count + len(body)
        body += bytes(-front % 64)
        entry[2] = 64 + 24 * count + len(body)
        body += chunk
    contents = b"".join(struct.pack("<4sIQQ", *entry) for entry in entries)
    size = 64 + len(contents) + len(body)
    head = struct.pack(
        "<8sHHIQI32x", data[:8], 1, 1, count, size, zlib.crc32(contents)
    )
    path.write_bytes(head + struct.pack("<I", zlib.crc32(head)) + contents + body)


def test_a_diff_has_them_only_where_both_know(
    python: Run, heapsight: Run, tmp_path: Path
) -> None:
    passes(python, LEAK.format(mode="exact"))
    words = "diff", "--sites", "--only", "(no object)", "first.hsnap", "last.hsnap"
    assert "+30" in heapsight(*words).stdout
    without_native_blocks(tmp_path / "first.hsnap")
    done = heapsight(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert "(no object)" not in done.stdout, done.stdout


@pytest.mark.parametrize("mode", ["sampled", "counts"])
def test_only_an_exact_trace_of_a_snapshot_knows(python: Run, heapsight: Run, mode: str) -> None:
    passes(python, LEAK.format(mode=mode), """
        last = heapsight.load("last.hsnap")
        assert all(row.type != "(no object)" for row in last.types(None, by="site"))
        try:
            last.trace.native()
        except heapsight.HeapsightLookupError as refused:
            assert 'Tracer("exact")' in str(refused)
        else:
            raise AssertionError("native blocks without a search for them")
        """)
    done = heapsight("stacks", "--figure", "native", "last.hsnap")
    assert done.returncode == 2 and not done.stdout, (done.returncode, done.stdout)
    assert 'Tracer("exact")' in done.stderr and "Traceback" not in done.stderr


def test_a_trace_without_a_snapshot_does_not_know(python: Run) -> None:
    passes(python, """
        with heapsight.Tracer("exact", frames=3) as tracer:
            trace = tracer.trace()
        try:
            trace.rows("native")
        except heapsight.HeapsightLookupError as refused:
            assert "snapshot" in str(refused)
        else:
            raise AssertionError("native blocks without a snapshot")
        """)


FORBID = """
    import platform, resource

    class Instruction(ctypes.Structure):
        _fields_ = [("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8),
                    ("value", ctypes.c_uint32)]

    class Program(ctypes.Structure):
        _fields_ = [("count", ctypes.c_uint16), ("instructions", ctypes.POINTER(Instruction))]

    def forbid_process_vm_readv():
        number = {"x86_64": 310, "aarch64": 270}[platform.machine()]
        steps = (Instruction * 4)(
            (0x20, 0, 0, 0),  # number of the system call
            (0x15, 0, 1, number),
            (0x06, 0, 0, 0x50000 | 1),  # fails with EPERM
            (0x06, 0, 0, 0x7FFF0000),  # allowed
        )
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.prctl(38, 1, 0, 0, 0) == 0  # no new privileges
        program = Program(4, steps)
        assert libc.prctl(22, 2, ctypes.byref(program)) == 0, ctypes.get_errno()  # seccomp

    def found(snapshot):
        try:
            return native(snapshot, "malloc")
        except heapsight.HeapsightLookupError as refused:
            return str(refused)
"""


def test_a_sandbox_may_forbid_the_way_in(python: Run) -> None:
    """Then /proc/self/mem is read; where that is closed too, snapshots go without native blocks."""
    passes(python, FORBID, """
        with heapsight.Tracer("exact", frames=3):
            malloc("PyMem_", 1000)
            forbid_process_vm_readv()
            assert found(heapsight.snapshot()) == (1000, 1)
            resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))  # nothing can be opened
            heap = heapsight.snapshot()
            assert "may read its own memory" in found(heap), found(heap)
            assert heap.types(1, by="site") and heap.trace.live(1)
        """)
