# SPDX-License-Identifier: MIT
"""How many references have a name, on a heap with much of the standard library in it."""

from __future__ import annotations

import collections
import platform
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

PROGRAM = """
import abc, argparse, array, ast, asyncio, bz2, collections, concurrent.futures, configparser, csv
import ctypes, dataclasses, datetime, decimal, email.mime.text, enum, fractions, functools, gettext
import hashlib, hmac, http.client, inspect, ipaddress, itertools, json, logging.config, lzma
import multiprocessing.pool, operator, pathlib, pickle, queue, random, re, selectors, shutil, socket
import sqlite3, statistics, string, struct, subprocess, tarfile, tempfile, threading, tokenize
import types, typing, unittest, urllib.request, uuid, weakref, xml.dom.minidom
import xml.etree.ElementTree, zipfile, zoneinfo
import heapsight
heapsight.snapshot("names").save("names.hsnap")
"""
READER = Path(__file__).resolve().parents[2] / "golden" / "read_hsnap.py"
INTERNAL_WITHOUT_NAME = 0


def test_nearly_every_reference_has_a_name(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, check=True, timeout=120)
    heap = runpy.run_path(str(READER))["read"](tmp_path / "names.hsnap")
    first, labels, types = (heap.columns[chunk] for chunk in ("EFST", "LABL", "TYPE"))
    unnamed: collections.Counter[str] = collections.Counter()
    for holder in range(1, heap.counts["objects"] + 1):
        for reference in range(first[holder], first[holder + 1]):
            if labels[reference] == INTERNAL_WITHOUT_NAME:
                unnamed[heap.strings[heap.columns["TNAM"][types[holder]]].decode()] += 1
    share = 1 - unnamed.total() / len(labels)
    said = f"Python {platform.python_version()}: {share:.3%} of {len(labels):,} references named"
    print(f"{said}; not named, by holder: {dict(unnamed.most_common(10))}")
    record_property("named", said)
    assert len(labels) > 250_000
    assert share > 0.998, unnamed.most_common(10)
