# SPDX-License-Identifier: MIT
"""info, types, diff, why and graph on the files of a program that leaks."""

import json
import os
import shutil
import subprocess
import sys
import time

import heapsight
import pytest
from running import one_sentence


@pytest.fixture
def command(leak, tmp_path):
    """command(*words): heapsight in the folder with before.hsnap and after.hsnap."""

    def run(*words, **more):
        line = [sys.executable, "-m", "heapsight", *map(str, words)]
        return subprocess.run(
            line, cwd=leak, text=True, capture_output=True, timeout=120, check=False, **more
        )

    return run


def answered(done):
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_info(command):
    text = answered(command("info", "after.hsnap"))
    assert "after" in text
    assert "CPython" in text
    fields = json.loads(answered(command("info", "after.hsnap", "--json")))
    assert fields["file"] == "after.hsnap"
    assert fields["label"] == "after"
    assert fields["object_count"] > 10_000
    assert fields["has_values"] is False


def test_types(command, leak):
    text = answered(command("types", "after.hsnap", "--limit", 5))
    with heapsight.load(leak / "after.hsnap") as heap:
        assert text == heap.text(limit=5)
        everything = heap.types(limit=None)
    document = json.loads(answered(command("types", "after.hsnap", "--json", "--limit", 0)))
    assert document["file"] == "after.hsnap"
    assert document["omitted_count"] == 0
    assert document["types"] == [row._asdict() for row in everything]
    document = json.loads(answered(command("types", "after.hsnap", "--json", "--sort", "count")))
    counts = [row["count"] for row in document["types"]]
    assert counts == sorted(counts, reverse=True)
    assert document["omitted_count"] == len(everything) - 20


def test_types_of_one_module(command):
    document = json.loads(answered(command("types", "after.hsnap", "--json", "--only", "app")))
    assert [(row["type"], row["count"]) for row in document["types"]] == [("app.Session", 500)]
    assert "app.Session" in answered(command("types", "after.hsnap", "--only", "app"))


def test_diff_ranks_the_leaked_class_first_of_its_module(command):
    text = answered(command("diff", "before.hsnap", "after.hsnap"))
    assert "app.Session" in text
    words = ("diff", "before.hsnap", "after.hsnap", "--json")
    document = json.loads(answered(command(*words, "--only", "app")))
    assert document["types"][0]["type"] == "app.Session"
    assert document["types"][0]["count_delta"] == 500
    assert document["types"][0]["bytes_delta"] > 500 * 40
    assert (document["before"], document["after"]) == ("before.hsnap", "after.hsnap")
    rows = json.loads(answered(command(*words, "--limit", 0)))["types"]
    assert next(row["type"] for row in rows if "." in row["type"]) == "app.Session"
    sizes = [row["bytes_delta"] for row in rows]
    assert sizes == sorted(sizes, reverse=True)


def test_diff_of_a_file_with_itself_is_empty(command):
    words = ("diff", "after.hsnap", "after.hsnap", "--json")
    assert json.loads(answered(command(*words)))["types"] == []


def test_why_names_what_holds_the_class(command, leak):
    text = answered(command("why", "after.hsnap", "--type", "app.Session"))
    assert "app.Registry.cache" in text
    document = json.loads(
        answered(command("why", "after.hsnap", "--type", "app.Session", "--json"))
    )
    path = document["paths"][0]
    assert path["object_count"] == 500
    assert path["root_kind"] == "module"
    assert path["root_name"] == "app"
    assert "app.Registry.cache" in path["expression"]
    step = path["steps"][-1]
    assert step["type"] == "app.Session"
    assert document["unreached_count"] == 0
    again = json.loads(
        answered(command("why", "after.hsnap", "--address", step["address"], "--json"))
    )
    assert again["paths"][0]["object_count"] == 1
    assert again["paths"][0]["steps"][-1] == step
    with heapsight.load(leak / "after.hsnap") as heap:
        assert text == str(heap.why("app.Session"))


@pytest.mark.parametrize("ending", ["png", "svg", "pdf", "dot"])
def test_graph_draws_what_holds_the_class(command, tmp_path, ending):
    picture = tmp_path / f"leak.{ending}"
    text = answered(command("graph", "after.hsnap", "--type", "app.Session", "-o", picture))
    assert str(picture) in text
    assert picture.stat().st_size > 100
    if ending in ("svg", "dot"):
        assert "cache" in picture.read_text()


