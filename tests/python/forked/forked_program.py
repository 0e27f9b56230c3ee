# SPDX-License-Identifier: MIT
"""How the programs of these tests begin, and C libraries for them."""

from pathlib import Path

import building


def built(source: str, folder: Path) -> Path:
    """A C file of this folder as a shared library for the interpreter of the tests."""
    library = folder / source.replace(".c", ".so")
    return building.built(Path(__file__).with_name(source), library, "-O1", "-fno-builtin")


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
