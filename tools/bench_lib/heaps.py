# SPDX-License-Identifier: MIT
"""The heaps that are measured: deterministic, made of the standard library alone.

W1  a tree of Node instances, eight children to a node, and a dict from name to node. A million
    nodes are about 5 million objects and 10 million references: many small instances.
W2  about a hundred modules of the standard library, and the syntax trees of the first hundred of
    its files: about a million objects of many types, scattered over an aged heap.
W3  rows as json.load gives them: dicts in lists in dicts, few of them tracked by the collector.
    A hundred thousand rows are about 1.9 million objects.
"""

from __future__ import annotations

import ast
import importlib
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

CHILDREN = 8
TAGS = [f"tag{number:02d}" for number in range(50)]

IMPORTED = """
abc argparse ast asyncio bisect bz2 cProfile calendar code codeop concurrent.futures configparser
contextlib csv dataclasses datetime decimal difflib dis doctest email email.message email.mime.text
enum fnmatch fractions ftplib getpass gettext glob gzip hashlib heapq hmac html html.parser http
http.client http.cookies http.server imaplib importlib.metadata importlib.resources inspect
ipaddress json locale logging logging.config logging.handlers lzma mailbox multiprocessing numbers
optparse pathlib pdb pickle pickletools pkgutil poplib pprint pstats pydoc queue random reprlib
runpy sched secrets selectors shelve shutil signal smtplib socketserver sqlite3 ssl statistics
string subprocess symtable tarfile tempfile textwrap threading timeit tokenize trace traceback
typing unittest unittest.mock urllib.parse urllib.request urllib.robotparser uuid
wsgiref.simple_server xml.dom.minidom xml.etree.ElementTree xml.sax xmlrpc.client xmlrpc.server
zipfile zipimport zoneinfo
""".split()

PARSED = ("", "asyncio", "email", "unittest", "http", "json", "xml/etree", "multiprocessing",
          "logging", "concurrent/futures")


class Node:
    """One node of W1: five attributes, kept inline in the instance."""

    def __init__(self, number: int, parent: Node | None) -> None:
        self.id = 1000 + number
        self.name = f"node-{number:08d}"
        self.children: list[Node] = []
        self.parent = parent
        self.tags = (TAGS[number % len(TAGS)], number % 7)


def build_tree(node_count: int) -> object:
    nodes: list[Node] = []
    for number in range(node_count):
        parent = nodes[(number - 1) // CHILDREN] if number else None
        nodes.append(Node(number, parent))
        if parent is not None:
            parent.children.append(nodes[-1])
    return nodes[:1], {node.name: node for node in nodes}


def import_what_there_is() -> Iterator[object]:
    """Some modules are absent from some versions and builds."""
    for name in IMPORTED:
        try:
            yield importlib.import_module(name)
        except ImportError:
            continue


def library_files() -> Iterator[Path]:
    top = Path(sysconfig.get_path("stdlib"))
    for folder in PARSED:
        yield from sorted((top / folder).glob("*.py"))


def build_library(file_count: int) -> object:
    modules = list(import_what_there_is())
    files = list(library_files())[:file_count]
    return modules, {str(path): ast.parse(path.read_bytes()) for path in files}


def row(number: int) -> dict[str, object]:
    """One row of W3."""
    return {
        "id": 1000 + number,
        "name": f"user-{number}",
        "active": number % 2 == 1,
        "note": None,
        "attrs": {"x": number * 0.5, "y": number * 0.25,
                  "tags": [f"a{number % 97}", f"b{number}"]},
        "items": [{"k": f"k{place}", "v": 1000 + 3 * number + place} for place in range(3)],
    }


def build_rows(row_count: int) -> object:
    return [row(number) for number in range(row_count)]


@dataclass(frozen=True)
class Heap:
    """A workload: how to build it and how large."""

    title: str
    unit: str
    size: int
    quick_size: int
    build: Callable[[int], object]


HEAPS = {
    "W1": Heap("tree of Node instances", "nodes", 1_000_000, 100_000, build_tree),
    "W2": Heap("parsed standard library", "files", 100, 20, build_library),
    "W3": Heap("JSON rows", "rows", 100_000, 20_000, build_rows),
}