def test_graph_of_an_address(command, leak, tmp_path):
    with heapsight.load(leak / "after.hsnap") as heap:
        address = heap.addresses("app.Session")[7]
    picture = tmp_path / "one.dot"
    words = ("graph", "after.hsnap", "--address", f"{address:#x}", "-o", picture, "--depth", 1)
    document = json.loads(answered(command(*words, "--json", "--too-many", 0)))
    assert document["output"] == str(picture)
    assert document["node_count"] == 2
    assert document["edge_count"] == 1
    document = json.loads(answered(command(*words, "--json", "--direction", "referents")))
    assert document["node_count"] >= 2


# ---- bad input -----------------------------------------------------------------------------------

READERS = [
    ("info",),
    ("types",),
    ("diff", "before.hsnap"),
    ("audit", "before.hsnap"),
    ("why", "--type", "dict"),
    ("graph", "--type", "dict", "-o", "x.png"),
]


@pytest.mark.parametrize("words", READERS, ids=lambda words: words[0])
def test_a_missing_file(command, words):
    assert "none.hsnap" in one_sentence(command(words[0], *words[1:], "none.hsnap"))


@pytest.mark.parametrize("words", READERS, ids=lambda words: words[0])
def test_a_truncated_file(command, leak, tmp_path, words):
    cut = tmp_path / "cut.hsnap"
    cut.write_bytes((leak / "after.hsnap").read_bytes()[:5000])
    assert "cut.hsnap" in one_sentence(command(words[0], *words[1:], cut))


@pytest.mark.parametrize("words", READERS, ids=lambda words: words[0])
def test_a_folder_instead_of_a_file(command, tmp_path, words):
    assert str(tmp_path) in one_sentence(command(words[0], *words[1:], tmp_path))


def test_an_unknown_type_offers_near_names(command, tmp_path):
    for words in (("why",), ("graph", "-o", tmp_path / "x.png")):
        said = one_sentence(command(*words, "after.hsnap", "--type", "Session"))
        assert "app.Session" in said


def test_a_type_that_is_no_text(command, tmp_path):
    for words in (("why",), ("graph", "-o", tmp_path / "x.png")):
        said = one_sentence(command(*words, "after.hsnap", "--type", "caf\udce9"))
        assert r"caf\udce9" in said


def test_an_unknown_address(command):
    assert "0x10" in one_sentence(command("why", "after.hsnap", "--address", "0x10"))


@pytest.mark.parametrize("text", ["", "0xyz", "-1", "ten", "0x1ffffffffffffffff"])
def test_something_that_is_no_address(command, text):
    done = command("why", "after.hsnap", f"--address={text}")
    assert "is not an address" in one_sentence(done)


@pytest.mark.parametrize("limit", ["-1", "many", "1.5", "²"])
def test_something_that_is_no_limit(command, limit):
    for words in (("types", "after.hsnap"), ("diff", "before.hsnap", "after.hsnap")):
        assert "is not a whole number" in one_sentence(command(*words, f"--limit={limit}"))


def test_incomplete_command_lines(command):
    for words in (
        (),
        ("sort",),
        ("types",),
        ("types", "after.hsnap", "--sort", "bytes"),
        ("types", "after.hsnap", "--nonsense"),
        ("diff", "after.hsnap"),
        ("why", "after.hsnap"),
        ("why", "after.hsnap", "--type", "dict", "--address", "0x1"),
        ("graph", "after.hsnap", "--type", "dict"),
    ):
        assert "--help" in one_sentence(command(*words))


def test_an_unknown_kind_of_picture(command, tmp_path):
    words = ("graph", "after.hsnap", "--type", "dict", "-o", tmp_path / "leak.gif")
    assert ".png" in one_sentence(command(*words))


def test_a_picture_that_cannot_be_written(command, tmp_path):
    words = ("graph", "after.hsnap", "--type", "app.Session", "-o")
    assert "missing" in one_sentence(command(*words, tmp_path / "missing" / "leak.png"))


def test_no_dot_program(command, tmp_path):
    words = ("graph", "after.hsnap", "--type", "app.Session", "-o", tmp_path / "leak.png")
    said = one_sentence(command(*words, env={**os.environ, "PATH": str(tmp_path)}))
    assert "dot" in said
    assert str(tmp_path / "leak.dot") in said
    assert "cache" in (tmp_path / "leak.dot").read_text()


