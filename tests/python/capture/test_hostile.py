# SPDX-License-Identifier: MIT
"""Objects that break the rules a walk relies on: no crash, none of their code runs, and what is odd is counted.

Broken types written in C are those of hostile.c. Each program is a process of its own, with a limit on its
memory: a walk that believes an absurd number would take all there is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from building import built as library

Answer = dict[str, object]
Hostile = Callable[..., Answer]

PRELUDE = """
    import gc, json, resource, sys
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    sys.path.insert(0, sys.argv[1])
    import heapsight, hostile
    gc.disable()  # the collector would not survive some of these types

    class Held:
        pass

    def look(*objects, values=False):
        '''What a snapshot says of the heap and of some objects, taken while the types are broken.'''
        hostile.arm(True)
        try:
            heap = heapsight.snapshot("hostile", collect=False, values=values)
        finally:
            hostile.arm(False)
        heap.save("hostile.hsnap")
        names = ["overcounted", "doubted", "invalid"]
        answer = {name: [heap.info[name + "_count"], heap.info[name + "_types"]] for name in names}
        answer["dropped"] = heap.info["dropped_count"]
        answer["sizes"] = [heap._open.describe(id(item))[1] for item in objects]
        answer["total"] = heap.total_bytes
        answer["text"] = heap.info_text()
        return answer
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the extension, built for the interpreter of the tests."""
    folder = tmp_path_factory.mktemp("hostile")
    library(Path(__file__).with_name("hostile.c"), folder / "hostile.so")
    return folder


@pytest.fixture
def hostile(built: Path, tmp_path: Path) -> Hostile:
    """hostile(source): run a program after PRELUDE; the JSON it printed. It must end well."""

    def run(source: str, *arguments: str) -> Answer:
        program = dedent(PRELUDE) + dedent(source)
        done = subprocess.run(
            [sys.executable, "-X", "faulthandler", "-c", program, str(built), *arguments],
            cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
        assert (done.returncode, done.stderr) == (0, ""), (done.returncode, done.stderr[-3000:])
        return json.loads(done.stdout)

    return run


NOTHING = [0, ""]

# ---- tp_traverse that says something else than what the object owns ------------------------------------------

BROKEN = """
    kind = sys.argv[2]
    lent = Held()
    keep = [getattr(hostile, kind)(Held(), lent) for _ in range(7)]
    answer = look()
    heap = heapsight.load("hostile.hsnap")
    answer["found"] = sum(row.count for row in heap.types(limit=None) if row.type == "__main__.Held")
    answer["roots"] = sorted({row.root_kind for row in heap.why("__main__.Held", limit=None)})
    print(json.dumps(answer))
