# SPDX-License-Identifier: MIT
"""heapsight run: what it is asked for is not there or cannot be used, which is one sentence."""

import argparse

import pytest
from heapsight.cli import run
from running import one_sentence


def test_the_options_that_take_a_value_are_those_of_the_parser():
    parser = argparse.ArgumentParser()
    run.add_arguments(parser)
    taking = {
        option
        for action in parser._actions
        if action.nargs is None
        for option in action.option_strings
    }
    assert set(run.WITH_VALUE) == taking


def test_no_program_at_all(heapsight):
    assert "SCRIPT" in one_sentence(heapsight("run"))
    assert "SCRIPT" in one_sentence(heapsight("run", "--"))
    assert "MODULE" in one_sentence(heapsight("run", "-m"))
    assert "CODE" in one_sentence(heapsight("run", "-c"))


def test_a_missing_script(heapsight, tmp_path):
    assert "none.py" in one_sentence(heapsight("run", "-o", "out", "none.py"))
    assert not (tmp_path / "out").exists()


def test_a_missing_module(heapsight, write, tmp_path):
    write("pkg/__init__.py", "")
    write("plain.py", "")
    for name in ("none", "pkg.none", "none.none", "plain.none", "pkg", ".rel", "a..b", "sys"):
        assert name in one_sentence(heapsight("run", "-o", "out", "-m", name))
    assert not (tmp_path / "out").exists()


def test_a_folder_without_main(heapsight, write, tmp_path):
    write("app/other.py", "")
    assert "__main__" in one_sentence(heapsight("run", "-o", "out", "app"))


UNUSABLE = ["USR9", "", "0", "99", "KILL", "SIGSTOP", "TERM", "INT", "SEGV", "PIPE", "XFSZ"]


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_signal_that_cannot_be_used(heapsight, write, name):
    write("prog.py", "print('ran')")
    assert "USR1" in one_sentence(heapsight("run", f"--signal={name}", "prog.py"))


@pytest.mark.parametrize("every", ["0", "-1", "soon", "nan", "inf", "1e30", ""])
def test_a_time_that_cannot_be_waited_for(heapsight, write, every):
    write("prog.py", "print('ran')")
    assert "seconds" in one_sentence(heapsight("run", f"--every={every}", "prog.py"))


def test_a_folder_that_cannot_be_used(heapsight, write):
    write("prog.py", "print('ran')")
    write("file", "")
    for folder in ("file", "file/deeper", "/proc/heapsight"):
        said = one_sentence(heapsight("run", "-o", folder, "prog.py"))
        assert folder in said
        assert "-o names another folder" in said
