# SPDX-License-Identifier: MIT
"""The flame graph's file: complete, safe against names, with its licences. A browser looks at it in
test_flame_browser.py."""

import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import heapsight.reports
import pytest
from heapsight.reports._page import LIBRARIES, LICENCES
from hypothesis import given
from made_traces import FEW, HOSTILE, TRACES, made_trace, stack, sums

THIRD_PARTY = Path(heapsight.reports.__file__).parent / "third_party"
FIGURES = ("live", "peak", "total")
PAGE = {"flame.html", "flame.css", "flame.js"}

# SHA-256 of the files as they are in the npm packages.
SUMS = dict(
    line.split()[::-1]
    for line in """
468f7b9ed38d6322083da4d5ae9fa57d47784f964f16dcff96e413d16cc8f9d9  d3-array-3.2.5.min.js
41ebabc615acf63e5af87a1d565f16c3ce73f00c1394772a624780f7c6c7244b  d3-color-3.1.1.min.js
5afe071dad74c14cd580f540c9ec85b0755eed78b7f9ed3e9f63b989fc41aa4b  d3-dispatch-3.0.2.min.js
1c6cf6a8e676624967a8d193ccea2cca605b63d33d922b2e11205e4b331ec478  d3-ease-3.0.2.min.js
82f2a38e51f9013690c0cea086e901b33e51b5f0c3ba837941d7a58073c72917  d3-ease.LICENSE
5f8d8bc7bf7f8329248d43c1e215431a88f77e17daa217f3c31b019b8b71b3f7  d3-flame-graph-5.0.0.min.js
b40930bbcf80744c86c46a12bc9da056641d722716c378f5659b9e555ef833e1  d3-flame-graph.LICENSE
1322666da5c4c006a4ea248d7f03afc861fbfb4b1692ee695e4192b76328dceb  d3-format-3.1.3.min.js
971f374ce9fdbec711eb2358003e2bb755bff22ec6852dc5ebd59f987270db64  d3-hierarchy-3.1.3.min.js
09b66887d084b49bf14c93867522e366ce846bee53b9f632c1c3a5e2b00f891a  d3-interpolate-3.0.2.min.js
d76988731b337e1fdd130912f4e8363b3d7895d83f0b7685c86d87ece50712e9  d3-scale-4.0.3.min.js
1dcd563b613b841dbe5a536df5289b0ac64c233a21bc1e954651cbe2a4809877  d3-selection-3.0.1.min.js
0ca660b9dedd9ff16964146d792f2204927f8e72d6933a46199b41929cb539cc  d3-time-3.1.1.min.js
93b3b6ff5438723409c6540ae7abe4ab975be11e7d3a78f0b7c0bf28491f7145  d3-time-format-4.1.1.min.js
f6b80ed73b21d01658db60d1c04adb88adc70f885346ae07d59ed69ba0348849  d3-timer-3.0.2.min.js
85f3b76042e41fa517fb03e931d62ea5c7066a435d55ac605288cc6675f2a250  d3-transition-3.0.2.min.js
2a6d2d5f32ba0b755ddbc1c833f766e30cdbe6ebe9a6d4e3e24427721f0b63d3  d3.LICENSE
9ea8903938dab5f12c4572d60725069bec2d1b0dc3bcc210b09bae946a5ebb1f  internmap.LICENSE
""".strip().splitlines()
)