"""


@pytest.mark.parametrize(
    ("kind", "over", "invalid"),
    [
        ("Skips", NOTHING, NOTHING),
        ("Repeats", [7, "__main__.Held 7"], NOTHING),
        ("Null", NOTHING, [21, "hostile.Null 21"]),
        ("Borrowed", [1, "__main__.Held 1"], NOTHING),
        ("Raises", NOTHING, NOTHING),
        ("Untold", NOTHING, NOTHING),
    ],
)
def test_a_broken_traverse_is_counted(
    hostile: Hostile, kind: str, over: list[object], invalid: list[object]
) -> None:
    answer = hostile(BROKEN, kind)
    assert (answer["overcounted"], answer["invalid"]) == (over, invalid)
    assert (answer["doubted"], answer["dropped"]) == (NOTHING, 0)
    if kind not in ("Skips", "Untold"):
        assert answer["found"] == 8, "all that the types own or borrow"


def test_what_a_type_skips_is_held_by_c(hostile: Hostile) -> None:
    answer = hostile("""
        row = Held()
        keep = [hostile.Skips(row), hostile.Untold(row), hostile.Skips(row)]
        look()
        heap = heapsight.load("hostile.hsnap")
        print(json.dumps([path.root for path in heap.why(id(row), limit=None)]))
    """)
    assert any("3 reference" in root for root in answer), answer


def test_a_type_without_traverse_is_known_by_its_members(hostile: Hostile) -> None:
    answer = hostile("""
        told = hostile.Told([Held()])
        look()
        heap = heapsight.load("hostile.hsnap")
        print(json.dumps([path.expression for path in heap.why(id(told.inside[0]), limit=None)]))
    """)
    assert answer == ["__main__.told.inside[0]"]


def test_the_report_names_what_is_odd(hostile: Hostile, built: Path, tmp_path: Path) -> None:
    answer = hostile("""
        lent = Held()
        keep = [hostile.Repeats(Held()), hostile.Borrowed(1, lent), hostile.Null(2), hostile.Sized(3, -1)]
        print(json.dumps(look()))
    """)
    expected = [
        "  remark      accounting incomplete: 2 objects with more references than counted (__main__.Held 2)",
        "  remark      sizes doubted: 1 object (hostile.Sized 1)",
        "  remark      left out: 3 references to no object, told by tp_traverse (hostile.Null 3)",
    ]
    assert [line for line in str(answer["text"]).splitlines() if "remark" in line] == expected
    command = [sys.executable, "-m", "heapsight", "info", "hostile.hsnap"]
    text = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert [line for line in text.splitlines() if "remark" in line] == expected
    told = subprocess.run([*command, "--json"], cwd=tmp_path, capture_output=True, text=True, check=True)
    facts = json.loads(told.stdout)
    assert {key: facts[key] for key in facts if key.endswith("_types")} == {
        "overcounted_types": "__main__.Held 2", "doubted_types": "hostile.Sized 1",
        "invalid_types": "hostile.Null 3"}
    assert (facts["overcounted_count"], facts["doubted_count"], facts["invalid_count"]) == (2, 1, 3)


def test_many_odd_types_are_summed_up(hostile: Hostile) -> None:
    answer = hostile("""
        classes = [type("Row%d" % i, (), {}) for i in range(9)]
        keep = [hostile.Repeats(kind()) for i, kind in enumerate(classes) for _ in range(i + 1)]
        print(json.dumps(look()))
    """)
    assert answer["overcounted"] == [
        45, "__main__.Row8 9, __main__.Row7 8, __main__.Row6 7, __main__.Row5 6, and 5 more types"]


# ---- sizes that cannot be -----------------------------------------------------------------------------------

ABSURD = [-1, -(2**62), -(2**63), 2**40, 2**59, 2**62, 2**63 - 1]


@pytest.mark.parametrize("values", [False, True])
def test_numbers_of_items_that_cannot_be(hostile: Hostile, values: bool) -> None:
    """Of a type of its own, which says nothing of its items, and of classes written in Python on top."""
    answer = hostile(f"""
        class Child(hostile.Sized):
            pass  # its __dict__ lies behind the items before 3.12

        absurd = {ABSURD}
        keep = [kind(3, 3) for kind in (hostile.Sized, Child) for _ in absurd]
        plain = look(keep[0], keep[-1])
        for item in keep[len(absurd):]:
            item.attribute = Held()
        before = [hostile.set_size(item, number) for item, number in zip(keep, absurd * 2)]
        answer = look(*keep, values={values})
        for item in keep:
            hostile.set_size(item, 3)  # their end is the interpreter's, which believes it
        answer["plain"] = plain["sizes"]
        print(json.dumps(answer))
    """)
    count = len(ABSURD)
    assert answer["doubted"][0] == 2 * count  # type: ignore[index]
    assert answer["doubted"][1] in (  # type: ignore[index]
        f"hostile.Sized {count}, __main__.Child {count}", f"__main__.Child {count}, hostile.Sized {count}")
    plain, child = answer["plain"]  # type: ignore[misc]
    sizes = answer["sizes"]
    assert set(sizes[:count]) == {plain - 3 * 8}, "the fixed part stands for the size"  # type: ignore[index]
    assert all(0 < size <= child for size in sizes[count:])  # type: ignore[index]
    assert answer["total"] < 2**30  # type: ignore[operator]


@pytest.mark.parametrize("values", [False, True])
@pytest.mark.parametrize("kind", ["tuple", "list", "bytes", "class", "namedtuple", "int"])
def test_a_damaged_number_of_items(hostile: Hostile, kind: str, values: bool) -> None:
    numbers = [2**61, 2**62] if kind == "int" else ABSURD  # the sign of an int is there too
    answer = hostile(f"""
        import collections
        Pair = collections.namedtuple("Pair", "left right")
        item = {{"tuple": (1, Held()), "list": [1, Held()], "bytes": b"some bytes", "class": Held,
                "namedtuple": Pair(1, Held()), "int": 10**40}}[{kind!r}]
        answers = []
        for number in {numbers}:
            right = hostile.set_size(item, number)
            try:
                answers.append(look(item, values={values}))
            finally:
                hostile.set_size(item, right)
        answers.append(look(item))
        print(json.dumps(answers))
    """)
    *odd, right = answer
    for number, said in zip(numbers, odd):
        assert said["doubted"][0] == 1, (number, said)  # type: ignore[index]
        assert said["total"] < 2**30, (number, said)  # type: ignore[index]
    assert right["doubted"] == NOTHING  # type: ignore[index]


def test_large_objects_are_believed(hostile: Hostile) -> None:
    """The test above can fail the other way: what is large and there is counted whole."""
    answer = hostile("""
        items = [(None,) * 3_000_000, [None] * 3_000_000, bytes(300_000_000), 1 << 80_000_000,
                 bytearray(20_000_000), type("Wide", (), {"__slots__": ["s%d" % i for i in range(20_000)]}),
                 "x" * 300_000_000, set(range(20_000))]
        print(json.dumps(look(*items)))
    """)
    assert answer["doubted"] == NOTHING
    least = [24_000_000, 24_000_000, 300_000_000, 80_000_000 // 8, 20_000_000, 20_000 * 8, 300_000_000, 500_000]
    assert all(size >= bytes_ for size, bytes_ in zip(answer["sizes"], least, strict=True)), answer["sizes"]


def test_the_tracer_and_damaged_objects(hostile: Hostile) -> None:
    """With an exact tracer the blocks of all objects are looked up and searched for addresses."""
    answer = hostile(f"""
        with heapsight.Tracer("exact"):
            items = [hostile.Sized(3, number) for number in {ABSURD}]
            damaged = [tuple([Held(), number]) for number in {ABSURD}]
            broken = [hostile.Null(Held()), hostile.Repeats(Held()), hostile.Skips(Held())]
            right = [hostile.set_size(item, number) for item, number in zip(damaged, {ABSURD})]
            try:
                answer = look()
            finally:
                for item in damaged:
                    hostile.set_size(item, 2)
        print(json.dumps(answer))
    """)
    assert answer["doubted"] == [2 * len(ABSURD), answer["doubted"][1]]  # type: ignore[index]
    assert (answer["overcounted"][0], answer["invalid"][0]) == (1, 3)  # type: ignore[index]


# ---- classes that lie ---------------------------------------------------------------------------------------

LIARS = """
    called = []

    def lie(name, answer=None):
        def method(*arguments, **keywords):
            if asked:
                called.append(name)
            if answer is None:
                raise RuntimeError("asked for " + name)
            return answer
        return method

    asked = False

    class Meta(type):
        def mro(cls):
            return [cls, object]  # its bases do not exist

        def __getattribute__(cls, name):
            if asked:
                called.append("meta " + name)
                raise RuntimeError(name)
            return type.__getattribute__(cls, name)

        __class__ = property(lie("meta __class__", int))
        __dict__ = property(lie("meta __dict__", {}))
        __name__ = property(lie("meta __name__", "list"))
        __module__ = property(lie("meta __module__", []))
        __sizeof__ = lie("meta __sizeof__", -1)
        __hash__ = lie("meta __hash__")
        __eq__ = lie("meta __eq__")
        __instancecheck__ = lie("meta __instancecheck__", True)
        __subclasscheck__ = lie("meta __subclasscheck__", True)

    class Base:
        def __init__(self):
            self.attribute = Held()

    body = {
        "__init__": lambda self: object.__setattr__(self, "attribute", Held()),
        "__class__": property(lie("__class__", int)),
        "__dict__": property(lie("__dict__", {})),
        "__sizeof__": lie("__sizeof__", 2**62),
        "__getattribute__": lie("__getattribute__"),
        "__hash__": lie("__hash__"),
        "__eq__": lie("__eq__"),
        "__module__": "lies",
        "n_fields": lie("n_fields"),
    }
    Lying = type.__call__(Meta, "Lying", (Base,), body)
    plain = [Base() for _ in range(5)]
    liars = [object.__new__(Lying) for _ in range(5)]
    for liar in liars:
        object.__setattr__(liar, "attribute", Held())
