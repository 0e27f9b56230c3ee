# SPDX-License-Identifier: MIT
"""How the programs of these tests begin, and C libraries for them."""

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest


def built(source: str, folder: Path) -> Path:
    """A C file of this folder as a shared library for the interpreter of the tests."""
    compiler = shutil.which("cc")
    headers = sysconfig.get_path("include")
    if compiler is None or not Path(headers, "Python.h").is_file():
        pytest.skip("no C compiler, or no headers of this Python")
    library = folder / source.replace(".c", ".so")
    subprocess.run([compiler, "-std=gnu11", "-O1", "-Wall", "-Werror", "-fno-builtin", "-shared",
                    "-fPIC", f"-I{headers}", Path(__file__).with_name(source), "-o", library],
                   check=True)
    return library


BEGIN = '''
import glob, heapsight, os, signal, sys, threading, time

class Item:
    def __init__(self, number):
        self.number = number
        self.kept = [number]

def heap(count):
    return [Item(number) for number in range(count)]

def left_over(folder="."):
    return [name for name in os.listdir(folder) if "heapsight" in name]

def children():
    """Of all threads; the system lists them by the thread that made them."""
    found = []
    for listed in glob.glob("/proc/self/task/*/children"):
        try:
            found += open(listed).read().split()
        except OSError:
            pass  # the thread has ended
    return found

def refusal(pending, **more):
    try:
        pending.result(**more)
    except heapsight.HeapsightError as problem:
        return problem
    raise AssertionError("there is a snapshot")
'''
