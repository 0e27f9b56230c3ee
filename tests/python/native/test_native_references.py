# SPDX-License-Identifier: MIT
"""The leak finder for C code: a leaking extension module, its clean twin, and work without leaks."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

import heapsight

Run = Callable[..., subprocess.CompletedProcess[str]]

# Rounds before the first snapshot fill caches, as those of any program do.
PROGRAM = """\
import importlib, json, sys
import heapsight

module, mode = importlib.import_module(sys.argv[1]), sys.argv[2]

class Plain:
    pass

def use(times):
    module.lists(100 * times)
    module.dicts(30 * times)
    module.instances(20 * times, Plain)
    module.texts(40 * times)
    module.references(7 * times, Plain)
    module.cache(10 * times)
    module.array(5 * times)
    module.table(8 * times)
    module.blocks_of_mem(50 * times)
    module.blocks_of_object(60 * times)

def main():
    use(1)
    heapsight.snapshot()
    with heapsight.snapshot("before") as before:
        before.save("before.hsnap")
        use(3)
        with heapsight.snapshot("after") as after:
            after.save("after.hsnap")
            found = heapsight.native_references(before, after)
            rows = [row._asdict() for row in found.types()]
            blocks = found.blocks()
            print(json.dumps({"types": rows, "blocks": blocks, "text": str(found),
                              "incomplete": after.info["overcounted_count"]}))

if mode == "off":
    main()
else:
    with heapsight.Tracer(mode, frames=4):
        main()
