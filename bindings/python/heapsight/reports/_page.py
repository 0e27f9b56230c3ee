# SPDX-License-Identifier: MIT
"""The one HTML file of the flame graph: template, style, script, libraries and data joined.

The parts are in page/ and third_party/. Everything is in the file itself: it asks for nothing.
"""

import os
import re
from html import escape
from typing import Any

from heapsight import __version__

__all__ = ["LIBRARIES", "LICENCES", "page"]

HERE = os.path.dirname(os.path.abspath(__file__))

# In the order in which the page runs them: a library comes after what it uses.
LIBRARIES = (
    "d3-color-3.1.1",
    "d3-interpolate-3.0.2",
    "d3-array-3.2.5",
    "d3-format-3.1.3",
    "d3-time-3.1.1",
    "d3-time-format-4.1.1",
    "d3-scale-4.0.3",
    "d3-dispatch-3.0.2",
    "d3-ease-3.0.2",
    "d3-timer-3.0.2",
    "d3-selection-3.0.1",
    "d3-transition-3.0.2",
    "d3-hierarchy-3.1.3",
    "d3-flame-graph-5.0.0",
)

# Text -> the libraries that it is for.
LICENCES = {
    "d3": "d3 modules, except d3-ease",
    "internmap": "internmap, in d3-array and d3-scale",
    "d3-ease": "d3-ease",
    "d3-flame-graph": "d3-flame-graph, Martin Spier",
}


def page(title: str, data: dict[str, Any]) -> str:
    """The file as text. `data` is what page/flame.js reads; nothing in it is taken for markup."""
    parts = {
        "version": escape(__version__),
        "title": escape(title),
        "style": _read("page", "flame.css"),
        "script": _read("page", "flame.js"),
        "data": _script_json(data),
        "library": "\n".join(_read("third_party", f"{name}.min.js") for name in LIBRARIES),
        "licences": "\n".join(
            f"{whose}\n\n{_read('third_party', f'{name}.LICENSE')}"
            for name, whose in LICENCES.items()
        ),
    }
    template = _read("page", "flame.html")
    return re.sub("@@([a-z]+)@@", lambda found: parts[found[1]], template)  # one pass: not in data


def _script_json(data: dict[str, Any]) -> str:
    """JSON that cannot end the element it stands in."""
    from json import dumps  # imports much

    text = dumps(data, separators=(",", ":"))  # ASCII only
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _read(folder: str, name: str) -> str:
    with open(os.path.join(HERE, folder, name), encoding="utf-8") as file:
        return file.read()
