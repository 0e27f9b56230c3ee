# SPDX-License-Identifier: MIT
"""Statistics files: opened by pstats, SnakeViz and tuna."""

import io
import marshal
import pstats
import urllib.request

import pytest
from heapsight import reports
from hypothesis import given
from made_traces import FEW, TRACES, made_trace, stack, sums

A, B, C = ("a", "/srv/app.py", 1), ("b", "/srv/app.py", 2), ("c", "/srv/app.py", 3)


def place(frame):
    return frame[1], frame[2], frame[0]


def entries(trace, **options):
    return marshal.loads(reports.make(trace, "pstats", **options))


def test_own_and_all_bytes_and_blocks():
    stats = entries(made_trace([stack(A, B, size=100, blocks=3), stack(A, size=7, blocks=1)]))
    assert stats[place(A)][:4] == (1, 1, 7, 107)
    assert stats[place(B)] == (3, 3, 100, 100, {place(A): (3, 3, 100, 100)})


def test_recursion_counts_once():
    stats = entries(made_trace([stack(A, B, A, B, B, size=100)]))
    assert stats[place(A)][3] == stats[place(B)][3] == 100
    assert stats[place(B)][4] == {place(A): (0, 0, 0, 100), place(B): (1, 1, 100, 100)}
    assert stats[place(A)][2] == 0


@FEW
@given(TRACES)
def test_own_bytes_and_blocks_are_all_of_the_trace(trace):
    for figure in ("live", "peak", "total", "temporary"):
        stats = entries(trace, figure=figure)
        size, blocks = sums(trace, figure)
        assert sum(entry[2] for entry in stats.values()) == size
        assert sum(entry[0] for entry in stats.values()) == blocks
        assert max(entry[3] for entry in stats.values()) == size
        assert all(entry[0] == entry[1] and entry[2] <= entry[3] for entry in stats.values())


@FEW
@given(TRACES)
def test_callers_add_up_to_what_they_call(trace):
    stats = entries(trace)
    (top,) = [place for place, entry in stats.items() if not entry[4]]
    for entry in (entry for key, entry in stats.items() if key != top):
        assert sum(caller[2] for caller in entry[4].values()) == entry[2]
        assert sum(caller[0] for caller in entry[4].values()) == entry[0]
        assert all(caller[3] <= entry[3] for caller in entry[4].values())
        assert set(entry[4]) <= set(stats)


def printed(path, *words):
    out = io.StringIO()
    stats = pstats.Stats(str(path), stream=out)
    stats.sort_stats("tottime").print_stats()
    stats.print_callers(*words)
    stats.print_callees(*words)
    return out.getvalue()


def test_pstats_prints_it(trace, tmp_path):
    text = printed(trace.report(path=tmp_path / "memory.prof"), "make_session")
    size, blocks = sums(trace, "live")
    assert f"{blocks} function calls in {size}.000 seconds" in text
    assert "{allocated and not freed, in bytes}" in text
    assert "(make_session)" in text.split("was called by")[1]


def test_pstats_opens_one_without_stacks(without_stacks, tmp_path):
    text = printed(without_stacks.report("pstats", tmp_path / "memory.prof"))
    assert "0 function calls in 0.000 seconds" in text


def test_estimates_are_called_so(sampled):
    assert any("estimated" in function for _, _, function in entries(sampled))


def test_snakeviz_serves_a_page(trace, tmp_path):
    snakeviz = pytest.importorskip("snakeviz.main", reason="SnakeViz is not installed")
    path = trace.report(path=tmp_path / "memory.prof")
    page = served_by_tornado(snakeviz.app, f"/snakeviz/{urllib.request.quote(path, safe='')}")
    assert "make_session" in page and "allocated and not freed, in bytes" in page
    assert "shop.py:" in page


def served_by_tornado(app, address):
    """What a Tornado application answers on loopback."""
    import asyncio

    from tornado.httpclient import AsyncHTTPClient
    from tornado.httpserver import HTTPServer
    from tornado.testing import bind_unused_port

    async def ask():
        socket, port = bind_unused_port()
        server = HTTPServer(app)
        server.add_socket(socket)
        try:
            answer = await AsyncHTTPClient().fetch(f"http://127.0.0.1:{port}{address}")
            return answer.body.decode()
        finally:
            server.stop()

    return asyncio.run(ask())


def test_snakeviz_has_every_line_and_one_place_to_start(trace, tmp_path):
    stats = pytest.importorskip("snakeviz.stats", reason="SnakeViz is not installed")
    path = trace.report(path=tmp_path / "memory.prof")
    found = stats.json_stats(pstats.Stats(path))
    assert len(found) == len(entries(trace))
    assert len([name for name, entry in found.items() if not entry["callers"]]) == 1


def test_tuna_renders_a_page(trace, tmp_path):
    tuna = pytest.importorskip("tuna.main", reason="tuna is not installed")
    path = trace.report(path=tmp_path / "memory.prof")
    data = tuna.read(path)
    page = tuna.render(data, path)
    assert "make_session" in page
    assert value_of(data) <= sums(trace, "live")[0]
    assert value_of(data) > 0


def value_of(node):
    below = sum(map(value_of, node.get("children", ())))
    return below or node.get("value", 0)