"""
# Objects and references that three rounds leak, and the line that calls the function.
LEAKS = {
    "list": (300, 300, "module.lists"),
    "dict": (90, 90, "module.dicts"),
    "__main__.Plain": (60, 60, "module.instances"),
    "str": (120, 120, "module.texts"),
    "type": (0, 21, None),
    "set": (30, 30, "module.cache"),
    "cell": (15, 15, "module.array"),
    "property": (24, 24, "module.table"),
}
BLOCKS = {
    "module.blocks_of_mem": (150, 15_000),
    "module.blocks_of_object": (180, 36_000),
    "module.table": (1, 200),  # 25 words, the last one of which ends it
}
UNSEEN = ("str",)  # without the tracer nobody knows of them


def line_of(call: str) -> int:
    return next(n for n, text in enumerate(PROGRAM.splitlines(), 1) if call + "(" in text)


@pytest.fixture
def use(tmp_path: Path, python: Run, environment: dict[str, str]) -> Callable[[str, str], dict]:  # type: ignore[type-arg]
    """use(module, mode): what three rounds of it leak."""

    def run(module: str, mode: str) -> dict:  # type: ignore[type-arg]
        (tmp_path / "program.py").write_text(PROGRAM)
        done = python("program.py", module, mode, env=environment)
        assert (done.returncode, done.stderr) == (0, ""), done
        return json.loads(done.stdout)  # type: ignore[no-any-return]

    return run


@pytest.mark.parametrize("mode", ["off", "exact"])
def test_each_leak_has_its_type_and_count(use: Callable[[str, str], dict], mode: str) -> None:  # type: ignore[type-arg]
    found = use("leaky", mode)
    rows = {row["type"]: (row["count_delta"], row["reference_delta"]) for row in found["types"]}
    unseen = UNSEEN if mode == "off" else ()
    if mode == "off" and sys.version_info < (3, 14):
        unseen += ("dict",)  # the collector does not track one without containers
    assert rows == {name: leak[:2] for name, leak in LEAKS.items() if name not in unseen}
    assert found["incomplete"] == 0


def test_each_leak_has_its_line(use: Callable[[str, str], dict]) -> None:  # type: ignore[type-arg]
    found = use("leaky", "exact")
    sites = {row["type"]: row["sites"] for row in found["types"]}
    for name, (count, _, call) in LEAKS.items():
        if call is not None:
            ((site, objects),) = sites[name]
            assert site.endswith(f"program.py:{line_of(call)} in use"), (name, site)
            assert objects == count, name
            assert f"{count} allocated at {site}" in found["text"]
    blocks = {row[0]: (row[1], row[2], row[3]) for row in found["blocks"]}
    assert len(blocks) == len(BLOCKS), blocks
    for call, figures in BLOCKS.items():
        site = next(site for site in blocks if f"program.py:{line_of(call)} in use" in site)
        assert blocks[site] == ("(no object)", *figures)


def test_the_class_that_is_referred_to_too_often_is_named(
    use: Callable[[str, str], dict],  # type: ignore[type-arg]
) -> None:
    (row,) = [row for row in use("leaky", "off")["types"] if row["type"] == "type"]
    assert [name for _, name in row["examples"]] == ["Plain"]


@pytest.mark.parametrize("mode", ["off", "exact", "sampled"])
def test_the_clean_twin_leaks_nothing(use: Callable[[str, str], dict], mode: str) -> None:  # type: ignore[type-arg]
    found = use("clean", mode)
    assert found["types"] == []
    assert not found["blocks"]
    assert found["text"].startswith("Nothing grew")
    assert ("not known" in found["text"]) == (mode != "exact")


def test_a_native_block_is_named_with_the_line_that_allocated_it(
    use: Callable[[str, str], dict],  # type: ignore[type-arg]
) -> None:
    found = use("leaky", "exact")
    (holders,) = [row["holders"] for row in found["types"] if row["type"] == "property"]
    ((name, count),) = holders
    place = f"program.py:{line_of('module.table')} in use"
    assert re.fullmatch(rf"a native block of 200 bytes, allocated at .*/{re.escape(place)}", name)
    assert count == 24
    assert f"24 seem to be held by {name}" in found["text"]


def test_stale_words_in_blocks_name_little(python: Run, environment: dict[str, str]) -> None:
    """Of two blocks the one with more of the objects; none that belongs to an object."""
    program = """
        import ctypes, heapsight
        api = ctypes.pythonapi
        api.PyMem_Calloc.restype = ctypes.c_void_p
        api.PyMem_Calloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t]

        def block(addresses): # those of one kind of size lie side by side
            at = api.PyMem_Calloc(len(addresses), 8)
            (ctypes.c_size_t * len(addresses)).from_address(at)[:] = addresses

        class Row: pass
        class Popped: pass

        with heapsight.Tracer("exact"):
            before = heapsight.snapshot()
            rows = [Row() for n in range(20)]
            popped = [Popped() for n in range(20)]
            for row in rows + popped:
                api.Py_IncRef(ctypes.py_object(row))
            addresses = [id(row) for row in rows]
            for n in range(10):
                block([addresses[n], *[0] * 21])
            block([*addresses, 0])
            for n in range(10, 20):
                block([addresses[n], *[0] * 21])
            del row, rows, addresses
            while len(popped) > 11:
                popped.pop() # its words stay in the list's table
            with heapsight.snapshot() as after:
                for row in heapsight.native_references(before, after).types():
                    print(row.type, row.count_delta, row.holders)
    """
    done = python("-c", dedent(program), env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    rows = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    name = r"'a native block of 168 bytes, allocated at <string>:\d+ in block'"
    assert re.fullmatch(rf"20 \(\({name}, 20\),\)", rows["__main__.Row"]), rows
    assert re.fullmatch(r"\d+ \(\)", rows["__main__.Popped"]), rows


def test_without_an_exact_tracer_no_block_is_named(use: Callable[[str, str], dict]) -> None:  # type: ignore[type-arg]
    for mode in ("off", "sampled"):
        assert "a native block" not in use("leaky", mode)["text"], mode


def test_a_static_variable_is_named(use: Callable[[str, str], dict]) -> None:  # type: ignore[type-arg]
    """The cache has a symbol that only the full table knows; the others are in no variable."""
    found = use("leaky", "exact")
    holders = {row["type"]: row["holders"] for row in found["types"] if row["holders"]}
    ((name, count),) = holders.pop("set")
    assert name.startswith("static leaky_cache of leaky.") and count == 30, name
    assert f"30 seem to be held by {name}" in found["text"]
    assert list(holders) == ["property"]  # see above


def test_a_library_without_symbols_gives_a_place(
    python: Run, tmp_path: Path, extensions: Path, environment: dict[str, str]
) -> None:
    strip = shutil.which("strip")
    if strip is None:
        pytest.skip("no strip program")
    (source,) = extensions.glob("leaky.*")
    subprocess.run([strip, "-o", tmp_path / source.name, source], check=True)
    program = """
        import heapsight, leaky
        before = heapsight.snapshot()
        leaky.cache(5)
        with heapsight.snapshot() as after:
            after.save("after.hsnap")
        with heapsight.load("after.hsnap") as after:
            (row,) = heapsight.native_references(before, after).types()
            (path,) = after.why(row.examples[0][0]).paths()
            assert path.root.startswith("held by C code (1 reference; "), path
            assert path.root_name in dict(row.holders), path
            print(row.holders)
    """
    done = python("-c", dedent(program), env={**environment, "PYTHONPATH": str(tmp_path)})
    assert (done.returncode, done.stderr) == (0, "")
    places = re.findall(rf"static data of {re.escape(source.name)} \(\+0x[0-9a-f]+\)", done.stdout)
    assert len(set(places)) == 5, done.stdout  # each in a word of its own


def test_an_object_that_tells_nobody_what_it_keeps_is_named(
    python: Run, environment: dict[str, str]
) -> None:
    """Not the one that another reference explains, nor one that only stands in the heap."""
    program = """
        import heapsight, keeper
        class Row: pass
        class Other: pass
        others = [Other() for i in range(3)]
        keepers = [keeper.Keeper(1)]
        before = heapsight.snapshot()
        keepers += [keeper.Keeper(Row()) for i in range(5)]
        with heapsight.snapshot() as after:
            for row in heapsight.native_references(before, after).types():
                print(row.type, row.count_delta, row.holders)
    """
    done = python("-c", dedent(program), env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "__main__.Row 5 (('a keeper.Keeper object', 5),)\n"


def test_the_state_of_a_module_is_named(python: Run, environment: dict[str, str]) -> None:
    """Where the module has no m_traverse; what it refers to otherwise is explained."""
    program = """
        import heapsight, keeper
        class Row: pass
        class Attribute: pass
        before = heapsight.snapshot()
        for n in range(5):
            keeper.keep(Row())
        keeper.attribute = Attribute()
        with heapsight.snapshot() as after:
            for row in heapsight.native_references(before, after).types():
                print(row.type, row.count_delta, row.holders)
    """
    done = python("-c", dedent(program), env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "__main__.Row 5 (('state of module keeper', 5),)\n"


# ---- the command --------------------------------------------------------------------------------


@pytest.fixture
def audit(use: Callable[[str, str], dict], heapsight: Run) -> Callable[..., subprocess.CompletedProcess[str]]:  # type: ignore[type-arg]
    def run(module: str, *words: str, mode: str = "exact") -> subprocess.CompletedProcess[str]:
        use(module, mode)
        return heapsight("audit", *words, "before.hsnap", "after.hsnap")

    return run


def test_the_command_reports_what_the_function_does(
    audit: Callable[..., subprocess.CompletedProcess[str]], heapsight: Run
) -> None:
    done = audit("leaky", "--json", "--limit", "0")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert list(document) == ["before", "after", "types", "omitted_count", "blocks",
                              "omitted_blocks_count"]  # fmt: skip
    rows = {row["type"]: (row["count_delta"], row["reference_delta"]) for row in document["types"]}
    assert rows == {name: leak[:2] for name, leak in LEAKS.items()}
    assert document["types"][0]["sites"][0]["count"] == 300
    assert [row["bytes_delta"] for row in document["blocks"]] == [36_000, 15_000, 200]
    cut = json.loads(heapsight("audit", "--json", "--limit", "1", "before.hsnap",
                               "after.hsnap").stdout)  # fmt: skip
    assert cut["types"] == document["types"][:1] and cut["omitted_count"] == len(LEAKS) - 1
    assert cut["blocks"] == document["blocks"][:1] and cut["omitted_blocks_count"] == 2
    text = heapsight("audit", "--limit", "2", "before.hsnap", "after.hsnap").stdout
    assert "+300            +300  list\n" in text and "... 6 more types\n" in text, text
    assert f"program.py:{line_of('module.lists')} in use\n" in text
    only = heapsight("audit", "--only", "__main__", "before.hsnap", "after.hsnap").stdout
    assert "__main__.Plain" in only and "list\n" not in only and "native" not in only, only


def test_the_exit_code_can_fail_a_build(
    audit: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    assert audit("leaky").returncode == 0
    assert audit("leaky", "--check").returncode == 3
    assert audit("leaky", "--check", "--only", "nothing").returncode == 0
    done = audit("clean", "--check")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Nothing grew")
    done = audit("clean", "--json", mode="off")
    assert json.loads(done.stdout)["blocks"] is None


@pytest.mark.parametrize(("first", "second"), [("off", "exact"), ("exact", "off")])
def test_an_exact_tracer_in_one_snapshot_makes_no_growth(
    python: Run, first: str, second: str
) -> None:
    """Objects that only the tracer knows are compared with their like, or not at all."""
    program = """
        import ctypes, heapsight, sys

        def snapshot(mode):
            if mode == "off":
                return heapsight.snapshot()
            with heapsight.Tracer("exact"):
                for n in range(300):
                    ctypes.pythonapi.Py_IncRef(ctypes.py_object("lost %d" % n))
                return heapsight.snapshot()

        first, second = (snapshot(mode) for mode in sys.argv[1:])
        for row in heapsight.native_references(first, second).types():
            print(row)
    """
    done = python("-c", dedent(program), first, second)
    assert (done.returncode, done.stderr) == (0, "")
    assert "'str'" not in done.stdout and "'int'" not in done.stdout, done.stdout


# ---- work without leaks -------------------------------------------------------------------------

WORK = """\
import asyncio, json, re, sqlite3, sys, threading
import heapsight

