# SPDX-License-Identifier: MIT
"""One heap, built while an exact tracer runs: sizes beside blocks by type, as JSON in the last line.

The heaps are those that people have: the modules that an interpreter starts with, made anew; the
standard library imported and used; and the packages of data and web programs imported and used.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from typing import Any

LIBRARY = """
argparse ast asyncio base64 bz2 calendar cmd code codecs collections concurrent.futures configparser
contextlib copy csv ctypes dataclasses datetime decimal difflib dis doctest email.message enum
fileinput fnmatch fractions ftplib functools getpass gettext glob gzip hashlib heapq hmac html.parser
http.client http.server imaplib inspect io ipaddress itertools json logging.config lzma mailbox
mimetypes multiprocessing numbers operator optparse os pathlib pdb pickle platform plistlib poplib
pprint pydoc queue random re sched secrets select selectors shelve shlex shutil signal smtplib socket
socketserver sqlite3 ssl stat statistics string struct subprocess symtable tarfile tempfile textwrap
threading timeit tokenize trace traceback types typing unicodedata unittest.mock urllib.request uuid
venv warnings wave weakref xml.dom.minidom xml.etree.ElementTree xml.sax xmlrpc.client zipfile zlib
zoneinfo
""".split()


def bare() -> list[Any]:
    kept = []
    for name, module in sorted(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        if spec is not None and str(spec.origin).endswith(".py") and "heapsight" not in name:
            again = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(again)
            kept.append(again)
    return kept


def standard() -> list[Any]:
    modules = {name: importlib.import_module(name) for name in LIBRARY}
    json_module, ast, ssl, sqlite3, re = (
        modules[name] for name in ("json", "ast", "ssl", "sqlite3", "re"))
    database = sqlite3.connect(":memory:")
    database.execute("create table numbers (number)")
    database.executemany("insert into numbers values (?)", [(i,) for i in range(100)])
    texts = [open(str(module.__file__)).read() for module in (json_module, re, modules["argparse"])]
    document = json_module.loads(json_module.dumps([{str(i): i} for i in range(1000)]))
    rows = database.execute("select number from numbers").fetchall()
    return [database, rows, document, ssl.create_default_context(), [ast.parse(t) for t in texts]]


def django_records() -> list[Any]:
    import django
    from django.conf import settings

    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
    django.setup()
    from django.contrib.auth.models import Group, Permission, User
    from django.contrib.contenttypes.models import ContentType
    from django.db import connection

    with connection.schema_editor() as editor:
        for model in (ContentType, Permission, Group, User):
            editor.create_model(model)
    made = [User.objects.create_user(f"user {i}", password=None) for i in range(200)]
    return [made, list(User.objects.filter(username__startswith="user"))]


def alchemy_records() -> list[Any]:
    import sqlalchemy
    from sqlalchemy.orm import DeclarativeBase, Session

    base: Any = type("Base", (DeclarativeBase,), {})
    item: Any = type("Item", (base,), {
        "__tablename__": "items",
        "id": sqlalchemy.Column(sqlalchemy.Integer, primary_key=True),
        "name": sqlalchemy.Column(sqlalchemy.String)})
    engine = sqlalchemy.create_engine("sqlite://")
    base.metadata.create_all(engine)
    session = Session(engine)
    session.add_all([item(name=f"item {i}") for i in range(500)])
    session.commit()
    return [engine, session, session.query(item).all()]


def packages() -> list[Any]:
    import numpy
    import pandas
    import pydantic

    model: Any = pydantic.create_model("Model", a=(int, 0), b=(list[str], []), c=(dict[str, float], {}))
    models = [model(a=i, b=["x"] * 3, c={"k": 1.5}) for i in range(500)]
    table = pandas.DataFrame({
        "a": numpy.arange(10_000), "b": numpy.random.rand(10_000),
        "c": [f"text {i % 100}" for i in range(10_000)],
        "d": pandas.date_range("2020", periods=10_000)})
    means = table.groupby("c").mean(numeric_only=True)
    arrays = [numpy.zeros(i) for i in range(100)]
    views = [array[1:] for array in arrays]
    objects = numpy.array([{}, [], "x"], dtype=object)
    return [models, table, means, table.merge(means, on="c"), arrays, views, objects,
            django_records(), alchemy_records()]


HEAPS: dict[str, Callable[[], list[Any]]] = {
    "bare": bare, "standard": standard, "packages": packages}


def main(heap: str) -> None:
    from heapsight import Tracer, _core

    tracer = Tracer("exact", frames=1)
    tracer.start()
    kept = HEAPS[heap]()
    rows = _core.compare_sizes()
    tracer.stop()
    print(json.dumps({"rows": [row for row in rows if row[1] != 0], "kept": len(kept)}))


if __name__ == "__main__":
    main(sys.argv[1])