def test_a_full_disk(leak):
    line = [sys.executable, "-m", "heapsight", "types", "after.hsnap"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            line, cwd=leak, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr == "heapsight: No space left on device\n"


# ---- terminals that do not have every character --------------------------------------------------


def test_what_the_terminal_cannot_show_is_an_escape(command):
    words = ("why", "after.hsnap", "--type", "app.Session")
    text = answered(command(*words))
    assert "\N{BOX DRAWINGS LIGHT UP AND RIGHT}" in text
    plain = answered(command(*words, env={**os.environ, "PYTHONIOENCODING": "ascii"}))
    assert plain == text.encode("ascii", "backslashreplace").decode()


def test_a_file_name_that_is_no_text(command, tmp_path):
    picture = f"{tmp_path}/y\udcff.dot"
    words = ("graph", "after.hsnap", "--type", "app.Session", "-o", picture)
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    assert rf"y\udcff.dot" in answered(command(*words, env=environment))
    assert os.path.exists(picture)


# ---- manners -------------------------------------------------------------------------------------


def test_help_of_every_command(command):
    text = answered(command("--help"))
    for name in ("run", "info", "types", "diff", "audit", "why", "graph"):
        assert name in text
        assert name in answered(command(name, "--help"))
    assert heapsight.__version__ in answered(command("--version"))


def test_the_script_and_the_module_are_the_same(command, leak):
    script = shutil.which("heapsight", path=os.path.dirname(sys.executable))
    if script is None:
        pytest.skip("heapsight is not installed beside this interpreter")
    done = subprocess.run(
        [script, "info", "after.hsnap"], cwd=leak, text=True, capture_output=True, check=False
    )
    assert answered(done) == answered(command("info", "after.hsnap"))


def test_a_reader_that_goes_away(leak):
    line = [sys.executable, "-m", "heapsight", "types", "after.hsnap", "--json", "--limit", "0"]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        line, cwd=leak, stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode == 141


def test_an_error_that_is_not_in_the_table_is_shown():
    from heapsight.cli._exit import report

    with pytest.raises(ZeroDivisionError):
        report(ZeroDivisionError())


def test_running_out_of_memory_is_said(capfd):
    from heapsight.cli._exit import report

    assert report(heapsight.HeapsightMemoryError("out of memory at row 3")) == 1
    assert capfd.readouterr().err == "heapsight: out of memory at row 3\n"


def test_interruption_is_silent(capfd):
    from heapsight.cli._exit import report

    assert report(KeyboardInterrupt()) == 130
    assert capfd.readouterr().err == ""


def test_a_message_of_several_lines_becomes_one():
    from heapsight._say import sentence

    assert sentence(ValueError("one\n  two")) == "one two"
    assert sentence(OSError(2, "No such file", "a.txt")) == "a.txt: No such file"
    assert sentence(MemoryError()) == "MemoryError"


@pytest.fixture
def stderr(monkeypatch):
    """(reading end, writing end) of the pipe that stderr is; the writing end does not block."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with open(reader, "rb") as source, open(writer, "w", encoding="ascii") as stream:
        monkeypatch.setattr(sys, "__stderr__", stream)
        yield source, stream


def test_a_long_line_gets_through_to_a_slow_reader(stderr):
    import threading

    from heapsight._say import say

    source, stream = stderr
    writer = threading.Thread(target=lambda: (say("x" * 300_000 + "\udce9"), stream.close()))
    writer.start()
    time.sleep(0.1)  # the pipe is full
    line = source.read()
    writer.join()
    assert line == b"heapsight: " + b"x" * 300_000 + b"\\udce9\n"


def test_a_line_that_nobody_reads_is_given_up(stderr, monkeypatch):
    from heapsight import _say

    monkeypatch.setattr(_say, "STDERR_SECONDS", 0.2)
    started = time.monotonic()
    _say.say("x" * 300_000)
    assert 0.2 <= time.monotonic() - started < 60


def test_what_graph_does_with_many_objects_is_in_its_help(command):
    text = " ".join(answered(command("graph", "--help")).split())
    assert text.count("not for the referrers of a type with more than three objects") == 2


def test_slow_work_is_announced_once(capfd, monkeypatch):
    from heapsight.cli import _progress

    monkeypatch.setattr(_progress, "QUIET_SECONDS", 0.05)
    with _progress.Progress("counting stars"):
        time.sleep(0.4)
    assert capfd.readouterr().err == "heapsight: counting stars ...\n"


def test_quick_work_is_not_announced(capfd, monkeypatch):
    from heapsight.cli import _progress

    monkeypatch.setattr(_progress, "QUIET_SECONDS", 0.2)
    with _progress.Progress("counting stars"):
        pass
    time.sleep(0.5)
    assert capfd.readouterr().err == ""