def work():
    json.loads(json.dumps({"a": [1, 2, {"b": None}], "c": "text" * 10}))
    re.sub(r"(\\w+)", r"<\\1>", "some text")
    re.compile("a+b|c*").findall("aab")
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t (a, b)")
    connection.executemany("insert into t values (?, ?)", [(n, str(n)) for n in range(20)])
    connection.execute("select * from t").fetchall()
    connection.close()
    async def gathered():
        await asyncio.gather(*[asyncio.sleep(0) for _ in range(10)])
    asyncio.run(gathered())
    threads = [threading.Thread(target=list, args=("abc",)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

def main():
    for _ in range(3):
        work()
        heapsight.snapshot()
    before = heapsight.snapshot()
    for _ in range(5):
        work()
    found = heapsight.native_references(before, heapsight.snapshot())
    print(found.types(), found.blocks())
    if found.types() or found.blocks():
        print(found)

if sys.argv[1] == "off":
    main()
else:
    with heapsight.Tracer(sys.argv[1], frames=4):
        main()
"""


@pytest.mark.parametrize(("mode", "blocks"), [("off", None), ("exact", [])])
def test_work_without_leaks_shows_no_growth(
    python: Run, tmp_path: Path, mode: str, blocks: list[object] | None
) -> None:
    """After three warm-ups five rounds of json, re, sqlite3, asyncio and threads."""
    (tmp_path / "work.py").write_text(WORK)
    done = python("work.py", mode)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"[] {blocks}\n", done.stdout


# ---- the answer as a value ----------------------------------------------------------------------


def test_limits_and_choices() -> None:
    heap = heapsight.snapshot()
    with heapsight.native_references(heap, heap) as found:
        assert found.types() == [] and found.blocks() is None
        assert repr(found) == "<heapsight.NativeReferences 0 grown types>"
        with pytest.raises(heapsight.HeapsightValueError, match="1 or more"):
            found.types(0)
        with pytest.raises(heapsight.HeapsightValueError, match="1 or more"):
            found.text(0)
        assert "<table>" in found._repr_html_()
    with pytest.raises(heapsight.HeapsightValueError, match="is closed"):
        found.types()
    with pytest.raises(heapsight.HeapsightValueError, match="is closed"):
        found.blocks()


def test_print_prints_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    heap = heapsight.snapshot()
    found = heapsight.native_references(heap, heap)
    found.print()
    assert capsys.readouterr().out == str(found)
