# SPDX-License-Identifier: MIT
"""The books balance: no object has more references than its refcount says, none has fewer.

The nine situations are those that were measured when the walk was designed: in each of them a
frame, a generator or a traceback holds references that a reader of memory can count wrongly.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

# Each answers with the over-counted objects of a snapshot that is taken in the situation.
SITUATIONS = """\
import asyncio, sys, threading, time
from heapsight import _core

def overcounted():
    return _core.capture("balance").info["overcounted_count"]

class Number:
    def __init__(self, value):
        self.value = value
    def __add__(self, other):
        return self if other is None else other()

def deep_recursion():
    def deep(depth, item):
        # an object, a tuple and a list lie on the operand stack while the call runs
        return [item, (depth, item), [depth] + [deep(depth - 1, [item])]][2][1] if depth \
            else overcounted()
    return deep(100, ["item"])

def suspended_generators():
    def generate(item):
        kept = [item, (item, [item]), item + [(yield item)]]
        yield kept
    generators = [generate([number]) for number in range(100)]
    for generator in generators:
        next(generator)
    return overcounted()

def blocked_threads():
    ready = threading.Barrier(9)
    def block(item):
        local = [item]
        ready.wait()
        [item, local, time.sleep(1.0)]
    threads = [threading.Thread(target=block, args=([n],), daemon=True) for n in range(8)]
    for thread in threads:
        thread.start()
    ready.wait()
    time.sleep(0.1)
    found = overcounted()
    for thread in threads:
        thread.join()
    return found

def asyncio_tasks():
    async def work(item):
        async with asyncio.timeout(60):
            await asyncio.sleep(30, item)
    async def main():
        tasks = [asyncio.create_task(work([number])) for number in range(50)]
        await asyncio.sleep(0)
        found = overcounted()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return found
    return asyncio.run(main())

def init_shim():
    found = []
    class Made:
        def __init__(self, look, item):
            self.item = item
            if look:
                found.append(overcounted())
    def make(look):
        return [Made(look, [look])]
    for _ in range(5000):  # until the call is specialised
        make(False)
    make(True)
    return found[0]

def sort_callback():
    found = []
    def key(item):
        if not found:
            found.append(overcounted())
        return -item[0]
    class Item:
        def __lt__(self, other):
            if len(found) < 2:
                found.append(overcounted())
            return False
    sorted([[number] for number in range(100)], key=key)
    [Item() for _ in range(8)].sort()
    return sum(found)

def closures():
    def outer(item):
        local = [item]
        def middle():
            nonlocal local
            local = [local]
            def inner():
                return [item, local, overcounted()]
            return inner()
        return middle, middle()
    return outer(["item"])[1][2]

def frame_objects():
    def look(item):
        frame = sys._getframe()
        kept = [frame, frame.f_back, frame.f_locals, item]
        return overcounted(), len(kept)
    def call(item):
        local = [item]
        return look(local)
    return call(["item"])[0]

def tracebacks():
    def fail(depth, item):
        if depth == 0:
            raise ValueError(item)
        return [item, fail(depth - 1, [item])]
    kept = []
    for _ in range(10):
        try:
            fail(20, ["item"])
        except ValueError as error:
            kept.append(error)
    try:
        fail(5, ["item"])
    except ValueError:
        return overcounted()
"""
NINE = (
    "deep_recursion",
    "suspended_generators",
    "blocked_threads",
    "asyncio_tasks",
    "init_shim",
    "sort_callback",
    "closures",
    "frame_objects",
    "tracebacks",
)


@pytest.mark.parametrize("jit", ["0", "1"])  # from 3.13 on, where the interpreter has one
def test_no_object_is_over_counted_in_the_nine_situations(
    python: Run, tmp_path: Path, jit: str
) -> None:
    (tmp_path / "situations.py").write_text(SITUATIONS)
    program = f"""
        import json, situations
        found = {{}}
        for name in {NINE!r}:
            for _ in range(3):
                found[name] = found.get(name, 0) + getattr(situations, name)()
        print(json.dumps(found))
    """
    environment = {**os.environ, "PYTHON_JIT": jit, "PYTHONPATH": str(tmp_path)}
    done = python("-c", dedent(program), env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == dict.fromkeys(NINE, 0)


# ---- all kinds of objects -----------------------------------------------------------------------

PRELUDE = """\
import abc, array, ast, asyncio, bz2, calendar, collections, concurrent.futures, configparser
import contextlib, contextvars, copy, csv, ctypes, dataclasses, datetime, decimal, difflib, email
import email.message, email.policy, enum, fractions, functools, graphlib, hashlib, heapq, hmac
import html.parser, inspect, io, ipaddress, itertools, json, logging, lzma, operator, os, pathlib
import pickle, pprint, queue, random, re, selectors, shlex, socket, sqlite3, statistics, string
import struct, subprocess, sys, tempfile, textwrap, threading, time, tokenize, traceback, types
import typing, unittest.mock, urllib.parse, uuid, weakref, xml.dom.minidom, xml.etree.ElementTree
import xml.parsers.expat, zipfile, zlib, zoneinfo
import heapsight