"""


def test_a_class_that_lies_is_described_as_it_is(hostile: Hostile) -> None:
    answer = hostile(LIARS + """
    asked = True
    heap = heapsight.snapshot("lies", values=True)
    live = heapsight.why(liars[0])
    picture = str(heapsight.graph(liars[0]))
    asked = False
    held = [id(object.__getattribute__(liar, "attribute")) for liar in liars]
    rows = {row.type: row for row in heap.types(limit=None)}
    paths = heap.why(held[0])
    print(json.dumps({
        "called": called,
        "sizes": [heap._open.describe(id(item))[1] for item in (plain[0], liars[0])],
        "count": rows["lies.Lying"].count,
        "expression": next(iter(paths)).expression,
        "live": len(list(live)), "picture": "lies.Lying" in picture,
        "over": heap.info["overcounted_count"], "doubted": heap.info["doubted_count"],
    }))
    """)
    assert answer["called"] == []
    assert answer["count"] == 5
    assert answer["sizes"][0] == answer["sizes"][1]  # type: ignore[index]
    assert "liars[0].attribute" in str(answer["expression"])
    assert (answer["over"], answer["doubted"]) == (0, 0)
    assert answer["live"] and answer["picture"]


def test_the_liars_are_noticed(hostile: Hostile) -> None:
    """The test above can fail: whoever asks is written down."""
    answer = hostile(LIARS + """
    asked = True
    for ask in (lambda: liars[0].attribute, lambda: Lying.anything, lambda: isinstance(1, Lying)):
        try:
            ask()
        except RuntimeError:
            pass
    print(json.dumps(called))
    """)
    assert answer == ["__getattribute__", "meta anything", "meta __instancecheck__"]


# ---- objects under construction -----------------------------------------------------------------------------

CONSTRUCTION = """
    import collections, functools, threading, types, weakref
    seen = []

    def snap(*ignored):
        heap = heapsight.snapshot("half", collect=False, values=True)
        seen.append([heap.info["overcounted_count"], heap.info["doubted_count"], heap.info["invalid_count"],
                     heap.info["overcounted_types"]])
        return 1

    def rows(count=20):
        for number in range(count):
            if number == count // 2:
                snap()
            yield (number, Held())

    class Key:
        def __init__(self, number):
            self.number = number
        def __hash__(self):
            return 7
        def __eq__(self, other):
            if self.number == other.number == 3:
                snap()
            return self.number == other.number

    class Meta(type):
        def __prepare__(name, bases):
            snap()
            return {}
        def mro(cls):
            snap()  # a class without a method resolution order
            return type.mro(cls)
        def __new__(meta, *arguments):
            snap()
            made = type.__new__(meta, *arguments)
            snap()
            return made

    class Named:
        def __set_name__(self, owner, name):
            snap()

    class Base:
        def __init_subclass__(cls):
            snap()

    class Slotted:
        __slots__ = "left", "right"
        def __new__(cls):
            made = object.__new__(cls)
            snap()
            made.left = Held()
            snap()
            return made

    class Resurrects:
        def __del__(self):
            snap()
            kept.append(self)

    kept = []

    def resurrect():
        Resurrects()
        snap()

    def callback():
        weakref.finalize(Held(), snap)

    def class_body():
        class Half(Base, metaclass=Meta):
            attribute = Named()
            inside = snap()

    def failing():
        class Fails(Exception):
            def __init__(self, *arguments):
                snap()
                self.more = Held()
                super().__init__(*arguments)
        try:
            raise Fails(Held())
        except Fails as error:
            snap()

    def unpickled():
        import copy
        class Slow:
            def __reduce__(self):
                return (Slotted, ())
        copy.copy(Slow())

    situations = {
        "in C": lambda: hostile.Unfinished(snap),
        "empty items": lambda: hostile.with_empty_items(snap),
        "list": lambda: list(rows()),
        "tuple": lambda: tuple(rows()),
        "set": lambda: {row[0] for row in rows()},
        "frozenset": lambda: frozenset(rows()),
        "dict": lambda: dict(rows()),
        "dict in a comparison": lambda: {Key(n % 5): n for n in range(10)},
        "set in a comparison": lambda: {Key(n % 5) for n in range(10)},
        "ordered": lambda: collections.OrderedDict(rows()),
        "ordered in a comparison": lambda: collections.OrderedDict((Key(n % 5), n) for n in range(10)),
        "deque": lambda: collections.deque(rows(), 5),
        "default": lambda: collections.defaultdict(lambda: snap())[1],
        "counter": lambda: collections.Counter(rows()),
        "sorted": lambda: sorted(range(5), key=snap),
        "sort in a comparison": lambda: [Key(3), Key(3)].index(Key(3)),
        "join": lambda: "".join(str(row[0]) for row in rows()),
        "bytes": lambda: bytes(row[0] for row in rows()),
        "bytearray": lambda: bytearray(row[0] for row in rows()),
        "extend": lambda: [0].extend(rows()),
        "slice": lambda: [0, 1].__setitem__(slice(0, 1), rows()),
        "star": lambda: print(*rows(), file=open("/dev/null", "w")),
        "zip": lambda: list(zip(rows(), rows())),
        "map": lambda: list(map(snap, [1])),
        "reduce": lambda: functools.reduce(lambda left, right: snap(), [1, 2, 3]),
        "cache": lambda: functools.lru_cache(snap)(1),
        "class": class_body,
        "type()": lambda: Meta("Made", (Base,), {"attribute": Named()}),
        "slots": Slotted,
        "resurrected": resurrect,
        "finalizer": callback,
        "exception": failing,
        "copy": unpickled,
        "module": lambda: types.ModuleType("made").__dict__.update(one=snap()),
        "new thread": lambda: [t.join() for t in [threading.Thread(target=snap)] if t.start() is None],
    }
    answers = {}
    for name, make in situations.items():
        seen.clear()
        made = make()
        answers[name] = list(seen)
    print(json.dumps(answers))