class Page(HTMLParser):
    """The elements of a page and the text of those that have an id."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self._id = [], {}, None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._id = dict(attrs).get("id")

    def handle_data(self, data):
        if self._id:
            self.texts[self._id] = self.texts.get(self._id, "") + data

    def handle_endtag(self, tag):
        self._id = None


def read(text):
    return json.loads(re.search('<script type="application/json" id="data">(.*)</script>', text)[1])


def test_the_libraries_are_those_of_npm():
    found = {path.name: path for path in THIRD_PARTY.iterdir()}
    expected = {f"{name}.min.js" for name in LIBRARIES} | {f"{name}.LICENSE" for name in LICENCES}
    assert set(found) == expected | {"README.md"}
    for name, digest in SUMS.items():
        assert hashlib.sha256(found[name].read_bytes()).hexdigest() == digest, name
    assert set(SUMS) == expected


def test_the_package_holds_its_data_and_no_other():
    package = THIRD_PARTY.parent
    files = {path.relative_to(package) for path in package.rglob("*") if path.is_file()}
    data = {path for path in files if path.suffix not in (".py", ".pyc")}
    assert {path.name for path in data if path.parent.name == "page"} == PAGE
    assert {path.parent.name for path in data} == {"page", "third_party"}


def test_no_library_can_end_its_element():
    for path in THIRD_PARTY.iterdir():
        assert "</script" not in path.read_text(encoding="utf-8").lower()
        assert "<!--" not in path.read_text(encoding="utf-8")


def test_a_page_holds_the_licence_texts(trace):
    licences = Page(trace.report("flame")).texts["licences"]
    for text in ("Apache License", "Mike Bostock", "Robert Penner", "Permission to use, copy"):
        assert text in licences


def test_nothing_is_loaded(trace):
    for tag, attributes in Page(trace.report("flame")).tags:
        assert "src" not in attributes
        assert tag not in ("iframe", "object", "embed", "base", "a", "form")
        assert attributes.get("href", "data:,") == "data:,"
        assert not [name for name in attributes if name.startswith("on")]
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', trace.report("flame"))[1]
    assert policy.startswith("default-src 'none';")


def hostile_trace():
    rows = [stack((name, "/srv/" + name, 1), (name, "/srv/b.py", 2)) for name in HOSTILE]
    return made_trace(rows)


def test_names_are_no_markup():
    plain = Page(made_trace([stack(("f", "/srv/app.py", 1))]).report("flame"))
    page = Page(hostile_trace().report("flame", title="</title><script>x()</script>&"))
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]
    names = {name for name, _, _, _ in read(hostile_trace().report("flame"))["frames"]}
    assert "</script><script>x()</script>" in names


def test_names_that_look_like_a_part_of_the_template_stay():
    trace = made_trace([stack(("@@script@@", "/srv/@@data@@", 1))])
    assert ["@@script@@", "/srv/@@data@@", 1, "program"] in read(trace.report("flame"))["frames"]


@FEW
@given(TRACES)
def test_the_boxes_hold_all_there_is(trace):
    for boxes in (None, 3):
        data = read(trace.report("flame", boxes=boxes))
        for name, figure in zip(FIGURES, data["figures"], strict=True):
            assert (figure["bytes"][0], figure["blocks"][0]) == sums(trace, name)
            check_tree(figure, "bytes")
            check_tree(figure, "blocks")


def check_tree(figure, column):
    """No box is smaller than what stands under it; callers come first."""
    below = [0] * len(figure["parent"])
    for at, parent in enumerate(figure["parent"]):
        assert parent < at or at == 0
        if at:
            below[parent] += figure[column][at]
    assert all(sum_ <= own for sum_, own in zip(below, figure[column], strict=True))


def test_small_boxes_are_added_up():
    rows = [stack(("main", "/a.py", 1), (f"f{at}", "/a.py", at), size=at) for at in range(1, 31)]
    data = read(made_trace(rows).report("flame", boxes=12))
    live = data["figures"][0]
    names = [data["frames"][frame][0] for frame in live["frame"]]
    assert names[:4] == ["everything", "main", "f30", "f29"]
    assert names[-1] == "(20 smaller)" and len(names) == 13
    assert live["bytes"][-1] == sum(range(1, 21))


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("/srv/app.py", "program"),
        ("<string>", "program"),
        ("/x/lib/python3.12/site-packages/flask/app.py", "library"),
        ("/usr/lib/python3/dist-packages/yaml.py", "library"),
        ("/usr/lib/python3.12/json/decoder.py", "standard"),
        ("<frozen importlib._bootstrap>", "standard"),
        ("", "other"),
    ],
)
def test_colours_tell_whose_code_it_is(file, kind):
    data = read(made_trace([stack(("f", file, 1))]).report("flame"))
    assert data["frames"][1][3] == kind


def test_estimates_are_called_so(sampled, trace):
    assert read(sampled.report("flame"))["estimated"]
    assert "estimated" in read(sampled.report("flame"))["how"]
    assert not read(trace.report("flame"))["estimated"]


def test_a_deep_stack_makes_a_page():
    frames = [("down", "/srv/app.py", line) for line in range(1, 3000)]
    page = made_trace([stack(*frames)], frame_limit=3000).report("flame")
    assert len(read(page)["figures"][0]["frame"]) == 3000