def quiet(*items, **more): pass

class Plain:
    def __init__(self, i):
        self.i, self.items = i, [i]
class Slotted:
    __slots__ = ("x", "y", "__weakref__")
    def __init__(self, i):
        self.x = [i]
class ListChild(list): pass
class DictChild(dict): pass
class TupleChild(tuple): pass
class StrChild(str): pass
class IntChild(int): pass
class SetChild(set): pass
class Meta(type): pass
class Described:
    @property
    def value(self): return 1
    @functools.cached_property
    def later(self): return [1]
    @classmethod
    def made(cls): return cls
    @staticmethod
    def plain(): return 1
class Wide(ctypes.Structure):
    _fields_ = [("a", ctypes.c_int), ("p", ctypes.c_void_p)]
@dataclasses.dataclass
class Point:
    x: int
    y: list
class Proto(typing.Protocol):
    def call(self) -> int: ...
Named = collections.namedtuple("Named", "a b")
T = typing.TypeVar("T")
class Generic(typing.Generic[T]): pass
keys = weakref.WeakKeyDictionary()
anchor = Plain(0)
def generate(i):
    local = [i]
    yield local
    yield i
async def wait(i):
    local = [i]
    await asyncio.sleep(0, local)
async def agenerate(i):
    yield [i]
def started(generator):
    next(generator)
    return generator
def closed(i):
    def inner(): return i
    return inner
def frame(i):
    return sys._getframe()
def caught(i):
    try:
        raise ValueError([i])
    except ValueError as error:
        return error
def cached(i):
    @functools.lru_cache
    def f(x): return [x]
    f(i); f(i + 1)
    return f
def cyclic(i):
    item = [i]
    item.append(item)
    return item
def finalized(i):
    item = Plain(i)
    return item, weakref.finalize(item, quiet, [i])
def sent(i):
    coroutine = wait(i)
    coroutine.send(None)
    return coroutine
def counted(i):
    counter = collections.Counter("abracadabra")
    return counter
def stack(i):
    stack = contextlib.ExitStack()
    stack.callback(quiet, [i])
    return stack
def in_context(i):
    context = contextvars.copy_context()
    context.run(variable.set, [i])
    return context
variable = contextvars.ContextVar("variable")
def pair(i):
    queue_ = queue.Queue()
    queue_.put([i])
    return queue_
def local(i):
    storage = threading.local()
    storage.item = [i]
    return storage
def ended(i):
    thread = threading.Thread(target=list, args=([i],))
    thread.start()
    thread.join()
    return thread
def connected(i):
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    return connection.execute("select ? as a", (i,))
def weakly(i):
    item = Plain(i)
    return item, weakref.ref(item, quiet), weakref.proxy(item)
def template(i):
    return eval("t'{i} and {i!r}'") if sys.version_info >= (3, 14) else i
def frozen(i):
    return frozendict(a=[i]) if sys.version_info >= (3, 15) else i