"""


def test_objects_under_construction(hostile: Hostile) -> None:
    answers = hostile(CONSTRUCTION)
    assert len(answers) >= 35
    for name, seen in answers.items():
        assert seen, f"{name}: no snapshot was taken"
        assert all(row == [0, 0, 0, ""] for row in seen), (name, seen)  # type: ignore[union-attr]


# ---- large heaps --------------------------------------------------------------------------------------------

CHAIN = """
    import threading

    class Link:
        __slots__ = ("next",)

    def resident():
        return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

    first = last = Link()
    first.next = None
    for _ in range(10_000_000):
        link = Link()
        link.next = last
        last = link
    address = id(first)
    del first, link
    before = resident()
    answer = {}

    def walk():
        heap = heapsight.snapshot("chain", collect=False)
        answer["kept"] = (resident() - before) / heap.object_count
        answer["count"] = next(row.count for row in heap.types(limit=None) if row.type == "__main__.Link")
        answer["over"] = heap.info["overcounted_count"]
        answer["text"] = str(heap.why(address))
        heap.save("chain.hsnap")
        answer["loaded"] = heapsight.load("chain.hsnap").object_count == heap.object_count

    threading.stack_size(256 << 10)  # what recursed would end here
    thread = threading.Thread(target=walk)
    thread.start()
    thread.join()
    while last is not None:  # not by the destructor of the last
        link, last = last, last.next
        link.next = None
    print(json.dumps(answer))
"""


def test_a_chain_of_ten_million(hostile: Hostile) -> None:
    answer = hostile(CHAIN)
    assert (answer["count"], answer["over"], answer["loaded"]) == (10_000_001, 0, True)
    assert answer["kept"] <= 50, "bytes for each object"  # type: ignore[operator]
    text = str(answer["text"])
    assert ".next" in text and "module __main__" in text
    assert len(text) < 20_000, "a report is for reading"


def test_a_dict_of_twenty_million_keys(hostile: Hostile) -> None:
    answer = hostile("""
        large = dict.fromkeys(range(20_000_000), "value")
        heap = heapsight.snapshot("large", collect=False)
        rows = {row.type: row.count for row in heap.types(limit=None)}
        path = next(iter(heap.why(id(next(reversed(large))))))
        print(json.dumps([rows["int"], heap.info["overcounted_count"], heap._open.describe(id(large))[1],
                          sys.getsizeof(large), path.expression, heap.reference_count]))
    """)
    ints, over, described, told, expression, references = answer
    assert (ints >= 19_999_000, over, references >= 40_000_000) == (True, 0, True)  # type: ignore[operator]
    assert described == told
    assert "large" in str(expression)