"""

KINDS = """\
[i, [i]] | ListChild([[i]]) | (i, [i]) | TupleChild(([i],)) | {"a": [i], i: i} | DictChild(a=[i])
{i: [i]} | {f"key {i}": [i]} | {i, f"text {i}"} | SetChild([f"text {i}"]) | frozenset([f"x{i}"])
f"text {i}" | StrChild("abc") | b"%d" % i | bytearray(i + 1) | 10**30 + i | IntChild(i) | i + 0.5
complex(i, 1) | range(10**6, 10**7 + i) | slice([i], None, 3) | memoryview(bytearray(10))
Plain(i) | Plain(i).__dict__ | Slotted(i) | Point(i, [i]) | Named(i, [i]) | Generic[int]()
types.SimpleNamespace(a=[i]) | object() | Described() | anchor.__init__ | [].append | "a".join
str.join | int.__add__ | (1).__add__ | Plain.__dict__ | closed(i) | lambda: i | compile(f"x = {i}", "f", "exec")
type("Made", (), {"__slots__": ("a", "b")}) | type("Made", (Plain,), {"x": [i]}) | Meta("M", (), {})
type("Made", (list,), {}) | enum.Enum("E", "A B C") | enum.Flag("F", "A B") | types.new_class("N")
property(closed(i)) | classmethod(closed(i)) | staticmethod(closed(i)) | functools.partial(quiet, [i], a=[i])
functools.partialmethod(quiet, [i]) | functools.cmp_to_key(closed(i))([i]) | cached(i)
functools.singledispatch(closed(i)) | functools.cached_property(closed(i)) | cyclic(i)
operator.itemgetter([i], 1) | operator.attrgetter("a.b") | operator.methodcaller("x", [i], k=[i])
iter([[i]]) | iter(([i],)) | iter({"a": [i]}) | iter({f"{i}"}) | iter(range(i, 10**6)) | iter(f"abc{i}")
iter(b"abc") | reversed([[i]]) | reversed({"a": [i]}) | {"a": [i]}.keys() | {"a": [i]}.items()
{"a": [i]}.values() | enumerate([[i]]) | zip([[i]], [[i]]) | map(str, [[i]]) | filter(None, [[i]])
iter(closed(i), 3) | itertools.chain([[i]], [i]) | itertools.product([[i]], [i]) | itertools.cycle([[i]])
itertools.tee([[i]]) | itertools.groupby([[i]]) | itertools.islice([[i]], 1) | itertools.count(i, 0.5)
itertools.permutations([[i], 1]) | itertools.combinations([[i], 1], 2) | itertools.repeat([i])
itertools.accumulate([[i]]) | itertools.starmap(quiet, [[i]]) | itertools.zip_longest([[i]], fillvalue=[i])
itertools.pairwise([[i], 1]) | itertools.compress([[i]], [1]) | itertools.dropwhile(bool, [[i]])
started(generate(i)) | generate(i) | (x for x in [[i]]) | sent(i) | wait(i) | agenerate(i)
collections.OrderedDict(a=[i], b=i) | collections.deque([[i]] * 70) | collections.defaultdict(list, a=[i])
collections.ChainMap({"a": [i]}) | counted(i) | collections.UserList([[i]]) | collections.UserDict(a=[i])
datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=i % 20)))
datetime.timedelta(i) | datetime.time(1, tzinfo=datetime.timezone.utc) | zoneinfo.ZoneInfo("UTC")
decimal.Decimal(i) / 7 | decimal.Context(prec=5) | fractions.Fraction(i + 1, 7) | uuid.uuid4()
array.array("d", [i]) | struct.Struct(f"{i + 1}i") | random.Random(i) | hashlib.sha256(b"x")
hmac.new(b"k", b"x", "sha256") | zlib.compressobj() | zlib.decompressobj() | bz2.BZ2Compressor()
lzma.LZMACompressor() | io.BytesIO(b"x" * 100) | io.StringIO("x" * 100) | io.TextIOWrapper(io.BytesIO())
io.BufferedReader(io.BytesIO(b"x")) | io.BufferedRandom(io.BytesIO(b"x")) | open(os.devnull)
tempfile.SpooledTemporaryFile() | socket.socket() | selectors.SelectSelector() | pathlib.Path(f"/a/{i}")
re.compile(f"a{i}(b|c)*") | re.compile(f"(?P<n>a+){i}").search(f"xaa{i}") | re.compile(f"b{i}").scanner("b")
json.JSONEncoder(default=closed(i)) | json.JSONDecoder(object_hook=closed(i)) | pickle.Pickler(io.BytesIO())
pickle.Unpickler(io.BytesIO()) | csv.reader([f"{i}"]) | csv.writer(io.StringIO()) | csv.DictReader(["a"])
sqlite3.connect(":memory:") | connected(i) | connected(i).fetchone() | xml.etree.ElementTree.fromstring("<a><b/></a>")
xml.etree.ElementTree.XMLParser() | xml.parsers.expat.ParserCreate() | xml.dom.minidom.parseString("<a b='1'/>")
email.message.EmailMessage() | email.message_from_string("A: b") | html.parser.HTMLParser()
configparser.ConfigParser() | logging.Logger(f"l{i}") | logging.StreamHandler(io.StringIO()) | string.Template("$a")
ast.parse(f"x = [{i}]") | inspect.signature(closed(i)) | traceback.TracebackException.from_exception(caught(i))
caught(i) | caught(i).__traceback__ | ExceptionGroup("g", [caught(i)]) | KeyError([i]) | OSError(i, "x")
UnicodeDecodeError("utf-8", b"x", 0, 1, "why") | StopIteration([i]) | ImportError("x", name="n") | frame(i)
weakly(i) | finalized(i) | weakref.WeakSet([anchor]) | weakref.WeakValueDictionary(a=anchor)
weakref.WeakMethod(anchor.__init__) | keys.setdefault(Plain(i), [i]) | types.MappingProxyType({"a": [i]})
types.MethodType(quiet, [i]) | types.CellType([i]) | types.ModuleType(f"m{i}") | types.GenericAlias(list, (Plain,))
list[int] | int | str | typing.Union[int, Proto] | typing.Callable[[int], Plain] | typing.NewType("N", int)
typing.TypeVar("T") | typing.ParamSpec("P") | typing.ForwardRef("Plain") | abc.ABCMeta("A", (), {"x": [i]})
contextvars.ContextVar(f"v{i}", default=[i]) | in_context(i) | variable.set([i]) | stack(i) | contextlib.nullcontext([i])
threading.Lock() | threading.RLock() | threading.Condition() | threading.Event() | threading.Semaphore(i)
threading.Barrier(2) | local(i) | ended(i) | pair(i) | queue.SimpleQueue() | concurrent.futures.Future()
asyncio.Queue() | asyncio.Event() | asyncio.Lock() | ctypes.c_int(i) | (ctypes.c_int * 3)() | Wide()
ctypes.pointer(ctypes.c_int(i)) | ctypes.byref(ctypes.c_int(i)) | ctypes.CFUNCTYPE(None)(closed(i)) | ctypes.py_object([i])
ctypes.create_string_buffer(10) | ctypes.CDLL(None) | ctypes.cast(0, ctypes.c_void_p) | unittest.mock.Mock()
copy.copy(Plain(i)) | dataclasses.fields(Point) | urllib.parse.urlsplit(f"http://a/{i}") | ipaddress.ip_address(i)
difflib.SequenceMatcher(None, "a", "b") | graphlib.TopologicalSorter({i: [i]}) | shlex.shlex("a b") | textwrap.TextWrapper()
calendar.Calendar() | statistics.NormalDist(i, 1) | pprint.PrettyPrinter() | zipfile.ZipInfo() | os.stat("/")
os.scandir("/") | time.localtime(i) | sys.flags | sys.exc_info() | template(i) | frozen(i) | zipfile.Path
"""

# What C code really holds when twenty of each kind are made: by the type of what is held the most
# references, and who has them in a field that the interpreter tells nobody of.
EXPLAINED = {
    "abc.SignalDict": (40, "flags and traps of a decimal.Context"),
    "encodings.utf_8.IncrementalDecoder": (40, "the newline decoder of a text file, in 3.11"),
    "list": (40, "a StringIO collects what is written in two lists, in 3.11"),
    "bytes": (20, "a BytesIO shares what it was made from, in 3.11"),
    "builtin_function_or_method": (20, "the callback of a threading.local, for a thread's end"),
    "str": (22, "the key of a threading.local in the dict of a thread; what was written last"),
    "_ctypes.PyCSimpleType": (20, "the result type of functions of a ctypes library"),
    "dict": (25, "the private table of an expat parser, since 3.14; caches of ctypes arrays"),
    "module": (20, "an XMLParser knows its module, since 3.13"),
    "tuple": (3, "keys of caches of ctypes arrays"),
    "datetime.timezone": (1, "a cache of datetime.timezone"),
}

# A stale word, of an operand stack or of the interpreter's structure, may stand for a reference that C
# code always has: it is then not seen in the first snapshot, and looks new in the second.
STALE = 1

SWEEP = """
import json, os
kinds = [kind.strip() for line in KINDS.splitlines() for kind in line.split(" | ")]
calls = [eval("lambda i: " + kind) for kind in kinds]

def make():
    return [[call(i) for i in range(20)] for call in calls]

make()  # what is made once: caches, imports
heapsight.snapshot()
before = heapsight.snapshot()
kept = make()
after = heapsight.snapshot()
found = heapsight.native_references(before, after)
print(found)
print(json.dumps({"kinds": len(set(kinds)), "info": after.info,
                  "held": {row.type: row.reference_delta for row in found.types()}}), flush=True)
os._exit(0)  # 3.12.1 crashes when it takes some of these apart at its end, also without heapsight
"""


def test_the_sweep_over_all_kinds_of_objects(python: Run, tmp_path: Path) -> None:
    """Twenty of each: no reference too many, and none that C code is said to hold."""
    (tmp_path / "sweep.py").write_text(f"{PRELUDE}\nKINDS = {KINDS!r}\n{SWEEP}")
    done = python("-W", "ignore", "sweep.py")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["kinds"] >= 200
    assert (found["info"]["overcounted_count"], found["info"]["dropped_count"]) == (0, 0)
    held = {
        name: count
        for name, count in found["held"].items()
        if count > EXPLAINED.get(name, (0, ""))[0] + STALE
    }
    assert held == {}, done.stdout[-3000:]
